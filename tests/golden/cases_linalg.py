"""Einsum, matrix products in every type, diagonals and bands of matrices, factorisations."""

import numpy as np
import tensorflow as tf
from golden import EXACT, SUMS, SUMS64, b, case, cases, const, d, f, i, node, raw, strip

ints = lambda *v: const(np.array(v, np.int32))
LOW = {"f16": tf.float16, "bf16": tf.bfloat16}
NUMBERS = dict(f64=tf.float64, i32=tf.int32, i64=tf.int64, **LOW)
SMALL = dict(i8=tf.int8, u8=tf.uint8, i16=tf.int16, u16=tf.uint16, u32=tf.uint32, u64=tf.uint64)
ROUNDED = (1e-2, 1e-2, 0)  # half precision: where a sum is rounded is free


def back(y):
    """The .npy format has no bfloat16: half precision leaves as float."""
    return tf.nest.map_structure(lambda t: tf.cast(t, tf.float32) if t.dtype in LOW.values() else t, y)


def over(types, name, build, *inputs, tol=EXACT, low=ROUNDED, **kw):
    """One case per type: the inputs are cast to it."""
    for v, t in types.items():
        case(
            f"{name}_{v}",
            lambda *x, t=t: back(build(*[tf.cast(y, t) for y in x])),
            *inputs,
            tol=low if v in LOW else tol,
            **kw,
        )


# -- Einsum ------------------------------------------------------------------------------------------------
EQUATIONS = {
    "matmul": ("ij,jk->ik", (3, 4), (4, 5)),
    "matmul_t": ("ij,kj->ki", (3, 4), (5, 4)),
    "batch": ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    "attention": ("bfnh,btnh->bnft", (2, 3, 2, 4), (2, 5, 2, 4)),
    "dense3": ("abc,cde->abde", (2, 3, 4), (4, 2, 3)),
    "two_inner": ("abcd,cde->abe", (2, 3, 4, 2), (4, 2, 3)),
    "two_inner_swapped": ("abcd,dce->abe", (2, 3, 4, 2), (2, 4, 3)),
    "dot": ("i,i->", (5,), (5,)),
    "outer": ("i,j->ij", (3,), (4,)),
    "outer_swapped": ("i,j->ji", (3,), (4,)),
    "outer_sum": ("i,j->", (3,), (4,)),
    "outer_matrix": ("ij,k->kij", (2, 3), (4,)),
    "elementwise": ("ij,ij->ij", (2, 3), (2, 3)),
    "elementwise_t": ("ij,ji->ij", (2, 3), (3, 2)),
    "rows_scaled": ("ij,i->ij", (2, 3), (2,)),
    "row_dots": ("bi,bi->b", (3, 4), (3, 4)),
    "summed_first": ("ijk,jl->il", (2, 3, 4), (3, 2)),
    "summed_second": ("ij,jkl->ik", (2, 3), (3, 2, 4)),
    "scalar_first": (",ij->ij", (), (2, 3)),
    "scalars": (",->", (), ()),
    "diagonal_in": ("iij,jk->ik", (3, 3, 2), (2, 4)),
    "diagonal_out": ("ij,jk->iik", (3, 2), (2, 4)),
    "ellipsis": ("...ij,...jk->...ik", (2, 3, 4), (2, 4, 5)),
    "ellipsis_broadcast": ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2)),
    "ellipsis_one_side": ("...ij,jk->...ik", (2, 2, 3, 4), (4, 5)),
    "ellipsis_moved": ("...ij,jk...->ik...", (2, 3, 4), (4, 2, 1)),
    "ellipsis_elementwise": ("...,...->...", (2, 3), (3,)),
    "ellipsis_last": ("a...,a...->a...", (2, 3), (2, 1)),
    "ellipsis_sum": ("...i,i->...", (2, 3), (3,)),
    "ellipsis_empty": ("...ij,jk->...ik", (2, 3), (3, 4)),
    "ellipsis_result_only": ("ij,jk->...ik", (2, 3), (3, 4)),
    "upper_case": ("Ij,jK->IK", (2, 3), (3, 4)),
    "inner_empty": ("ij,jk->ik", (2, 0), (0, 3)),
    "result_empty": ("ij,jk->ik", (0, 3), (3, 2)),
    "eight": ("abcd,efgh->abcdefgh", (1, 2, 1, 2), (2, 1, 2, 1)),
    "seven_batch": ("abcdefgh,abcdefgh->abcdefg", (1, 2, 1, 2, 1, 2, 1, 3), (1, 2, 1, 2, 1, 2, 1, 3)),
}
for name, (eq, x, y) in EQUATIONS.items():
    case(f"Einsum/{name}", lambda x, y, eq=eq: raw.Einsum(inputs=[x, y], equation=eq), f(*x), f(*y), tol=SUMS)
