"""Rows that only fill a batch up: what is proved of them, and that nothing depends on them where they are used."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import kerata
from kerata import layers, ops
from kerata.engine import program
from kerata.engine.rows import why_rows_matter
from kerata.kernels.convolution import convolution
from kerata.kernels.pooling import average_pool, max_pool
from kerata.kernels.standardization import standardize
from kerata.kernels.sums import with_bias, with_scale


def prove(function, *shapes, valid=False, result="rows", batch=8, there=5):
    """What stands against a function of arrays with `batch` rows, and of which of them are there."""

    def arguments(size):
        rows = tuple(jax.ShapeDtypeStruct((size, *shape), "float32") for shape in shapes)
        return (*rows, jax.ShapeDtypeStruct((size,), "float32")) if valid else rows

    roles = ("rows",) * len(shapes) + (("valid",) if valid else ())
    return why_rows_matter(lambda *args: {result: function(*args)}, arguments, roles, batch, there)


@jax.custom_vjp
def shrunk(x):
    return x


shrunk.defvjp(lambda x: (x, None), lambda _, g: (g / jnp.mean(jnp.abs(g)),))


def two_sums(x, axis):
    add = lambda some, others: tuple(a + b for a, b in zip(some, others, strict=True))  # noqa: E731
    return jax.lax.reduce((x, x * x), (np.float32(0), np.float32(0)), add, (axis,))


def slope(function):
    return lambda x: jax.grad(lambda x: jnp.sum(function(x)))(x)


NHWC = ("NHWC", "HWIO", "NHWC")
APART = {
    "elementwise": (lambda x: jnp.tanh(x) * 2 + jnp.where(x > 0, x, 0), (3,)),
    "mean of a sample": (lambda x: x - jnp.mean(x, -1, keepdims=True), (3,)),
    "softmax": (lambda x: jax.nn.log_softmax(x), (3,)),
    "product": (lambda x: x @ jnp.ones((3, 2)), (3,)),
    "products of samples": (lambda x: jnp.einsum("btd,bsd->bts", x, x), (5, 3)),
    "steps first": (lambda x: jnp.swapaxes(jnp.swapaxes(x, 0, 1).reshape(-1, 3).reshape(5, -1, 3), 0, 1), (5, 3)),
    "heads": (lambda x: jnp.swapaxes(x.reshape(-1, 5, 2, 3), 1, 2).reshape(-1, 5, 3).reshape(-1, 2, 5, 3), (5, 6)),
    "loop over steps": (lambda x: jax.lax.scan(lambda s, v: (s + v, s), x[:, 0] * 0, jnp.swapaxes(x, 0, 1))[0], (5, 3)),
    "while": (lambda x: jax.lax.fori_loop(0, 3, lambda i, v: v * 2 + i, x), (3,)),
    "lookup": (lambda x: jnp.ones((7, 2))[x.astype(int)], (3,)),
    "own column": (lambda x: jnp.take_along_axis(x, jnp.argmax(x, 1, keepdims=True), 1), (3,)),
    "sorted sample": (lambda x: jnp.sort(x, 1), (3,)),
    "as the first sample": (lambda x: x - x[:1], (3,)),
    "as a part of the first sample": (lambda x: x - x.reshape(-1)[1:3].sum(), (3,)),
    "two sums at once": (lambda x: jnp.stack(two_sums(x, 1), -1), (3,)),
    "the first two": (lambda x: jnp.where(jnp.arange(x.shape[0])[:, None] < 2, x, 0), (3,)),
    "matrices": (lambda x: jnp.linalg.cholesky(jnp.einsum("bij,bkj->bik", x, x) + jnp.eye(3)), (3, 3)),
    "noise": (lambda x: x + jax.random.normal(jax.random.key(0), x.shape), (3,)),
    "window": (lambda x: jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 1), (1, 2, 1), "VALID"), (6, 3)),
    "branch": (lambda x: jax.lax.cond(jnp.ones(()) > 0, jnp.sin, jnp.cos, x), (3,)),
    "picture": (
        lambda x: jax.lax.conv_general_dilated(x, jnp.ones((2, 2, 3, 4)), (1, 1), "SAME", dimension_numbers=NHWC),
        (4, 4, 3),
    ),
    "convolution": (lambda x: convolution(x, jnp.ones((2, 2, 3, 4))), (4, 4, 3)),
    "gradient of a convolution": (slope(lambda x: convolution(x, jnp.ones((2, 2, 3, 4))) ** 2), (4, 4, 3)),
    "largest": (slope(lambda x: max_pool(x, (2, 2), (1, 1)) ** 2), (4, 4, 3)),
    "means": (slope(lambda x: average_pool(x, (2, 2), (1, 1)) ** 2), (4, 4, 3)),
    "bias": (lambda x: with_bias(x, jnp.ones(3)), (4, 3)),
    "scale": (lambda x: with_scale(x, jnp.ones((4, 3))), (2, 4, 3)),
    "rows": (slope(lambda x: standardize(x, 1e-3) ** 3), (4, 3)),
}
MIXED = {
    "samples as channels": (lambda x: convolution(jnp.moveaxis(x, 0, -1)[None], jnp.ones((2, 2, 1, 1)))[0, 0, 0], (4, 4)),
    "samples as a kernel": (lambda x: convolution(jnp.ones((1, 4, 4, 1)), jnp.moveaxis(x, 0, -1)[:, :, None])[0, 0, 0], (2, 2)),
    "gradient of a kernel": (
        lambda x: x * jax.grad(lambda w: jnp.sum(convolution(x, w) ** 2))(jnp.ones((2, 2, 3, 1)))[0, 0, 0, 0],
        (4, 4, 3),
    ),
    "samples as a scale": (lambda x: with_scale(jnp.ones((2, 2, x.shape[0])), x)[0, 0], ()),
    "samples along the rows": (lambda x: standardize(x.T, 1e-3).T, (3,)),
    "numbered": (lambda x: x / (7.0 - jnp.arange(x.shape[0])[:, None]), (3,)),
    "half": (lambda x: x * (x.shape[0] // 2), (3,)),
    "large batches": (lambda x: x * (0 if x.shape[0] < 6 else 1), (3,)),
    "mean": (lambda x: x - jnp.mean(x, 0), (3,)),
    "maximum": (lambda x: x / jnp.max(x, 0), (3,)),
    "softmax": (lambda x: jax.nn.softmax(x, 0), (3,)),
    "sort": (lambda x: jnp.sort(x, 0), (3,)),
    "flip": (lambda x: x[::-1], (3,)),
    "cumulative": (lambda x: jnp.cumsum(x, 0), (3,)),
    "neighbour": (lambda x: jnp.concatenate([x[1:], x[:1]], 0), (3,)),
    "size": (lambda x: x / x.shape[0], (3,)),
    "count": (lambda x: x / jnp.sum(jnp.ones_like(x)), (3,)),
    "last sample": (lambda x: x - x[-1:], (3,)),
    "more than the first sample": (lambda x: x - x.reshape(-1)[1:4].sum(), (3,)),
    "entries of samples that lie apart": (lambda x: x - x.T.reshape(-1)[:2].sum(), (3,)),
    "two sums over samples": (lambda x: x + two_sums(x, 0)[0], (3,)),
    "similarity": (lambda x: (x @ x.T) @ x, (3,)),
    "folded with the batch inside": (lambda x: jnp.swapaxes(x, 0, 1).reshape(-1, 5, 3), (5, 3)),
    "columns of the batch": (lambda x: x.reshape(2, -1, 3).swapaxes(0, 1).reshape(-1, 3), (3,)),
    "loop over samples": (lambda x: jax.lax.scan(lambda s, v: (s + v, s), jnp.zeros(3), x)[1], (3,)),
    "while it differs": (lambda x: jax.lax.while_loop(lambda v: jnp.sum(v) < 9, lambda v: v + 1, x), (3,)),
    "branch by the batch": (lambda x: jax.lax.cond(jnp.sum(x) > 0, jnp.sin, jnp.cos, x), (3,)),
    "gathered across": (lambda x: x[jnp.argsort(x[:, 0])], (3,)),
    "another program": (lambda x: jnp.sin(x) if x.shape[0] == 8 else jnp.cos(x), (3,)),
    "gradient of the user's own": (lambda x: shrunk(x), (3,)),
    "contrast": (lambda x: jnp.tensordot(x, x, ((0,), (0,)))[None] + 0 * x[:, :, None], (3,)),
    "a callback": (lambda x: jax.pure_callback(lambda v: v, jax.ShapeDtypeStruct(x.shape, x.dtype), x), (3,)),
}


@pytest.mark.parametrize("name", APART)
def test_rows_that_stay_apart_are_proved(name):
    function, shape = APART[name]
    assert prove(function, shape) is None


@pytest.mark.parametrize("name", MIXED)
def test_rows_that_meet_are_not(name):
    function, shape = MIXED[name]
    assert prove(function, shape) is not None


def over(x, valid):
    return jnp.where(valid[:, None] > 0, x, 0)


@pytest.mark.parametrize(
    ("function", "proved"),
    [
        (lambda x, v: jnp.sum(over(x, v)) / jnp.sum(v), True),
        (lambda x, v: jnp.sum(x * v[:, None], 0) / jnp.maximum(jnp.sum(v), 1), True),
        (lambda x, v: v @ x, True),
        (lambda x, v: jnp.max(jnp.where(v[:, None] > 0, x, -jnp.inf)), True),
        (lambda x, v: jnp.any((x > 0) & (v[:, None] > 0)), True),
        (lambda x, v: jnp.sum(jnp.square(over(x, v) - 0)), True),
        (lambda x, v: jnp.sum(jnp.square(over(x, v) - 1)), False),
        (lambda x, v: jnp.sum(jnp.exp(over(x, v))), False),
        (lambda x, v: jnp.sum(over(x, v)) / x.shape[0], False),
        (lambda x, v: jnp.mean(over(x, v)), False),
        (lambda x, v: jnp.max(over(x, v)), False),
        (lambda x, v: jnp.sum(over(x, v) / over(x, v)), False),
        (lambda x, v: jnp.sum(jnp.where(v[:, None] > 0, 0, x)), False),
        # The first sample fills nothing up.
        (lambda x, v: jnp.sum(x * v[0]), False),
        (lambda x, v: jnp.sum(x * over(x, v)[:1]), False),
        (lambda x, v: jnp.sum(over(x, v) * v[0]), True),
    ],
)
def test_sums_are_proved_where_padded_rows_count_nothing(function, proved):
    assert (prove(function, (3,), valid=True, result="fixed") is None) == proved


def test_a_proof_says_what_stands_against_it():
    assert prove(lambda x: x - jnp.mean(x, 0), (3,)) == "reduce_sum over samples"
    assert prove(lambda x: x / x.shape[0], (3,)) == "a number depends on the size of the batch"
    assert "own" in prove(lambda x: shrunk(x), (3,))


OVER_BATCH = {
    "mean": (lambda x: ops.mean(x, axis=0, keepdims=True), lambda x: x.mean(0, keepdims=True)),
    "max": (lambda x: ops.max(x, axis=0, keepdims=True), lambda x: x.max(0, keepdims=True)),
    "std": (lambda x: ops.std(x, axis=0, keepdims=True), lambda x: x.std(0, keepdims=True)),
    "sort": (lambda x: ops.sort(x, axis=0), lambda x: np.sort(x, 0)),
    "softmax": (lambda x: ops.softmax(x, axis=0), lambda x: np.exp(x) / np.exp(x).sum(0)),
    "flip": (lambda x: ops.flip(x, axis=0), lambda x: x[::-1]),
}


@pytest.mark.parametrize("name", OVER_BATCH)
def test_operations_over_the_batch_see_no_row_that_is_not_there(name):
    symbolic, exact = OVER_BATCH[name]
    inputs = kerata.Input((1,))
    model = kerata.Model(inputs, inputs - symbolic(inputs))
    x = np.array([[1.0], [2.0], [6.0]], "float32")
    expected = x - exact(x)
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-5)
    model.compile("sgd", "mse", metrics=["mae"])
    loss, mae = model.evaluate(x, np.zeros((3, 1)), verbose=0)
    np.testing.assert_allclose([loss, mae], [np.mean(expected**2), np.mean(np.abs(expected))], rtol=1e-5)
    history = model.fit(x, np.zeros((3, 1)), batch_size=2, shuffle=False, verbose=0).history
    parts = [part - exact(part) for part in (x[:2], x[2:])]
    np.testing.assert_allclose(history["loss"][0], np.mean(np.concatenate(parts) ** 2), rtol=1e-5)


@pytest.mark.parametrize("batch_size", [4, 8, 32])
def test_a_loss_that_compares_samples_is_of_its_own_batch(batch_size):
    x, y = np.arange(10, dtype="float32")[:, None], np.zeros((10, 1), "float32")
    model = kerata.Sequential([kerata.Input((1,)), layers.Dense(1)])
    model.compile("sgd", lambda true, pred: (error := ops.abs(true - pred - 1)[:, 0]) / ops.mean(error))
    np.testing.assert_allclose(model.evaluate(x, y, batch_size=batch_size, verbose=0), 1.0, rtol=1e-5)


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_step_that_is_all_masked_does_not_harm_the_last_batch(shuffle):
    rng = np.random.default_rng(0)
    x, y = rng.integers(1, 50, (64, 7)), rng.integers(0, 4, 64)
    model = kerata.Sequential(
        [layers.Embedding(50, 6, mask_zero=True), layers.GlobalAveragePooling1D(), layers.Dense(4, activation="softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy")
    losses = model.fit(x, y, batch_size=20, epochs=3, shuffle=shuffle, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0]


class Inverse(layers.Layer):
    """Finite for the data of the test, and for nothing else."""

    def call(self, inputs):
        return 1.0 / inputs


@pytest.mark.parametrize("source", ["arrays", "batches"])
def test_padded_rows_are_as_harmless_as_real_ones(source):
    x, y = np.full((10, 2), 2.0, "float32"), np.ones((10, 1), "float32")
    model = kerata.Sequential([kerata.Input((2,)), Inverse(), layers.Dense(1)])
    model.compile("sgd", "mse")
    if source == "arrays":
        history = model.fit(x, y, batch_size=4, epochs=3, verbose=0, shuffle=False, validation_data=(x, y)).history
    else:
        batches = [(x[i : i + 4], y[i : i + 4]) for i in range(0, 10, 4)]
        history = model.fit(iter(batches * 3), steps_per_epoch=3, epochs=3, verbose=0, validation_data=(x, y)).history
    assert np.isfinite([history["loss"], history["val_loss"]]).all()


class Scaled(layers.Layer):
    """A layer of a user's own that treats samples alike."""

    def build(self, input_shape):
        self.factor = self.add_weight((input_shape[-1],), "ones")

    def call(self, inputs):
        return ops.tanh(inputs) * self.factor


