"""The functions of arrays against real Keras: values, types and symbolic shapes, one row a case."""

import contextlib
import functools
import inspect
import itertools

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import kerata
from kerata.engine.symbolic import SymbolicTensor

RNG = np.random.default_rng(0)


def floats(*shape, low=-2.0, high=2.0):
    return RNG.uniform(low, high, shape).astype("float32")


def ints(*shape, low=-3, high=4):
    return RNG.integers(low, high, shape).astype("int32")


X, Y, P = floats(3, 4), floats(3, 4), floats(3, 4, low=0.1, high=0.9)
N, M, B = ints(3, 4), ints(3, 4, low=1, high=5), ints(3, 4, low=0, high=2).astype(bool)
NANS = np.where(RNG.random((3, 4)) < 0.3, np.nan, X).astype("float32")
EDGES = np.array([-np.inf, -1.5, -0.0, 0.0, 0.5, 2.5, np.inf, np.nan], "float32")
SQUARE = floats(2, 4, 4) + 3 * np.eye(4, dtype="float32")
SYMMETRIC = SQUARE @ np.swapaxes(SQUARE, 1, 2)
LOWER = np.linalg.cholesky(SYMMETRIC)
COMPLEX = (X + 1j * Y).astype("complex64")
PICTURES, VOLUME, STEPS = floats(2, 6, 5, 4), floats(2, 4, 5, 3, 2), floats(2, 7, 4)
FIRST = np.moveaxis(PICTURES, -1, 1)
COLOURS = floats(2, 5, 6, 3, low=0.0, high=1.0)
BYTES = (255 * COLOURS).astype("uint8")
CORNERS = [np.array(c, "float32") for c in ([[0, 0], [5, 0], [0, 4], [5, 4]], [[0.5, 0.2], [4.4, 0], [0, 4], [5.2, 3.7]])]
CORNERS_OF_TWO = [np.stack([corners, corners + 0.25]) for corners in CORNERS]
Q, K, V = floats(2, 5, 4, 8), floats(2, 6, 2, 8), floats(2, 6, 2, 8)


def words(text):
    return text.split()


COUNT = itertools.count()


def row(name, *args, tolerance=2e-5, **kwargs):
    text = ",".join(f"{k}={v}" for k, v in kwargs.items() if not hasattr(v, "shape"))
    return pytest.param(name, args, kwargs, tolerance, id=f"{next(COUNT)}-{name}-{text[:60]}")


FLOAT_FUNCTIONS = words("""
    abs absolute angle arcsinh arctan cbrt ceil conj conjugate copy cos cosh deg2rad exp exp2 expm1 fabs floor i0
    imag isfinite isinf isnan isneginf isposinf isreal logical_not negative rad2deg ravel real reciprocal sign
    signbit sin sinc sinh size square tan tanh trunc erf erfc flip fliplr flipud stop_gradient shape ndim dtype all
    any count_nonzero mean median std sum var max min prod amax amin ptp argmax argmin cumsum cumprod sort argsort
    nan_to_num round diff corrcoef logsumexp norm relu relu6 leaky_relu elu selu celu gelu silu swish hard_silu
    hard_swish sigmoid hard_sigmoid log_sigmoid sparse_sigmoid softplus sparse_plus squareplus softsign tanh_shrink
    hard_tanh hard_shrink soft_shrink softmax log_softmax glu zeros_like ones_like transpose trace tril triu diag
    convert_to_tensor normalize layer_normalization rms_normalization unstack
""")
POSITIVE_FUNCTIONS = ["log", "log10", "log1p", "log2", "sqrt", "rsqrt", "arccos", "arcsin", "arctanh", "erfinv"]
INT_FUNCTIONS = words("""
    abs arctan ceil cos exp expm1 fabs floor log1p negative reciprocal sign sin sqrt square tanh trunc mean median
    std sum var max prod argmax cumsum sort logical_not bitwise_not bitwise_invert norm relu leaky_relu round
    count_nonzero average
""")
BOOL_FUNCTIONS = ["exp", "sin", "sum", "mean", "max", "all", "any", "cumsum", "prod", "floor", "argmax"]
PAIRS = words("""
    add subtract multiply divide true_divide power maximum minimum fmax fmin mod fmod floor_divide arctan2 hypot
    logaddexp logaddexp2 equal not_equal greater greater_equal less less_equal logical_and logical_or logical_xor
    heaviside nextafter divide_no_nan isclose allclose outer append binary_crossentropy
""")
INT_PAIRS = words("""
    add subtract multiply divide maximum mod fmod floor_divide gcd lcm equal less power arctan2 bitwise_and
    bitwise_or bitwise_xor left_shift right_shift bitwise_left_shift bitwise_right_shift isin ldexp
""")
REDUCTIONS = words("""
    all any amax amin max min mean median prod std sum var ptp nanmax nanmin nanmean nanmedian nanprod nanstd nansum
    nanvar logsumexp
""")

