/* The op definitions: evaluation, inference, simplification and arithmetic on dims, each a table of cases in
 * the text form. The values were compared with TensorFlow's. */
#include "ir/ir.h"
#include "tests/unit/suites.h"

#include <math.h>
#include <stdlib.h>

static Job job;

static void setup(void)
{
    job_init(&job, 0);
}

static void teardown(void)
{
    job_free(&job);
}

/* Cases run inside the job; what unwinds it fails the test. */
#define IN_JOB(what)                                                                                         \
    if (JOB_ENTER(&job) != JITC_OK) ck_abort_msg("%s: %s", what, job.diags ? job.diags->text : "unwound")

static Module *parse(const char *text)
{
    Module *m = ir_parse(&job, text, strlen(text));
    if (!m) ck_abort_msg("%s: %s", text, job.diags ? job.diags->text : "not parsed");
    return m;
}

static Region *main_of(const Module *m)
{
    return ir_find_func(m, "main")->body;
}

/* -- Evaluation ----------------------------------------------------------------------------------------- */
typedef struct {
    const char *op, *attrs, *in[6], *out; /* several results with "; " between them */
} EvalCase;

// clang-format off
static const EvalCase eval_cases[] = {
    {"neg", "", {"f32[2] [1, -0]"}, "f32[2] [-1, 0]"},
    {"neg", "", {"i8[2] [-128, 5]"}, "i8[2] [-128, -5]"},
    {"abs", "", {"f32[3] [-0, -inf, nan]"}, "f32[3] [0, inf, nan]"},
    {"abs", "", {"i32[1] [-2147483648]"}, "i32[1] [-2147483648]"},
    {"sign", "", {"f32[5] [-0, 3, -2, nan, -inf]"}, "f32[5] [-0, 1, -1, nan, -1]"},
    {"floor", "", {"f32[3] [-1.5, 1.5, -0]"}, "f32[3] [-2, 1, -0]"},
    {"ceil", "", {"f32[2] [-1.5, 1.5]"}, "f32[2] [-1, 2]"},
    {"rint", "", {"f32[5] [0.5, 1.5, 2.5, -0.5, -1.5]"}, "f32[5] [0, 2, 2, -0, -2]"},
    {"sqrt", "", {"f32[3] [4, -1, inf]"}, "f32[3] [2, nan, inf]"},
    {"rsqrt", "", {"f32[3] [4, 0, -0]"}, "f32[3] [0.5, inf, -inf]"},
    {"square", "", {"i32[2] [-3, 65536]"}, "i32[2] [9, 0]"},
    {"reciprocal", "", {"f32[2] [-0, 4]"}, "f32[2] [-inf, 0.25]"},
    {"exp", "", {"f32[3] [0, -inf, 1]"}, "f32[3] [1, 0, 2.7182818]"},
    {"expm1", "", {"f32[1] [1e-10]"}, "f32[1] [1e-10]"},
    {"log", "", {"f32[3] [0, -1, 1]"}, "f32[3] [-inf, nan, 0]"},
    {"log1p", "", {"f32[1] [1e-10]"}, "f32[1] [1e-10]"},
    {"sin", "", {"f32[1] [1]"}, "f32[1] [0.84147098]"},
    {"cos", "", {"f32[1] [1]"}, "f32[1] [0.54030231]"},
    {"tanh", "", {"f32[2] [inf, 0.5]"}, "f32[2] [1, 0.46211716]"},
    {"sigmoid", "", {"f32[3] [-inf, 0, 1000]"}, "f32[3] [0, 0.5, 1]"},
    {"erf", "", {"f32[2] [0.5, -inf]"}, "f32[2] [0.52049988, -1]"},
    {"erfc", "", {"f32[4] [0.5, 5, -inf, inf]"}, "f32[4] [0.47950012, 1.5374597e-12, 2, 0]"},
    {"lgamma", "", {"f32[6] [0.5, -1.5, 1, -2, 100, -inf]"}, "f32[6] [0.5723649, 0.8600470, 0, inf, 359.1342, inf]"},
    {"digamma", "", {"f32[4] [1, -1.5, -1, inf]"}, "f32[4] [-0.5772157, 0.7031567, nan, inf]"},
    {"ndtri", "", {"f32[6] [0.5, 0.01, 0, 1, 1.5, 1e-30]"}, "f32[6] [0, -2.3263479, -inf, inf, nan, -11.464025]"},
    {"popcount", "", {"i8[3] [-1, 5, 0]"}, "u8[3] [8, 2, 0]"},
    {"popcount", "", {"u64[1] [-1]"}, "u8[1] [64]"},
    {"bit_and", "", {"i8[2] [-1, 6]", "i8[] 12"}, "i8[2] [12, 4]"},
    {"bit_or", "", {"u16[1] [5]", "u16[1] [65528]"}, "u16[1] [65533]"},
    {"bit_xor", "", {"i64[1] [5]", "i64[1] [-1]"}, "i64[1] [-6]"},
    {"shift_left", "", {"i8[5] [1, 1, 1, -5, 3]", "i8[5] [7, 8, 100, 1, -1]"}, "i8[5] [-128, -128, -128, -10, 3]"},
    {"shift_right", "", {"i8[5] [-128, 100, -1, -5, 3]", "i8[5] [7, 8, 100, 1, -1]"}, "i8[5] [-1, 0, -1, -3, 3]"},
    {"shift_right", "", {"u64[2] [-1, 8]", "u64[2] [-1, 2]"}, "u64[2] [1, 2]"},
    {"relu", "", {"f32[4] [-1, -0, nan, 2]"}, "f32[4] [0, -0, nan, 2]"},
    {"relu", "", {"u64[1] [-1]"}, "u64[1] [-1]"},
    {"relu6", "", {"f32[3] [7, nan, -1]"}, "f32[3] [6, nan, 0]"},
    {"relu6", "", {"u64[1] [-1]"}, "u64[1] [6]"},
    {"elu", "", {"f32[2] [-1, 2]"}, "f32[2] [-0.63212056, 2]"},
    {"selu", "", {"f32[2] [-1, 1]"}, "f32[2] [-1.1113307, 1.0507010]"},
    {"leaky_relu", "", {"f32[2] [-1, 2]"}, "f32[2] [-0.2, 2]"},
    {"leaky_relu", "{alpha = 2}", {"f16[2] [-1, 2]"}, "f16[2] [-2, 2]"},
    {"softplus", "", {"f32[3] [100, -100, 0]"}, "f32[3] [100, 3.783506e-44, 0.6931472]"},
    {"softsign", "", {"f32[1] [-3]"}, "f32[1] [-0.75]"},
    {"logical_not", "", {"bool[2] [1, 0]"}, "bool[2] [0, 1]"},
    {"is_nan", "", {"f32[3] [nan, inf, 1]"}, "bool[3] [1, 0, 0]"},
    {"is_inf", "", {"f32[3] [nan, -inf, 1]"}, "bool[3] [0, 1, 0]"},
    {"is_finite", "", {"bf16[3] [nan, inf, 1]"}, "bool[3] [0, 0, 1]"},
    {"cast", "{to = i32}", {"f32[5] [1.9, -1.9, nan, inf, -1e20]"}, "i32[5] [1, -1, -2147483648, 2147483647, -2147483648]"},
    {"cast", "{to = u8}", {"i32[3] [300, -1, 7]"}, "u8[3] [44, 255, 7]"},
    {"cast", "{to = bool}", {"f32[3] [nan, -0, 0.1]"}, "bool[3] [1, 0, 1]"},
    {"cast", "{to = f16}", {"f64[2] [65504, 70000]"}, "f16[2] [65504, inf]"},
    {"cast", "{to = f32}", {"u64[1] [-1]"}, "f32[1] [18446744073709551616]"},
    {"add", "", {"f32[2,1] [1, 2]", "f32[3] [10, 20, 30]"}, "f32[2,3] [11, 21, 31, 12, 22, 32]"},
    {"add", "", {"i8[1] [127]", "i8[1] [1]"}, "i8[1] [-128]"},
    {"add", "", {"f32[0,1] []", "f32[3] [1, 2, 3]"}, "f32[0,3] []"},
    {"sub", "", {"f32[] inf", "f32[2] [inf, 1]"}, "f32[2] [nan, inf]"},
    {"mul", "", {"f32[2] [0, 3]", "f32[2] [inf, -2]"}, "f32[2] [nan, -6]"},
    {"mul", "", {"i64[1] [9223372036854775807]", "i64[1] [2]"}, "i64[1] [-2]"},
    {"div", "", {"i32[4] [7, -7, 5, -2147483648]", "i32[4] [2, 2, 0, -1]"}, "i32[4] [3, -3, 0, -2147483648]"},
    {"div", "", {"f32[2] [1, 0]", "f32[] 0"}, "f32[2] [inf, nan]"},
    {"div", "", {"u64[1] [-1]", "u64[1] [2]"}, "u64[1] [9223372036854775807]"},
    {"div_no_nan", "", {"f32[3] [1, nan, 1]", "f32[3] [0, -0, 2]"}, "f32[3] [0, 0, 0.5]"},
    {"floor_div", "", {"i32[4] [-7, 7, 5, -2147483648]", "i32[4] [2, -2, 0, -1]"}, "i32[4] [-4, -4, 0, -2147483648]"},
    {"floor_div", "", {"f32[2] [-7, 1]", "f32[2] [2, 0]"}, "f32[2] [-4, inf]"},
    {"floor_div", "", {"f16[1] [1]", "f16[1] [0.1]"}, "f16[1] [10]"},
    {"floor_mod", "", {"i32[4] [-7, 7, 5, -2147483648]", "i32[4] [2, -2, 0, -1]"}, "i32[4] [1, -1, 0, 0]"},
    {"floor_mod", "", {"f32[4] [-7, 7, -5, -6]", "f32[4] [2, -2, inf, 2]"}, "f32[4] [1, -1, inf, -0]"},
    {"trunc_mod", "", {"f32[2] [-7, 5]", "f32[2] [2, inf]"}, "f32[2] [-1, 5]"},
    {"trunc_mod", "", {"i32[2] [-7, 1]", "i32[2] [2, 0]"}, "i32[2] [-1, 0]"},
    {"pow", "", {"f32[4] [nan, 1, 0, -8]", "f32[4] [0, nan, -1, 0.5]"}, "f32[4] [1, 1, inf, nan]"},
    {"pow", "", {"i32[4] [3, 2, -1, 5]", "i32[4] [40, 10, -3, -1]"}, "i32[4] [689956897, 1024, -1, 0]"},
    {"atan2", "", {"f32[2] [1, -0]", "f32[2] [-1, -1]"}, "f32[2] [2.3561945, -3.1415927]"},
    {"maximum", "", {"f32[4] [nan, 1, -0, 0]", "f32[4] [1, nan, 0, -0]"}, "f32[4] [nan, nan, -0, 0]"},
    {"maximum", "", {"u64[1] [-1]", "u64[1] [1]"}, "u64[1] [-1]"},
    {"minimum", "", {"f32[2] [nan, 1]", "f32[2] [1, 2]"}, "f32[2] [nan, 1]"},
    {"minimum", "", {"i64[1] [-1]", "i64[1] [1]"}, "i64[1] [-1]"},
    {"squared_difference", "", {"f32[1] [3]", "f32[1] [5]"}, "f32[1] [4]"},
    {"equal", "", {"f32[2] [nan, -0]", "f32[2] [nan, 0]"}, "bool[2] [0, 1]"},
    {"not_equal", "", {"f32[2] [nan, 1]", "f32[2] [nan, 1]"}, "bool[2] [1, 0]"},
    {"less", "", {"f32[2] [nan, 1]", "f32[] 2"}, "bool[2] [0, 1]"},
    {"less", "", {"u64[1] [-1]", "u64[1] [1]"}, "bool[1] [0]"},
    {"less_equal", "", {"i32[2] [1, 2]", "i32[] 1"}, "bool[2] [1, 0]"},
    {"greater", "", {"i64[1] [9007199254740993]", "i64[1] [9007199254740992]"}, "bool[1] [1]"},
    {"greater_equal", "", {"f32[1] [inf]", "f32[1] [inf]"}, "bool[1] [1]"},
    {"logical_and", "", {"bool[2] [1, 1]", "bool[2] [1, 0]"}, "bool[2] [1, 0]"},
    {"logical_or", "", {"bool[2] [0, 1]", "bool[2] [0, 0]"}, "bool[2] [0, 1]"},
    {"select", "", {"bool[2,1] [1, 0]", "f32[2] [nan, 2]", "f32[] 9"}, "f32[2,2] [nan, 2, 9, 9]"},
    {"clamp", "", {"f32[4] [nan, -1, 0.5, 2]", "f32[] 0", "f32[] 1"}, "f32[4] [nan, 0, 0.5, 1]"},
    {"clamp", "", {"f32[2] [0.5, 5]", "f32[] 2", "f32[] 1"}, "f32[2] [2, 2]"},
    {"clamp", "", {"f32[1] [0.5]", "f32[] nan", "f32[] nan"}, "f32[1] [0.5]"},
    {"reduce_sum", "{axes = [1]}", {"f32[2,3] [1, 2, 3, 4, 5, 6]"}, "f32[2] [6, 15]"},
    {"reduce_sum", "{axes = [0], keep = true}", {"i8[2,2] [100, 1, 100, 2]"}, "i8[1,2] [-56, 3]"},
    {"reduce_sum", "{axes = []}", {"f32[2] [1, 2]"}, "f32[2] [1, 2]"},
    {"reduce_sum", "{axes = [0]}", {"f32[0,2] []"}, "f32[2] [0, 0]"},
    {"reduce_mean", "{axes = [0]}", {"f32[0] []"}, "f32[] nan"},
    {"reduce_mean", "{axes = [0]}", {"i32[3] [-1, -2, -4]"}, "i32[] -2"},
    {"reduce_mean", "{axes = [0]}", {"u8[2] [200, 100]"}, "u8[] 150"},
    {"reduce_max", "{axes = [0]}", {"f32[3] [1, nan, 2]"}, "f32[] nan"},
    {"reduce_max", "{axes = [0]}", {"f32[0] []"}, "f32[] -inf"},
    {"reduce_max", "{axes = [0]}", {"i32[0] []"}, "i32[] -2147483648"},
    {"reduce_max", "{axes = [0]}", {"u64[2] [-1, 1]"}, "u64[] -1"},
    {"reduce_min", "{axes = [0, 2]}", {"f32[2,1,2] [4, 3, 2, 5]"}, "f32[1] [2]"},
    {"reduce_min", "{axes = [0]}", {"u64[2] [-1, 1]"}, "u64[] 1"},
    {"reduce_prod", "{axes = [0]}", {"i64[3] [2, 3, 7]"}, "i64[] 42"},
    {"reduce_all", "{axes = [1]}", {"bool[2,2] [1, 1, 1, 0]"}, "bool[2] [1, 0]"},
    {"reduce_any", "{axes = [0]}", {"bool[0] []"}, "bool[] 0"},
    {"argmax", "{axis = 1}", {"f32[2,3] [1, 3, 3, nan, -inf, -1]"}, "i64[2] [1, 2]"},
    {"argmax", "{axis = 0, to = i32}", {"f32[2] [-inf, -inf]"}, "i32[] 0"},
    {"argmin", "{axis = 0}", {"i32[3,2] [5, 1, 4, 1, 4, 2]"}, "i64[2] [1, 0]"},
    {"softmax", "", {"f32[2,2] [0, 0, 1e30, 1]"}, "f32[2,2] [0.5, 0.5, 1, 0]"},
    {"softmax", "", {"f32[1,2] [inf, 1]"}, "f32[1,2] [nan, nan]"},
    {"log_softmax", "", {"f32[1,2] [0, 0]"}, "f32[1,2] [-0.6931472, -0.6931472]"},
    {"cumsum", "{axis = 0}", {"i32[3] [1, 2, 3]"}, "i32[3] [1, 3, 6]"},
    {"cumsum", "{axis = 0, exclusive = true, reverse = true}", {"i32[3] [1, 2, 3]"}, "i32[3] [5, 3, 0]"},
    {"cumprod", "{axis = 0}", {"i32[3] [2, 3, 4]"}, "i32[3] [2, 6, 24]"},
    {"cumprod", "{axis = 0, exclusive = true, reverse = true}", {"f32[3] [2, 3, 4]"}, "f32[3] [12, 4, 1]"},
    {"cumlogsumexp", "{axis = 0, exclusive = true}", {"f32[3] [0, 0, 5]"}, "f32[3] [-inf, 0, 0.693147182]"},
    {"cumlogsumexp", "{axis = 0}", {"f32[3] [-inf, 2, inf]"}, "f32[3] [-inf, 2, inf]"},
    {"cumsum", "{axis = 1}", {"f32[2,2] [1, 2, 3, 4]"}, "f32[2,2] [1, 3, 3, 7]"},
    {"max_pool", "{window = [2, 2], strides = [2, 2], pad_lo = [0, 0], pad_hi = [1, 1]}",
     {"f32[1,3,3,1] [1, nan, -3, 4, 5, -6, -7, -8, -9]"}, "f32[1,2,2,1] [5, -3, -7, -9]"},
    {"avg_pool", "{window = [2, 2], strides = [2, 2], pad_lo = [0, 0], pad_hi = [1, 1]}",
     {"f32[1,3,3,1] [1, 2, 3, 4, 5, 6, 7, 8, 9]"}, "f32[1,2,2,1] [3, 4.5, 7.5, 9]"},
    {"dot", "", {"f32[2,2] [1, 2, 3, 4]", "f32[2,1] [5, 6]"}, "f32[2,1] [17, 39]"},
    {"dot", "{trans_a = true, trans_b = true}", {"i32[2,1] [1, 2]", "i32[2,2] [3, 4, 5, 6]"}, "i32[1,2] [11, 17]"},
    {"dot", "", {"f32[2,1,1,1] [1, 2]", "f32[3,1,1] [1, 2, 3]"}, "f32[2,3,1,1] [1, 2, 3, 2, 4, 6]"},
    {"dot", "", {"f32[1,0] []", "f32[0,2] []"}, "f32[1,2] [0, 0]"},
    {"conv", "{strides = [1, 1], dilations = [1, 1], pad_lo = [1, 1], pad_hi = [0, 0]}",
     {"f32[1,2,2,1] [1, 2, 3, 4]", "f32[2,2,1,1] [1, 10, 100, 1000]"}, "f32[1,2,2,1] [1000, 2100, 3010, 4321]"},
    {"conv", "{strides = [2, 1], dilations = [1, 2], pad_lo = [0, 0], pad_hi = [0, 0]}",
     {"f32[1,3,3,1] [1, 2, 3, 4, 5, 6, 7, 8, 9]", "f32[1,2,1,1] [1, 10]"}, "f32[1,2,1,1] [31, 97]"},
    {"conv", "{strides = [1, 1], dilations = [1, 1], pad_lo = [0, 0], pad_hi = [0, 0], groups = 2}",
     {"i32[1,1,1,4] [1, 2, 3, 4]", "i32[1,1,2,2] [1, 10, 100, 1000]"}, "i32[1,1,1,2] [201, 4030]"},
    {"winograd_filter", "{tile = [1, 2], window = [1, 3]}", {"f32[1,3,1,1] [1, 2, 3]"},
     "f32[4,1,1] [-1, 3, 1, 3]"},
    {"winograd", "{tile = [1, 2], window = [1, 3], pad_lo = [0, 1], pad_hi = [0, 0]}",
     {"f32[1,1,4,1] [1, 2, 3, 4]", "f32[4,1,1] [-1, 3, 1, 3]"}, "f32[1,1,3,1] [8, 14, 20]"},
    {"prefix", "{rows = [2]}", {"i32[3,2] [1, 2, 3, 4, 5, 6]"}, "i32[2,2] [1, 2, 3, 4]"},
    {"reshape", "{shape = [3, 2]}", {"i32[2,3] [1, 2, 3, 4, 5, 6]"}, "i32[3,2] [1, 2, 3, 4, 5, 6]"},
    {"bitcast", "{to = i32}", {"f32[2] [1, -2]"}, "i32[2] [1065353216, -1073741824]"},
    {"bitcast", "{to = u16}", {"i32[2] [65537, -1]"}, "u16[2,2] [1, 1, 65535, 65535]"},
    {"bitcast", "{to = i32}", {"u16[2,2] [1, 1, 65535, 65535]"}, "i32[2] [65537, -1]"},
    {"transpose", "{perm = [1, 0]}", {"i8[2,3] [1, 2, 3, 4, 5, 6]"}, "i8[3,2] [1, 4, 2, 5, 3, 6]"},
    {"slice", "{begin = [1, 2], size = [1, 2], strides = [1, -2]}", {"i32[2,3] [1, 2, 3, 4, 5, 6]"}, "i32[1,2] [6, 4]"},
    {"slice", "{begin = [3], size = [0], strides = [-1]}", {"i32[2] [1, 2]"}, "i32[0] []"},
    {"pad", "{lo = [1], hi = [2], value = 7}", {"i32[1] [1]"}, "i32[4] [7, 1, 7, 7]"},
    {"mirror_pad", "{lo = [2], hi = [1], reflect = true}", {"i32[3] [1, 2, 3]"}, "i32[6] [3, 2, 1, 2, 3, 2]"},
    {"mirror_pad", "{lo = [2], hi = [1], reflect = false}", {"i32[3] [1, 2, 3]"}, "i32[6] [2, 1, 1, 2, 3, 3]"},
    {"concat", "{axis = 1}", {"i32[2,1] [1, 2]", "i32[2,0] []", "i32[2,2] [3, 4, 5, 6]"}, "i32[2,3] [1, 3, 4, 2, 5, 6]"},
    {"broadcast", "{shape = [2, 2, 2]}", {"i32[2,1] [1, 2]"}, "i32[2,2,2] [1, 1, 2, 2, 1, 1, 2, 2]"},
    {"reverse", "{axes = [0]}", {"i32[2,2] [1, 2, 3, 4]"}, "i32[2,2] [3, 4, 1, 2]"},
    {"gather", "{axis = 0}", {"i32[3] [1, 2, 3]", "i64[2,2] [2, 0, -5, 9]"}, "i32[2,2] [3, 1, 1, 3]"},
    {"gather", "{axis = 1, batch_dims = 1}", {"i32[2,2] [1, 2, 3, 4]", "i32[2,1] [1, 0]"}, "i32[2,1] [2, 3]"},
    {"gather", "{axis = 0}", {"f32[0] []", "i32[2] [0, 1]"}, "f32[2] [0, 0]"},
    {"one_hot", "{depth = 2, axis = 1}", {"i32[3] [0, 1, 2]", "f32[] 1", "f32[] -1"}, "f32[3,2] [1, -1, -1, 1, -1, -1]"},
    {"one_hot", "{depth = 2, axis = 0}", {"i32[2] [0, -1]", "i8[] 1", "i8[] 0"}, "i8[2,2] [1, 0, 0, 0]"},
    {"resize_bilinear", "{size = [1, 4]}", {"u8[1,1,2,1] [0, 10]"}, "f32[1,1,4,1] [0, 5, 10, 10]"},
    {"resize_bilinear", "{size = [1, 4], half_pixel = true}", {"f32[1,1,2,1] [0, 10]"}, "f32[1,1,4,1] [0, 2.5, 7.5, 10]"},
    {"resize_bilinear", "{size = [1, 3], align_corners = true}", {"f32[1,1,2,1] [0, 10]"}, "f32[1,1,3,1] [0, 5, 10]"},
    {"resize_bilinear", "{size = [1, 2]}", {"f32[1,1,2,1] [inf, 1]"}, "f32[1,1,2,1] [inf, 1]"},
    {"resize_nearest", "{size = [1, 3]}", {"u8[1,1,2,1] [1, 2]"}, "u8[1,1,3,1] [1, 1, 2]"},
    {"resize_nearest", "{size = [1, 5], align_corners = true}", {"u8[1,1,3,1] [1, 2, 3]"}, "u8[1,1,5,1] [1, 2, 2, 3, 3]"},
    {"resize_nearest", "{size = [1, 3], half_pixel = true}", {"u8[1,1,2,1] [1, 2]"}, "u8[1,1,3,1] [1, 2, 2]"},
    {"relayout", "{to = \"panel\"}", {"f32[1,2] [1, 2]"}, "f32[1,2] [1, 2]"},
    {"shape_of", "", {"f32[2,0] []"}, "i32[2] [2, 0]"},
    {"shape_of", "{to = i64}", {"f32[] 1"}, "i64[0] []"},
    {"update", "", {"i32[3,2] [1, 2, 3, 4, 5, 6]", "i64[] 1", "i32[2] [8, 9]"}, "i32[3,2] [1, 2, 8, 9, 5, 6]"},
    {"top_k", "{k = [3]}", {"f32[2,4] [1, 3, nan, 3, -inf, nan, nan, 2]"}, "f32[2,3] [3, 3, 1, 2, -inf, nan]; i32[2,3] [1, 3, 0, 3, 0, 1]"},
    {"cholesky", "", {"f32[2,2,2] [4, 9, 2, 5, 1, 0, 2, 1]"}, "f32[2,2,2] [2, 0, 1, 2, nan, 0, nan, nan]"},
    {"lu", "", {"f32[2,2] [2, 3, 4, 2]"}, "f32[2,2] [4, 2, 0.5, 2]; i32[2] [1, 0]; f32[] -1"},
    {"lu", "", {"f64[2,2] [0, 3, 0, 2]"}, "f64[2,2] [0, 3, 0, 2]; i32[2] [0, 1]; f64[] 1"},
    {"triangular_solve", "", {"f32[2,2] [2, 9, 1, 4]", "f32[2,1] [2, 9]"}, "f32[2,1] [1, 2]"},
    {"triangular_solve", "{trans = true}", {"f32[2,2] [2, 9, 1, 4]", "f32[2,1] [4, 8]"}, "f32[2,1] [1, 2]"},
    {"triangular_solve", "{lower = false, unit = true}", {"f32[2,2] [2, 3, 1, 4]", "f32[2,1] [7, 2]"}, "f32[2,1] [1, 2]"},
    {"qr", "", {"f32[2,1] [3, 4]"}, "f32[2,1] [-0.6, -0.8]; f32[1,1] [-5]"},
    {"qr", "{full = true}", {"f64[2,1] [-1, 0]"}, "f64[2,2] [1, 0, 0, 1]; f64[2,1] [-1, 0]"},
    {"fft", "", {"f64[2,1] [3, 5]", "f64[2,2] [1, 0, -1, 0]"}, "f64[2,2] [8, 0, -2, 0]"},
    {"fft", "",
     {"f32[1,4,2] [1, 2, 3, 4, 5, 6, 7, 8]", "f32[4,2] [1, 0, 0, -1, -1, 0, 0, 1]"},
     "f32[1,4,2] [16, 20, -8, 0, -4, -4, 0, -8]"},
    {"fft", "{inverse = true}",
     {"f32[1,4,2] [16, 20, -8, 0, -4, -4, 0, -8]", "f32[4,2] [1, 0, 0, -1, -1, 0, 0, 1]"},
     "f32[1,4,2] [1, 2, 3, 4, 5, 6, 7, 8]"},
    {"fft", "", {"f64[2,1,1] [3, 5]", "f64[1,2] [1, 0]"}, "f64[2,1,2] [3, 0, 5, 0]"},
    {"fft", "", {"f64[2,0,2] []", "f64[0,2] []"}, "f64[2,0,2] []"},
    {"top_k", "{k = [4], smallest = true}", {"u8[4] [1, 3, 0, 3]"}, "u8[4] [0, 1, 3, 3]; i32[4] [2, 0, 1, 3]"},
    {"wav_info", "",
     {"u8[48] [82, 73, 70, 70, 0, 0, 0, 0, 87, 65, 86, 69, 102, 109, 116, 32, 16, 0, 0, "
      "0, 1, 0, 1, 0, 64, 31, 0, 0, 128, 62, 0, 0, 2, 0, 16, 0, 100, 97, 116, 97, 4, 0, "
      "0, 0, 1, 0, 254, 255]"},
     "i64[5] [1, 44, 2, 1, 8000]"},
    {"wav_info", "",
     {"u8[47] [82, 73, 70, 70, 0, 0, 0, 0, 87, 65, 86, 69, 102, 109, 116, 32, 16, 0, 0, "
      "0, 1, 0, 1, 0, 64, 31, 0, 0, 128, 62, 0, 0, 2, 0, 16, 0, 100, 97, 116, 97, 4, 0, "
      "0, 0, 1, 0, 254]"},
     "i64[5] [0, 0, 0, 0, 0]"},
    {"wav_info", "", {"u8[0] []"}, "i64[5] [0, 0, 0, 0, 0]"},
    {"where", "", {"f32[2,2] [0, nan, -0, 2]"}, "i64[4,2] [0, 1, 1, 1, 0, 0, 0, 0]; i64[] 2"},
    {"scatter", "{how = \"add\"}", {"i8[2,2] [1, 2, 3, 127]", "i32[3,1] [1, 0, 1]", "i8[3,2] [1, 1, 2, 2, 3, 3]"}, "i8[2,2] [3, 4, 7, -125]"},
    {"scatter", "{how = \"set\"}", {"f32[2,2] [1, 2, 3, 4]", "i64[3,2] [1, 1, 0, 2, 1, 1]", "f32[3] [5, 6, 7]"}, "f32[2,2] [1, 2, 3, 7]"},
    {"scatter", "{how = \"max\", skip_negative = true}", {"u64[2] [1, -1]", "i64[3,1] [-1, 1, 0]", "u64[3] [5, 6, 7]"}, "u64[2] [7, -1]"},
    {"scatter", "{how = \"min\"}", {"f32[2] [nan, 1]", "i32[2,1] [0, 1]", "f32[2] [1, nan]"}, "f32[2] [nan, 1]"},
    {"scatter", "{how = \"last_max\"}", {"f32[2] [nan, 1]", "i32[2,1] [0, 1]", "f32[2] [1, nan]"}, "f32[2] [1, nan]"},
    {"unique", "", {"f32[5,1] [2, nan, 2, -0, nan]"}, "i64[5] [0, 1, 3, 4, 0]; i64[5] [0, 1, 0, 2, 3]; i64[5] [2, 1, 1, 1, 0]; i64[] 4"},
    {"search_sorted", "", {"f32[1,4] [1, 2, 2, 3]", "f32[1,3] [2, 0, 5]"}, "i32[1,3] [1, 0, 4]"},
    {"search_sorted", "{upper = true, to = i64}", {"u8[1,4] [1, 2, 2, 3]", "u8[1,3] [2, 0, 255]"}, "i64[1,3] [3, 0, 4]"},
    {"philox", "{groups = [1]}", {"u64[1] [0]", "u64[2] [0, 0]"}, "u32[1,4] [1713891541, 3781805453, 3159862348, 2600524760]"},
    {"philox", "{groups = [0]}", {"u64[1] [0]", "u64[2] [0, 0]"}, "u32[0,4] []"},
    {"truncated_normal", "{groups = [0], to = f64}", {"u64[1] [0]", "u64[2] [0, 0]"}, "f64[0,2] []"},
    {"nms", "{size = [2]}", {"f32[1,3,4] [0, 0, 1, 1, 0, 0, 1, 0.9, 5, 5, 4, 4]", "f32[1,3] [0.5, 0.75, 0.5]", "i32[] 9", "f32[] 0.5", "f32[] 0", "f32[] 0"}, "i32[1,2] [1, 2]; f32[1,2] [0.75, 0.5]; i64[1] [2]"},
    {"eigh", "", {"f64[2,2] [3, 9, 0, 1]"}, "f64[2,2] [0, 1, 1, 0]; f64[2] [1, 3]"},
    {"eigh", "", {"f32[0,0] []"}, "f32[0,0] []; f32[0] []"},
    {"svd", "", {"f32[3,2] [0, 0, 0, 2, 0, 0]"}, "f32[3,2] [0, 0, 1, 0, 0, 0]; f32[2] [2, 0]; f32[2,2] [0, 1, 1, 0]"},
    {"ctc_beam_search", "{width = 2, paths = 2}", {"f64[1,2,2] [0, 0, 7, 7]", "i32[2] [1, 0]"}, "i32[2,2,1] [0, 0, 0, 0]; i64[2,2] [0, 1, 0, -1]; f64[2,2] [-0.6931471805599453, -0.6931471805599453, 0, 0]"},
};
// clang-format on