def sequence(*parts):
    return lambda: kerata.Sequential([kerata.Input((6,)), *[part() for part in parts], layers.Dense(1)])


MODELS = {
    "dense": sequence(lambda: layers.Dense(4, activation="relu")),
    "batch normalization": sequence(lambda: layers.Dense(4), layers.BatchNormalization, lambda: layers.Dropout(0.2)),
    "recurrent": sequence(lambda: layers.Reshape((3, 2)), lambda: layers.LSTM(3)),
    "own layer": sequence(Scaled, layers.BatchNormalization),
    "own function": sequence(lambda: layers.Lambda(lambda x: x * 2 - ops.mean(x, -1, keepdims=True))),
    "penalty on the output": sequence(lambda: layers.Dense(4, activity_regularizer="l2")),
    "pictures": sequence(
        lambda: layers.Reshape((3, 2, 1)),
        lambda: layers.Conv2D(3, 2, padding="same"),
        lambda: layers.MaxPooling2D(2, 1, padding="same"),
        lambda: layers.AveragePooling2D(2, 1, padding="same"),
        lambda: layers.Conv2DTranspose(2, 2),
        layers.Flatten,
    ),
    "normalized rows": sequence(
        lambda: layers.Reshape((3, 2)),
        lambda: layers.Dense(4),
        layers.LayerNormalization,
        lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 2), bias_axes="de"),
        lambda: layers.LayerNormalization(axis=(2, 3)),
        layers.RMSNormalization,
        layers.Flatten,
    ),
    "in every step": sequence(
        lambda: layers.Reshape((3, 2, 1, 1)),
        lambda: layers.TimeDistributed(layers.Conv2D(3, 1)),
        lambda: layers.TimeDistributed(layers.MaxPooling2D((2, 1))),
        layers.LayerNormalization,
        layers.Flatten,
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_any_number_of_samples_is_one_program(name):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(900, 6)).astype("float32"), rng.normal(size=(900, 1)).astype("float32")
    compiled = []
    for size in (64, 900, 70, 333, 41, 512, 100):
        model = MODELS[name]()
        model.compile("sgd", "mse", metrics=["mae"])
        model.fit(x[:size], y[:size], batch_size=32, epochs=2, verbose=0, validation_data=(x[: size // 2], y[: size // 2]))
        compiled.append(program.counts["compiled"])
    # Few samples are validated in smaller batches.
    assert compiled[-1] - compiled[0] <= 1, compiled


@pytest.mark.parametrize("name", MODELS)
def test_a_filled_batch_gives_what_a_whole_one_gives(name):
    """Ten samples in batches of four, beside the same three batches one by one."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(10, 6)).astype("float32"), rng.normal(size=(10, 1)).astype("float32")
    first, second = MODELS[name](), MODELS[name]()
    second.set_weights(first.get_weights())
    for model in (first, second):
        for layer in model.layers:
            if isinstance(layer, layers.Dropout):
                layer.rate = 0.0
        model.compile("sgd", "mse")
    loss = first.fit(x, y, batch_size=4, shuffle=False, verbose=0).history["loss"][0]
    parts = [second.train_on_batch(x[i : i + 4], y[i : i + 4]) for i in (0, 4, 8)]
    np.testing.assert_allclose(loss, np.average(parts, weights=[4, 4, 2]), rtol=1e-5)
    for a, b in zip(first.get_weights(), second.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_a_batch_larger_than_the_data_takes_no_more_memory_than_it():
    x, y = np.ones((5, 700), "float32"), np.ones((5, 1), "float32")
    model = kerata.Sequential([kerata.Input((700,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, y, batch_size=10**9, verbose=0)
    assert model.predict(x, batch_size=10**9, verbose=0).shape == (5, 1)


def test_programs_of_many_batch_sizes_are_forgotten():
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(1)])
    x = np.ones((40, 2), "float32")
    for size in range(1, 40):
        model.predict(x[:size], batch_size=size, verbose=0)
    assert len(model._programs_of_predict.programs) <= 16


def test_masked_batch_normalization_on_another_axis():
    """Moments of what is not masked, the mask belonging to the axes of the inputs."""
    x = np.random.default_rng(0).normal(size=(3, 4, 2)).astype("float32")
    mask = np.array([[1, 1, 0, 1], [1, 1, 1, 1], [1, 0, 0, 1]], bool)
    layer = layers.BatchNormalization(axis=1, momentum=0.0)
    layer(x, mask=mask, training=True)
    expected = [x[mask[:, step], step].mean() for step in range(4)]
    np.testing.assert_allclose(layer.moving_mean.numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(layer.moving_variance.numpy(), [x[mask[:, step], step].var() for step in range(4)], rtol=1e-5)


def half(true, pred):
    """The first half of a batch counts."""
    samples = pred.shape[0]
    return ops.mean((true - pred) ** 2, -1) * ops.cast(ops.arange(samples) < samples // 2, "float32")


def small(true, pred):
    """Batches of few samples do not count."""
    return ops.mean((true - pred) ** 2, -1) * (0.0 if pred.shape[0] < 4 else 1.0)


@pytest.mark.parametrize("loss", [half, small])
@pytest.mark.parametrize("batch_size", [4, 8, 32])
def test_losses_that_ask_for_the_size_of_the_batch(loss, batch_size):
    x, y = np.random.default_rng(0).normal(size=(2, 10, 1)).astype("float32")
    model = kerata.Sequential([kerata.Input((1,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile("sgd", loss, metrics=[loss])
    parts = [slice(first, min(first + batch_size, 10)) for first in range(0, 10, batch_size)]
    values = [np.mean(loss(jnp.asarray(y[part]), jnp.asarray(x[part]))) for part in parts]
    expected = np.average(values, weights=[part.stop - part.start for part in parts])
    np.testing.assert_allclose(model.evaluate(x, y, batch_size=batch_size, verbose=0), [expected] * 2, rtol=1e-5)


class Wide(layers.Layer):
    """Long sequences are centred over the samples."""

    def call(self, inputs):
        return inputs * 2 if inputs.shape[1] <= 4 else inputs - ops.mean(inputs, axis=0, keepdims=True)

    def compute_output_shape(self, input_shape):
        return input_shape


def test_what_is_known_of_one_shape_says_nothing_of_another():
    model = kerata.Sequential([Wide()])
    model.predict(np.ones((3, 4, 2), "float32"), verbose=0)
    x = np.random.default_rng(0).normal(size=(3, 6, 2)).astype("float32")
    np.testing.assert_allclose(model.predict(x, verbose=0), x - x.mean(0, keepdims=True), rtol=1e-5, atol=1e-6)


def test_padded_rows_make_no_pairs_that_are_not_there():
    """The distance of equal vectors has no gradient; the last sample's prediction is the first one's target."""
    x = np.array([[1.0], [2.0], [1.0], [2.0], [3.0], [0.0]], "float32")
    y = np.array([[2.0], [1.0], [3.0], [1.0], [0.0], [2.0]], "float32")
    model = kerata.Sequential([kerata.Input((1,)), layers.Dense(1, use_bias=False, kernel_initializer="ones")])
    model.compile("sgd", lambda true, pred: ops.sqrt(ops.sum((true - pred) ** 2, -1)))
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    assert np.isfinite(model.get_weights()[0]).all()


def test_values_for_something_else_than_samples():
    class First(kerata.losses.Loss):
        def call(self, y_true, y_pred):
            return ops.sum((y_true - y_pred) ** 2, -1)[:1]

    x, y = np.random.default_rng(0).normal(size=(2, 10, 2)).astype("float32")
    model = kerata.Sequential([kerata.Input((2,)), layers.Identity()])
    model.compile("sgd", First(reduction="sum"))
    expected = np.average([((x - y)[first] ** 2).sum() for first in (0, 8)], weights=[8, 2])
    np.testing.assert_allclose(model.evaluate(x, y, batch_size=8, verbose=0), expected, rtol=1e-5)


@pytest.mark.parametrize(("equation", "shape"), [("abc,cd->bad", (None, 2)), ("abc,cd->bd", (2,))])
def test_equations_that_move_the_samples(equation, shape):
    x = np.random.default_rng(0).normal(size=(3, 5, 4)).astype("float32")
    model = kerata.Sequential([kerata.Input((5, 4)), layers.EinsumDense(equation, shape)])
    expected = np.einsum(equation, x, model.get_weights()[0])
    np.testing.assert_allclose(model.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-6)


def test_a_tensor_of_one_axis_within_a_model():
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(1), layers.Reshape(()), layers.UnitNormalization()])
    np.testing.assert_allclose((model.predict(x, verbose=0) ** 2).sum(), 1.0, rtol=1e-5)


def test_validation_steps_take_the_same_samples_each_time():
    x, y = np.arange(20.0)[:, None], np.zeros((20, 1))
    model = kerata.Sequential([kerata.Input((1,)), layers.Dense(1, kernel_initializer="ones")])
    model.compile(kerata.optimizers.SGD(0.0), "mae")
    for steps, expected in ((1, 1.5), (9, 9.5)):
        history = model.fit(
            x, y, epochs=3, verbose=0, validation_data=(x, y), validation_steps=steps, validation_batch_size=4
        ).history
        np.testing.assert_allclose(history["val_loss"], expected, rtol=1e-6)


def test_predictions_can_be_written_to():
    model = kerata.Sequential([kerata.Input((2,)), layers.Dense(1)])
    for size in (10, 100):
        prediction = model.predict(np.ones((size, 2)), verbose=0)
        prediction[prediction > -9] = 1
        assert (prediction == 1).all()


ALONG_SAMPLES = {
    "softmax": lambda: layers.Softmax(axis=0),
    "softmax from the end": lambda: layers.Softmax(axis=-2),
    "layer normalization": lambda: layers.LayerNormalization(axis=0),
    "unit normalization": lambda: layers.UnitNormalization(axis=-2),
}


@pytest.mark.parametrize("name", ALONG_SAMPLES)
def test_built_in_layers_along_the_samples(name):
    """Along the axis of samples, a batch of three is one of three."""
    x = np.array([[1.0, 5.0], [2.0, 3.0], [6.0, 0.0]], "float32")
    layer = ALONG_SAMPLES[name]()
    inputs = kerata.Input(batch_shape=(3, 2)) if "layer" in name else kerata.Input((2,))
    model = kerata.Model(inputs, layer(inputs))
    np.testing.assert_allclose(model.predict(x, verbose=0), layer(x), rtol=1e-5)


def test_a_built_in_loss_along_the_samples():
    x, y = np.random.default_rng(0).normal(size=(2, 10, 3)).astype("float32")
    model = kerata.Sequential([kerata.Input((3,)), layers.Identity()])
    model.compile("sgd", kerata.losses.CosineSimilarity(axis=0), metrics=[kerata.metrics.CosineSimilarity(axis=0)])
    loss, measure = model.evaluate(x, y, batch_size=16, verbose=0)
    expected = (x * y).sum(0) / np.linalg.norm(x, axis=0) / np.linalg.norm(y, axis=0)
    np.testing.assert_allclose([loss, measure], [-expected.mean(), expected.mean()], rtol=1e-5)


def test_one_number_a_sample_has_no_other_axis():
    inputs = kerata.Input(())
    model = kerata.Model(inputs, layers.Softmax()(inputs))
    np.testing.assert_allclose(model.predict(np.zeros(3, "float32"), verbose=0), [1 / 3] * 3, rtol=1e-5)
