"""Expressions whose values TensorFlow gave: `tools/tensorflow_numbers.py` records them.

Each line is evaluated with `tf`, `np` and the tensors of `NAMES`.
"""

NAMES = """
a = tf.constant([[1.0, -2.0, 3.5], [0.5, 4.0, -1.0]])
b = tf.constant([[2.0, 0.5], [1.0, -1.0], [3.0, 2.0]])
p = tf.constant([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
i = tf.constant([[3, -1, 2], [7, 0, 5]])
t = tf.constant([[True, False, True], [False, False, True]])
s = tf.constant(["One two", "THREE, four!"])
w = tf.constant(np.linspace(-1, 2, 6).reshape(2, 3))
square = tf.constant([[4.0, 1.0], [1.0, 3.0]])
picture = tf.constant(np.arange(48).reshape(4, 4, 3) / 48.0, tf.float32)
bytes_picture = tf.constant(np.arange(48).reshape(4, 4, 3) * 5, tf.uint8)
batch = tf.constant(np.sin(np.arange(96)).reshape(2, 4, 4, 3), tf.float32)
kernel = tf.constant(np.cos(np.arange(54)).reshape(3, 3, 3, 2), tf.float32)
"""

CASES = """
a + 1
2 * a - a / 3
a ** 2
1 / a
a // 2
a % 3
i // 2
i % 3
i / 2
i ** 2
-a
abs(a)
a > 0
a == a
i != 3
t & True
~t
a[0]
a[:, 1]
a[..., None]
a[::-1, 1:]
a @ b
a + np.ones(3)
np.ones((2, 3)) * a
w * 2
tf.constant(1)
tf.constant(1.5)
tf.constant([1, 2], dtype=tf.float32)
tf.constant(np.array([1, 2]))
tf.constant(0.5, shape=(2, 2))
tf.constant("text")
tf.convert_to_tensor([[1.0], [2.0]])
tf.zeros((2, 3))
tf.ones([2], tf.int32)
tf.fill([2, 2], 7)
tf.zeros_like(i)
tf.ones_like(a, dtype=tf.int32)
tf.eye(3)
tf.range(5)
tf.range(2, 10, 3)
tf.range(0.0, 1.0, 0.25)
tf.linspace(0.0, 1.0, 5)
tf.cast(a, tf.int32)
tf.cast(i, tf.float32)
tf.cast(t, tf.float32)
tf.cast(w, tf.float32)
tf.shape(a)
tf.rank(a)
tf.size(a)
tf.reshape(a, [3, 2])
tf.reshape(a, (-1,))
tf.transpose(a)
tf.transpose(batch, perm=[0, 3, 1, 2])
tf.expand_dims(a, 0)
tf.squeeze(a[None, :, :, None])
tf.concat([a, a], axis=1)
tf.stack([a, a])
tf.unstack(a, axis=1)
tf.split(a, 3, axis=1)
tf.split(a, [1, 2], axis=1)
tf.tile(a, [1, 2])
tf.repeat(a, 2, axis=0)
tf.reverse(a, axis=[1])
tf.roll(a, shift=1, axis=1)
tf.slice(a, [0, 1], [2, 2])
tf.gather(a, [1, 0])
tf.gather(a, [2, 0], axis=1)
tf.gather(a, [[2], [0]], axis=1, batch_dims=1)
tf.gather_nd(a, [[0, 1], [1, 2]])
tf.boolean_mask(a, [True, False])
tf.where(a > 0, a, 0.0)
tf.where(t)
tf.clip_by_value(a, -1.0, 1.0)
tf.pad(a, [[1, 0], [0, 2]])
tf.pad(a, [[0, 0], [1, 1]], "REFLECT")
tf.one_hot([0, 2], 3)
tf.one_hot([0, 2], 3, on_value=5, off_value=-1)
tf.argmax(a, axis=1)
tf.argmin(a)
tf.argmax(a, 1, output_type=tf.int32)
tf.argsort(a, axis=1)
tf.sort(a, direction="DESCENDING")
tf.cumsum(a, axis=1)
tf.cumsum(a, axis=1, exclusive=True, reverse=True)
tf.reduce_sum(a)
tf.reduce_sum(i, axis=1)
tf.reduce_mean(a, axis=0, keepdims=True)
tf.reduce_mean(i)
tf.reduce_max(a, axis=[0, 1])
tf.reduce_min(i)
tf.reduce_prod(a, axis=1)
tf.reduce_any(t, axis=0)
tf.reduce_all(t)
tf.reduce_logsumexp(a, axis=1)
tf.math.reduce_std(a)
tf.math.reduce_variance(a, axis=1)
tf.add(a, 1.0)
tf.multiply(a, a)
tf.subtract(a, 2.0)
tf.divide(a, 4.0)
tf.maximum(a, 0.0)
tf.minimum(a, a[0])
tf.pow(a, 2.0)
tf.exp(a)
tf.math.log(p)
tf.sqrt(p)
tf.math.rsqrt(p)
tf.square(a)
tf.sign(a)
tf.sin(a)
tf.tanh(a)
tf.sigmoid(a)
tf.floor(a)
tf.math.ceil(a)
tf.round(tf.constant([0.5, 1.5, 2.5, -0.5]))
tf.math.erf(a)
tf.math.atan2(a, tf.ones_like(a))
tf.math.divide_no_nan(a, tf.zeros_like(a))
tf.math.squared_difference(a, 1.0)
tf.math.l2_normalize(a, axis=1)
tf.math.top_k(a, k=2)
tf.math.in_top_k([0, 1], a, 1)
tf.math.count_nonzero(i)
tf.math.cumprod(a, axis=1)
tf.math.is_nan(a)
tf.math.confusion_matrix([0, 1, 2], [0, 2, 2])
tf.math.bincount([1, 1, 3])
tf.math.segment_sum(a, [0, 0])
tf.math.add_n([a, a, a])
tf.logical_and(t, [True, True, False])
tf.logical_not(t)
tf.equal(i, 7)
tf.matmul(a, b)
tf.matmul(a, a, transpose_b=True)
tf.tensordot(a, b, axes=1)
tf.einsum("ij,jk->ik", a, b)
tf.norm(a)
tf.norm(a, axis=1)
tf.norm(a, ord=1, axis=1)
tf.linalg.det(square)
tf.linalg.inv(square)
tf.linalg.trace(square)
tf.linalg.diag([1.0, 2.0])
tf.linalg.diag_part(square)
tf.linalg.cholesky(square)
tf.linalg.solve(square, [[1.0], [2.0]])
tf.linalg.band_part(square, -1, 0)
tf.linalg.svd(square, compute_uv=False)
tf.linalg.matvec(square, [1.0, 2.0])
tf.sequence_mask([1, 3], 4)
tf.scatter_nd([[1], [3]], [5.0, 6.0], [4])
tf.tensor_scatter_nd_update([1.0, 2.0, 3.0], [[1]], [9.0])
tf.meshgrid([1, 2], [3, 4, 5])
tf.clip_by_norm(a, 1.0)
tf.clip_by_global_norm([a, b], 1.0)[1]
tf.stop_gradient(a)
tf.nn.relu(a)
tf.nn.leaky_relu(a)
tf.nn.elu(a)
tf.nn.selu(a)
tf.nn.gelu(a)
tf.nn.softplus(a)
tf.nn.swish(a)
tf.nn.softmax(a)
tf.nn.softmax(a, axis=0)
tf.nn.log_softmax(a)
tf.nn.softmax_cross_entropy_with_logits(labels=p, logits=a)
tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 2], logits=a)
tf.nn.sigmoid_cross_entropy_with_logits(labels=p, logits=a)
tf.nn.weighted_cross_entropy_with_logits(p, a, 2.0)
tf.nn.l2_loss(a)
tf.nn.l2_normalize(a, 1)
tf.nn.conv2d(batch, kernel, strides=1, padding="SAME")
tf.nn.conv2d(batch, kernel, strides=[1, 2, 2, 1], padding="VALID")
tf.nn.conv2d_transpose(batch[..., :2], kernel, [2, 8, 8, 3], 2)
tf.nn.depthwise_conv2d(batch, kernel, [1, 1, 1, 1], "SAME")
tf.nn.max_pool2d(batch, 2, 2, "VALID")
tf.nn.avg_pool2d(batch, 2, 1, "SAME")
tf.nn.moments(a, axes=[0])
tf.nn.embedding_lookup(b, [[0, 2]])
tf.nn.bias_add(a, [1.0, 2.0, 3.0])
tf.nn.local_response_normalization(batch, 1)
tf.nn.depth_to_space(tf.ones((1, 1, 1, 4)), 2)
tf.image.resize(picture, (2, 3))
tf.image.resize(picture, (7, 5))
tf.image.resize(picture, (7, 5), method="nearest")
tf.image.resize(bytes_picture, (3, 3))
tf.image.resize(picture, (2, 2), method="area")
tf.image.resize(picture, (8, 2), preserve_aspect_ratio=True)
tf.image.resize_with_pad(picture, 6, 4)
tf.image.resize_with_crop_or_pad(picture, 6, 2)
tf.image.central_crop(picture, 0.5)
tf.image.crop_to_bounding_box(picture, 1, 0, 2, 3)
tf.image.flip_left_right(picture)
tf.image.rot90(picture)
tf.image.adjust_brightness(picture, 0.2)
tf.image.adjust_contrast(picture, 2.0)
tf.image.adjust_contrast(bytes_picture, 2.0)
tf.image.adjust_saturation(picture, 0.5)
tf.image.adjust_hue(picture, 0.1)
tf.image.rgb_to_grayscale(picture)
tf.image.rgb_to_grayscale(bytes_picture)
tf.image.grayscale_to_rgb(picture[..., :1])
tf.image.rgb_to_hsv(picture)
tf.image.convert_image_dtype(bytes_picture, tf.float32)
tf.image.convert_image_dtype(picture, tf.uint8)
tf.image.per_image_standardization(picture)
tf.image.total_variation(picture)
tf.image.psnr(picture, picture * 0.9, 1.0)
tf.image.image_gradients(batch)[0]
tf.image.extract_patches(batch, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID")
tf.strings.lower(s)
tf.strings.length(s)
tf.strings.regex_replace(s, "[!,]", "")
tf.strings.split(s[0])
tf.strings.join(["a", "b"], "-")
tf.strings.to_number(["1.5", "2"])
tf.strings.substr(s, 0, 3)
tf.strings.reduce_join(["a", "b"])
tf.strings.as_string([1, 2])
tf.strings.unicode_split("abc", "UTF-8")
tf.unique([3, 1, 3, 2])[0]
tf.data.Dataset.range(10).window(3, shift=2, drop_remainder=True).flat_map(lambda d: d.batch(3))
tf.data.Dataset.range(7).batch(3)
tf.data.Dataset.range(7).batch(3, drop_remainder=True)
tf.data.Dataset.range(3).repeat(2)
tf.data.Dataset.range(6).skip(2).take(3)
tf.data.Dataset.from_tensor_slices([[1, 2], [3, 4]]).unbatch()
tf.data.Dataset.from_tensor_slices((a, i)).map(lambda x, y: x * tf.cast(y, tf.float32))
tf.data.Dataset.range(3).concatenate(tf.data.Dataset.range(2))
tf.data.Dataset.range(5).filter(lambda n: n % 2 == 0)
tf.data.Dataset.range(1, 4).map(lambda n: tf.ones([n])).padded_batch(3, padded_shapes=[None])
tf.data.Dataset.range(3).enumerate()
tf.data.Dataset.range(5).reduce(np.int64(0), lambda total, n: total + n)
tf.data.Dataset.range(2).interleave(lambda n: tf.data.Dataset.from_tensors(n).repeat(3), cycle_length=2, block_length=1)
tf.data.Dataset.range(3).cardinality()
"""


def names(tf, np):
    """The tensors that the cases use."""
    found = {"tf": tf, "np": np}
    exec(NAMES, found)
    return found


def plain(value, np):
    """[types and shapes, numbers] of what a case gives, in a form that JSON holds."""
    if hasattr(value, "as_numpy_iterator"):
        return [plain(one, np) for one in value]
    if isinstance(value, (list, tuple)):
        return [plain(one, np) for one in value]
    array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    kind = getattr(value.dtype, "name", None) or str(value.dtype)
    flat = [one.decode() if isinstance(one, bytes) else one for one in array.ravel().tolist()]
    return {
        "dtype": kind,
        "shape": list(array.shape),
        "values": [round(one, 6) if isinstance(one, float) else one for one in flat],
    }