ROWS = [
    *(row(name, X) for name in FLOAT_FUNCTIONS),
    *(
        row(name, EDGES)
        for name in [
            "abs",
            "sign",
            "floor",
            "round",
            "isnan",
            "isinf",
            "isfinite",
            "signbit",
            "nan_to_num",
            "relu",
            "exp",
            "tanh",
        ]
    ),
    *(row(name, P) for name in POSITIVE_FUNCTIONS),
    row("arccosh", P + 1),
    *(row(name, N) for name in INT_FUNCTIONS),
    *(row(name, B) for name in BOOL_FUNCTIONS),
    *(row(name, X, Y) for name in PAIRS if name not in ("power", "binary_crossentropy")),
    row("power", P, Y),
    row("binary_crossentropy", B.astype("float32"), P),
    *(row(name, N, M) for name in INT_PAIRS if name != "power"),
    row("power", M, M),
    row("ldexp", X, N),
    *(row(name, N, 2.5) for name in ["add", "subtract", "multiply", "divide", "maximum", "power", "greater"]),
    *(row(name, 2, X) for name in ["add", "subtract", "multiply", "divide", "minimum"]),
    *(row(name, [1, 2], [3.0, 4.0]) for name in ["add", "multiply", "dot"]),
    *(row(name, X, axis=axis, keepdims=keep) for name in REDUCTIONS for axis, keep in ((0, False), ((0, 1), True))),
    *(row(name, NANS, axis=1) for name in REDUCTIONS if name.startswith("nan")),
    *(row(name, X, axis=1, keepdims=True) for name in ("argmax", "argmin", "nanargmax", "nanargmin")),
    row("max", X, initial=1.5),
    row("min", X, axis=0, initial=-0.5),
    row("prod", N, dtype="float32"),
    row("mean", X.astype("float16"), axis=0),
    row("var", X.astype("float16")),
    row("sum", N.astype("uint8")),
    row("average", X, axis=1, weights=M),
    row("average", X, axis=0, weights=P),
    *(row(n, X, q, axis=a) for n in ("quantile", "nanquantile") for q, a in ((0.3, None), ([0.1, 0.8], 1))),
    *(row(n, X, 30, axis=0, keepdims=True) for n in ("percentile", "nanpercentile")),
    row("quantile", X, 0.5, method="nearest"),
    row("count_nonzero", N, axis=1),
    row("nancumsum", NANS, axis=0),
    row("nancumprod", NANS, axis=1),
    row("cumsum", N, axis=1, dtype="float32"),
    row("diff", X, n=2, axis=0),
    row("trapezoid", X, dx=0.5),
    row("trapezoid", X, Y, axis=0),
    row("clip", X, -1.0, 1),
    row("clip", N, 0, 2),
    row("clip", B, 0, 1),
    row("clip", X, None, 0.5),
    row("divide_no_nan", X, np.zeros_like(X)),
    row("round", X, decimals=2),
    row("round", N * 37, decimals=-1),
    row("nan_to_num", EDGES, nan=1.0, posinf=5.0, neginf=-5.0),
    row("isclose", EDGES, EDGES, equal_nan=True),
    row("isin", N, M, invert=True),
    row("sort", X, axis=0),
    row("argsort", X, axis=0),
    row("sort", X, axis=None),
    row("argpartition", np.array([4.0, 1.0, 3.0, 2.0], "float32"), 0),
    row("searchsorted", np.sort(X[0]), Y),
    row("searchsorted", np.sort(X[0]), Y, side="right"),
    row("digitize", X, np.array([-1.0, 0.0, 1.0], "float32")),
    row("bincount", M[0]),
    row("bincount", M, minlength=7),
    row("bincount", M, weights=P, minlength=6),
    row("histogram", X.ravel(), bins=5),
    row("histogram", X.ravel(), bins=4, range=(-1, 1)),
    row("unique", N),
    row("unique", N, return_counts=True, return_inverse=True),
    row("unique", N, size=9, fill_value=0),
    row("correlate", X[0], Y[0], mode="full"),
    row("slogdet", SQUARE),
    # Making.
    row("arange", 5),
    row("arange", 1, 7, 2),
    row("arange", 0, 1, 0.25),
    row("arange", 4, dtype="float32"),
    row("zeros", (2, 3)),
    row("ones", (2,), dtype="int32"),
    row("full", (2, 2), 3),
    row("full", (2,), np.array([1, 2]), dtype="int32"),
    row("eye", 3),
    row("eye", 2, 4, k=1, dtype="int32"),
    row("identity", 2),
    row("tri", 3, 4, k=1),
    row("empty", (0, 2)),
    row("array", [[1, 2]], dtype="float32"),
    row("zeros_like", N, dtype="float32"),
    row("full_like", X, 2),
    row("empty_like", X[:0]),
    row("linspace", 0.0, 1.0, num=5),
    row("linspace", X[0], Y[0], num=3, endpoint=False, axis=1),
    row("linspace", 0, 10, num=5, retstep=True),
    row("logspace", 0.0, 2.0, num=5),
    row("geomspace", 1.0, 100.0, num=5),
    row("meshgrid", X[0], Y[0, :2]),
    row("meshgrid", X[0], Y[0, :2], indexing="ij"),
    row("vander", X[0], 3, increasing=True),
    *(row(name, 6) for name in ["bartlett", "blackman", "hamming", "hanning"]),
    row("kaiser", 6, 3.0),
    # Shapes.
    row("reshape", X, (2, -1)),
    row("reshape", X, -1),
    row("transpose", PICTURES, (0, 3, 1, 2)),
    row("broadcast_to", X[0], (2, 4)),
    row("expand_dims", X, 1),
    row("expand_dims", X, (0, -1)),
    row("squeeze", X[None, :, None]),
    row("squeeze", X[None], axis=0),
    row("swapaxes", PICTURES, 1, 3),
    row("moveaxis", PICTURES, (0, 1), (2, 0)),
    row("flip", PICTURES, axis=(1, 2)),
    row("roll", X, 2),
    row("roll", X, (1, -1), axis=(0, 1)),
    row("rot90", X),
    row("rot90", PICTURES, k=3, axes=(1, 2)),
    row("tile", X, (2, 1)),
    row("repeat", X, 2),
    row("repeat", X, 3, axis=1),
    row("repeat", X, np.array([1, 0, 2]), axis=0),
    row("pad", X, ((1, 2), (0, 1))),
    row("pad", X, 1, constant_values=3.0),
    row("pad", X, ((1, 1), (2, 2)), mode="reflect"),
    row("pad", X, 1, mode="symmetric"),
    row("view", X, dtype="int32"),
    row("diag", X[0], k=1),
    row("diagflat", X, k=-1),
    row("diagonal", PICTURES, offset=1, axis1=1, axis2=2),
    row("trace", SQUARE, axis1=1, axis2=2),
    row("tril", SQUARE, k=-1),
    row("triu", SQUARE, k=1),
    row("nonzero", N),
    row("ravel", PICTURES),
    row("concatenate", [X, Y], axis=1),
    row("concatenate", [X, N]),
    row("stack", [X, Y], axis=-1),
    row("hstack", [X, Y]),
    row("vstack", [X, Y]),
    row("dstack", [X, Y]),
    row("append", X, Y, axis=1),
    row("split", X, 2, axis=1),
    row("split", X, [1, 3], axis=1),
    row("array_split", X, 3, axis=1),
    row("hsplit", X, 2),
    row("vsplit", X, 3),
    row("dsplit", STEPS, 2),
    row("unstack", X, axis=1),
    row("take", X, [0, 2], axis=0),
    row("take", X, ints(2, 2, low=0, high=4), axis=1),
    row("take", X, 5),
    row("take", X, [-1], axis=1),
    row("take_along_axis", X, ints(3, 2, low=0, high=4), axis=1),
    row("get_item", X, (slice(None), 1)),
    row("where", B, X, 0),
    row("where", B),
    row("where", B, 1, N),
    row("select", [X < 0, X > 1], [X, Y], default=9.0),
    row("unravel_index", np.array([3, 7]), (3, 4)),
    # Products.
    row("matmul", X, Y.T),
    row("matmul", SQUARE, SQUARE),
    row("matmul", N.astype("int8"), M.T.astype("int8")),
    row("matmul", X, N.T),
    row("einsum", "ij,kj->ik", X, Y),
    row("einsum", "bij,bjk->bk", SQUARE, SQUARE),
    row("dot", X, Y.T),
    row("dot", X, 2.0),
    row("inner", X, Y),
    row("kron", X, Y),
    row("vdot", X, Y),
    row("tensordot", SQUARE, SQUARE[0], axes=1),
    row("tensordot", PICTURES, floats(5, 4, 2), axes=((2, 3), (0, 1))),
    row("cross", X[:, :3], Y[:, :3]),
    # Core.
    row("cast", X, "int32"),
    row("cast", N, "bool"),
    row("cast", B, "float16"),
    row("convert_to_tensor", [1.5], dtype="float16"),
    row("convert_to_numpy", X),
    row("saturate_cast", np.array([-5.0, 3.7, 300.0], "float32"), "uint8"),
    row("saturate_cast", np.array([-1e12, 1e12], "float32"), "int32"),
    row("saturate_cast", N * 100, "int8"),
    row("scatter", np.array([[0, 1], [2, 0], [0, 1]]), np.array([1.0, 2.0, 3.0], "float32"), (3, 2)),
    *(
        row("scatter_update", X, [[0, 1], [2, 3]], np.array([5.0, -6.0], "float32"), reduction=r)
        for r in (None, "add", "mul", "min", "max")
    ),
    row("slice", X, (1, 1), (2, -1)),
    row("slice", X, (0, 2), (2, 2)),
    row("slice_update", X, (1, 2), np.zeros((2, 2), "float32")),
    row("cond", True, lambda: 1.0, lambda: 2.0),
    row("switch", 1, [lambda x: x, lambda x: x * 2], 3.0),
    row("fori_loop", 0, 5, lambda i, v: v + i, 1),
    row("while_loop", lambda i: i < 10, lambda i: i * 3, 1),
    row("while_loop", lambda i, x: i < 10, lambda i, x: (i + 1, x * 2), (0, 1.0), maximum_iterations=4),
    row("scan", lambda c, x: (c + x, c * x), 1.0, X[0]),
    row("scan", lambda c, x: (c + x, c), 0.0, X[0], reverse=True),
    row("associative_scan", lambda a, b: a + b, X, axis=1),
    row("associative_scan", lambda a, b: a * b, X, reverse=True),
    row("map", lambda x: x.sum(), X),
    row("vectorized_map", lambda x: x.sum(), X),
    row("rearrange", PICTURES, "b (h p) w c -> b h w (c p)", p=2),
    row("rearrange", PICTURES, "b h w c -> (b h) c w"),
    # Mathematics.
    row("segment_sum", X, np.array([0, 2, 0]), num_segments=3),
    row("segment_max", X, np.array([0, 1, 1]), num_segments=2, sorted=True),
    row("segment_min", X, np.array([0, 1, 1]), num_segments=2),
    row("segment_prod", X, np.array([0, 1, 0]), num_segments=2),
    row("top_k", X, 2),
    row("in_top_k", np.array([1, 0, 3]), X, 2),
    row("in_top_k", np.array([1, 0, 3]), NANS, 2),
    row("cdist", X, Y[:2]),
    row("fft", (X, Y)),
    row("fft2", (X, Y)),
    row("ifft2", (X, Y)),
    row("rfft", X),
    row("rfft", X, fft_length=8),
    row("irfft", (X, Y)),
    row("irfft", (X, Y), fft_length=5),
    row("extract_sequences", floats(2, 20), 5, 3),
    row("stft", floats(2, 40), 8, 3, 16),
    row("stft", floats(40), 6, 2, 8, window="hamming", center=False),
    row("stft", floats(40), 6, 2, 6, window=None),
    row("istft", (floats(2, 9, 9), floats(2, 9, 9)), 16, 4, 16, tolerance=1e-4),
    row("istft", (floats(9, 9), floats(9, 9)), 16, 4, 16, length=30, tolerance=1e-4),
    row("logdet", SYMMETRIC),
    row("view_as_complex", floats(3, 2)),
    row("view_as_real", COMPLEX),
    row("angle", COMPLEX),
    row("real", COMPLEX),
    row("conj", COMPLEX),
    row("polar", P, Y),
    row("logsumexp", X * 1000, axis=1),
    # Linear algebra.
    row("cholesky", SYMMETRIC),
    row("cholesky", SYMMETRIC, upper=True),
    row("cholesky_inverse", LOWER[0], tolerance=1e-4),
    row("cholesky_inverse", LOWER[0].T.copy(), upper=True, tolerance=1e-4),
    row("det", SQUARE),
    row("inv", SQUARE),
    row("eigh", SYMMETRIC, tolerance=1e-4),
    row("lu_factor", SQUARE),
    row("qr", SQUARE),
    row("qr", X, mode="complete"),
    row("solve", SQUARE, floats(2, 4, 3)),
    row("solve_triangular", LOWER, floats(2, 4, 3), lower=True, tolerance=1e-4),
    row("svd", X, full_matrices=False),
    row("svd", X, compute_uv=False),
    row("lstsq", X.T.copy(), Y.T.copy(), tolerance=1e-4),
    row("matrix_rank", SQUARE),
    row("pinv", X, tolerance=1e-4),
    row("norm", X, ord=1, axis=1),
    row("norm", X, ord="fro"),
    row("norm", X, ord=np.inf, axis=0, keepdims=True),
    row("norm", X, axis=(0, 1)),
    # Networks.
    row("leaky_relu", X, negative_slope=0.3),
    row("elu", X, alpha=0.5),
    row("celu", X, alpha=2.0),
    row("gelu", X, approximate=False),
    row("glu", X, axis=1),
    row("squareplus", X, b=1),
    row("hard_shrink", X, threshold=1.0),
    row("soft_shrink", X, threshold=0.1),
    row("threshold", X, 0.5, -1.0),
    row("softmax", X, axis=0),
    row("softmax", X, axis=None),
    row("softmax", PICTURES, axis=(1, 2)),
    row("log_softmax", X, axis=0),
    row("one_hot", M, 5),
    row("one_hot", N, 3, axis=0, dtype="int32"),
    row("multi_hot", M, 5),
    row("multi_hot", M[0], 6),
    row("moments", PICTURES, axes=(0, 1, 2)),
    row("moments", X.astype("float16"), axes=[0], keepdims=True),
    row("batch_normalization", PICTURES, X[0], P[0], 3),
    row("batch_normalization", FIRST, X[0], P[0], 1, Y[0], P[1], epsilon=0.1),
    row("layer_normalization", PICTURES, gamma=P[0], beta=X[0]),
    row("layer_normalization", PICTURES, axis=(2, 3), epsilon=0.1),
    row("rms_normalization", PICTURES, scale=P[0], epsilon=1e-3),
    row("rms_normalization", STEPS, axis=1),
    row("normalize", X, axis=0),
    row("normalize", X, order=1),
    row("normalize", X, order=3, axis=1),
    row("normalize", np.zeros((2, 3), "float32")),
    row("psnr", P, P + 0.1, 1.0),
    row("binary_crossentropy", B.astype("float32"), X, from_logits=True),
    row("categorical_crossentropy", P, P[::-1].copy()),
    row("categorical_crossentropy", P, X, from_logits=True),
    row("categorical_crossentropy", P, P[::-1].copy(), axis=0),
    row("sparse_categorical_crossentropy", M[:, 0] - 1, P),
    row("sparse_categorical_crossentropy", M[:, :1] - 1, X, from_logits=True),
    row("conv", PICTURES, floats(3, 2, 4, 3)),
    row("conv", PICTURES, floats(3, 3, 4, 3), strides=2, padding="same"),
    row("conv", PICTURES, floats(3, 2, 4, 3), dilation_rate=(1, 2)),
    row("conv", PICTURES, floats(3, 3, 2, 6), padding="same"),
    row("conv", FIRST, floats(3, 3, 4, 3), data_format="channels_first"),
    row("conv", STEPS, floats(3, 4, 2)),
    row("conv", VOLUME, floats(2, 2, 2, 2, 3)),
    row("depthwise_conv", PICTURES, floats(3, 3, 4, 2), padding="same"),
    row("depthwise_conv", STEPS, floats(3, 4, 1), strides=2),
    row("separable_conv", PICTURES, floats(3, 3, 4, 2), floats(1, 1, 8, 3)),
    *(
        row("conv_transpose", PICTURES, floats(3, 2, 3, 4), strides=s, padding=p, output_padding=o)
        for s, p, o in (
            (1, "valid", None),
            (2, "same", None),
            (3, "valid", None),
            (2, "same", 1),
            (2, "valid", 1),
            ((1, 2), "same", None),
        )
    ),
    row("conv_transpose", STEPS, floats(5, 3, 4), dilation_rate=2, padding="same"),
    row("conv_transpose", FIRST, floats(2, 2, 3, 4), strides=2, data_format="channels_first"),
    *(
        row(n, PICTURES, 2, padding=p, strides=s)
        for n in ("max_pool", "average_pool")
        for p, s in (("valid", 2), ("same", (2, 1)), ("same", 1))
    ),
    row("max_pool", STEPS, 3, strides=2),
    row("average_pool", VOLUME, (2, 2, 1), strides=2),
    row("average_pool", FIRST, (3, 2), strides=1, data_format="channels_first"),
    *(row(n, PICTURES, (4, 3)) for n in ("adaptive_average_pool", "adaptive_max_pool")),
    *(row(n, STEPS, 3) for n in ("adaptive_average_pool", "adaptive_max_pool")),
    row("adaptive_max_pool", VOLUME, (2, 3, 3)),
    row("unfold", FIRST, 3),
    row("unfold", FIRST, (2, 3), dilation=2, padding=1, stride=(1, 2)),
    row("fold", floats(2, 3 * 4, 9), (6, 6), 2, stride=2),
    row("fold", floats(1, 2 * 6, 25), (4, 5), (2, 3), padding=(1, 1)),
    *(row("depth_to_space", x, 2, data_format=f) for x, f in ((PICTURES, "channels_last"), (FIRST, "channels_first"))),
    *(
        row("space_to_depth", x, 2, data_format=f)
        for x, f in ((PICTURES[:, :, :4], "channels_last"), (FIRST[..., :4], "channels_first"))
    ),
    row("dot_product_attention", Q, floats(2, 6, 4, 8), floats(2, 6, 4, 8)),
    row("dot_product_attention", Q, K, V, scale=0.5),
    row("dot_product_attention", Q, Q, Q, is_causal=True),
    row("dot_product_attention", Q, Q, Q, mask=np.tril(np.ones((2, 1, 5, 5), bool)), bias=floats(2, 4, 5, 5)),
    row("ctc_loss", ints(3, 4, low=1, high=5), floats(3, 12, 6), np.array([4, 2, 3]), np.array([12, 9, 10]), tolerance=1e-4),
    row("ctc_loss", np.array([[1, 1, 2], [3, 3, 3]]), floats(2, 9, 4), np.array([3, 3]), np.array([9, 7]), tolerance=1e-4),
    row("ctc_decode", floats(3, 8, 4), np.array([8, 5, 3])),
    row("ctc_decode", floats(2, 8, 4), np.array([8, 5]), merge_repeated=False, mask_index=2),
    row("ctc_decode", floats(3, 6, 4), np.array([6, 4, 2]), strategy="beam_search", beam_width=10, top_paths=4),
    row("ctc_decode", floats(2, 5, 3), np.array([5, 1]), strategy="beam_search", beam_width=3, top_paths=2, mask_index=2),
    # Pictures.
    row("image.rgb_to_grayscale", COLOURS),
    row("image.rgb_to_grayscale", (COLOURS * 255).astype("uint8")),
    row("image.rgb_to_hsv", COLOURS),
    row("image.hsv_to_rgb", COLOURS),
    row("image.rgb_to_hsv", np.moveaxis(COLOURS, -1, 1), data_format="channels_first"),
    *(row("image.resize", COLOURS, (7, 4), interpolation=i) for i in ("nearest", "bilinear", "bicubic", "lanczos3")),
    row("image.resize", COLOURS, (3, 3), antialias=True),
    *(row("image.resize", BYTES, (9, 4), interpolation=i) for i in ("nearest", "bilinear", "bicubic", "lanczos5")),
    row("image.resize", BYTES.astype("int32") - 100, (9, 4), pad_to_aspect_ratio=True, fill_value=3),
    row("image.resize", BYTES, (9, 4), pad_to_aspect_ratio=True, fill_value=127.5),
    *(row("image.resize", COLOURS > 0.5, (9, 4), interpolation=i, pad_to_aspect_ratio=True) for i in ("nearest", "bicubic")),
    row("image.resize", COLOURS, (8, 4), crop_to_aspect_ratio=True),
    row("image.resize", COLOURS, (8, 4), pad_to_aspect_ratio=True, fill_value=0.5),
    row("image.resize", COLOURS[0], (4, 9), pad_to_aspect_ratio=True),
    row("image.resize", np.moveaxis(COLOURS, -1, 1), (4, 9), crop_to_aspect_ratio=True, data_format="channels_first"),
    row("image.crop_images", COLOURS, top_cropping=1, left_cropping=2, target_height=3, target_width=3),
    row("image.crop_images", COLOURS, bottom_cropping=1, right_cropping=0, target_height=3, target_width=3),
    row("image.pad_images", COLOURS, top_padding=1, left_padding=2, target_height=8, target_width=9),
    row("image.pad_images", COLOURS[0], top_padding=1, left_padding=2, bottom_padding=0, right_padding=3),
    row("image.extract_patches", COLOURS, 2),
    row("image.extract_patches", COLOURS, (3, 2), strides=1, padding="same"),
    row("image.extract_patches_3d", VOLUME, 2),
    row("image.map_coordinates", X, RNG.uniform(-1, 4, (2, 5)).astype("float32"), 1, fill_mode="nearest"),
    row("image.map_coordinates", X, RNG.uniform(0, 3, (2, 5)).astype("float32"), 0),
    *(
        row(
            "image.affine_transform",
            COLOURS,
            np.array([[1.1, 0.2, -1, -0.1, 0.9, 0.5, 0, 0]] * 2, "float32"),
            interpolation=i,
            fill_mode=m,
            tolerance=1e-4,
        )
        for i, m in (("bilinear", "constant"), ("nearest", "reflect"), ("bilinear", "wrap"))
    ),
    row("image.scale_and_translate", X, (5, 6), [1.5, 1.5], [0.5, -0.5], (0, 1), "linear"),
    row("image.gaussian_blur", COLOURS, (3, 5), (0.8, 1.5), data_format="channels_last"),
    row("image.sobel_edges", COLOURS),
    *(
        row("image.perspective_transform", COLOURS, *CORNERS_OF_TWO, interpolation=i, fill_value=0.3, tolerance=1e-4)
        for i in ("bilinear", "nearest")
    ),
    row("image.perspective_transform", np.moveaxis(COLOURS, -1, 1)[0], *CORNERS, data_format="channels_first", tolerance=1e-4),
    row("image.elastic_transform", COLOURS, alpha=0.0, sigma=1.0, tolerance=1e-5),
    row("image.ssim", COLOURS, COLOURS[::-1], filter_size=3, tolerance=1e-4),
    row("image.ssim", COLOURS[0], COLOURS[1], max_val=2.0, filter_size=5, filter_sigma=0.8, k1=0.1, tolerance=1e-4),
]


