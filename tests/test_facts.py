"""What is known of a class or function stands on it, is true of it, and does not pass to what only looks like it."""

import functools

import jax.numpy as jnp
import keras
import numpy as np
import pytest

import kerata
from kerata import activations, callbacks, layers, losses, metrics, ops
from kerata.base.registry import fact, names
from kerata.callbacks.callback import added_logs, is_passive
from kerata.engine.symbolic import OPERATORS, traceable
from kerata.ops.forms import facts_of
from kerata.populations.member import copies_of
from kerata.saving.operations import find_form
from kerata.training.objectives import declares_rows, metric_declares_rows
from kerata.training.targets import CHECKS, handles_missing

X = np.random.default_rng(0).normal(size=(6, 3)).astype("float32")
WORDS = np.array([[1, 2], [3, 4]])

# Losses: the function, the class and what their targets look like; `None` for those of which nothing is checked.
TARGETS = [
    ("binary_crossentropy", "BinaryCrossentropy", "binary"),
    ("binary_focal_crossentropy", "BinaryFocalCrossentropy", "binary"),
    ("categorical_crossentropy", "CategoricalCrossentropy", "one-hot"),
    ("categorical_focal_crossentropy", "CategoricalFocalCrossentropy", "one-hot"),
    ("categorical_generalized_cross_entropy", "CategoricalGeneralizedCrossEntropy", "classes"),
    ("categorical_hinge", "CategoricalHinge", "one-hot"),
    ("circle", "Circle", None),
    ("cosine_similarity", "CosineSimilarity", "numbers"),
    ("ctc", "CTC", None),
    ("dice", "Dice", "numbers"),
    ("hinge", "Hinge", "numbers"),
    ("huber", "Huber", "numbers"),
    ("kl_divergence", "KLDivergence", "one-hot"),
    ("log_cosh", "LogCosh", "numbers"),
    ("mean_absolute_error", "MeanAbsoluteError", "numbers"),
    ("mean_absolute_percentage_error", "MeanAbsolutePercentageError", "numbers"),
    ("mean_squared_error", "MeanSquaredError", "numbers"),
    ("mean_squared_logarithmic_error", "MeanSquaredLogarithmicError", "numbers"),
    ("poisson", "Poisson", "numbers"),
    ("sparse_categorical_crossentropy", "SparseCategoricalCrossentropy", "classes"),
    ("squared_hinge", "SquaredHinge", "numbers"),
    ("tversky", "Tversky", "numbers"),
]
MIXING = {"circle", "dice", "tversky"}
KEEPING = {
    "abs",
    "absolute",
    "add",
    "concatenate",
    "cos",
    "divide",
    "dot",
    "einsum",
    "exp",
    "expand_dims",
    "log",
    "log1p",
    "matmul",
    "max",
    "mean",
    "min",
    "multiply",
    "negative",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "sin",
    "softmax",
    "sqrt",
    "square",
    "squeeze",
    "stack",
    "subtract",
    "sum",
    "tanh",
    "transpose",
    "true_divide",
}
CALLED_OTHERWISE = {
    "einsum": lambda x: ops.einsum("ij->j", x),
    "concatenate": lambda x: ops.concatenate([x, x]),
    "stack": lambda x: ops.stack([x, x]),
    "reshape": lambda x: ops.reshape(x, -1),
    "expand_dims": lambda x: ops.expand_dims(x, 0),
    "dot": lambda x: ops.dot(x, x.T),
    "matmul": lambda x: ops.matmul(x, x.T),
}
TWO = {"add", "divide", "multiply", "power", "subtract", "true_divide"}


# Losses and metrics


@pytest.mark.parametrize(("function", "name", "form"), TARGETS)
def test_what_is_known_of_a_loss(function, name, form):
    loss, own = getattr(losses, name)(), getattr(losses, function)
    wrapped = losses.LossFunctionWrapper(own)
    assert loss.fn is own and loss.target_form == wrapped.target_form == form
    assert loss.mixes_samples == wrapped.mixes_samples == (function in MIXING)
    assert form is None or form in CHECKS
    assert metrics.MeanMetricWrapper(own).mixes_samples == metrics.MeanMetricWrapper(loss).mixes_samples == (function in MIXING)