static bool same_element(const Tensor *a, const Tensor *b, int64_t i)
{
    if (!dtype_is_float(a->type.dtype)) return tensor_i(a, i) == tensor_i(b, i);
    double x = tensor_f(a, i), y = tensor_f(b, i);
    if (isnan(x) || isnan(y)) return isnan(x) && isnan(y);
    if (x == y) return signbit(x) == signbit(y);
    return fabs(x - y) <= 4e-7 * fabs(y);
}

START_TEST(evaluates)
{
    const EvalCase *c = &eval_cases[_i];
    Str s = {0};
    str_put(&s, "graph @main() {\n");
    int n = 0;
    for (; n < (int)COUNT(c->in) && c->in[n]; n++) str_printf(&s, "%%%d = const %s\n", n, c->in[n]);
    int nout = 1;
    for (const char *p = c->out; (p = strstr(p, "; ")); p++) nout++;
    for (int i = 0; i < nout; i++) str_printf(&s, "%s%%r%d", i ? ", " : "", i);
    str_printf(&s, " = %s ", c->op);
    for (int i = 0; i < n; i++) str_printf(&s, "%s%%%d", i ? ", " : "", i);
    str_printf(&s, " %s\n", c->attrs);
    const char *want = c->out;
    for (int i = 0; i < nout; i++) {
        const char *end = strstr(want, "; ");
        str_printf(&s, "%%e%d = const %.*s\n", i, end ? (int)(end - want) : (int)strlen(want), want);
        want = end ? end + 2 : want;
    }
    str_put(&s, "return ");
    for (int i = 0; i < nout; i++) str_printf(&s, "%s%%r%d, %%e%d", i ? ", " : "", i, i);
    str_put(&s, "\n}\n");
    IN_JOB(str_text(&s));
    Module *m = parse(str_text(&s));
    Tensor v[16];
    ir_eval_region(m, main_of(m), NULL, v);
    for (int r = 0; r < nout; r++) {
        Tensor *got = &v[2 * r], *right = &v[2 * r + 1];
        got->type.layout = LAYOUT_PLAIN;
        ck_assert_msg(type_equal(&got->type, &right->type), "%s: result %d has the wrong type", str_text(&s),
                      r);
        for (int64_t i = 0, k = type_numel(&got->type); i < k; i++)
            ck_assert_msg(same_element(got, right, i), "%s: element %lld of result %d is %.9g", str_text(&s),
                          (long long)i, r, tensor_f(got, i));
    }
    str_free(&s);
}
END_TEST