def find(library, name):
    for part in name.split("."):
        library = getattr(library, part)
    return library


def leaves(value):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(value)]


@pytest.fixture(scope="module")
def asked(request):
    """The rows that are run."""
    alike = (item for item in request.session.items if getattr(item, "originalname", "") == "test_function_equals_keras")
    return frozenset(item.callspec.id for item in alike)


# Their results are no arrays, or have shapes that depend on values.
EAGER = {"bincount", "convert_to_numpy", "dtype", "shape", "ndim", "histogram", "nonzero", "unique", "matrix_rank"}


@functools.cache
def results(library, asked):
    """What every row that is asked for gives, by its id. One program for all compiles four times as fast as one for each."""
    rows = {case.id: case.values for case in ROWS if case.id in asked and case.values[0] not in EAGER}
    given = {key: jax.tree.flatten((args, kwargs)) for key, (_, args, kwargs, _) in rows.items()}
    arrays = {key: [v if isinstance(v, np.ndarray) else None for v in values] for key, (values, _) in given.items()}

    def run(arrays):
        found = {}
        for key, (name, *_) in rows.items():
            values, structure = given[key]
            filled = [v if a is None else a for v, a in zip(values, arrays[key], strict=True)]
            args, kwargs = jax.tree.unflatten(structure, filled)
            # A row that cannot be traced says why when it is run by itself.
            with contextlib.suppress(Exception):
                found[key] = jax.tree.map(jnp.asarray, find(library, name)(*args, **kwargs))
        return found

    return jax.jit(run)(arrays)