for name in ("attention", "ellipsis_broadcast", "two_inner", "diagonal_out"):
    eq, x, y = EQUATIONS[name]
    case(f"Einsum/{name}_open", lambda x, y, eq=eq: raw.Einsum(inputs=[x, y], equation=eq), f(*x), f(*y), tol=SUMS, dyn="all")
    case(f"Einsum/{name}_const", lambda x, eq=eq, y=y: raw.Einsum(inputs=[x, const(f(*y))], equation=eq), f(*x), tol=SUMS)
for name, (eq, x) in {
    "transpose": ("ijk->kij", (2, 3, 4)),
    "sum_all": ("ij->", (2, 3)),
    "sum_rows": ("ij->j", (2, 3)),
    "trace": ("ii->", (3, 3)),
    "diagonal": ("ii->i", (3, 3)),
    "diagonal_thrice": ("iii->i", (3, 3, 3)),
    "diagonal_batch": ("...ii->...i", (2, 3, 3)),
    "diagonal_outer": ("iji->ji", (3, 2, 3)),
    "diagonal_two": ("ijij->ij", (2, 3, 2, 3)),
    "diagonal_between": ("i...i->...i", (3, 2, 3)),
    "spread": ("i->ii", (3,)),
    "spread_thrice": ("i->iii", (3,)),
    "spread_around": ("ij->iji", (3, 2)),
    "spread_two": ("ij->jiij", (3, 2)),
    "diagonal_and_spread": ("iij->jj", (3, 3, 2)),
    "identity": ("...->...", (2, 3)),
    "empty": ("ij->ji", (0, 3)),
    "diagonal_empty": ("ii->i", (0, 0)),
    "scalar": ("->", ()),
}.items():
    case(f"Einsum/one_{name}", lambda x, eq=eq: raw.Einsum(inputs=[x], equation=eq), f(*x), tol=SUMS)
over(NUMBERS, "Einsum/t", lambda x, y: raw.Einsum(inputs=[x, y], equation="abc,cd->bad"), i(2, 3, 4), i(4, 5))
over(NUMBERS, "Einsum/one", lambda x: raw.Einsum(inputs=[x], equation="iij->ji"), i(3, 3, 4))
over(NUMBERS, "Einsum/elementwise", lambda x, y: raw.Einsum(inputs=[x, y], equation="ij,ij->ij"), i(3, 4), i(3, 4))

# -- Products in every type --------------------------------------------------------------------------------
for n, kw in dict(plain={}, ta=dict(transpose_a=True), tb=dict(transpose_b=True), tab=dict(transpose_a=True, transpose_b=True)).items():
    x = (4, 3) if kw.get("transpose_a") else (3, 4)
    y = (5, 4) if kw.get("transpose_b") else (4, 5)
    over(NUMBERS, f"MatMul/type_{n}", lambda x, y, kw=kw: raw.MatMul(a=x, b=y, **kw), i(*x), i(*y))
    kw = {k.replace("transpose_a", "adj_x").replace("transpose_b", "adj_y"): v for k, v in kw.items()}
    for op in ("BatchMatMul", "BatchMatMulV2"):
        over(NUMBERS, f"{op}/type_{n}", lambda x, y, kw=kw, op=op: getattr(raw, op)(x=x, y=y, **kw), i(2, *x), i(2, *y))
    over(
        {k: v for k, v in NUMBERS.items() if k != "f16"} | {"i16": tf.int16},
        f"BatchMatMulV3/type_{n}",
        lambda x, y, kw=kw: raw.BatchMatMulV3(x=x, y=y, Tout=x.dtype, **kw),
        i(2, *x),
        i(2, *y),
    )