START_TEST(every_op_has_a_case)
{
    for (int i = 0; i < OP_COUNT; i++) {
        const OpDef *d = op_defs[i];
        bool structural = d->kind >= KIND_SIZE || i == OP_const || i == OP_weight;
        structural = structural || i == OP_custom || i == OP_custom_map; /* see test_custom.c */
        size_t k = 0;
        while (k < COUNT(eval_cases) && strcmp(eval_cases[k].op, d->name) != 0) k++;
        ck_assert_msg(structural || k < COUNT(eval_cases), "no case for %s", d->name);
        ck_assert_ptr_nonnull(d->doc);
        ck_assert_ptr_nonnull(d->infer);
    }
}
END_TEST

/* -- Inference --------------------------------------------------------------------------------- */
typedef struct {
    const char *op, *attrs, *in[6], *out; /* the result type, or part of the message */
} InferCase;

// clang-format off
static const InferCase infer_cases[] = {
    {"add", "", {"f32[?n,1,4]", "f32[3,1]"}, "f32[?n,3,4]"},
    {"add", "", {"f32[?n]", "f32[?m]"}, "f32[?n]"},
    {"add", "", {"f32[?n]", "f32[5]"}, "f32[5]"},
    {"select", "", {"bool[?n,1]", "f32[]", "f32[7]"}, "f32[?n,7]"},
    {"reduce_sum", "{axes = [0, 2], keep = true}", {"f32[?n,3,4]"}, "f32[1,3,1]"},
    {"reduce_max", "{axes = [1]}", {"i32[?n,3,4]"}, "i32[?n,4]"},
    {"argmax", "{axis = 1}", {"f32[?n,3]"}, "i64[?n]"},
    {"dot", "", {"f32[?n,3]", "f32[3,4]"}, "f32[?n,4]"},
    {"dot", "{trans_b = true}", {"f32[?n,1,2,3]", "f32[5,4,3]"}, "f32[?n,5,2,4]"},
    {"dot", "", {"f32[2,3]", "f32[3,4]{panel}"}, "f32[2,4]"},
    {"conv", "{strides = [2, 2], dilations = [1, 1], pad_lo = [1, 1], pad_hi = [1, 1]}",
     {"f32[?n,?h,224,3]", "f32[3,3,3,8]"}, "f32[?n,div(?h-1,2)+1,112,8]"},
    {"conv", "{strides = [1, 1], dilations = [1, 1], pad_lo = [1, 1], pad_hi = [1, 1]}",
     {"f32[?n,?h,?w,3]", "f32[3,3,3,8]"}, "f32[?n,?h,?w,8]"},
    {"conv", "{strides = [1, 1], dilations = [1, 1], pad_lo = [0, 0], pad_hi = [0, 0]}",
     {"f32[1,2,9,3]", "f32[3,3,3,8]"}, "f32[1,0,7,8]"},
    {"winograd", "{tile = [4, 4], window = [3, 3], pad_lo = [1, 1], pad_hi = [1, 1]}",
     {"f32[?n,?h,8,3]", "f32[36,3,5]{panel}"}, "f32[?n,?h,8,5]"},
    {"winograd", "{tile = [4, 4], window = [3, 3], pad_lo = [1, 1], pad_hi = [1, 1]}",
     {"f32[?n,?h,8,3]", "f32[16,3,5]"}, "not as many matrices"},
    {"winograd", "{tile = [4, 4], window = [3, 3], pad_lo = [1, 1], pad_hi = [1, 1]}",
     {"f32[?n,?h,8,2]", "f32[36,3,5]"}, "input depth must be"},
    {"winograd_filter", "{tile = [6, 6], window = [4, 4]}", {"f32[4,4,3,5]"}, "too large together"},
    {"winograd_filter", "{tile = [2, 2], window = [3, 3]}", {"f32[3,2,3,5]"}, "not of the window's size"},
    {"max_pool", "{window = [2, 2], strides = [2, 2], pad_lo = [0, 0], pad_hi = [0, 0]}",
     {"f32[?n,7,8,3]"}, "f32[?n,3,4,3]"},
    {"reshape", "{shape = [?n, 6]}", {"f32[?n,2,3]"}, "f32[?n,6]"},
    {"reshape", "{shape = [0, 7]}", {"f32[3,0]"}, "f32[0,7]"},
    {"bitcast", "{to = u8}", {"f32[?n,3]"}, "u8[?n,3,4]"},
    {"transpose", "{perm = [2, 0, 1]}", {"f32[?a,?b,3]"}, "f32[3,?a,?b]"},
    {"slice", "{begin = [?k, 0], size = [?n-1, 2], strides = [1, 1]}", {"f32[?n,2]"}, "f32[?n-1,2]"},
    {"pad", "{lo = [1], hi = [1]}", {"f32[?n-2]"}, "f32[?n]"},
    {"concat", "{axis = 0}", {"f32[?n,2]", "f32[3,2]", "f32[?n,2]"}, "f32[?n*2+3,2]"},
    {"broadcast", "{shape = [?n, 3]}", {"f32[1]"}, "f32[?n,3]"},
    {"gather", "{axis = 1, batch_dims = 1}", {"f32[?n,5,6]", "i32[?n,?k]"}, "f32[?n,?k,6]"},
    {"one_hot", "{depth = 4, axis = 1}", {"i32[?n,3]", "f32[]", "f32[]"}, "f32[?n,4,3]"},
    {"resize_bilinear", "{size = [?h*2, 8]}", {"u8[?n,?h,4,3]"}, "f32[?n,?h*2,8,3]"},
    {"relayout", "{to = \"panel\"}", {"f32[3,4]"}, "f32[3,4]{panel}"},
    {"relayout", "{to = \"blocked\"}", {"f32[1,?h,3,32]"}, "f32[1,?h,3,32]{blocked}"},
    {"relayout", "{to = \"nchw\"}", {"f32[1,5,3,32]{blocked}"}, "f32[1,5,3,32]{nchw}"},
    {"relayout", "{to = \"plain\"}", {"f32[2,5,3,7]{nchw}"}, "f32[2,5,3,7]"},
    {"shape_of", "", {"f32[?n,3]"}, "i32[2]"},

    {"add", "", {"f32[2]", "f32[3]"}, "incompatible shapes: f32[2] vs. f32[3]"},
    {"add", "", {"f32[2]", "i32[2]"}, "operands 0 and 1 must have the same element type: f32[2], i32[2]"},
    {"add", "", {"bool[2]", "bool[2]"}, "operand 0 must be numeric, not bool[2]"},
    {"add", "", {"f32[2]"}, "takes 2 operands, not 1"},
    {"mul", "", {"f32[1,3037000500]", "f32[3037000500,1]"}, "too large"},
    {"exp", "", {"i32[2]"}, "must be floating-point"},
    {"logical_not", "", {"i32[2]"}, "must be boolean"},
    {"relu", "", {"f32[2,2]{panel}"}, "operand 0 is packed"},
    {"cast", "{to = c64}", {"f32[2]"}, "cast to c64 is not supported"},
    {"cast", "{to = f32}", {"c64[2]"}, "must be numeric or boolean"},
    {"select", "", {"f32[]", "f32[]", "f32[]"}, "operand 0 must be boolean"},
    {"select", "", {"bool[2]", "f32[3]", "f32[3]"}, "incompatible shapes"},
    {"reduce_sum", "{axes = [2]}", {"f32[2,2]"}, "reduction axis 2 is out of range for rank 2"},
    {"reduce_sum", "{axes = [1, 0]}", {"f32[2,2]"}, "ascending"},
    {"reduce_all", "{axes = []}", {"i32[2]"}, "must be boolean"},
    {"argmax", "{axis = 0}", {"f32[0]"}, "reduction axis 0 is empty in f32[0]"},
    {"argmax", "{axis = 0, to = u8}", {"f32[3]"}, "i32 or i64"},
    {"softmax", "", {"f32[]"}, "must have rank 1 to 8"},
    {"cumsum", "{axis = -1}", {"f32[3]"}, "axis -1 is out of range"},
    {"max_pool", "{window = [2, 0], strides = [1, 1], pad_lo = [0, 0], pad_hi = [0, 0]}", {"f32[1,4,4,1]"}, "window must be between 1"},
    {"max_pool", "{window = [2, 2], strides = [1, 1], pad_lo = [2, 0], pad_hi = [0, 0]}", {"f32[1,4,4,1]"}, "smaller than the window"},
    {"avg_pool", "{window = [2], strides = [1, 1], pad_lo = [0, 0], pad_hi = [0, 0]}", {"f32[1,4,4,1]"}, "window must have 2 elements, not 1"},
    {"avg_pool", "{window = [2, 2], strides = [1, 1], pad_lo = [0, 0], pad_hi = [0, 0]}", {"i32[1,4,4,1]"}, "must be floating-point"},
    {"dot", "", {"f32[2,3]", "f32[4,5]"}, "matrix size-incompatible: f32[2,3], f32[4,5]"},
    {"dot", "", {"f32[3]", "f32[3,5]"}, "operand 0 must have rank 2 to 8"},
    {"dot", "", {"f32[2,1,3]", "f32[4,3,1]"}, "incompatible batch dimensions"},
    {"conv", "{strides = [0, 1], dilations = [1, 1], pad_lo = [0, 0], pad_hi = [0, 0]}", {"f32[1,4,4,1]", "f32[1,1,1,1]"}, "strides must be between 1"},
    {"conv", "{strides = [1, 1], dilations = [1, 1], pad_lo = [-1, 0], pad_hi = [0, 0]}", {"f32[1,4,4,1]", "f32[1,1,1,1]"}, "pad_lo must be between 0"},
    {"conv", "{strides = [1, 1], dilations = [1, 1], pad_lo = [0, 0], pad_hi = [0, 0]}", {"f32[1,4,4,3]", "f32[1,1,2,1]"}, "input depth must be"},
    {"conv", "{strides = [1, 1], dilations = [1, 1], pad_lo = [0, 0], pad_hi = [0, 0], groups = 2}", {"f32[1,4,4,4]", "f32[1,1,2,3]"}, "output depth must be a multiple of 2"},
    {"conv", "{strides = [1, 1], dilations = [1, 1], pad_lo = [0, 0], pad_hi = [0, 0], groups = 0}", {"f32[1,4,4,4]", "f32[1,1,2,3]"}, "groups must be positive"},
    {"reshape", "{shape = [4]}", {"f32[2,3]"}, "f32[2,3] cannot be reshaped to f32[4]"},
    {"bitcast", "{to = f32}", {"u8[4,3]"}, "needs a last dimension of 4"},
    {"bitcast", "{to = f64}", {"f32[]"}, "needs a last dimension of 2"},
    {"reshape", "{shape = [-1, -6]}", {"f32[2,3]"}, "negative value -1"},
    {"reshape", "{shape = [1, 1, 1, 1, 1, 1, 1, 1, 1]}", {"f32[1]"}, "at most 8"},
    {"transpose", "{perm = [0, 0]}", {"f32[2,3]"}, "perm has 0 twice"},
    {"transpose", "{perm = [0]}", {"f32[2,3]"}, "perm must have 2 elements, not 1"},
    {"slice", "{begin = [1], size = [2], strides = [1]}", {"f32[2]"}, "exceeds dimension 0 of f32[2]"},
    {"slice", "{begin = [0], size = [2], strides = [-1]}", {"f32[2]"}, "exceeds"},
    {"slice", "{begin = [0], size = [1], strides = [0]}", {"f32[2]"}, "strides[0] must be non-zero"},
    {"slice", "{begin = [1], size = [4], strides = [4611686018427387904]}", {"f32[2]"}, "exceeds"},
    {"pad", "{lo = [-1], hi = [0]}", {"f32[2]"}, "lo must be between 0"},
    {"mirror_pad", "{lo = [2], hi = [0], reflect = true}", {"f32[2]"}, "no greater than the dimension size less one"},
    {"concat", "{axis = 0}", {"f32[2,3]", "f32[2,4]"}, "dimensions of inputs should match"},
    {"concat", "{axis = 2}", {"f32[2,3]"}, "concat axis 2 is out of range"},
    {"concat", "{axis = 0}", {"f32[2]", "f32[2,1]"}, "should match"},
    {"broadcast", "{shape = [3]}", {"f32[2]"}, "f32[2] cannot be broadcast to f32[3]"},
    {"reverse", "{axes = [0, 0]}", {"f32[2]"}, "axis 0 is given twice"},
    {"relayout", "{to = \"blocks\"}", {"f32[2,2]"}, "unknown layout 'blocks'"},
    {"relayout", "{to = \"blocked\"}", {"f32[1,2,2,17]"}, "f32[1,2,2,17] cannot lie so"},
    {"relayout", "{to = \"blocked\"}", {"f32[2,2,2,16]"}, "f32[2,2,2,16] cannot lie so"},
    {"concat", "{axis = 3}", {"f32[1,2,2,16]{blocked}", "f32[1,2,2,16]"}, "operand 1 lies in another way"},
    {"relayout", "{to = \"nchw\"}", {"f32[2,2]"}, "f32[2,2] cannot lie so"},
    {"relayout", "{to = \"plain\"}", {"f32[2,2]{panel}"}, "operand 0 is packed"},
    {"gather", "{axis = 0}", {"f32[2]", "u8[2]"}, "indices must be i32 or i64"},
    {"gather", "{axis = 0, batch_dims = 1}", {"f32[2]", "i32[2]"}, "batch_dims 1 must be at most axis 0"},
    {"gather", "{axis = 0}", {"f32[1,1,1,1,1]", "i32[1,1,1,1,1]"}, "more than 8 dimensions"},
    {"one_hot", "{depth = -1, axis = 0}", {"i32[2]", "f32[]", "f32[]"}, "depth must be non-negative"},
    {"top_k", "{k = [4]}", {"f32[2,3]"}, "k is 4, but rows have 3 elements"},
    {"update", "", {"f32[?n,3]", "i32[]", "f32[4]"}, "f32[4] is not a slice of f32[?n,3]"},
    {"scatter", "{how = \"first\"}", {"f32[2]", "i32[1,1]", "f32[1]"}, "no way 'first' to combine"},
    {"scatter", "{how = \"set\"}", {"f32[2]", "i32[1,2]", "f32[1]"}, "indices i32[1,2] and rows f32[1] do not fit f32[2]"},
    {"unique", "", {"c64[2,1]"}, "rows cannot be complex"},
    {"philox", "{groups = [1]}", {"u64[2]", "u64[2]"}, "operands must be u64[1] and u64[2], not u64[2] and u64[2]"},
    {"philox", "{groups = [-1]}", {"u64[1]", "u64[2]"}, "groups must be one size"},
    {"truncated_normal", "{groups = [1], to = f16}", {"u64[1]", "u64[2]"}, "the numbers cannot be f16"},
    {"ctc_beam_search", "{width = 2, paths = 3}", {"f32[4,1,2]", "i32[1]"}, "3 paths of a beam of 2"},
    {"ctc_beam_search", "{width = 2, paths = 1}", {"f16[4,1,2]", "i32[1]"}, "operand 0 cannot be f16[4,1,2]"},
    {"ctc_beam_search", "{width = 2, paths = 1}", {"f32[4,1,2]", "i32[2]"}, "lengths i32[2] do not fit f32[4,1,2]"},
    {"svd", "", {"f32[2,3]"}, "operand 0 must not have more columns than rows, but is f32[2,3]"},
    {"eigh", "", {"f32[2,3]"}, "operand 0 must be square matrices, but is f32[2,3]"},
    {"search_sorted", "", {"f32[2,3]", "f32[1,3]"}, "different numbers of rows"},
    {"one_hot", "{depth = 1, axis = 2}", {"i32[2]", "f32[]", "f32[]"}, "axis 2 is out of range for rank 2"},
    {"resize_nearest", "{size = [0, 1]}", {"f32[1,2,2,1]"}, "output dimensions must be positive"},
    {"resize_nearest", "{size = [1, 1]}", {"f32[1,0,2,1]"}, "non-zero size"},
    {"resize_bilinear", "{size = [1, 1], align_corners = true, half_pixel = true}", {"f32[1,2,2,1]"}, "align_corners must be false"},
};
// clang-format on