def result(library, asked, case, name, args, kwargs):
    found = results(library, asked).get(case)
    return leaves(find(library, name)(*args, **kwargs) if found is None else found)


@pytest.mark.parametrize("name, args, kwargs, tolerance", ROWS)
def test_function_equals_keras(request, asked, name, args, kwargs, tolerance):
    case = request.node.callspec.id
    on_device = [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
    ours = result(kerata.ops, asked, case, name, args, kwargs)
    theirs = result(keras.ops, asked, case, name, on_device, kwargs)
    assert len(ours) == len(theirs)
    for our, their in zip(ours, theirs, strict=True):
        assert our.shape == their.shape and our.dtype == their.dtype, (our.dtype, their.dtype)
        if our.dtype.kind in "US":
            assert our == their
        else:
            wide = [a.astype("complex128" if a.dtype.kind == "c" else "float64") for a in (our, their)]
            scale = 50 if our.dtype == "float16" else 1
            np.testing.assert_allclose(*wide, rtol=tolerance * scale, atol=tolerance * scale)


def test_every_function_of_keras_is_there_with_its_arguments():
    rows = {case.values[0] for case in ROWS}
    untested = {"eig", "custom_gradient", "jvp", "vectorize", "is_tensor", "sparsemax"}
    for name, function in vars(keras.ops).items():
        if name.startswith("_") or inspect.ismodule(function):
            continue
        ours, theirs = (list(inspect.signature(f).parameters.values()) for f in (getattr(kerata.ops, name), function))
        assert [(p.name, p.default) for p in ours] == [(p.name, p.default) for p in theirs], name
        assert getattr(kerata.ops, name).__doc__ and getattr(kerata.ops, name).__name__ in (name, "silu", "hard_silu")
        assert name in rows | untested, f"no row for {name}"


SYMBOLIC = [
    row("add", (None, 4), (4,)),
    row("matmul", (None, 3), (3, 5)),
    row("sum", (None, 3, 4), axis=-1),
    row("reshape", (None, 6), (-1, 2, 3)),
    row("concatenate", [(None, 2), (None, 3)], axis=-1),
    row("softmax", (None, 5)),
    row("split", (None, 6), 3, axis=-1),
    row("mean", (None, 8, 8, 3), axis=(1, 2)),
    row("conv", (None, 8, 8, 3), np.ones((3, 3, 3, 5), "float32")),
    row("argmax", (None, 4), axis=-1),
    row("max_pool", (None, None, 8, 3), 2),
    row("one_hot", (None,), 4),
    row("expand_dims", (None, 3), 1),
    row("cast", (None, 3), "int32"),
    row("transpose", (None, 2, 3), (0, 2, 1)),
    row("where", (None, 3), (None, 3), 0.0),
    row("norm", (None, 3), axis=1),
    row("relu", (None, 3)),
    row("image.resize", (None, 8, 8, 3), (4, 5)),
    row("top_k", (None, 8), 2),
    row("unstack", (None, 3), axis=1),
    row("moments", (None, 4), axes=[1]),
]


@pytest.mark.parametrize("name, args, kwargs, tolerance", SYMBOLIC)
def test_symbolic_shapes_equal_keras(name, args, kwargs, tolerance):
    def symbols(make):
        def convert(value):
            if (isinstance(value, tuple) and None in value) or (
                value in ((4,), (3, 5)) and args.index(value) == 1 and name in ("add", "matmul")
            ):
                return make(shape=value, dtype="int32" if name == "one_hot" else "float32")
            return [convert(v) for v in value] if isinstance(value, list) and isinstance(value[0], tuple) else value

        return [convert(arg) if not isinstance(arg, np.ndarray) else arg for arg in args]

    ours = jax.tree.leaves(find(kerata.ops, name)(*symbols(SymbolicTensor), **kwargs))
    theirs = keras.tree.flatten(find(keras.ops, name)(*symbols(keras.KerasTensor), **kwargs))
    assert [(o.shape, o.dtype) for o in ours] == [(tuple(t.shape), t.dtype) for t in theirs]


ACTIVATIONS = sorted(set(dir(keras.activations)) - {"get", "serialize", "deserialize", "threshold", "sparsemax"})


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if not n.startswith("_")])
def test_activation_and_its_gradient_equal_keras(name):
    ours, theirs = kerata.activations.get(name), keras.activations.get(name)
    x, weights = floats(5, 6, low=-4, high=4), floats(5, 3 if name == "glu" else 6)
    np.testing.assert_allclose(ours(x), theirs(x), rtol=1e-5, atol=1e-6)
    gradients = [jax.grad(lambda x, f=f: jnp.sum(f(x) * weights))(jnp.asarray(x)) for f in (ours, theirs)]
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-6)
    assert kerata.activations.serialize(ours) == keras.activations.serialize(theirs)
    # Ours say their types as well.
    named = [[(p.name, p.kind, p.default) for p in inspect.signature(f).parameters.values()] for f in (ours, theirs)]
    assert named[0] == named[1]