for t in ("int8", "uint8"):
    for u in ("int8", "uint8"):
        case(
            f"BatchMatMulV3/{t}_{u}",
            lambda x, y, t=t, u=u: raw.BatchMatMulV3(x=tf.cast(x, t), y=tf.cast(y, u), Tout=tf.int32),
            i(2, 3, 4, lo=0, hi=120),
            i(4, 5, lo=0, hi=120),
        )
for name, x, y in [("inner", (2, 0), (0, 3)), ("rows", (0, 4), (4, 3)), ("cols", (2, 4), (4, 0))]:
    case(f"MatMul/zero_{name}", lambda x, y: raw.MatMul(a=x, b=y), f(*x), f(*y))
    case(f"MatMul/zero_{name}_const", lambda x, y=y: raw.MatMul(a=x, b=const(f(*y))), f(*x))
    case(f"BatchMatMulV2/zero_{name}", lambda x, y: raw.BatchMatMulV2(x=x, y=y), f(2, *x), f(*y))


def attention(x, y, r):  # heads lie in memory as [batch, row, head, element]
    heads = lambda t: tf.transpose(t, [0, 2, 1, 3])
    scores = raw.BatchMatMulV2(x=heads(x), y=heads(y), adj_y=True)
    return heads(raw.BatchMatMulV2(x=tf.nn.softmax(scores * 0.3), y=heads(y)) + r), scores


for name, n, rows, keys, h, d in (("", 2, 5, 9, 3, 7), ("_16", 1, 33, 32, 2, 16)):
    shapes = (f(n, rows, h, d), f(n, keys, h, d), f(n, h, rows, d))
    case(f"BatchMatMulV2/attention{name}", attention, *shapes, tol=SUMS)
    case(f"BatchMatMulV2/attention{name}_open", attention, *shapes, tol=SUMS, dyn="all")


def fused(x, y, *mask, h=3, d=20):  # one kernel: queries of x, keys and values of y, [batch, row, head * element]
    heads = lambda t: tf.transpose(tf.reshape(t, [tf.shape(t)[0], tf.shape(t)[1], h, d]), [0, 2, 1, 3])
    scores = raw.BatchMatMulV2(x=heads(x), y=heads(y), adj_y=True) * (d**-0.5)
    for m in mask:
        scores = scores + m
    t = tf.transpose(raw.BatchMatMulV2(x=tf.nn.softmax(scores), y=heads(y)), [0, 2, 1, 3])
    return tf.reshape(t, [tf.shape(x)[0], tf.shape(x)[1], h * d])


for name, n, rows, keys, hd, masks in [
    ("", 1, 40, 37, (3, 20), ()),
    ("_row", 2, 33, 48, (2, 16), ((2, 1, 1, 48),)),
    ("_full", 2, 33, 45, (2, 16), ((2, 1, 33, 45),)),
    ("_heads", 2, 48, 32, (3, 16), ((3, 48, 32), (2, 1, 1, 1))),
    ("_blocks", 1, 140, 40, (2, 8), ((140, 40), (40,))),
    ("_keys", 1, 70, 520, (1, 8), ((1, 1, 1, 520),)),
    ("_one", 1, 1, 300, (1, 64), ((1, 1, 1, 300),)),
]:
    shapes = (f(n, rows, hd[0] * hd[1]), f(n, keys, hd[0] * hd[1]), *(f(*m) for m in masks))
    build = lambda *t, hd=hd: fused(*t, h=hd[0], d=hd[1])
    case(f"BatchMatMulV2/fused{name}", build, *shapes, tol=SUMS)
    case(f"BatchMatMulV2/fused{name}_open", build, *shapes, tol=SUMS, dyn="all")