/* The op of a case on arguments of the given types. */
static const char *graph_of(const char *op, const char *attrs, const char *const in[3])
{
    Str s = {0};
    str_put(&s, "graph @main(");
    int n = 0;
    for (; n < 3 && in[n]; n++) str_printf(&s, "%s%%%d: %s", n ? ", " : "", n, in[n]);
    str_printf(&s, ") {\n%%r = %s ", op);
    for (int i = 0; i < n; i++) str_printf(&s, "%s%%%d", i ? ", " : "", i);
    str_printf(&s, " %s\nreturn %%r\n}\n", attrs);
    const char *text = job_strndup(&job, str_text(&s), s.n);
    str_free(&s);
    return text;
}

START_TEST(infers)
{
    const InferCase *c = &infer_cases[_i];
    IN_JOB(c->op);
    const char *text = graph_of(c->op, c->attrs, c->in);
    Module *m = ir_parse(&job, text, strlen(text));
    Str s = {0};
    if (m)
        type_print(m, &s, &ir_terminator(main_of(m))->in[0]->type);
    else
        str_put(&s, job.diags->text);
    bool is_type = strchr(c->out, ']') == c->out + strlen(c->out) - 1 || c->out[strlen(c->out) - 1] == '}';
    bool ok = m && is_type ? strcmp(str_text(&s), c->out) == 0 : !m && strstr(str_text(&s), c->out);
    ck_assert_msg(ok, "%s(%s): %s, expected %s", c->op, c->in[0], str_text(&s), c->out);
    str_free(&s);
}
END_TEST