RELUS = [
    {},
    {"max_value": 6},
    {"max_value": 1.0},
    {"negative_slope": 0.2},
    {"threshold": 0.5},
    {"threshold": -0.5},
    {"negative_slope": 0.2, "max_value": 1.0, "threshold": 0.5},
    {"negative_slope": 0.1, "max_value": 2.0},
]


@pytest.mark.parametrize("arguments", RELUS, ids=str)
def test_relu_equals_keras_for_all_arguments_as_numbers_and_as_traced_values(arguments):
    x = floats(40, low=-3, high=8)
    expected = keras.activations.relu(x, **arguments)
    np.testing.assert_allclose(kerata.activations.relu(x, **arguments), expected, atol=1e-6)
    np.testing.assert_allclose(jax.jit(lambda a: kerata.activations.relu(x, **a))(arguments), expected, atol=1e-6)


PENALTIES = [
    ("L1", {}),
    ("L1", {"l1": 0.5}),
    ("L2", {}),
    ("L2", {"l2": 3}),
    ("L1L2", {"l1": 0.1}),
    ("L1L2", {"l1": 0.1, "l2": 0.2}),
    ("OrthogonalRegularizer", {}),
    ("OrthogonalRegularizer", {"factor": 2.0, "mode": "columns"}),
]
PROJECTIONS = [
    ("MaxNorm", {}),
    ("MaxNorm", {"max_value": 0.5, "axis": 1}),
    ("NonNeg", {}),
    ("UnitNorm", {}),
    ("UnitNorm", {"axis": [0, 1]}),
    ("MinMaxNorm", {"min_value": 2.0, "max_value": 3.0}),
    ("MinMaxNorm", {"min_value": 0.2, "max_value": 0.7, "rate": 0.4, "axis": 1}),
]


