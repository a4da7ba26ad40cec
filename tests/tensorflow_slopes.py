"""Expressions whose values and slopes TensorFlow gave: `tools/tensorflow_numbers.py` records them.

Each line is evaluated with `tf`, `np` and the tensors of `NAMES`; slopes are those to the tensors of floats that it names.
"""

import re

NAMES = """
x = tf.constant(np.sin(np.arange(20) * 1.7).reshape(2, 10), tf.float32)
p = tf.constant(np.abs(np.sin(np.arange(6) * 1.1)).reshape(2, 3) + 0.1, tf.float32)
z = tf.constant([0.0, 2.0, -3.0])
u = tf.constant([0.3, 0.7])
v = tf.constant([1.0, 2.0])
d = tf.constant(np.cos(np.arange(8) * 0.9).reshape(4, 2), tf.float32)
m = tf.constant(np.cos(np.arange(9) * 1.3).reshape(3, 3), tf.float32)
s = tf.constant([[3.0, 0.5, 0.2], [0.5, 2.0, 0.3], [0.2, 0.3, 1.5]])
r = tf.constant(np.sin(np.arange(6) * 2.3).reshape(3, 2), tf.float32)
n = tf.constant(np.sin(np.arange(60) * 0.7).reshape(1, 5, 6, 2), tf.float32)
w = tf.constant(np.cos(np.arange(8) * 1.9).reshape(2, 2, 1, 2), tf.float32)
q = tf.constant(np.abs(np.sin(np.arange(108) * 0.37)).reshape(1, 6, 6, 3), tf.float32)
g = tf.constant((np.abs(np.sin(np.arange(108) * 0.37)) * 0.8 + 0.1 * np.cos(np.arange(108))).reshape(1, 6, 6, 3), tf.float32)
l = tf.constant(np.sin(np.arange(40) * 1.37).reshape(5, 2, 4), tf.float32)
c = tf.constant(np.sin(np.arange(32) * 0.83).reshape(1, 2, 2, 4, 2), tf.float32)
e = tf.constant(np.cos(np.arange(16) * 0.61).reshape(2, 2, 2, 1, 2), tf.float32)
k = tf.ragged.constant([[1.0, 2.0], [3.0]])
"""