/* -- Simplification ---------------------------------------------------------------------------- */
typedef struct {
    const char *args, *ops, *out; /* the last op's simpler value: "%name", an op's name, or "" */
} SimplifyCase;

// clang-format off
static const SimplifyCase simplify_cases[] = {
    {"%x: f32[2]", "%c = const f32[] 1  %r = mul %x, %c", "%x"},
    {"%x: f32[2]", "%c = weight f32[2] splat(1)  %r = mul %c, %x", "%x"},
    {"%x: f32[2]", "%c = const f32[1,2] [1, 1]  %r = mul %x, %c", ""},
    {"%x: f32[2]", "%c = const f32[] 0  %r = add %x, %c", ""},
    {"%x: i32[2]", "%c = const i32[] 0  %r = add %c, %x", "%x"},
    {"%x: f32[2]", "%c = const f32[] 0  %r = sub %x, %c", "%x"},
    {"%x: f32[2]", "%c = const f32[] -0  %r = sub %x, %c", ""},
    {"%x: f32[2]", "%c = const f32[] 1  %r = div %x, %c", "%x"},
    {"%x: f32[2]", "%c = const f32[] 1  %r = floor_div %x, %c", "floor"},
    {"%x: i32[2]", "%c = const i32[] 1  %r = floor_div %x, %c", "%x"},
    {"%x: f32[2]", "%c = const f32[] 2  %r = pow %x, %c", "square"},
    {"%x: f32[2]", "%c = const f32[] 1  %r = pow %x, %c", "%x"},
    {"%x: f32[2]", "%a = neg %x  %r = neg %a", "%x"},
    {"%x: f32[2]", "%a = neg %x  %r = abs %a", "abs"},
    {"%x: u8[2]", "%a = neg %x  %r = abs %a", ""},
    {"%x: f32[2]", "%a = relu %x  %r = relu %a", "%a"},
    {"%x: f32[2]", "%a = relu6 %x  %r = relu %a", "%a"},
    {"%x: f32[2]", "%a = relu %x  %r = relu6 %a", "relu6"},
    {"%x: f32[2]", "%a = floor %x  %r = floor %a", "%a"},
    {"%x: f32[2]", "%r = maximum %x, %x", "%x"},
    {"%x: bool[2]", "%a = logical_not %x  %r = logical_not %a", "%x"},
    {"%x: f32[2], %y: f32[2]", "%a = equal %x, %y  %r = logical_not %a", "not_equal"},
    {"%x: f32[2], %y: f32[2]", "%a = less %x, %y  %r = logical_not %a", ""},
    {"%x: bool[2]", "%c = const bool[] 1  %r = logical_and %x, %c", "%x"},
    {"%x: bool[2]", "%c = const bool[] 0  %r = logical_or %c, %x", "%x"},
    {"%x: f32[2], %c: bool[2]", "%r = select %c, %x, %x", "%x"},
    {"%x: f32[2], %c: bool[3,2]", "%r = select %c, %x, %x", ""},
    {"%x: f32[2], %y: f32[2]", "%c = const bool[] 0  %r = select %c, %x, %y", "%y"},
    {"%x: f32[2]", "%r = cast %x {to = f32}", "%x"},
    {"%x: i32[2]", "%a = cast %x {to = i64}  %r = cast %a {to = i32}", "%x"},
    {"%x: u8[2]", "%a = cast %x {to = f16}  %r = cast %a {to = f32}", "cast"},
    {"%x: i32[2]", "%a = cast %x {to = f32}  %r = cast %a {to = i32}", ""},
    {"%x: f32[2]", "%r = reduce_sum %x {axes = []}", "%x"},
    {"%x: f32[1,4,4,1]", "%r = avg_pool %x {window = [1, 1], strides = [1, 1], pad_lo = [0, 0], pad_hi = [0, 0]}", "%x"},
    {"%x: f32[?n,2]", "%r = reshape %x {shape = [?n, 2]}", "%x"},
    {"%x: f32[?n,2]", "%a = reshape %x {shape = [?n*2]}  %r = reshape %a {shape = [?n, 2]}", "reshape"},
    {"%x: f32[2,3]", "%r = transpose %x {perm = [0, 1]}", "%x"},
    {"%x: f32[2,3,4]", "%a = transpose %x {perm = [1, 2, 0]}  %r = transpose %a {perm = [0, 2, 1]}", "transpose"},
    {"%x: f32[?n,1,1,4]", "%r = transpose %x {perm = [0, 3, 1, 2]}", "reshape"},
    {"%x: f32[?n]", "%r = slice %x {begin = [0], size = [?n], strides = [1]}", "%x"},
    {"%x: f32[4]", "%r = slice %x {begin = [3], size = [4], strides = [-1]}", ""},
    {"%x: f32[9]", "%a = slice %x {begin = [1], size = [4], strides = [2]}  %r = slice %a {begin = [3], size = [2], strides = [-2]}", "slice"},
    {"%x: f32[4]", "%r = pad %x {lo = [0], hi = [0]}", "%x"},
    {"%x: f32[4]", "%r = mirror_pad %x {lo = [0], hi = [0], reflect = true}", "%x"},
    {"%x: f32[4]", "%r = concat %x {axis = 0}", "%x"},
    {"%x: f32[?n]", "%r = broadcast %x {shape = [?n]}", "%x"},
    {"%x: f32[1]", "%a = broadcast %x {shape = [4]}  %r = broadcast %a {shape = [3, 4]}", "broadcast"},
    {"%x: f32[1,3]", "%r = reverse %x {axes = [0]}", "%x"},
    {"%x: u8[1,3,3,1]", "%r = resize_bilinear %x {size = [3, 3]}", "cast"},
    {"%x: u8[1,3,3,1]", "%r = resize_nearest %x {size = [3, 3], align_corners = true}", "%x"},
    {"%x: f32[2,3]", "%r = shape_of %x", "const"},
    {"%x: f32[?n,3]", "%r = shape_of %x", ""},
};
// clang-format on