def test_a_function_around_a_loss_is_a_function_of_its_own():
    @functools.wraps(losses.mean_squared_error)
    def own(y_true, y_pred):
        return losses.mean_squared_error(y_true - jnp.mean(y_true), y_pred)

    loss, spec = losses.LossFunctionWrapper(own), X
    assert loss.target_form is None and loss.mixes_samples
    assert not declares_rows(loss, spec) and declares_rows(losses.MeanSquaredError(), spec)
    metric = metrics.MeanMetricWrapper(own)
    assert not metric_declares_rows(metric, spec)
    assert fact(own, "target_form") is None


def test_an_overlap_says_by_its_axis_whether_it_mixes_samples():
    assert losses.Dice().mixes_samples and losses.Dice(axis=(0, 1)).mixes_samples
    assert not losses.Dice(axis=(1, 2)).mixes_samples and not losses.Tversky(axis=1).mixes_samples


# Layers


def test_what_is_known_of_layers():
    classes = {getattr(layers, name) for name in names("layers") if isinstance(getattr(layers, name, None), type)}
    assert {cls for cls in classes if cls.takes_indices} >= {layers.Embedding}
    replacing = {layers.Lambda, layers.Masking, layers.Cropping1D, layers.Cropping2D, layers.Cropping3D}
    assert {cls for cls in classes if cls.replaces_missing} >= replacing


def trained(*stack, x=WORDS):
    model = kerata.Sequential([*stack, layers.Flatten(), layers.Dense(1)])
    model.compile("sgd", "mse")
    return model.fit(x, np.ones((len(x), 1)), verbose=0)


def test_a_class_of_ones_own_may_have_the_name_of_a_built_in():
    class Embedding(layers.Layer):
        def call(self, x):
            return x[..., None] * 0.5

    assert np.isfinite(trained(Embedding()).history["loss"][0])
    assert np.isfinite(trained(kerata.Input((2,)), Embedding()).history["loss"][0])

    class Lambda(layers.Dense):
        pass

    assert handles_missing(Lambda(1)) and not handles_missing(layers.Dense(1))


class Plain(layers.Embedding):
    pass


class Folding(layers.Embedding):
    """Takes any number."""

    def call(self, inputs):
        return super().call(inputs % self.input_dim)


@pytest.mark.parametrize("start", [[], [kerata.Input((2,), dtype="int32")]], ids=["shape later", "shape first"])
def test_indices_are_checked_where_they_are_looked_up_as_they_come(start):
    for cls in (layers.Embedding, Plain):
        with pytest.raises(ValueError, match="Give input_dim=5"):
            trained(*start, cls(4, 2))
    assert np.isfinite(trained(*start, Folding(4, 2)).history["loss"][0])


def test_a_class_derived_from_an_embedding_keeps_large_indices_in_half_precision():
    kerata.config.set_dtype_policy("mixed_float16")
    try:
        for build in (lambda m: m.build((None, 2)), lambda m: m(np.array([[0, 4097]]))):
            model = kerata.Sequential([Plain(5000, 1)])
            build(model)
            table = np.asarray(model.layers[0].embeddings.numpy(), "float16")
            np.testing.assert_array_equal(np.asarray(model(np.array([[0, 4097]]))), table[None, [0, 4097]])
    finally:
        kerata.config.set_dtype_policy("float32")