CASES = """
[tf.norm(z, ord=1), tf.norm(z, 1, 0, True), tf.norm(z * 0.0, ord=np.inf), tf.norm(tf.abs(z[1:] - 1.0), ord=np.inf)]
[tf.norm(tf.linalg.diag(z), ord=1, axis=[0, 1]), tf.norm(m, np.inf, axis=(-2, -1), keepdims=True), tf.norm(x, 1, axis=-1)]
tf.math.reciprocal_no_nan(z)
tf.math.xdivy(z, tf.constant([0.0, 4.0, 3.0]))
tf.math.xlogy(z[:2], u)
tf.math.xlog1py(tf.constant([0.0, 2.0]), u - 0.3)
tf.math.lbeta(p)
tf.math.ndtri(u)
tf.math.polygamma(tf.constant([1.0, 2.0]), u)
tf.math.igamma(v, u)
tf.math.betainc(tf.constant([1.0, 2.0]), tf.constant([2.0, 3.0]), u)
tf.math.erfcinv(u)
tf.math.bessel_i0e(u)
tf.math.bessel_i1(u)
tf.math.special.expint(u)
tf.math.zeta(tf.constant([2.0, 3.0]), u)
tf.math.invert_permutation([2, 0, 1])
tf.math.is_strictly_increasing([1, 2, 2])
tf.math.segment_max(d, [0, 0, 2, 2])
tf.math.segment_min(d, [0, 0, 2, 2])
tf.math.segment_prod(d, [0, 0, 2, 2])
tf.math.unsorted_segment_max([1, 2, 3], [0, 0, 2], 3)
tf.math.unsorted_segment_min(d, [0, 0, 2, 2], 4)[::2]
tf.math.unsorted_segment_prod(d, [1, 0, 2, 1], 4)
tf.math.unsorted_segment_sqrt_n(d, [1, 0, 2, 1], 4)
tf.histogram_fixed_width([-1.0, 0.0, 1.5, 2.0, 5.0, 15.0], [0.0, 5.0], nbins=5)
tf.histogram_fixed_width_bins([-1.0, 0.0, 1.5, 2.0, 5.0, 15.0], [0.0, 5.0], nbins=5)
tf.truncatediv([7, -7], [2, 2])
tf.truncatemod([7, -7], [2, 2])
tf.tensor_scatter_nd_sub(z, [[0], [2]], u)
tf.tensor_scatter_nd_max(z, [[0], [2]], u)
tf.tensor_scatter_nd_min(z, [[0], [2]], u)
tf.dynamic_stitch([[0, 2], [1, 3]], [d[:2], d[2:]])
tf.dynamic_stitch([0, [1, 2]], [[1, 2], [[3, 4], [5, 6]]])
tf.bitcast(tf.constant([1.0, 2.0]), tf.int32)
tf.bitcast(tf.constant([[1, 0, 0, 0]], tf.uint8), tf.int32)
tf.unravel_index([5, 2], [3, 3])
tf.math.bincount([1, 2, 2, 5])
tf.math.bincount([[1, 2, 2], [0, 0, 1]], axis=-1)
tf.math.bincount([[1, 2, 2], [0, 0, 1]], axis=-1, binary_output=True)
tf.math.bincount([1, 2, 2], weights=[0.5, 1.0, 2.0])
tf.math.bincount([1, 2, 9], minlength=5, maxlength=6)
tf.linspace(0, 10, 5)
tf.linspace([0.0, 1.0], [1.0, 3.0], 3)
tf.linspace([0.0, 1.0], [1.0, 3.0], 3, axis=-1)
[tf.range(tf.constant(3.0)), tf.range(tf.constant(3, tf.int64)), tf.range(3.0), tf.range(0, 1, 0.5), tf.range(np.float64(2))]
tf.atan2(y=z, x=tf.constant([1.0, 2.0, 3.0]))
tf.constant([1, 2]) + True
tf.constant([1.0, 2.0]) * False
tf.linalg.triangular_solve(s, r)
tf.linalg.triangular_solve(s, r, lower=False, adjoint=True)
tf.linalg.solve(s + 0.1 * m, r, adjoint=True)
tf.linalg.cholesky_solve(tf.linalg.cholesky(s), r)
tf.linalg.eigvalsh(s)
tf.linalg.eigvalsh(m)
tf.linalg.eigh(m)[0]
tf.sort(tf.math.real(tf.linalg.eigvals(s)))
tf.linalg.expm(m * 0.3)
tf.linalg.sqrtm(s)
tf.linalg.logdet(s)
tf.linalg.slogdet(s + m)
tf.linalg.lstsq(s, r)
tf.linalg.lstsq(s[:2], r[:2], l2_regularizer=0.5)
tf.linalg.lu(tf.constant([[1.0, 2.0], [3.0, 4.0]]))
tf.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]])
tf.linalg.normalize(m, axis=1)
tf.linalg.tensor_diag(r)[2, 1]
tf.linalg.tensor_diag_part(m)
tf.linalg.diag(u, k=1)
tf.linalg.diag(u, k=-1, num_rows=4, padding_value=7.0)
tf.linalg.diag_part(m, k=1)
tf.linalg.set_diag(m, u, k=-1)
tf.linalg.matvec(m, z, transpose_a=True)
tf.linalg.adjoint(tf.constant([[1 + 2j, 3 + 0j]]))
tf.matmul(tf.constant([[1 + 2j, 3 + 0j]]), tf.constant([[1 + 2j, 3 + 0j]]), adjoint_b=True)
tf.transpose(tf.constant([[1 + 2j, 3 + 0j]]), conjugate=True)
tf.linalg.inv(s + 0.1 * m, adjoint=True)
tf.signal.frame(x, 4, 3, pad_end=True, pad_value=9.0)
tf.signal.frame(d, 2, 1, axis=0)
tf.signal.rfft(x)
tf.signal.rfft(tf.constant([[1.0, 2.0, 3.0]]), [6])
tf.signal.irfft(tf.complex(x, x * 2.0))
tf.signal.irfft(tf.constant([[1 + 0j, 2 + 0j, 3 + 1j]]), [7])
tf.signal.fft2d(tf.complex(x, x * 2.0))
tf.signal.rfft2d(x)
tf.signal.ifft(tf.complex(x, x * 2.0))
tf.signal.fftshift(x, axes=[1])
tf.signal.stft(x, frame_length=5, frame_step=2)
tf.abs(tf.signal.stft(x, 4, 2, fft_length=8, pad_end=True, window_fn=tf.signal.hamming_window))
tf.signal.inverse_stft(tf.signal.stft(x, 4, 2), 4, 2, window_fn=tf.signal.inverse_stft_window_fn(2))
[tf.signal.hann_window(5), tf.signal.hann_window(4), tf.signal.hann_window(4, periodic=False), tf.signal.hamming_window(4)]
[tf.signal.kaiser_window(6, beta=3.0), tf.signal.vorbis_window(4)]
tf.signal.overlap_and_add(d, 1)
tf.signal.dct(x[:1], type=1)
tf.signal.dct(x[:1], type=2, norm="ortho")
tf.signal.dct(x[:1], type=3, norm="ortho")
tf.signal.dct(x[:1], type=4, n=6)
tf.signal.idct(x[:1])
tf.signal.linear_to_mel_weight_matrix(6, 17, 8000, 80.0, 3000.0)
tf.signal.mfccs_from_log_mel_spectrograms(x)
tf.audio.decode_wav(tf.audio.encode_wav(tf.constant([[0.5], [-1.0], [1.0], [0.1]]), 8000))
tf.image.ssim(q, g, max_val=1.0, filter_size=5, filter_sigma=1.0)
tf.image.ssim_multiscale(q, g, 1.0, power_factors=(0.5, 0.5), filter_size=3)
tf.image.sobel_edges(n)
tf.image.resize_with_pad(n, 4, 8)
tf.image.resize_with_pad(n, 9, 7)
[tf.image.rgb_to_yuv(q[0, 0, :2]), tf.image.yuv_to_rgb(q[0, 0, :2])]
[tf.image.rgb_to_yiq(q[0, 0, :2]), tf.image.yiq_to_rgb(q[0, 0, :2])]
tf.image.draw_bounding_boxes(np.zeros((1, 5, 6, 1), "float32"), [[[-0.1, 0.2, 0.8, 1.9], [0.3, 0.3, 0.5, 0.6]]], [[0.7], [0.2]])
tf.nn.pool(n, [2, 2], "MAX", padding="SAME")
tf.nn.pool(n, [2, 2], "AVG", strides=[2, 2], padding="SAME")
tf.nn.pool(n, [2, 2], "MAX", padding="VALID", dilations=[2, 1])
tf.nn.pool(n[0], [3], "AVG", strides=[2], padding="SAME")
tf.nn.max_pool3d(c, [1, 1, 2, 2, 1], [1, 1, 2, 2, 1], "VALID")
tf.nn.max_pool_with_argmax(n, 2, 2, "SAME")
tf.nn.atrous_conv2d(n, tf.reshape(w, (2, 2, 2, 1)), 2, "SAME")
tf.nn.conv1d_transpose(n[0], w[0], [5, 12, 1], 2)
tf.nn.conv2d_transpose(n, w, [1, 10, 12, 1], 2)
tf.nn.conv3d_transpose(c, e, [1, 4, 4, 8, 1], [1, 2, 2, 2, 1])
tf.nn.lrn(n, depth_radius=1, bias=1.0, alpha=0.1, beta=0.75)
tf.nn.log_poisson_loss(tf.constant([1.0, 3.0]), u, compute_full_loss=True)
tf.nn.weighted_moments(x, [1], tf.constant([[0.5], [2.0]]))
tf.nn.compute_average_loss(v, sample_weight=u, global_batch_size=4)
tf.nn.ctc_loss([[1, 2], [3, 0]], l, [2, 1], [5, 4])
tf.nn.ctc_loss([[1, 2], [2, 0]], tf.transpose(l, [1, 0, 2]), [2, 1], [5, 4], logits_time_major=False, blank_index=-1)
tf.nn.ctc_loss(tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [1, 2, 2], [2, 2]), l, None, [5, 4], blank_index=-1)
tf.sparse.to_dense(tf.nn.ctc_greedy_decoder(l * 3.0, [5, 4])[0][0])
tf.nn.ctc_greedy_decoder(tf.tile([[[0.0, 3.0, 1.0]]], [3, 1, 1]), [3], merge_repeated=False)[0][0].values
tf.nn.ctc_beam_search_decoder(tf.constant(np.sin(np.arange(24) * 1.9).reshape(3, 2, 4), tf.float32), [3, 2], 5, 2)[1]
tf.nn.collapse_repeated([[1, 1, 2, 2], [3, 3, 3, 1]], [4, 3])
tf.sparse.to_dense(tf.sets.difference([[1, 2, 3]], [[2, 5, 6]], aminusb=False))
tf.foldr(lambda a, y: a * 2 + y, tf.constant([1, 2, 3]))
tf.scan(lambda a, y: a + y, tf.constant([1, 2, 3]), reverse=True)
tf.space_to_batch(tf.reshape(tf.range(32.0), (1, 4, 4, 2)), [2, 2], [[1, 1], [0, 2]])[3]
tf.space_to_batch_nd(d[None], [2], [[0, 0]])
tf.batch_to_space(tf.space_to_batch(n[:, :4], [2, 2], [[0, 0], [0, 0]]), [2, 2], [[1, 0], [0, 0]])
tf.broadcast_dynamic_shape([1, 3], [2, 1])
[(k + 1.0).to_tensor(), (k * k).to_tensor(), (2.0 - k).to_tensor(), tf.square(k).to_tensor(), (k > 1.0).to_tensor()]
[tf.reduce_sum(k, axis=1), tf.reduce_mean(k), tf.reduce_max(k, axis=-1), tf.concat([k, k], axis=1).to_tensor()]
"""