START_TEST(simplifies)
{
    const SimplifyCase *c = &simplify_cases[_i];
    IN_JOB(c->ops);
    Module *m = parse(job_printf(&job, "graph @main(%s) { %s return %%r }", c->args, c->ops));
    Value *r = ir_terminator(main_of(m))->in[0];
    Builder b = {.m = m, .region = main_of(m), .before = r->def};
    Value *v = r->def->def->simplify(&b, r->def);
    const char *got = !v ? "" : v->name ? job_printf(&job, "%%%s", v->name) : v->def->def->name;
    ck_assert_msg(strcmp(got, c->out) == 0, "%s: got '%s', expected '%s'", c->ops, got, c->out);
    if (v) ck_assert(type_equal(&v->type, &r->type));
}
END_TEST

/* The composed attributes, by value. */
START_TEST(composes)
{
    IN_JOB("composes");
    Module *m = parse("graph @main(%x: f32[9]) {\n"
                      "%a = slice %x {begin = [1], size = [4], strides = [2]}\n"
                      "%r = slice %a {begin = [3], size = [2], strides = [-2]}\n"
                      "return %r }");
    Value *r = ir_terminator(main_of(m))->in[0];
    Builder b = {.m = m, .region = main_of(m), .before = r->def};
    Op *s = r->def->def->simplify(&b, r->def)->def;
    ck_assert_int_eq(attr_v(s, "begin", NULL)[0], 7);
    ck_assert_int_eq(attr_v(s, "strides", NULL)[0], -4);

    m = parse("graph @main(%x: f32[2,3,4]) {\n"
              "%a = transpose %x {perm = [1, 2, 0]}\n"
              "%r = transpose %a {perm = [0, 2, 1]}\n"
              "return %r }");
    r = ir_terminator(main_of(m))->in[0];
    b = (Builder){.m = m, .region = main_of(m), .before = r->def};
    Op *t = r->def->def->simplify(&b, r->def)->def;
    const int64_t *perm = attr_v(t, "perm", NULL);
    ck_assert(perm[0] == 1 && perm[1] == 0 && perm[2] == 2);
}
END_TEST

