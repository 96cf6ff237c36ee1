"""Complex numbers."""

import numpy as np
import tensorflow as tf
import golden
from golden import EXACT, MATHS, MATHS64, SUMS, SUMS64, b, const, d, f, i, node, raw

ints = lambda *v: const(np.array(v, np.int32))


OWN = ("Complex", "Real", "Imag", "Conj", "Angle", "ComplexAbs")


def case(name, *args, **kw):
    """What other operators do with complex numbers stands in Complex.npz."""
    own = name.split("/")[0] in OWN
    golden.case(name if own else "Complex/" + name.replace("/", "_"), *args, **kw)


def c(*shape, dtype=np.complex64, lo=-2, hi=2):
    """Random complex numbers; not in sixteenths only, but few."""
    re, im = f(*shape, lo=lo, hi=hi), f(*shape, lo=lo, hi=hi)
    return lambda: (re() + 1j * im()).astype(dtype)


def z(*shape, **kw):
    return c(*shape, dtype=np.complex128, **kw)


BOTH = {"c64": (c, MATHS), "c128": (z, MATHS64)}

# -- Complex numbers ---------------------------------------------------------------------------------------
case("Complex/f32", lambda x, y: raw.Complex(real=x, imag=y), f(2, 3), f(2, 3))
case("Complex/f64", lambda x, y: raw.Complex(real=x, imag=y, Tout=tf.complex128), d(2, 3), d(2, 3))
case("Complex/broadcast", lambda x, y: raw.Complex(real=x, imag=y), f(2, 1), f(3))
case("Complex/scalar", lambda x, y: raw.Complex(real=x, imag=y), f(), f())
case("Complex/rank8", lambda x, y: raw.Complex(real=x, imag=y), f(1, 2, 1, 2, 1, 2, 1, 2), f(1, 2, 1, 2, 1, 2, 1, 2))
case("Complex/open", lambda x, y: raw.Complex(real=x, imag=y), f(2, 3), f(2, 3), dyn="all")
for v, (make, tol) in BOTH.items():
    real = tf.float32 if v == "c64" else tf.float64
    ctype = tf.complex64 if v == "c64" else tf.complex128
    case(f"Real/{v}", lambda x, r=real: raw.Real(input=x, Tout=r), make(2, 3))
    case(f"Imag/{v}", lambda x, r=real: raw.Imag(input=x, Tout=r), make(2, 3))
    case(f"Conj/{v}", lambda x: raw.Conj(input=x), make(2, 3))
    case(f"Angle/{v}", lambda x, r=real: raw.Angle(input=x, Tout=r), make(4, 3), tol=tol)
    case(f"ComplexAbs/{v}", lambda x, r=real: raw.ComplexAbs(x=x, Tout=r), make(4, 3), tol=tol)
    for op in ("Neg", "Square", "Reciprocal", "Inv", "Sign", "Exp", "Expm1", "Log", "Log1p", "Sqrt", "Rsqrt", "Sin"):
        case(f"{op}/{v}", lambda x, op=op: getattr(raw, op)(x=x), make(4, 3), tol=tol)
    for op in ("Cos", "Tan", "Sinh", "Cosh", "Tanh", "Sigmoid", "Asin", "Acos", "Atan", "Asinh", "Acosh", "Atanh"):
        case(f"{op}/{v}", lambda x, op=op: getattr(raw, op)(x=x), make(4, 3), tol=tol)
    for op in ("AddV2", "Add", "Sub", "Mul", "Div", "RealDiv", "SquaredDifference", "Pow", "Xdivy", "Xlogy"):
        case(f"{op}/{v}", lambda x, y, op=op: getattr(raw, op)(x=x, y=y), make(4, 3), make(3), tol=tol)
    for op in ("MulNoNan", "DivNoNan", "Xlog1py"):
        case(f"{op}/{v}", lambda x, y, op=op: getattr(raw, op)(x=x, y=y), make(4, 3), make(4, 1), tol=tol)
    for op in ("Equal", "NotEqual"):
        case(f"{op}/{v}", lambda x, y, op=op: getattr(raw, op)(x=x, y=y), make(4, 6, lo=0, hi=0), make(6, lo=0, hi=0))
        case(f"{op}/{v}_differ", lambda x, y, op=op: getattr(raw, op)(x=x, y=y), make(4, 6), make(4, 6))
    case(f"AddN/{v}", lambda x, y: raw.AddN(inputs=[x, y, x]), make(2, 3), make(2, 3), tol=tol)
    for op in ("Sum", "Mean", "Prod"):
        reduce = lambda x, op=op, **kw: getattr(raw, op)(input=x, **kw)
        case(f"{op}/{v}", lambda x, r=reduce: r(x, axis=ints(1)), make(2, 5, 3), tol=tol)
        case(f"{op}/{v}_keep", lambda x, r=reduce: r(x, axis=ints(0, -1), keep_dims=True), make(2, 5, 3), tol=tol)
        case(f"{op}/{v}_all", lambda x, r=reduce: r(x, axis=ints(0, 1)), make(3, 3), tol=tol)
    case(f"Prod/{v}_empty", lambda x: raw.Prod(input=x, axis=ints(0)), make(0, 3))
    for name, kw in {"": {}, "_exclusive": dict(exclusive=True), "_reverse": dict(reverse=True)}.items():
        case(f"Cumsum/{v}{name}", lambda x, kw=kw: raw.Cumsum(x=x, axis=const(1), **kw), make(2, 5), tol=tol)
    matmul = lambda x, y, **kw: raw.MatMul(a=x, b=y, **kw)
    case(f"MatMul/{v}", matmul, make(2, 3), make(3, 4), tol=tol)
    case(f"MatMul/{v}_t", lambda x, y: matmul(x, y, transpose_a=True, transpose_b=True), make(3, 2), make(4, 3), tol=tol)
    case(f"BatchMatMulV2/{v}_adj", lambda x, y: raw.BatchMatMulV2(x=x, y=y, adj_x=True), make(2, 3, 2), make(3, 4), tol=tol)
    case(f"BatchMatMulV2/{v}_adj_y", lambda x, y: raw.BatchMatMulV2(x=x, y=y, adj_y=True), make(2, 3), make(2, 4, 3), tol=tol)
    case(f"Einsum/{v}", lambda x, y: raw.Einsum(inputs=[x, y], equation="ij,kj->ik"), make(2, 3), make(4, 3), tol=tol)
    case(f"Einsum/{v}_one", lambda x: raw.Einsum(inputs=[x], equation="ii->i"), make(3, 3), tol=tol)
    case(f"BiasAdd/{v}", lambda x, y: raw.BiasAdd(value=x, bias=y), make(2, 3), make(3))
    case(f"Const/{v}", lambda x, m=make: x + const(m(2, 3)), make(2, 3), tol=tol)
    case(f"Const/{v}_splat", lambda x, m=make: x + const(m(1)(), "k"), make(2, 3), tol=tol)
    case(f"Fill/{v}", lambda x, m=make: x + tf.fill((2, 3), const(m())), make(2, 3), tol=tol)
    case(f"ZerosLike/{v}", lambda x: raw.ZerosLike(x=x), make(2, 3))
    case(f"OnesLike/{v}", lambda x: raw.OnesLike(x=x), make(2, 3))
    case(f"Transpose/{v}", lambda x: raw.Transpose(x=x, perm=ints(2, 0, 1)), make(2, 5, 17))
    case(f"Transpose/{v}_large", lambda x: raw.Transpose(x=x, perm=ints(1, 0)), make(20, 18))
    case(f"ConcatV2/{v}", lambda x, y: raw.ConcatV2(values=[x, y], axis=const(1)), make(2, 3), make(2, 19))
    case(f"Pad/{v}", lambda x: raw.Pad(input=x, paddings=const([[1, 0], [2, 3]])), make(2, 3))
    case(f"StridedSlice/{v}", lambda x: x[1:, ::-2], make(3, 7))
    case(f"GatherV2/{v}", lambda x, y: raw.GatherV2(params=x, indices=y, axis=const(0)), make(5, 3), i(4, lo=0, hi=4))
    case(f"Tile/{v}", lambda x: raw.Tile(input=x, multiples=ints(2, 3)), make(2, 3))
    case(f"BroadcastTo/{v}", lambda x: raw.BroadcastTo(input=x, shape=ints(4, 3)), make(3))
    case(f"ReverseV2/{v}", lambda x: raw.ReverseV2(tensor=x, axis=ints(1)), make(2, 18))
    case(f"MirrorPad/{v}", lambda x: raw.MirrorPad(input=x, paddings=const([[1, 1]]), mode="REFLECT"), make(5))
    case(f"SelectV2/{v}", lambda x, y, u: raw.SelectV2(condition=u, t=x, e=y), make(2, 20), make(2, 1), b(2, 20))
    case(f"OneHot/{v}", lambda x, y, u: raw.OneHot(indices=u, depth=const(np.int32(5)), on_value=x, off_value=y), make(), make(), i(3, lo=0, hi=4))
    case(f"Pack/{v}", lambda x, y: raw.Pack(values=[x, y], axis=1), make(3), make(3))
    case(f"Reshape/{v}", lambda x: raw.Reshape(tensor=x, shape=ints(3, -1)), make(2, 6))
    case(f"MatrixDiag/{v}", lambda x: raw.MatrixDiag(diagonal=x), make(2, 3))
    case(f"MatrixBandPart/{v}", lambda x: raw.MatrixBandPart(input=x, num_lower=const(np.int64(1)), num_upper=const(np.int64(0))), make(3, 4))
    case(f"Cast/{v}_from_f32", lambda x, t=ctype: raw.Cast(x=x, DstT=t), f(2, 3))
    case(f"Cast/{v}_from_i32", lambda x, t=ctype: raw.Cast(x=x, DstT=t), i(2, 3))
    case(f"Cast/{v}_from_bool", lambda x, t=ctype: raw.Cast(x=x, DstT=t), b(2, 3))
    case(f"Cast/{v}_to_f32", lambda x: raw.Cast(x=x, DstT=tf.float32), make(2, 3))
    case(f"Cast/{v}_to_i32", lambda x: raw.Cast(x=x, DstT=tf.int32), make(2, 3))
    case(f"Cast/{v}_to_bool", lambda x: raw.Cast(x=x, DstT=tf.bool), make(4, 6, lo=0, hi=0))
    case(f"Bitcast/{v}", lambda x, r=real: raw.Bitcast(input=x, type=r), make(2, 3))
    case(f"Identity/{v}", lambda x: raw.Identity(input=x), make(2, 3))
    case(f"Where/{v}", lambda x: raw.Where(condition=x), make(4, 6, lo=0, hi=0))
