"""Parts of TensorFlow beside layers: slices of variables, checks, weights that are read before a model is called."""

import copy
import pickle
import warnings

import numpy as np
import pytest

from kerata import layers
from kerata.legacy import keras2, tfkeras2
from kerata.legacy.namespaces import tree_of
from kerata.legacy.tensorflow import names
from kerata.saving import FileError

MODULES = names.build("tfkeras2")
tf, debugging, keras = MODULES[""], MODULES["debugging"], tfkeras2


# Slices of variables


def test_parts_of_a_variable_are_assigned():
    v = tf.Variable([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    assert v[0, 1].assign(9.0) is v
    v[1].assign([7.0, 8.0, 9.0])
    v[:, 0].assign_add([10.0, 20.0])
    v[..., -1].assign_sub(tf.constant([1.0, 2.0]))
    np.testing.assert_array_equal(v.numpy(), [[11.0, 9.0, 2.0], [27.0, 8.0, 7.0]])
    v[tf.constant(0)].assign(tf.zeros(3))
    v[::-1][0].numpy()
    v[1, ::2].assign(0)
    np.testing.assert_array_equal(v.numpy(), [[0, 0, 0], [0, 8, 0]])
    whole = tf.Variable([1, 2, 3])
    whole[1].assign(whole[0] + 9)
    np.testing.assert_array_equal(whole.numpy(), [1, 10, 3])


def test_only_slices_of_variables_are_assigned():
    v = tf.Variable([1.0, 2.0])
    for tensor in (tf.constant([1.0]), v[0] + 1.0, v[0:2][0]):
        assert not hasattr(tensor, "assign")
        with pytest.raises(AttributeError, match=r"no attribute 'assign': variables and their slices have it, v\[0\]"):
            tensor.assign(1.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="out of bounds"):
        v[5].assign(1.0)


def test_a_slice_is_assigned_inside_a_program():
    class Rows(keras.layers.Layer):
        def build(self, shape):
            self.kept = self.add_weight(name="kept", shape=(3, 2), initializer="zeros", trainable=False)

        def call(self, x):
            self.kept[1].assign(tf.reduce_sum(x, axis=0))
            return x * 1.0

    model = keras.Sequential([Rows(input_shape=(2,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2), "float32"), np.ones((4, 1)), batch_size=4, verbose=0)
    np.testing.assert_array_equal(model.layers[0].kept.numpy(), [[0, 0], [4, 4], [0, 0]])


def test_a_gradient_goes_through_a_slice():
    v = tf.Variable([1.0, 2.0, 3.0])
    with tf.GradientTape() as tape:
        loss = v[1] * v[1]
    np.testing.assert_array_equal(tape.gradient(loss, v).numpy(), [0.0, 4.0, 0.0])


# Checks

# (name, arguments that pass, arguments that do not)
ASSERTIONS = [
    ("assert_near", (1.0, 1.0 + 1e-7), (1.0, 1.1)),
    ("assert_equal", ([1, 2], [1, 2]), ([1, 2], [1, 3])),
    ("assert_negative", (-1.0,), (0.0,)),
    ("assert_non_positive", (0.0,), (1.0,)),
    ("assert_greater", (2, 1), (1, 1)),
    ("assert_rank", (np.ones((2, 3)), 2), (np.ones(2), 2)),
    ("assert_rank_in", (np.ones(2), (1, 2)), (np.ones(2), (2, 3))),
    ("assert_rank_at_least", (np.ones((2, 3)), 1), (np.ones(2), 2)),
    ("assert_scalar", (np.float32(2),), (np.ones(2, "float32"),)),
    ("assert_type", (1.0, "float32"), (1, "float32")),
    ("assert_integer", (1,), (1.0,)),
    ("assert_all_finite", (1.0, "x"), (np.inf, "x")),
    ("Assert", ([True, True], ["x"]), ([True, False], ["x"])),
    ("assert_shapes", ([(np.ones((2, 3)), ("n", "d")), (np.ones(2), ("n",))],), ([(np.ones((2, 3)), ("n", "n"))],)),
    ("assert_shapes", ([(np.ones((2, 3, 4)), (2, ..., 4))],), ([(np.ones(2), (2, 3))],)),
]


@pytest.mark.parametrize(("name", "right", "wrong"), ASSERTIONS)
def test_checks_raise_where_they_should(name, right, wrong):
    function = getattr(debugging, name)
    function(*right)
    with pytest.raises((tf.errors.InvalidArgumentError, ValueError, TypeError)):
        function(*wrong)


def test_assert_near_has_room_as_it_is_told():
    debugging.assert_near([1.0, 100.0], [1.05, 101.0], rtol=0.0, atol=1.0)
    debugging.assert_near([100.0], [101.0], rtol=0.01, atol=0.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="mine"):
        debugging.assert_near([100.0], [102.0], rtol=0.01, atol=0.0, message="mine")
    assert debugging.is_numeric_tensor(tf.constant(1)) and not debugging.is_numeric_tensor([1])


# Weights before the first call


class Own(keras.Model):
    def __init__(self):
        super().__init__()
        self.words = keras.layers.Embedding(9, 3)
        self.last = keras.layers.Dense(2)

    def call(self, x):
        return self.last(tf.reduce_mean(self.words(x), axis=1))


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A model, its input and output, and files of its weights."""
    folder = tmp_path_factory.mktemp("weights")
    model, x = Own(), np.arange(12).reshape(3, 4) % 9
    y = model(x).numpy()
    for name in ("ckpt", "w.h5"):
        model.save_weights(str(folder / name))
    return folder, x, y


# The file was written before the model was compiled.
@pytest.mark.filterwarnings("ignore:.*the state was not read")
@pytest.mark.parametrize("name", ["ckpt"])
@pytest.mark.parametrize("way", ["call", "predict", "fit"])
def test_weights_are_there_once_a_model_is_used(saved, name, way):
    folder, x, y = saved
    model = Own()
    status = model.load_weights(str(folder / name))
    assert status.expect_partial() is status
    with pytest.raises(AssertionError, match="once the model is called"):
        status.assert_consumed()
    if way == "fit":
        model.compile(keras.optimizers.SGD(0.0), "mse")
        model.fit(x, y, verbose=0)
    found = model(x).numpy() if way == "call" else model.predict(x, verbose=0)
    np.testing.assert_allclose(found, y, rtol=1e-6)
    status.assert_consumed()
    np.testing.assert_allclose(model(x).numpy(), y, rtol=1e-6)


def test_weights_of_hdf5_do_not_wait(saved):
    """`tf_keras`: "Unable to load weights saved in HDF5 format into a subclassed Model"."""
    folder, x, y = saved
    model = Own()
    with pytest.raises(ValueError, match=r"created its variables, and this one has not yet.*Call the model on data first"):
        model.load_weights(str(folder / "w.h5"))
    model(x)
    model.load_weights(str(folder / "w.h5"))
    np.testing.assert_allclose(model(x).numpy(), y, rtol=1e-6)


class Two(keras.Model):
    def __init__(self):
        super().__init__()
        self.first, self.last = keras.layers.Dense(2), keras.layers.Dense(1)

    def call(self, inputs):
        return self.last(self.first(inputs))


def test_layers_that_are_built_by_hand_have_what_the_model_waits_for(tmp_path):
    x = np.ones((1, 3), "float32")
    model = Two()
    model(x)
    model.set_weights([np.full(w.shape, 0.5 + i) for i, w in enumerate(model.get_weights())])
    model.save_weights(str(tmp_path / "ckpt"))
    model = Two()
    model.load_weights(str(tmp_path / "ckpt"))
    # 3 * 0.5 + 1.5
    np.testing.assert_allclose(model.first(x).numpy(), [[3.0, 3.0]])
    model.layers[1].build((None, 2))
    np.testing.assert_allclose(model.layers[1].kernel.numpy(), [[2.5], [2.5]])
    # Given once: what the program changes stays, as in `tf_keras`.
    model.last.kernel.assign([[1.0], [1.0]])
    np.testing.assert_allclose(model(x).numpy(), [[9.5]])
    assert not any("_awaits" in vars(layer) for layer in model.layers)


def test_what_is_awaited_must_be_there_and_fit(saved):
    folder, x, _ = saved
    with pytest.raises(FileNotFoundError, match="no such file"):
        Own().load_weights(str(folder / "other"))

    class Other(Own):
        def __init__(self):
            super().__init__()
            self.last = keras.layers.Dense(5)

    model = Other()
    model.load_weights(str(folder / "ckpt"))
    with pytest.raises((FileError, ValueError), match="ckpt"):
        model(x)


def test_a_built_model_has_its_weights_at_once(saved):
    folder, x, y = saved
    model = Own()
    model(x)
    model.load_weights(str(folder / "ckpt")).assert_consumed().expect_partial()
    np.testing.assert_allclose(model(x).numpy(), y, rtol=1e-6)


# What is asked of functions


def test_numbers_do_not_become_texts():
    """A cast gave floats that said they were texts."""
    with pytest.raises(tf.errors.UnimplementedError, match=r"numbers do not become texts.*tf\.strings\.as_string"):
        tf.cast(tf.constant([1.0]), tf.string)
    assert tf.cast(tf.constant("a"), tf.string).numpy() == b"a"


def test_a_case_without_default_says_that_none_holds():
    assert tf.case([(tf.constant(False), lambda: 1), (tf.constant(True), lambda: 2)]) == 2
    with pytest.raises(tf.errors.InvalidArgumentError, match="no condition holds, and there is no default"):
        tf.case([(tf.constant(False), lambda: 1)])


def test_a_derivative_of_ones_own_may_be_said_with_brackets():
    @tf.custom_gradient()
    def twice(x):
        return x * 2.0, lambda upstream: upstream * 7.0

    x = tf.constant(3.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = twice(x)
    assert y.numpy() == 6.0 and tape.gradient(y, x).numpy() == 7.0


def test_the_latest_checkpoint_is_what_was_written_last(tmp_path):
    x, y = np.random.default_rng(0).random((20, 3)), np.ones((20, 1))

    def make():
        layers = [tfkeras2.layers.Dense(4, input_shape=(3,)), tfkeras2.layers.Dense(1)]
        model = tfkeras2.Sequential(layers)
        model.compile("adam", "mse")
        return model

    path, model = str(tmp_path / "cp-{epoch:04d}.ckpt"), make()
    assert tf.train.latest_checkpoint(str(tmp_path)) is None
    model.fit(x, y, epochs=2, verbose=0, callbacks=[tfkeras2.callbacks.ModelCheckpoint(path, save_weights_only=True)])
    # TensorFlow never called these checkpoints.
    model.save(str(tmp_path / "later.h5"))
    (tmp_path / "notes.ckpt").write_text("no weights")
    latest = tf.train.latest_checkpoint(str(tmp_path))
    assert latest == path.format(epoch=2)
    other = make()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        other.load_weights(latest)
    np.testing.assert_array_equal(other.predict(x), model.predict(x))
    # The optimizer goes on where it was.
    assert other.fit(x, y, verbose=0, shuffle=False).history == model.fit(x, y, verbose=0, shuffle=False).history
    checkpoint = tf.train.Checkpoint(model=model)
    assert checkpoint.save(str(tmp_path / "last")) == tf.train.latest_checkpoint(str(tmp_path))


def test_a_variable_is_shown_as_tensorflow_does():
    assert repr(tf.Variable(1.0)) == "<tf.Variable 'Variable:0' shape=() dtype=float32, numpy=1.0>"
    assert repr(tf.Variable([1, 2], name="v")) == "<tf.Variable 'v:0' shape=(2,) dtype=int32, numpy=array([1, 2], dtype=int32)>"


def test_a_checkpoint_gives_back_the_state_of_optimizers(tmp_path):
    class Net(tfkeras2.Model):
        def __init__(self, units):
            super().__init__()
            self.layer = tfkeras2.layers.Dense(units)

        def call(self, x):
            return self.layer(x)

    x = tf.constant(np.random.default_rng(0).normal(size=(6, 3)), tf.float32)

    def step(net, optimizer):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(net(x) ** 2)
        optimizer.apply_gradients(zip(tape.gradient(loss, net.trainable_variables), net.trainable_variables, strict=True))

    def make():
        nets = {"one": Net(2), "two": Net(4)}
        optimizers = {f"{name}_optimizer": tfkeras2.optimizers.Adam(0.1) for name in nets}
        return nets, optimizers, tf.train.Checkpoint(**optimizers, **nets, step=tf.Variable(0))

    nets, optimizers, checkpoint = make()
    for _ in range(3):
        for name, net in nets.items():
            step(net, optimizers[f"{name}_optimizer"])
    path = checkpoint.save(str(tmp_path / "c"))
    for built in (True, False):
        others, again, restored = make()
        if built:
            for net in others.values():
                net(x)
        restored.restore(path)
        if not built:
            with pytest.raises(AssertionError, match="nothing yet for these values"):
                restored.assert_consumed()
            for net in others.values():
                net(x)
        restored.assert_consumed()
        assert int(again["one_optimizer"].iterations.numpy()) == 3
        for name, net in others.items():
            before = nets[name].get_weights()
            step(net, again[f"{name}_optimizer"])
            step(nets[name], optimizers[f"{name}_optimizer"])
            for mine, right in zip(net.get_weights(), nets[name].get_weights(), strict=True):
                np.testing.assert_allclose(mine, right, rtol=1e-6)
            nets[name].set_weights(before)
        checkpoint.restore(path)


def test_a_tensor_of_one_element_is_a_number_whatever_its_axes():
    one = tf.constant([[3]])
    assert (bool(one == 3), bool(one == 4), int(one), float(one)) == (True, False, 3, 3.0)
    with pytest.raises(ValueError, match="truth value"):
        bool(tf.constant([1, 2]) == 1)
    with pytest.raises(TypeError, match="one element"):
        float(tf.constant([1.0, 2.0]))


def listed(found):
    return [one.numpy().tolist() for one in (found if isinstance(found, (list, tuple)) else [found])]


def test_places_orders_and_counts():
    rows = tf.reshape(tf.range(10), (2, 5))
    assert listed(tf.searchsorted([1.0, 3.0, 5.0], [0.0, 3.0, 4.0, 9.0])) == [[0, 1, 2, 3]]
    found = tf.searchsorted([[1, 3, 5], [2, 4, 6]], [[3, 4], [2, 9]], side="right", out_type=tf.int64)
    assert (listed(found), found.dtype) == ([[[2, 2], [1, 3]]], tf.int64)
    assert listed(tf.dynamic_partition([10, 20, 30, 40], [0, 1, 0, 2], 3)) == [[10, 30], [20], [40]]
    assert listed(tf.unique_with_counts([3, 1, 3, 3, 2])) == [[3, 1, 2], [0, 1, 0, 0, 2], [3, 1, 1]]
    assert listed(tf.reverse_sequence(rows, [2, 4], seq_axis=1, batch_axis=0)) == [[[1, 0, 2, 3, 4], [8, 7, 6, 5, 9]]]
    turned = tf.reverse_sequence(tf.reshape(tf.range(24), (3, 2, 4)), [2, 3], seq_axis=0, batch_axis=1).numpy()
    np.testing.assert_array_equal(turned[:, 0, 0], [8, 0, 16])
    np.testing.assert_array_equal(turned[:, 1, 0], [20, 12, 4])
    assert listed(tf.math.abs(tf.complex([3.0, 0.0], [4.0, 1.0]))) == [[5.0, 1.0]]
    sums = np.log(np.cumsum(np.exp([1.0, 2.0, 3.0])))
    np.testing.assert_allclose(tf.math.cumulative_logsumexp([1.0, 2.0, 3.0]).numpy(), sums, rtol=1e-6)
    after = tf.math.cumulative_logsumexp([[1.0, 2.0, 3.0]], axis=1, exclusive=True, reverse=True).numpy()[0]
    np.testing.assert_allclose(after, [np.log(np.exp(2) + np.exp(3)), 3.0, -np.inf], rtol=1e-6)
    assert listed(tf.ensure_shape([[1, 2]], (None, 2))) == [[[1, 2]]]
    assert listed(tf.math.bincount([1, 1, 3])) == [[0, 2, 0, 1]]
    x = tf.Variable([1.0, 2.0, 3.0, 4.0])
    with tf.GradientTape() as tape:
        y = tf.reduce_sum(tf.dynamic_partition(x * 2, [0, 1, 0, 1], 2)[0] ** 2)
    assert listed(tape.gradient(y, x)) == [[8.0, 0.0, 24.0, 0.0]]


def test_one_text_is_a_tensor_too():
    """What TensorFlow gives: tensors without axes, whose `numpy()` is the text."""
    x = tf.constant(["a b", "c"])
    assert isinstance(x[0], tf.Tensor) and x[0].shape == () and x[0].dtype == tf.string and x[0].numpy() == b"a b"
    assert [one.numpy() for one in x] == [one.numpy() for one in tf.unstack(x)] == [b"a b", b"c"]
    assert tf.expand_dims(x[0], -1).numpy().tolist() == [b"a b"] and tf.stack([x[1], x[0]]).numpy().tolist() == [b"c", b"a b"]
    assert tf.expand_dims("d", -1).numpy().tolist() == [b"d"] and tf.gather(x, 1).numpy() == b"c"
    assert tf.expand_dims(np.array(["d", "e"]), 1).numpy().tolist() == [[b"d"], [b"e"]]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: tf.tile(x, [2]), [b"a", b"b", b"c", b"a", b"b", b"c"]),
        (lambda x: tf.where([True, False, True], x, x[::-1]), [b"a", b"b", b"c"]),
        (lambda x: tf.fill([2], "a"), [b"a", b"a"]),
        (lambda x: tf.transpose(tf.stack([x, x])), [[b"a", b"a"], [b"b", b"b"], [b"c", b"c"]]),
        (lambda x: tf.broadcast_to("q", [2]), [b"q", b"q"]),
        (lambda x: tf.split(x, [1, -1])[1], [b"b", b"c"]),
        (lambda x: tf.split(x, 3)[2], [b"c"]),
    ],
)
def test_texts_are_laid_out_anew(function, expected):
    assert function(tf.constant(["a", "b", "c"])).numpy().tolist() == expected


@pytest.mark.parametrize("era", ["tfkeras2", "keras3"])
def test_what_a_normalization_learned_is_a_tensor(era):
    """In programs of then; today it is an array."""
    kind = layers.Normalization if era == "keras3" else tfkeras2.layers.Normalization
    layer = kind()
    layer.adapt(np.array([[1.0], [3.0]]))
    assert isinstance(layer.mean, tf.Tensor) == isinstance(layer.variance, tf.Tensor) == (era == "tfkeras2")
    assert np.asarray(layer.mean).tolist() == [[2.0]] and np.asarray(layer(np.array([[3.0]])))[0, 0] == 1.0
    assert np.allclose(tfkeras2.models.Sequential([layer]).predict(np.array([[3.0]]), verbose=0), 1.0)


class Stepping(keras.Model):
    """A model whose step counts, and changes weights in every third batch."""

    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)
        self.count, self.sign = tf.Variable(0, trainable=False), tf.Variable(0.0, trainable=False)
        self.loss_of_own = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        x, y = data
        self.count.assign_add(1)
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
        pairs = list(zip(tape.gradient(loss, self.trainable_variables), self.trainable_variables, strict=True))
        tf.cond(tf.equal(self.count % 3, 0), lambda: self.apply(pairs), lambda: None)
        found = tf.cond(self.count > 2, lambda: self.sign.assign_add(1.0), lambda: self.sign.assign_sub(10.0))
        return {"loss": loss, "sign": found}

    def apply(self, pairs):
        self.optimizer.apply_gradients(pairs)

    def test_step(self, data):
        x, y = data
        logits = tf.concat([self(x), 1.0 - self(x)], -1)
        return {"own": self.loss_of_own(y[:, 0], logits)}


def test_a_branch_that_is_not_taken_changes_nothing():
    model = Stepping()
    model.compile("sgd")
    model(np.ones((1, 2)))
    model.dense.set_weights([np.ones((2, 1)), np.zeros(1)])
    history = model.fit(np.ones((8, 2)), np.zeros((8, 1)), batch_size=1, verbose=0, shuffle=False).history
    # What tf_keras 2.21 gives: two updates in eight batches.
    np.testing.assert_allclose([history["loss"][0], history["sign"][0]], [3.1229958534240723, -14.0], rtol=1e-6)
    np.testing.assert_allclose(model.dense.get_weights()[0].ravel(), [0.9224, 0.9224], rtol=1e-6)
    assert model.count.numpy() == 8 and model.sign.numpy() == -14.0 and model.optimizer.iterations.numpy() == 2


def test_a_loss_is_called_in_a_step_of_evaluation():
    model = Stepping()
    model.compile("sgd")
    model(np.ones((1, 2)))
    model.dense.set_weights([np.ones((2, 1)), np.zeros(1)])
    found = model.evaluate(np.ones((8, 2)), np.zeros((8, 1)), verbose=0)
    np.testing.assert_allclose(found, np.log(1 + np.exp(-3.0)), rtol=1e-5)


def test_numbers_of_repetitions_in_a_list():
    assert tf.repeat([[1, 2], [3, 4]], repeats=[2]).numpy().tolist() == [1, 1, 2, 2, 3, 3, 4, 4]
    assert tf.repeat([1, 2], repeats=[1, 3]).numpy().tolist() == [1, 2, 2, 2]
    assert tf.repeat(5, 3).numpy().tolist() == [5, 5, 5]
    assert tf.repeat([[1, 2], [3, 4]], tf.constant([1, 2]), axis=0).numpy().tolist() == [[1, 2], [3, 4], [3, 4]]


def test_types_of_variables_answer_as_types_of_tensorflow():
    v = tf.Variable([1.0])
    assert v.dtype.base_dtype == tf.float32 and v.dtype == "float32" and v.dtype.is_floating
    assert tf.cast(1, v.dtype).dtype == tf.float32 and tf.Variable(np.int64(3)).dtype.base_dtype == tf.int64
    assert np.zeros(1, v.dtype).dtype == np.float32


@pytest.mark.parametrize(
    "path", ["optimizers.schedules", "saving", "experimental", "optimizer_v2.optimizer_v2", "utils.legacy"]
)
def test_modules_of_tf_keras(path):
    module = tree_of("tfkeras2").find(f"keras.{path}")
    assert module is not None and all(getattr(module, name) is not None for name in module.__all__)


def test_the_best_weights_come_back_at_the_end_of_training():
    """In `tf.keras`, whether it has stopped or not; Keras 2 brought them back where it had stopped."""
    for kind, comes_back in ((tfkeras2, True), (keras2, False)):
        model = kind.models.Sequential([kind.layers.Dense(1, input_shape=(1,), use_bias=False)])
        model.set_weights([np.array([[3.0]], "float32")])
        model.compile(kind.optimizers.SGD(1.2), "mse")
        stop = kind.callbacks.EarlyStopping(monitor="loss", patience=9, restore_best_weights=True)
        model.fit(np.ones((4, 1)), np.zeros((4, 1)), epochs=3, callbacks=[stop], verbose=0)
        # Each step turns the weight round and makes it larger: the first epoch was the best.
        assert np.isclose(model.get_weights()[0][0, 0], -4.2 if comes_back else -4.2 * 1.96, rtol=1e-4)


def test_texts_in_a_list_are_one_input():
    """They were taken for an input and the states of a recurrent layer."""
    texts = keras.layers.TextVectorization(max_tokens=50)
    texts.adapt(["hello world", "hello there"])
    assert texts(["hello you", "there"]).numpy().tolist() == [[2, 1], [4, 0]]
    assert keras.layers.StringLookup(vocabulary=["a", "b"])(["a", "q", "b"]).numpy().tolist() == [1, 0, 2]


class Adding(keras.layers.Layer):
    """Adds a term of one number a sample, as the CTC layers of the time do."""

    def call(self, y, p):
        self.add_loss(tf.reduce_sum(tf.square(y - p), -1))
        return p


def test_terms_of_one_number_a_sample_are_reported_as_a_mean():
    """And descended by their sum; what tf_keras 2.21 gives."""
    x, y = keras.Input((2,)), keras.Input((1,))
    model = keras.Model([x, y], Adding()(y, keras.layers.Dense(1, use_bias=False)(x)))
    model.set_weights([np.array([[0.5], [-0.3]])])
    model.compile(keras.optimizers.SGD(0.01))
    data = np.arange(12.0).reshape(6, 2) / 5
    losses = model.fit([data, data[:, :1]], batch_size=4, epochs=2, verbose=0, shuffle=False).history["loss"]
    np.testing.assert_allclose(losses, [0.8811240196228027, 0.3479369580745697], rtol=1e-5)
    np.testing.assert_allclose(model.get_weights()[0].ravel(), [0.72154427, -0.0470502], rtol=1e-5)
    np.testing.assert_allclose(model.evaluate([data, data[:, :1]], verbose=0), 0.16161398589611053, rtol=1e-5)


def test_the_rate_of_a_schedule_reads_as_a_variable_does():
    schedule = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    optimizer = keras.optimizers.SGD(schedule)
    assert optimizer.learning_rate.numpy() == np.float32(0.1)
    with pytest.raises(TypeError, match="LearningRateSchedule"):
        optimizer.learning_rate.assign(0.2)


# Tables within programs


def model_of_table(keys, values, default=-1):
    initializer = tf.lookup.KeyValueTensorInitializer(tf.constant(keys, tf.int64), tf.constant(values, tf.int64))
    table = tf.lookup.StaticHashTable(initializer, default)
    inputs = keras.Input((2,), dtype=tf.int64)
    return table, keras.Model(inputs, keras.layers.Lambda(table.lookup)(inputs))


def test_a_program_looks_up_whole_numbers_of_64_bits_that_have_32():
    _, model = model_of_table([1, 7, 5], [10, 20, 30])
    found = model.predict(np.array([[1, 5], [3, 7]], "int64"), verbose=0)
    np.testing.assert_array_equal(found, [[10, 30], [-1, 20]])


@pytest.mark.parametrize(
    ("keys", "values", "default", "what"),
    [([1, 2**32 + 1], [10, 20], -1, "keys"), ([1, 5], [10, 2**40], -1, "values"), ([1, 5], [10, 20], 2**35, "values")],
)
def test_a_program_refuses_a_table_of_larger_numbers(keys, values, default, what):
    with pytest.raises(OverflowError, match=f"32 bits, and some of the {what} are larger"):
        _, model = model_of_table(keys, values, default)
        model.predict(np.array([[1, 5]], "int64"), verbose=0)


def test_larger_numbers_are_looked_up_outside_of_programs():
    table, _ = model_of_table([0], [0])
    keys = tf.constant([2**33, 2**33 + 250], tf.int64)
    table = type(table)(tf.lookup.KeyValueTensorInitializer(keys, tf.constant([10, 20], tf.int64)), -1)
    mapped = tf.data.Dataset.from_tensor_slices(np.arange(300, dtype="int64") + 2**33).map(table.lookup)
    found = [int(one) for one in mapped]
    assert (found[0], found[250], sum(found)) == (10, 20, 30 - 298)


# Types of variables


def test_the_type_of_a_variable_is_copied_as_its_name():
    kind = tf.Variable(1.0).dtype
    assert kind == tf.float32 == kind.base_dtype
    for copied in (copy.deepcopy({"dtype": kind})["dtype"], pickle.loads(pickle.dumps(kind))):
        assert copied == "float32" and type(copied) is str


def test_a_generator_that_begins_anew():
    generator, other = tf.random.Generator.from_seed(3), tf.random.Generator.from_seed(5)
    first = [generator.normal([2]).numpy() for _ in range(2)]
    other.reset_from_seed(3)
    np.testing.assert_array_equal([other.normal([2]).numpy() for _ in range(2)], first)
    other.reset_from_seed(3)
    # So many numbers.
    other.skip(2)
    np.testing.assert_array_equal(other.normal([2]).numpy(), first[1])


def test_whole_numbers_beside_others_take_their_type():
    assert tf.linspace(0.0, 250, 6).numpy().tolist() == [0.0, 50.0, 100.0, 150.0, 200.0, 250.0]
    assert float(tf.maximum(0.5, 1)) == 1.0 and tf.maximum(0.5, 1).dtype == tf.float32