/* -- Arithmetic on dims ------------------------------------------------------------------------ */
typedef struct {
    const char *ops, *out; /* %s is the i32 shape of f32[?h,?w,6]; elements of %r, or "" */
} DimsCase;

// clang-format off
static const DimsCase dims_cases[] = {
    {"%r = neg %s", "?h*-1 ?w*-1 -6"},
    {"%r = cast %s {to = i64}", "?h ?w 6"},
    {"%r = cast %s {to = f32}", ""},
    {"%c = const i32[] 2  %r = add %s, %c", "?h+2 ?w+2 8"},
    {"%c = const i32[3] [1, 2, 10]  %r = sub %s, %c", "?h-1 ?w-2 -4"},
    {"%c = const i32[] 2  %r = mul %c, %s", "?h*2 ?w*2 12"},
    {"%c = const i32[] 4  %r = div %s, %c", "div(?h,4) div(?w,4) 1"},
    {"%c = const i32[] 0  %r = div %s, %c", ""},
    {"%c = const i32[] 4  %r = floor_div %s, %c", "div(?h,4) div(?w,4) 1"},
    {"%c = const i32[] 4  %r = floor_mod %s, %c", "mod(?h,4) mod(?w,4) 2"},
    {"%c = const i32[] 8  %a = maximum %s, %c  %r = slice %a {begin = [2], size = [1], strides = [1]}", "8"},
    {"%c = const i32[] 8  %a = minimum %s, %c  %r = slice %a {begin = [2], size = [1], strides = [1]}", "6"},
    {"%r = slice %s {begin = [2], size = [2], strides = [-2]}", "6 ?h"},
    {"%c = const i32[1] [-7]  %r = concat %s, %c, %s {axis = 0}", "?h ?w 6 -7 ?h ?w 6"},
    {"%r = reshape %s {shape = [1, 3]}", "?h ?w 6"},
    {"%c = const i32[2] [1, 0]  %r = gather %s, %c {axis = 0}", "?w ?h"},
    {"%c = const i32[1] [5]  %r = gather %s, %c {axis = 0}", ""},
    {"%r = reduce_sum %s {axes = [0]}", "?h+?w+6"},
    {"%a = slice %s {begin = [1], size = [2], strides = [1]}  %r = reduce_prod %a {axes = [0]}", "?w*6"},
    {"%a = slice %s {begin = [0], size = [1], strides = [1]}  %b = reshape %a {shape = []}  %r = broadcast %b {shape = [2]}", "?h ?h"},
};
// clang-format on