case("Cast/c64_to_c128", lambda x: raw.Cast(x=x, DstT=tf.complex128), c(2, 3))
case("Cast/c128_to_c64", lambda x: raw.Cast(x=x, DstT=tf.complex64), z(2, 3))
case("Bitcast/to_c64", lambda x: raw.Bitcast(input=x, type=tf.complex64), f(3, 2))
ZEROS = np.array([0, 0, 1, 2j, -1, 0, 3 - 4j, 0], np.complex64)
ONES = np.array([0, 1, 0, 0, 0, 2j, 0, -2], np.complex64)
# x / 0 is NaN in TensorFlow's vectors and infinite in what is left over, as here: three elements are left over.
case("Div/c64_zeros", lambda x, y: raw.Div(x=x, y=y), ZEROS[4:7], ONES[2:5], tol=MATHS)
case("Pow/c64_zero_base", lambda x, y: raw.Pow(x=x, y=y), ZEROS[:1], np.array([0, 1, 2.5, -1, 1j, 1 + 1j], np.complex64))
for op in ("DivNoNan", "MulNoNan", "Pow", "Xlogy"):
    case(f"{op}/c64_zeros", lambda x, y, op=op: getattr(raw, op)(x=x, y=y), ZEROS, ONES, tol=MATHS)