for name, x, y, z, adj in [  # nothing is transposed; keys lie by their elements; no heads
    ("plain", (2, 3, 40, 16), (2, 3, 33, 16), (2, 3, 33, 24), True),
    ("columns", (2, 3, 40, 16), (2, 3, 16, 33), (2, 3, 33, 24), False),
    ("rank3", (3, 40, 20), (3, 41, 20), (3, 41, 17), True),
]:
    build = lambda x, y, z, adj=adj: raw.BatchMatMulV2(x=tf.nn.softmax(raw.BatchMatMulV2(x=x, y=y, adj_y=adj)), y=z)
    case(f"BatchMatMulV2/fused_{name}", build, f(*x, lo=-1, hi=1), f(*y, lo=-1, hi=1), f(*z), tol=SUMS)
    case(f"BatchMatMulV2/fused_{name}_n", build, f(*x, lo=-1, hi=1), f(*y, lo=-1, hi=1), f(*z), tol=SUMS, dyn="n")
case("BatchMatMulV2/zero_batch", lambda x, y: raw.BatchMatMulV2(x=x, y=y), f(0, 2, 3), f(3, 4))
for name, x, y in [
    ("left", (3, 4), (2, 4, 5)),
    ("ones", (2, 1, 3, 4), (3, 4, 5)),
    ("both", (2, 1, 3, 4), (1, 3, 4, 5)),
    ("deep", (2, 1, 2, 1, 1, 2, 3), (2, 1, 2, 1, 3, 2)),
]:
    case(f"BatchMatMulV2/broadcast_{name}", lambda x, y: raw.BatchMatMulV2(x=x, y=y), f(*x), f(*y), tol=SUMS)
    case(f"BatchMatMulV2/broadcast_{name}_open", lambda x, y: raw.BatchMatMulV2(x=x, y=y), f(*x), f(*y), tol=SUMS, dyn="all")
case("MatMul/nan", lambda x, y: raw.MatMul(a=x, b=y), np.array([[1, np.nan], [np.inf, 1]], "f"), np.array([[0, 1], [1, 0]], "f"))

# -- Cross -------------------------------------------------------------------------------------------------
over(NUMBERS | SMALL, "Cross/t", lambda x, y: raw.Cross(a=x, b=y), i(2, 3, lo=0), i(2, 3, lo=0))
case("Cross/vector", lambda x, y: raw.Cross(a=x, b=y), f(3), f(3))
case("Cross/open", lambda x, y: raw.Cross(a=x, b=y), f(2, 2, 3), f(2, 2, 3), dyn="all")
case("Cross/empty", lambda x, y: raw.Cross(a=x, b=y), f(0, 3), f(0, 3))

# -- Bands and diagonals -----------------------------------------------------------------------------------
ANY = NUMBERS | SMALL | {"bool": tf.bool}


def band(lower, upper, t=np.int64):
    return lambda x: raw.MatrixBandPart(input=x, num_lower=const(np.array(lower, t)), num_upper=const(np.array(upper, t)))


for name, (l, u) in dict(diagonal=(0, 0), lower=(-1, 0), upper=(0, -1), band=(1, 2), all=(-1, -1), wide=(3, 4), negative=(-3, 1)).items():
    case(f"MatrixBandPart/{name}", band(l, u), f(2, 3, 4))
case("MatrixBandPart/i32_limits", band(1, 0, np.int32), f(4, 3))
case("MatrixBandPart/open", band(1, 0), f(2, 4, 3), dyn="all")
case("MatrixBandPart/empty", band(0, 0), f(0, 3))
for dyn in (None, "all"):
    case(
        f"MatrixBandPart/fed{'_open' if dyn else ''}",
        lambda x, y, z: raw.MatrixBandPart(input=x, num_lower=y, num_upper=z),
        f(2, 3, 4),
        np.int64(1),
        np.int64(-1),
        dyn=dyn,
    )