def test_a_class_derived_from_an_attention_keeps_its_parts_under_the_names_of_keras(tmp_path):
    models = []
    for k in (keras, kerata):
        own = type("Own", (k.layers.MultiHeadAttention,), {})
        inputs = k.Input((6, 3))
        models.append(k.Model(inputs, own(2, 2)(inputs, inputs)))
    models[0].save_weights(tmp_path / "m.weights.h5")
    models[1].load_weights(tmp_path / "m.weights.h5")
    for a, b in zip(models[0].get_weights(), models[1].get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


# Operations


def keeping_operations():
    known = {name: facts_of(getattr(ops, name)) for name in vars(ops)}
    return {name for name, facts in known.items() if facts is not None and facts.keeps_nan}


def test_operations_that_keep_missing_numbers():
    assert keeping_operations() >= KEEPING


@pytest.mark.parametrize("name", sorted(keeping_operations()))
def test_an_operation_that_says_so_keeps_missing_numbers(name):
    x = jnp.ones((2, 2)).at[0, 0].set(jnp.nan)
    function = getattr(ops, name)
    call = CALLED_OTHERWISE.get(name) or (lambda x: function(x, x) if name in TWO else function(x))
    assert bool(jnp.isnan(call(x)).any())
    if name == "relu":
        assert bool(jnp.isnan(activations.relu(x)).any()) and facts_of(activations.relu).keeps_nan


def test_operators_are_known_as_the_functions_of_their_names():
    for name, operator in OPERATORS.items():
        assert facts_of(operator) == facts_of(getattr(ops, name))


def test_a_function_around_an_operation_is_not_written_under_its_name():
    """It would come back as the operation inside, with other numbers."""

    @traceable
    @functools.wraps(ops.mean)
    def own(x):
        return ops.mean(x) * 2

    inputs = kerata.Input((3,))
    operation = own(inputs).history[0]
    with pytest.raises(ValueError, match="cannot be written to a file"):
        find_form(operation)
    assert handles_missing(operation) and not handles_missing(ops.mean(inputs).history[0])
    assert find_form((inputs + 1.0).history[0]).class_name == "Add"


# Callbacks


def test_what_is_known_of_callbacks():
    every = [cls for cls in vars(callbacks).values() if isinstance(cls, type) and issubclass(cls, callbacks.Callback)]
    assert {cls for cls in every if vars(cls).get("is_passive")} == {
        callbacks.Doctor,
        callbacks.History,
        callbacks.ProgbarLogger,
    }
    assert {cls for cls in every if cls.writes_files} == {
        callbacks.BackupAndRestore,
        callbacks.CSVLogger,
        callbacks.ModelCheckpoint,
        callbacks.OrbaxCheckpoint,
        callbacks.TensorBoard,
    }
    adding = {callbacks.LearningRateScheduler, callbacks.ReduceLROnPlateau}
    assert {cls for cls in every if cls.added_logs} == adding and callbacks.LambdaCallback.added_logs is None


class Halving(callbacks.History):
    """Not passive, as the class that it is derived from."""

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self.model.stop_training = epoch == 1


def test_a_callback_derived_from_a_passive_one_may_act():
    assert is_passive(callbacks.History()) and not is_passive(Halving())
    model = kerata.Sequential([kerata.Input((3,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    before = model.get_weights()
    model.fit(X, X[:, :1], epochs=2, verbose=0, shuffle=False)
    twice = model.get_weights()
    model.set_weights(before)
    history = model.fit(X, X[:, :1], epochs=9, verbose=0, shuffle=False, callbacks=[Halving()])
    assert len(history.epoch) == 2
    for a, b in zip(model.get_weights(), twice, strict=True):
        np.testing.assert_array_equal(a, b)


def test_callbacks_that_write_files_are_not_copied(tmp_path):
    class Own(callbacks.CSVLogger):
        pass

    for callback in (callbacks.ModelCheckpoint(tmp_path / "m.keras"), Own(tmp_path / "log.csv")):
        with pytest.raises(ValueError, match="must not write the same file"):
            copies_of([callback], 0)
    assert len(copies_of([callbacks.EarlyStopping()], 0)) == 1


def test_names_that_callbacks_add_to_the_logs():
    class Own(callbacks.EarlyStopping):
        pass

    assert added_logs(callbacks.EarlyStopping()) == () and added_logs(Own()) is None
    assert added_logs(callbacks.LearningRateScheduler(lambda epoch: 0.1)) == ("learning_rate",)