case("Sign/c64_zeros", lambda x: raw.Sign(x=x), ZEROS)
case("Sqrt/c64_zeros", lambda x: raw.Sqrt(x=x), ZEROS)
case("ComplexAbs/c64_large", lambda x: raw.ComplexAbs(x=x), np.array([3e38 + 1e38j, 1e-30 + 1e-30j, 0, np.inf + 1j], np.complex64), tol=MATHS)
case("Div/c64_large", lambda x, y: raw.Div(x=x, y=y), np.array([1e30 + 1e30j, 1e-30j], np.complex64), np.array([1e30 - 2e30j, 1e-30], np.complex64), tol=MATHS)
case("Exp/c64_wide", lambda x: raw.Exp(x=x), c(4, 4, lo=-20, hi=20), tol=MATHS)
case("Tanh/c64_wide", lambda x: raw.Tanh(x=x), c(4, 4, lo=-20, hi=20), tol=MATHS)
case("Prod/c64_open", lambda x: raw.Prod(input=x, axis=ints(0, 2)), c(2, 3, 5), tol=MATHS, dyn="all")
case("Prod/c64_open_rows", lambda x: raw.Prod(input=x, axis=ints(0), keep_dims=True), c(3, 2), tol=MATHS, dyn="n")
case("Mul/c64_open", lambda x, y: raw.Mul(x=x, y=y), c(2, 3), c(2, 3), tol=MATHS, dyn="all")