case("MatrixBandPart/causal_mask", lambda x: raw.MatrixBandPart(input=tf.ones([tf.shape(x)[1]] * 2), num_lower=-1, num_upper=0), f(2, 5), dyn="all")
over(ANY, "MatrixBandPart/t", band(1, 0), i(3, 3))

# Old names of the same operations, which TensorFlow no longer runs.
for op, build, inputs in [
    ("MatrixBandPart", band(0, 1), [f(2, 3, 3)]),
    ("MatrixDiag", lambda x: raw.MatrixDiag(diagonal=x), [f(2, 3)]),
    ("MatrixDiagPart", lambda x: raw.MatrixDiagPart(input=x), [f(2, 3, 4)]),
    ("MatrixSetDiag", lambda x, y: raw.MatrixSetDiag(input=x, diagonal=y), [f(2, 3, 4), f(2, 3)]),
]:
    case(f"Batch{op}/plain", build, *inputs, edit=lambda g, op=op: setattr(node(g, op), "op", "Batch" + op), oracle=build)

case("MatrixDiag/plain", lambda x: raw.MatrixDiag(diagonal=x), f(2, 3))
case("MatrixDiag/vector", lambda x: raw.MatrixDiag(diagonal=x), f(3))
over(ANY, "MatrixDiag/t", lambda x: raw.MatrixDiag(diagonal=x), i(3))
case("MatrixDiag/open", lambda x: raw.MatrixDiag(diagonal=x), f(2, 2, 3), dyn="all")
case("MatrixDiag/empty", lambda x: raw.MatrixDiag(diagonal=x), f(2, 0))
for name, s in dict(square=(3, 3), wide=(2, 2, 4), tall=(2, 4, 2), empty=(0, 3), none=(2, 0)).items():
    case(f"MatrixDiagPart/{name}", lambda x: raw.MatrixDiagPart(input=x), f(*s))
case("MatrixDiagPart/open", lambda x: raw.MatrixDiagPart(input=x), f(2, 3, 4), dyn="all")
over(ANY, "MatrixDiagPart/t", lambda x: raw.MatrixDiagPart(input=x), i(3, 4))
for name, (s, t) in dict(square=((3, 3), (3,)), wide=((2, 2, 4), (2, 2)), tall=((2, 4, 2), (2, 2)), empty=((0, 3), (0,))).items():
    case(f"MatrixSetDiag/{name}", lambda x, y: raw.MatrixSetDiag(input=x, diagonal=y), f(*s), f(*t))
case("MatrixSetDiag/open", lambda x, y: raw.MatrixSetDiag(input=x, diagonal=y), f(2, 3, 4), f(2, 3), dyn="all")
over(ANY, "MatrixSetDiag/t", lambda x, y: raw.MatrixSetDiag(input=x, diagonal=y), i(3, 4), i(3))