def names(tf, np):
    """The tensors that the cases use."""
    found = {"tf": tf, "np": np}
    exec(NAMES, found)
    return found


def recorded(case, known, tf, np):
    """[types, shapes and numbers of what a case gives, slopes of a sum of it]."""
    words = dict.fromkeys(re.findall(r"\b[a-z]\b", case))
    tensors = [known[word] for word in words if hasattr(known.get(word), "numpy") and word != "k"]
    with tf.GradientTape() as tape:
        for one in tensors:
            tape.watch(one)
        values = flat(eval(case, dict(known)))
        total = tf.constant(0.0)
        for value in values:
            if value.dtype.is_complex:
                value = tf.math.real(value) + 2.0 * tf.math.imag(value)
            if value.dtype.is_floating and value.dtype != tf.float64:
                weights = tf.constant(
                    np.sin(np.arange(int(np.prod(value.shape))) + 1.0).reshape(tuple(value.shape)), tf.float32
                )
                total = total + tf.reduce_sum(value * weights)
    slopes = tape.gradient(total, tensors) if tensors else []
    return [[plain(one, np) for one in values], [None if one is None else plain(one, np) for one in slopes]]


def flat(value):
    """What a case gives as a list of tensors."""
    return [one for part in value for one in flat(part)] if isinstance(value, (list, tuple)) else [value]


def plain(value, np):
    array = np.asarray(value.numpy())
    parts = np.stack([array.real, array.imag], -1) if array.dtype.kind == "c" else array
    numbers = [float(f"{one:.6g}") if isinstance(one, float) else one for one in parts.ravel().tolist()]
    return {"dtype": value.dtype.name, "shape": list(array.shape), "values": numbers}