# -- Matrices ------------------------------------------------------------------------------------------------
def hermitian(*shape, dtype=np.complex64):
    a = c(*shape, dtype=dtype)
    eye = 4 * np.eye(shape[-1])
    return lambda: (lambda m: (m @ np.conj(np.swapaxes(m, -1, -2)) + eye).astype(dtype))(a())


def well(*shape, dtype=np.complex64):
    a = c(*shape, dtype=dtype)
    return lambda: (a() + 5 * np.eye(shape[-1])).astype(dtype)


for v, t in {"c64": np.complex64, "c128": np.complex128}.items():
    tol = (0, 0, 1e-5) if v == "c64" else (0, 0, 1e-12)
    for tag, s in {"3": (3, 3), "2x4": (2, 4, 4), "1": (1, 1), "0": (0, 0)}.items():
        rhs = c(*s[:-1], 2, dtype=t)
        case(f"Cholesky/{v}_{tag}", lambda x: raw.Cholesky(input=x), hermitian(*s, dtype=t), tol=tol)
        for a in (False, True):
            how = f"{v}_{tag}{'_adjoint' if a else ''}"
            case(f"MatrixInverse/{how}", lambda x, a=a: raw.MatrixInverse(input=x, adjoint=a), well(*s, dtype=t), tol=tol)
            case(f"MatrixSolve/{how}", lambda x, y, a=a: raw.MatrixSolve(matrix=x, rhs=y, adjoint=a), well(*s, dtype=t), rhs, tol=tol)
            for l in (False, True):
                case(f"MatrixTriangularSolve/{how}_{'lower' if l else 'upper'}", lambda x, y, a=a, l=l: raw.MatrixTriangularSolve(matrix=x, rhs=y, adjoint=a, lower=l), well(*s, dtype=t), rhs, tol=tol)
    for tag, s in {"3": (3, 3), "2x5": (2, 5, 5), "1": (1, 1)}.items():
        case(f"Lu/{v}_{tag}", lambda x: raw.Lu(input=x), c(*s, dtype=t), tol=tol)
        case(f"MatrixDeterminant/{v}_{tag}", lambda x: raw.MatrixDeterminant(input=x), c(*s, dtype=t), tol=tol)
        case(f"LogMatrixDeterminant/{v}_{tag}", lambda x: raw.LogMatrixDeterminant(input=x), c(*s, dtype=t), tol=tol)
    for tag, s in {"3": (3, 3), "2x5x3": (2, 5, 3), "3x5": (3, 5), "1": (1, 1), "0x3": (0, 3)}.items():
        for full in (False, True):
            case(f"Qr/{v}_{tag}{'_full' if full else ''}", lambda x, b=full: raw.Qr(input=x, full_matrices=b), c(*s, dtype=t), tol=tol)
    case(f"MatrixDeterminant/{v}_0", lambda x: raw.MatrixDeterminant(input=x), c(2, 0, 0, dtype=t))
    case(f"LogMatrixDeterminant/{v}_0", lambda x: raw.LogMatrixDeterminant(input=x), c(2, 0, 0, dtype=t))
    case(f"PadV2/{v}", lambda x, m=t: raw.PadV2(input=x, paddings=const([[1, 0], [2, 3]]), constant_values=const(np.array(2 - 3j, m))), c(2, 3, dtype=t))
    case(f"ConjugateTranspose/{v}", lambda x: raw.ConjugateTranspose(x=x, perm=ints(2, 0, 1)), c(2, 5, 3, dtype=t))
    case(f"EuclideanNorm/{v}", lambda x: raw.EuclideanNorm(input=x, axis=ints(1)), c(2, 5, dtype=t), tol=tol)
    case(f"InplaceAdd/{v}", lambda x, y: raw.InplaceAdd(x=x + 0, i=ints(2, 0), v=y), c(4, 3, dtype=t), c(2, 3, dtype=t))
    case(f"InplaceSub/{v}", lambda x, y: raw.InplaceSub(x=x + 0, i=ints(2, 0), v=y), c(4, 3, dtype=t), c(2, 3, dtype=t))
    case(f"BatchMatMulV3/{v}", lambda x, y, m=t: raw.BatchMatMulV3(x=x, y=y, Tout=tf.as_dtype(m), adj_x=True), c(2, 3, 2, dtype=t), c(3, 4, dtype=t), tol=tol)