ALIGN = ("RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT")
KS = dict(main=[0], above=[1], below=[-2], band=[-1, 2], supers=[1, 3], subs=[-2, -1], same=[1, 1])
for v in ("V2", "V3"):
    for align in ALIGN if v == "V3" else ("",):
        kw = dict(align=align) if align else {}
        for name, k in KS.items():
            if align not in ("", "RIGHT_LEFT") and len(k) == 1:
                continue
            tag = f"{name}_{align.lower()}".strip("_")
            count = k[-1] - k[0] + 1
            for shape_name, (r, c) in dict(wide=(3, 4), tall=(5, 4)).items():
                long = min(r + min(k[-1], 0), c - max(k[0], 0))
                ds = (2, long) if count == 1 else (2, count, long)
                case(
                    f"MatrixDiagPart{v}/{tag}_{shape_name}",
                    lambda x, k=k, kw=kw, v=v: getattr(raw, f"MatrixDiagPart{v}")(input=x, k=ints(*k), padding_value=const(np.float32(9)), **kw),
                    f(2, r, c),
                )
                case(
                    f"MatrixSetDiag{v}/{tag}_{shape_name}",
                    lambda x, y, k=k, kw=kw, v=v: getattr(raw, f"MatrixSetDiag{v}")(input=x, diagonal=y, k=ints(*k), **kw),
                    f(2, r, c),
                    f(*ds),
                )
                case(
                    f"MatrixDiag{v}/{tag}_{shape_name}",
                    lambda x, k=k, kw=kw, v=v, r=r, c=c: getattr(raw, f"MatrixDiag{v}")(
                        diagonal=x, k=ints(*k), num_rows=const(np.int32(r)), num_cols=const(np.int32(c)), padding_value=const(np.float32(9)), **kw
                    ),
                    f(*ds),
                )
    case(f"MatrixDiagPart{v}/scalar_k", lambda x, v=v: getattr(raw, f"MatrixDiagPart{v}")(input=x, k=const(np.int32(1)), padding_value=const(np.float32(0))), f(3, 4))
    case(f"MatrixDiagPart{v}/open", lambda x, v=v: getattr(raw, f"MatrixDiagPart{v}")(input=x, k=ints(-1, 1), padding_value=const(np.float32(7))), f(2, 3, 4), dyn="all")
    case(f"MatrixDiagPart{v}/fed_padding", lambda x, y, v=v: getattr(raw, f"MatrixDiagPart{v}")(input=x, k=ints(-1, 1), padding_value=y), f(2, 3, 4), np.float32(3))
    for name, (s, k, r, c) in dict(
        square=((3,), [1], -1, -1),
        rows=((3,), [1], 3, -1),
        cols=((3,), [-1], -1, 5),
        tall=((3,), [0], 5, 3),
        band=((2, 2, 3), [-1, 0], -1, -1),
        band_up=((2, 3), [0, 1], -1, -1),
        empty=((0,), [0], -1, -1),
        empty_sized=((2, 0), [0], 0, 3),
    ).items():
        case(
            f"MatrixDiag{v}/size_{name}",
            lambda x, k=k, v=v, r=r, c=c: getattr(raw, f"MatrixDiag{v}")(diagonal=x, k=ints(*k), num_rows=const(np.int32(r)), num_cols=const(np.int32(c)), padding_value=const(np.float32(9))),
            f(*s),
        )
    case(
        f"MatrixDiag{v}/open",
        lambda x, v=v: getattr(raw, f"MatrixDiag{v}")(diagonal=x, k=ints(-1, 0), num_rows=const(np.int32(-1)), num_cols=const(np.int32(-1)), padding_value=const(np.float32(9))),
        f(2, 2, 3),
        dyn="n",
    )
for name, k, s, r in (("none", (2,), (0,), -1), ("outside", (0, 4), (5, 2), -1), ("below", (-5, 0), (6, 3), -1), ("right", (3, 4), (2, 2), 2)):
    case(
        f"MatrixDiagV3/{name}",
        lambda x, k=k, r=r: raw.MatrixDiagV3(diagonal=x, k=ints(*k), num_rows=const(np.int32(r)), num_cols=const(np.int32(-1)), padding_value=const(np.float32(9))),
        f(*s),
    )
over(ANY, "MatrixDiagPartV3/t", lambda x: raw.MatrixDiagPartV3(input=x, k=[0, 1], padding_value=tf.cast(1, x.dtype)), i(3, 4))
over(ANY, "MatrixSetDiagV3/t", lambda x, y: raw.MatrixSetDiagV3(input=x, diagonal=y, k=[0, 1]), i(3, 4), i(2, 3))
over(ANY, "MatrixDiagV3/t", lambda x: raw.MatrixDiagV3(diagonal=x, k=[0, 1], num_rows=-1, num_cols=-1, padding_value=tf.cast(1, x.dtype)), i(2, 3))

for name, s in dict(vector=(3,), matrix=(2, 3), cube=(2, 1, 3), empty=(0, 2)).items():
    case(f"Diag/{name}", lambda x: raw.Diag(diagonal=x), f(*s))
    case(f"DiagPart/{name}", lambda x: raw.DiagPart(input=x), f(*s, *s))