START_TEST(computes_dims)
{
    const DimsCase *c = &dims_cases[_i];
    IN_JOB(c->ops);
    Module *m = parse(
        job_printf(&job, "graph @main(%%x: f32[?h,?w,6]) { %%s = shape_of %%x %s return %%r }", c->ops));
    Value *r = ir_terminator(main_of(m))->in[0];
    int n = (int)type_numel(&r->type);
    Dim d[16];
    Str s = {0};
    if (ir_dims_of(m, r, d, n))
        for (int i = 0; i < n; i++) {
            if (i) str_put(&s, " ");
            dim_print(m, &s, d[i]);
        }
    /* The order of a sum's terms is the table's own. */
    bool ok = strcmp(str_text(&s), c->out) == 0 ||
              (strcmp(c->out, "?h+?w+6") == 0 && strcmp(str_text(&s), "?w+?h+6") == 0);
    ck_assert_msg(ok, "%s: got '%s', expected '%s'", c->ops, str_text(&s), c->out);
    str_free(&s);
}
END_TEST

/* Each value is read twice by the next: the walk over their definitions must not double at every step. */
START_TEST(dims_of_shared_values_are_bounded)
{
    IN_JOB("shared values");
    Str s = {0};
    str_put(&s, "graph @main(%a0: i32[2], %x: f32[?n,2]) {\n%b0 = shape_of %x\n");
    for (int i = 0; i < 100; i++)
        str_printf(&s, "%%a%d = add %%a%d, %%a%d\n%%b%d = maximum %%b%d, %%b%d\n", i + 1, i, i, i + 1, i, i);
    str_put(&s, "return %a100, %b100\n}\n");
    Module *m = parse(str_text(&s));
    Dim d[2];
    ck_assert(!ir_dims_of(m, ir_terminator(main_of(m))->in[0], d, 2));
    ir_dims_of(m, ir_terminator(main_of(m))->in[1], d, 2);
    str_free(&s);
}
END_TEST

START_TEST(normalises_axes)
{
    ck_assert_int_eq(norm_axis(-1, 3), 2);
    ck_assert_int_eq(norm_axis(2, 3), 2);
    ck_assert_int_eq(norm_axis(3, 3), -1);
    ck_assert_int_eq(norm_axis(-4, 3), -1);
    ck_assert_int_eq(norm_axis(0, 0), -1);
}
END_TEST

Suite *ops_suite(void)
{
    Suite *s = suite_create("ops");
    TCase *t = tcase_create("ops");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, evaluates, 0, COUNT(eval_cases));
    tcase_add_test(t, every_op_has_a_case);
    tcase_add_loop_test(t, infers, 0, COUNT(infer_cases));
    tcase_add_loop_test(t, simplifies, 0, COUNT(simplify_cases));
    tcase_add_test(t, composes);
    tcase_add_loop_test(t, computes_dims, 0, COUNT(dims_cases));
    tcase_add_test(t, dims_of_shared_values_are_bounded);
    tcase_add_test(t, normalises_axes);
    suite_add_tcase(s, t);
    return s;
}