SINGULAR = np.array([[[1, 2j], [2, 4j]], [[1, 2], [3, 4j]], [[0, 0], [0, 1]]], np.complex64)
case("MatrixDeterminant/c64_singular", lambda x: raw.MatrixDeterminant(input=x), SINGULAR, tol=SUMS)
case("LogMatrixDeterminant/c64_singular", lambda x: raw.LogMatrixDeterminant(input=x), SINGULAR, tol=SUMS)
case("Lu/c64_singular", lambda x: raw.Lu(input=x), SINGULAR, refused="not invertible")
case("Lu/c64_open", lambda x: raw.Lu(input=x, output_idx_type=tf.int64), c(2, 4, 4), tol=SUMS, dyn="all")
case("Qr/c64_open", lambda x: raw.Qr(input=x), c(2, 4, 3), tol=SUMS, dyn="all")
case("Qr/c64_special", lambda x: raw.Qr(input=x), np.array([[[0, 1], [0, 2j]], [[1, 1], [0, 2j]], [[2j, 1], [0, 2j]]], np.complex64), tol=SUMS)
case("MatrixDeterminant/c64_open", lambda x: raw.MatrixDeterminant(input=x), c(2, 4, 4), tol=SUMS, dyn="all")
case("Cholesky/c64_upper_ignored", lambda x: raw.Cholesky(input=x), np.array([[4 + 2j, 77j], [2 - 1j, 3]], np.complex64), tol=SUMS)
case("Cholesky/c64_open", lambda x: raw.Cholesky(input=x), hermitian(2, 3, 3), tol=SUMS, dyn="all")
case("MatrixTriangularSolve/c64_broadcast", lambda x, y: raw.MatrixTriangularSolve(matrix=x, rhs=y), well(2, 1, 3, 3), c(4, 3, 2), tol=SUMS)
case("MatrixTriangularSolve/c64_open", lambda x, y: raw.MatrixTriangularSolve(matrix=x, rhs=y, adjoint=True), well(2, 3, 3), c(2, 3, 2), tol=SUMS, dyn="all")