DIAGONAL = dict(f16=tf.float16, f64=tf.float64, i32=tf.int32, i64=tf.int64)
over(DIAGONAL, "Diag/t", lambda x: raw.Diag(diagonal=x), i(3))
over(DIAGONAL, "DiagPart/t", lambda x: raw.DiagPart(input=x), i(3, 3))
case("Diag/open", lambda x: raw.Diag(diagonal=x), f(2, 3), dyn="all")
case("DiagPart/open", lambda x: raw.DiagPart(input=x), f(2, 3, 2, 3), dyn="all")
case("Einsum/eye", lambda x: tf.eye(tf.shape(x)[0]) + x, f(3, 3), dyn="all")
case("MatrixDiagPart/trace", lambda x: tf.linalg.trace(x), f(2, 3, 3), tol=SUMS, dyn="all")

# -- Factorisations ----------------------------------------------------------------------------------------
F32 = (2e-4, 2e-4, 0)
F64 = (1e-10, 1e-10, 0)
REAL = dict(f32=(np.float32, F32), f64=(np.float64, F64))


def well(*shape, dtype=np.float32):
    """Well-conditioned matrices: large on the diagonal, but not in order."""

    def make():
        x = f(*shape, lo=-1, hi=1, dtype=np.float64)()
        eye = np.eye(shape[-2], shape[-1])
        return (x + 4 * np.roll(eye, 1, axis=-2)).astype(dtype)

    return make


def definite(*shape, dtype=np.float32):
    def make():
        x = f(*shape, lo=-1, hi=1, dtype=np.float64)()
        return (x @ np.swapaxes(x, -1, -2) + 2 * np.eye(shape[-1])).astype(dtype)

    return make


for v, (t, tol) in REAL.items():
    for n, s in dict(one=(1, 1), plain=(4, 4), batch=(2, 3, 3, 3), none=(0, 3, 3), empty=(2, 0, 0), large=(20, 20)).items():
        case(f"Cholesky/{n}_{v}", lambda x: raw.Cholesky(input=x), definite(*s, dtype=t), tol=tol)
        for adjoint in (False, True):
            tag = f"{n}_adjoint" if adjoint else n
            case(f"MatrixInverse/{tag}_{v}", lambda x, a=adjoint: raw.MatrixInverse(input=x, adjoint=a), well(*s, dtype=t), tol=tol)
            case(f"MatrixSolve/{tag}_{v}", lambda x, y, a=adjoint: raw.MatrixSolve(matrix=x, rhs=y, adjoint=a), well(*s, dtype=t), f(*s[:-1], 2, dtype=t), tol=tol)
            for lower in (False, True):
                case(
                    f"MatrixTriangularSolve/{tag}_{'lower' if lower else 'upper'}_{v}",
                    lambda x, y, a=adjoint, l=lower: raw.MatrixTriangularSolve(matrix=x, rhs=y, adjoint=a, lower=l),
                    definite(*s, dtype=t),
                    f(*s[:-1], 2, dtype=t),
                    tol=tol,
                )
        case(f"MatrixDeterminant/{n}_{v}", lambda x: raw.MatrixDeterminant(input=x), well(*s, dtype=t), tol=(tol[0], tol[1], tol[0]))
        case(f"LogMatrixDeterminant/{n}_{v}", lambda x: list(raw.LogMatrixDeterminant(input=x)), well(*s, dtype=t), tol=tol)
        case(f"Lu/{n}_{v}", lambda x: list(raw.Lu(input=x)), well(*s, dtype=t), tol=tol)
    for n, s in dict(one=(1, 1), square=(4, 4), tall=(5, 3), wide=(3, 5), batch=(2, 2, 4, 3), column=(3, 1), row=(1, 3), none=(0, 3, 2)).items():
        for full in (False, True):
            case(f"Qr/{n}{'_full' if full else ''}_{v}", lambda x, full=full: list(raw.Qr(input=x, full_matrices=full)), f(*s, dtype=t), tol=tol)