@pytest.mark.parametrize(
    "room, name, arguments", [("regularizers", *p) for p in PENALTIES] + [("constraints", *p) for p in PROJECTIONS]
)
def test_penalty_or_projection_equals_keras(room, name, arguments):
    ours, theirs = (getattr(getattr(library, room), name)(**arguments) for library in (kerata, keras))
    np.testing.assert_allclose(ours(X), theirs(jnp.asarray(X)), rtol=1e-5, atol=1e-6)
    gradients = [jax.grad(lambda x, f=f: jnp.sum(f(x) * jnp.asarray(Y)))(jnp.asarray(X)) for f in (ours, theirs)]
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-6)
    written = [getattr(library, room).serialize(f) for library, f in ((kerata, ours), (keras, theirs))]
    assert str(written[0]["class_name"]) == written[1]["class_name"] and written[0]["module"] == written[1]["module"]
    for key, value in written[1]["config"].items():
        assert written[0]["config"][key] == pytest.approx(value)
    read = getattr(kerata, room).deserialize(written[1])
    np.testing.assert_allclose(read(X), ours(X), rtol=1e-6)


def test_sparsemax_is_the_nearest_point_of_the_simplex():
    # Not Keras's: its threshold sums partial sums, so that its rows do not sum to one (3.15.1, all backends).
    x = floats(50, 6)
    y = np.asarray(kerata.ops.sparsemax(x))
    np.testing.assert_allclose(y.sum(-1), 1, rtol=1e-5)
    assert (y >= 0).all() and (y == 0).any()
    thresholds = x - y
    for row_x, row_y, row_t in zip(x, y, thresholds, strict=True):
        inside = row_t[row_y > 0]
        np.testing.assert_allclose(inside, inside[0], rtol=1e-4, atol=1e-5)
        assert (row_x[row_y == 0] <= inside[0] + 1e-5).all()
    np.testing.assert_allclose(kerata.ops.sparsemax(x.T, axis=0), y.T, rtol=1e-5)


def test_to_categorical_and_normalize_equal_keras():
    for labels, classes in (([0, 2, 1], None), ([[0], [3]], 5), (np.array([[1, 0], [2, 2]]), None)):
        ours, theirs = (library.utils.to_categorical(labels, classes) for library in (kerata, keras))
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)
    for axis in (-1, 1):
        np.testing.assert_allclose(kerata.utils.normalize(X, axis), keras.utils.normalize(X, axis), rtol=1e-6)
    np.testing.assert_allclose(kerata.utils.normalize(jnp.asarray(X)), keras.utils.normalize(jnp.asarray(X)), rtol=1e-5)