case("Cholesky/upper_ignored", lambda x: raw.Cholesky(input=x), np.array([[4, 77], [2, 3]], "f"), tol=F32)
# What it leaves of the upper half where there is no factor is not defined.
case("Cholesky/not_definite", lambda x: raw.MatrixDiagPart(input=raw.Cholesky(input=x)), np.array([[[1, 2], [2, 1]], [[0, 0], [0, 1]], [[4, 2], [2, 3]]], "f"), tol=F32)
case("Cholesky/open", lambda x: raw.Cholesky(input=x), definite(2, 3, 3), tol=F32, dyn="all")
case("Cholesky/then_solve", lambda x, y: tf.linalg.cholesky_solve(tf.linalg.cholesky(x), y), definite(2, 3, 3), f(2, 3, 2), tol=F32)
case("MatrixInverse/f16", lambda x: back(raw.MatrixInverse(input=tf.cast(x, tf.float16))), well(3, 3), tol=ROUNDED)
case("MatrixInverse/open", lambda x: raw.MatrixInverse(input=x), well(2, 3, 3), tol=F32, dyn="all")
case("MatrixInverse/const", lambda x: raw.MatMul(a=x, b=raw.MatrixInverse(input=const(well(3, 3)))), f(2, 3), tol=F32)
case("MatrixSolve/open", lambda x, y: raw.MatrixSolve(matrix=x, rhs=y), well(2, 3, 3), f(2, 3, 2), tol=F32, dyn="all")
case("MatrixSolve/no_columns", lambda x, y: raw.MatrixSolve(matrix=x, rhs=y), well(3, 3), f(3, 0))
case("MatrixTriangularSolve/broadcast", lambda x, y: raw.MatrixTriangularSolve(matrix=x, rhs=y), definite(2, 1, 3, 3), f(4, 3, 2), tol=F32)
case("MatrixTriangularSolve/zero", lambda x, y: raw.MatrixTriangularSolve(matrix=x, rhs=y), np.array([[1, 2], [3, 0]], "f"), np.ones((2, 1), "f"))
case("MatrixTriangularSolve/defaults", lambda x, y: raw.MatrixTriangularSolve(matrix=x, rhs=y), definite(3, 3), f(3, 2), tol=F32, edit=strip("lower", "adjoint"))
SINGULAR = np.array([[[1, 2], [2, 4]], [[1, 2], [3, 4]], [[np.nan, 1], [1, 1]]], "f")
case("MatrixDeterminant/singular", lambda x: raw.MatrixDeterminant(input=x), SINGULAR, tol=F32)
case("LogMatrixDeterminant/singular", lambda x: list(raw.LogMatrixDeterminant(input=x)), SINGULAR, tol=F32)
case("Lu/i64", lambda x: list(raw.Lu(input=x, output_idx_type=tf.int64)), well(2, 3, 3), tol=F32)
case("Qr/zero_column", lambda x: list(raw.Qr(input=x)), np.array([[1, 0], [0, 0], [0, 0]], "f"), tol=F32)
case("Qr/f16", lambda x: back(list(raw.Qr(input=tf.cast(x, tf.float16)))), f(3, 2), tol=ROUNDED)
case("Qr/open", lambda x: list(raw.Qr(input=x)), f(2, 4, 3), tol=F32, dyn="all")
# Old names of the same operations, which TensorFlow no longer runs.
for op, build, inputs in [
    ("Cholesky", lambda x: raw.Cholesky(input=x), [definite(2, 3, 3)]),
    ("MatrixInverse", lambda x: raw.MatrixInverse(input=x), [well(2, 3, 3)]),
    ("MatrixDeterminant", lambda x: raw.MatrixDeterminant(input=x), [well(2, 3, 3)]),
    ("MatrixSolve", lambda x, y: raw.MatrixSolve(matrix=x, rhs=y), [well(2, 3, 3), f(2, 3, 2)]),
    ("MatrixTriangularSolve", lambda x, y: raw.MatrixTriangularSolve(matrix=x, rhs=y), [definite(2, 3, 3), f(2, 3, 2)]),
]:
    case(f"Batch{op}/plain", build, *inputs, tol=F32, edit=lambda g, op=op: setattr(node(g, op), "op", "Batch" + op), oracle=build)
