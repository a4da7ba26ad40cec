"""What a person reads who has made a mistake in a function, layer, loss or step of their own: whose it is, and what to do."""

import jax
import keras
import numpy as np
import pytest

import kerata
from kerata import layers, ops

X = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
Y = X[:, :1] * 2


def plain_model(*between, loss="mse", metrics=None):
    model = kerata.Sequential([kerata.Input((3,)), *between, layers.Dense(1, name="last")], name="model")
    model.compile("sgd", loss, metrics=metrics)
    return model


def fit(*between, loss="mse", metrics=None, **kwargs):
    return plain_model(*between, loss=loss, metrics=metrics).fit(X, Y, verbose=0, **kwargs)


def says(error):
    """All that a person sees of an error."""
    return "\n".join([str(error.value), *getattr(error.value, "__notes__", ())])


def by_numpy(*arrays):
    return np.mean(np.asarray(arrays[-1]))


def by_if(*arrays):
    value = ops.mean(arrays[-1])
    if value > 0:
        return value
    return -value


def by_float(*arrays):
    return float(ops.mean(arrays[-1]))


def by_method(*arrays):
    return arrays[-1].numpy()


def by_condition(*arrays):
    return arrays[-1][arrays[-1] > 0]


WRONG = {
    by_numpy: (jax.errors.TracerArrayConversionError, "NumPy, and what is built on it, cannot", "Use kerata.ops or jax.numpy"),
    by_if: (jax.errors.TracerBoolConversionError, "`if`, `while`, `and`, `not` cannot look at them", "Use kerata.ops.where"),
    by_float: (jax.errors.ConcretizationTypeError, r"numbers of Python: float\(\)", "Leave them as arrays"),
    by_method: (AttributeError, "have no `numpy`", "Use the array itself"),
    by_condition: (jax.errors.NonConcreteBooleanIndexError, r"how many entries `x\[condition\]`", "Use kerata.ops.where"),
}


class OwnLayer(layers.Layer):
    function = staticmethod(by_if)

    def call(self, x):
        return x + self.function(x)


class OwnMetric(kerata.metrics.Metric):
    def __init__(self, update=lambda self, y, p: None, result=lambda self: self.total, name="mine"):
        super().__init__(name=name)
        self.total = self.add_weight(name="total")
        self.plain, self.several = 0.0, []
        self.update, self.give = update, result

    def update_state(self, y_true, y_pred, sample_weight=None):
        self.update(self, y_true, y_pred)

    def result(self):
        return self.give(self)


class OwnLoss(kerata.losses.Loss):
    def call(self, y_true, y_pred):
        return by_if(y_true, y_pred)


class OwnModel(kerata.Model):
    def __init__(self, wrong=None, function=by_if):
        super().__init__(name="own")
        self.dense, self.wrong, self.function = layers.Dense(1), wrong, function

    def call(self, x, training=None):
        return self.dense(x)

    def train_step(self, state, data):
        logs, state = super().train_step(state, data)
        return ({"loss": self.function(logs["loss"])} if self.wrong == "train_step" else logs), state

    def test_step(self, state, data):
        logs, state = super().test_step(state, data)
        return ({"loss": self.function(logs["loss"])} if self.wrong == "test_step" else logs), state

    def predict_step(self, state, data):
        outputs, frozen = super().predict_step(state, data)
        return (self.function(outputs) if self.wrong == "predict_step" else outputs), frozen


@pytest.mark.parametrize("function", WRONG, ids=lambda f: f.__name__)
def test_a_loss_that_asks_for_values(function):
    kind, expected, fix = WRONG[function]
    with pytest.raises(kind, match=rf"(?s)^loss \({function.__name__}\): arrays have no values .*{expected}.*{fix}") as error:
        fit(loss=function)
    # The shapes, and the line of the program.
    assert "y_pred=array of shape (8, 1)" in str(error.value)
    assert "of test_errors_in_own_code.py=" in str(error.value)


PLACES = {
    "a loss of a class": (lambda: fit(loss=OwnLoss(name="strict")), r"OwnLoss \(strict\)"),
    "a function as metric": (lambda: fit(metrics=[by_if]), r"metric \(by_if\)"),
    "update_state": (lambda: fit(metrics=[OwnMetric(lambda self, y, p: self.total.assign(by_if(p)))]), r"OwnMetric \(mine\)"),
    "result": (
        lambda: fit(metrics=[OwnMetric(result=lambda self: by_if(self.total.value))]),
        r"result\(\) of OwnMetric \(mine\)",
    ),
    "Lambda": (lambda: fit(layers.Lambda(by_if, name="wave")), r"Lambda \(wave\)"),
    "a layer": (lambda: fit(OwnLayer(name="scale")), r"OwnLayer \(scale\)"),
    "an activation": (lambda: fit(layers.Dense(2, activation=lambda x: x + by_if(x), name="first")), r"Dense \(first\)"),
    "a regularizer": (
        lambda: fit(layers.Dense(2, kernel_regularizer=by_if, name="first")),
        r"regularizer \(model/first/kernel\)",
    ),
    "a penalty on an output": (
        lambda: fit(layers.Dense(2, activity_regularizer=by_if, name="first")),
        r"activity_regularizer of Dense \(first\)",
    ),
    "a constraint": (
        lambda: fit(layers.Dense(2, kernel_constraint=lambda w: w + by_if(w), name="first")),
        r"constraint \(model/first/kernel\)",
    ),
    "train_step": (lambda: own("train_step").fit(X, Y, verbose=0), r"train_step\(\) of OwnModel \(own\)"),
    "test_step": (lambda: own("test_step").evaluate(X, Y, verbose=0), r"test_step\(\) of OwnModel \(own\)"),
    "predict_step": (lambda: own("predict_step").predict(X, verbose=0), r"predict_step\(\) of OwnModel \(own\)"),
}


def own(wrong):
    model = OwnModel(wrong)
    model.compile("sgd", "mse")
    return model


@pytest.mark.parametrize("place", PLACES)
def test_the_owner_of_what_asks_for_values_is_named(place):
    run, owner = PLACES[place]
    with pytest.raises(jax.errors.TracerBoolConversionError, match=f"^{owner}: arrays have no values") as error:
        run()
    assert "=if value > 0:" in str(error.value)


def test_a_condition_on_many_numbers():
    with pytest.raises(ValueError, match=r"^Activation \(step\): an array of several numbers is neither true nor false"):
        fit(layers.Activation(lambda x: x if x > 0 else 0, name="step"))


def fails(*_):
    raise RuntimeError("the file is gone")


FAILS = {
    "loss": (lambda: fit(loss=fails), "In loss (fails), called with y_true=array of shape (8, 1)"),
    "metric": (lambda: fit(metrics=[fails]), "In metric (fails), called with"),
    "regularizer": (lambda: fit(layers.Dense(2, kernel_regularizer=fails, name="one")), "In regularizer (model/one/kernel)"),
    "initializer": (
        lambda: fit(layers.Dense(2, kernel_initializer=lambda shape, dtype: fails(), name="one")),
        "In initializer (model/one/kernel), called with shape=(3, 2)",
    ),
    "layer": (lambda: fit(layers.Lambda(fails, name="one")), "In call() of Lambda (one), on inputs of shape (None, 3)."),
}


@pytest.mark.parametrize("place", FAILS)
def test_other_errors_stay_as_they_are_with_a_note_of_the_place(place):
    run, note = FAILS[place]
    with pytest.raises(RuntimeError, match=r"^the file is gone") as error:
        run()
    assert note in says(error)
    assert says(error).count("In ") == 1


RETURNS = {
    "loss, nothing": (lambda: fit(loss=lambda t, p: None), TypeError, r"loss \(lambda\): it must give numbers.*None.*return"),
    "loss, text": (lambda: fit(loss=lambda t, p: "mse"), ValueError, r"loss \(lambda\): it must give numbers.*'mse'"),
    "loss, dict": (lambda: fit(loss=lambda t, p: {"a": p}), TypeError, r"loss \(lambda\): it must give numbers"),
    "loss, object": (lambda: fit(loss=lambda t, p: kerata.losses.MeanSquaredError()), TypeError, "Call it"),
    "metric, nothing": (lambda: fit(metrics=[lambda t, p: None]), TypeError, r"metric \(lambda\): it must give numbers"),
    "result, nothing": (
        lambda: fit(metrics=[OwnMetric(result=lambda self: None)]),
        TypeError,
        r"OwnMetric \(mine\): `result\(\)` must give a number.*None.*return",
    ),
    "result, text": (lambda: fit(metrics=[OwnMetric(result=lambda self: "a")]), TypeError, r"`result\(\)` must give a number"),
    "result, a dict of nothing": (
        lambda: fit(metrics=[OwnMetric(result=lambda self: {"a": None})]),
        TypeError,
        r"`result\(\)` must give a number",
    ),
    "regularizer": (
        lambda: fit(layers.Dense(2, kernel_regularizer=lambda w: None, name="one")),
        TypeError,
        r"regularizer \(model/one/kernel\): a regularizer must give a number",
    ),
    "constraint": (
        lambda: fit(layers.Dense(2, kernel_constraint=lambda w: None, name="one")),
        ValueError,
        r"constraint \(model/one/kernel\): a constraint must give weights of the same shape, \(3, 2\).*return",
    ),
    "constraint of another shape": (
        lambda: fit(layers.Dense(2, kernel_constraint=ops.sum, name="one")),
        ValueError,
        r"constraint \(model/one/kernel\): a constraint must give weights of the same shape",
    ),
    "initializer": (
        lambda: fit(layers.Dense(2, kernel_initializer=lambda shape, dtype: None, name="one")),
        ValueError,
        r"initializer \(model/one/kernel\): an initializer must give an array of shape \(3, 2\)",
    ),
    "initializer of another shape": (
        lambda: fit(layers.Dense(2, kernel_initializer=lambda shape, dtype: np.zeros((7, 7)), name="one")),
        ValueError,
        r"must give an array of shape \(3, 2\).*shape=\(7, 7\)",
    ),
    "call": (lambda: fit(layers.Lambda(lambda x: None, name="one")), TypeError, r"Lambda \(one\): call\(\) gave nothing"),
    "add_loss": (lambda: fit(adding(None)), TypeError, r"OwnLayer \(adds\): add_loss\(\) takes numbers"),
    "add_loss of the graph": (
        lambda: add_to_a_model(),
        NotImplementedError,
        r"Functional \(functional.*\): add_loss\(\) of a tensor of the graph is gone.*call\(\) of a layer",
    ),
    "add_loss, text": (lambda: fit(adding("a")), ValueError, r"OwnLayer \(adds\): add_loss\(\) takes numbers"),
}


def adding(loss):
    layer = OwnLayer(name="adds")
    layer.function = lambda x: layer.add_loss(loss)
    return layer


def add_to_a_model():
    x = layers.Input((2,))
    y = layers.Dense(2)(x)
    kerata.Model(x, y).add_loss(kerata.ops.mean(y))


@pytest.mark.parametrize("case", RETURNS)
def test_what_returns_the_wrong_thing(case):
    run, kind, text = RETURNS[case]
    with pytest.raises(kind, match=text):
        run()


def test_models_that_return_nothing():
    class Lossless(OwnModel):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            return None

    class Plain(kerata.Model):
        def call(self, x):
            return None

    for model, text in (
        (Lossless(), r"compute_loss\(\) of Lossless \(own\): it must give numbers"),
        (Plain(name="plain"), r"Plain \(plain\): call\(\) gave nothing to compute a loss from"),
    ):
        model.compile("sgd", "mse")
        with pytest.raises((TypeError, ValueError), match=text):
            model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("attribute", ["plain", "several"])
def test_what_a_batch_gives_is_kept_in_variables(attribute):
    def add(self, y_true, y_pred):
        if attribute == "plain":
            self.plain += ops.sum(y_pred)
        else:
            self.several.append(ops.sum(y_pred))

    with pytest.raises(TypeError, match=rf"OwnMetric \(mine\): `self.{attribute}` cannot keep .*self.add_weight"):
        fit(metrics=[OwnMetric(add)])


def test_a_result_that_is_a_list_with_variables_has_their_values():
    def add(self, y_true, y_pred):
        self.total.assign_add(ops.sum(ops.ones_like(y_pred)))

    history = fit(metrics=[OwnMetric(add, lambda self: [self.total, 2 * self.total])]).history
    np.testing.assert_array_equal(history["mine"][0], [8, 16])


# Constructors and `build`


def test_constructors_that_forget_the_one_below():
    class Bare(layers.Layer):
        def __init__(self):
            self.units = 3

    class BareModel(kerata.Model):
        def __init__(self):
            self.units = 3

    class BareMetric(kerata.metrics.Metric):
        def __init__(self):
            self.units = 3

    class BareLoss(kerata.losses.Loss):
        def __init__(self):
            self.units = 3

    for run, name in (
        (lambda: plain_model(Bare()), "Bare"),
        (lambda: BareModel().compile("sgd", "mse"), "BareModel"),
        (lambda: fit(metrics=[BareMetric()]), "BareMetric"),
        (lambda: fit(loss=BareLoss()), "BareLoss"),
    ):
        with pytest.raises(RuntimeError, match=rf"^{name}: .*must call `super\(\).__init__\(\)`"):
            run()


def building(build):
    return type("Built", (layers.Layer,), {"build": build, "call": lambda self, x: x})(name="enc")


BUILDS = {
    "an error": (lambda self, shape: shape[5], IndexError, "In build() of Built (enc), for inputs of shape (None, 3)."),
    "an unknown size": (
        lambda self, shape: self.add_weight((None, 4), name="w"),
        ValueError,
        "Variable (model/enc/w): the shape of",
    ),
    "a broken size": (
        lambda self, shape: self.add_weight((1.5, 4), name="w"),
        ValueError,
        "Variable (model/enc/w): the shape of",
    ),
    "the name first": (lambda self, shape: self.add_weight("w", (3, 4)), TypeError, "add_weight(name=...)"),
    "the name first, then the shape": (
        lambda self, shape: self.add_weight("w", shape=(3,)),
        ValueError,
        "add_weight(name=...)",
    ),
    "two shapes": (lambda self, shape: self.add_weight((3,), shape=(3,)), ValueError, "both positionally and as a keyword"),
    "the name fourth": (lambda self, shape: self.add_weight((3,), "zeros", None, "w"), TypeError, "at most 3 positional"),
    "an unknown initializer": (
        lambda self, shape: self.add_weight((3,), "glorot"),
        ValueError,
        "Built (enc): unknown name for `initializer` in initializers. Received: initializer='glorot'",
    ),
    "no regularizer": (
        lambda self, shape: self.add_weight((3,), regularizer=5),
        TypeError,
        "Built (enc): `regularizer` must be a name, a config, a function or an object. Received: regularizer=5",
    ),
}


@pytest.mark.parametrize("case", BUILDS)
def test_a_build_that_fails(case):
    build, kind, text = BUILDS[case]
    with pytest.raises(kind) as error:
        fit(building(build))
    assert text in says(error)


@pytest.mark.parametrize("library", [kerata, keras])
def test_a_build_without_a_shape(library):
    class Plain(library.layers.Layer):
        def build(self):
            self.factor = self.add_weight(shape=(3,), initializer="ones", name="factor")

        def call(self, x):
            return x * self.factor

    np.testing.assert_allclose(Plain()(X), X)


def test_a_weight_that_each_call_would_add():
    class Growing(layers.Layer):
        def call(self, x):
            return x * self.add_weight(name="factor", initializer="ones")

    with pytest.raises(ValueError, match=r"Growing \(growing\): you cannot add new elements of state .* Make it in `build"):
        Growing(name="growing")(X)


@pytest.mark.parametrize(("name", "said"), [("other", "`other` does not end in"), ("other_shape", "`call` has no `other`")])
def test_a_build_whose_shapes_are_of_no_argument(name, said):
    scope = {}
    exec(f"def build(self, x_shape, {name}): pass", scope)  # Names of arguments are looked at.
    made = type("Built", (layers.Layer,), {"build": scope["build"], "call": lambda self, x, y: x + y})
    with pytest.raises(ValueError, match=said):
        made()(X, X)


# What layers are called with

CALLED = {
    "a number": (3, "Dense (d): its input must be an array or a tensor. Received: inputs=3"),
    "text": ("abc", "Turn text into numbers first"),
    "nothing": (None, "does its call() end with `return`?"),
    "a dict": ({"a": X}, "e.g. inputs['a']"),
    "a set": ({1, 2}, "its input must be an array or a tensor"),
    "a layer": (layers.Dense(2), "Call that layer first"),
    "two arrays": ([X, X], "it expects 1 input(s). Received: inputs=2"),
    "rows of different length": ([[1, 2, 3], [1]], "the rows of this one differ in length"),
    "a vector": (X[0], "expected an input with at least 2 dimensions. Received: shape=(3,)"),
}


@pytest.mark.parametrize("case", CALLED)
def test_inputs_that_are_none(case):
    value, text = CALLED[case]
    with pytest.raises(ValueError) as error:
        layers.Dense(2, name="d")(value)
    assert text in str(error.value)


def test_calls_with_other_arguments_than_call_has():
    class Two(layers.Layer):
        def call(self, first, second):
            return first + second

    for run, text in (
        (lambda: layers.Dense(2, name="d")(), r"Dense \(d\): .*missing a required argument: 'inputs'.*call\(self, inputs, "),
        (lambda: layers.Dense(2, name="d")(X, X, X), r"Dense \(d\): .*too many positional arguments.*call\(self, inputs, "),
        (lambda: layers.Dense(2, name="d")(X, foo=1), r"Dense \(d\): .*unexpected keyword argument 'foo'"),
        (lambda: fit(Two(name="two")), r"Two \(two\): .*missing a required argument: 'second'.*call\(self, first, second\)"),
    ):
        with pytest.raises(TypeError, match=text):
            run()


def test_a_frame_is_an_array():
    import pandas

    layer = layers.Dense(2)
    np.testing.assert_allclose(layer(pandas.DataFrame(X)), layer(X))


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda: layers.Dense("3", name="d"), r"Dense \(d\): `units` must be a positive integer. Received: units='3'"),
        (lambda: layers.Dense(2, 3, name="d"), r"Dense \(d\): `activation` must be a name, .*Received: activation=3"),
        (lambda: layers.Dense(2, kernel_regularizer=2, name="d"), r"Dense \(d\): `kernel_regularizer` must be a name"),
        (lambda: kerata.Sequential(layers.Dense(2), layers.Dense(3)), r"`layers` must be a list of layers.*Sequential\(\["),
        (lambda: kerata.Input(X), r"shape of one sample, and it is an array.*Input\(shape=x.shape\[1:\]\)"),
        (
            lambda: layers.BatchNormalization(axis=5, name="b")(X),
            r"BatchNormalization \(b\): `axis` must be one of the input's",
        ),
    ],
)
def test_arguments_of_the_wrong_kind(make, text):
    with pytest.raises(ValueError, match=text):
        make()


def test_an_input_with_the_number_of_samples_in_its_shape():
    model = kerata.Sequential([kerata.Input(X.shape), layers.Dense(1)])
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match=r"given without the number of samples: Input\(shape=\(3,\)\)"):
        model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("function", [jax.numpy.sin, np.sin, lambda x: np.ones(3) + x, float, int, list])
def test_symbolic_tensors_in_functions_for_arrays(function):
    with pytest.raises((TypeError, ValueError), match=r"KerasTensor \(.*\): a symbolic tensor (has no numbers|cannot be iter)"):
        function(kerata.Input((3,)))


def test_operations_on_shapes_that_do_not_fit():
    a, b = kerata.Input((3, 4)), kerata.Input((5, 6))
    with pytest.raises(TypeError) as error:
        ops.matmul(a, b)
    assert "In matmul(), on inputs of shape (None, 3, 4), (None, 5, 6)." in says(error)


# Data

BATCHES = [(X, Y), (X, Y)]
VALIDATION = {
    "four parts": ((X, Y, Y, Y), r"Write validation_data=\(x_val, y_val\)"),
    "batches": (BATCHES, "Of a list of batches a generator makes a source"),
    "many batches": (BATCHES * 3, "Of a list of batches a generator makes a source"),
    "one pair in a list": (BATCHES[:1], "Of a list of batches a generator makes a source"),
    "an array": (X, r"Write validation_data=\(x_val, y_val\)"),
    "a share": (0.2, "write validation_split"),
    "text": ("x", r"Write validation_data=\(x_val, y_val\)"),
    "names": ({"x": X, "y": Y}, r"validation_data=\({'name': x_val}, y_val\)"),
}


@pytest.mark.parametrize("case", VALIDATION)
def test_data_to_validate_on(case):
    data, fix = VALIDATION[case]
    expected = r"fit: `validation_data` must be \(x, y\) or \(x, y, sample_weight\), or give batches. Received: "
    with pytest.raises(ValueError, match=expected + ".*" + fix) as error:
        fit(validation_data=data)
    assert "\n" not in str(error.value)


def test_tuples_of_inputs_are_no_batches():
    a, b = kerata.Input((3,)), kerata.Input((3,))
    hidden = layers.Add()([a, b])
    model = kerata.Model([a, b], [layers.Dense(1, name="p")(hidden), layers.Dense(1, name="q")(hidden)])
    model.compile("sgd", "mse")
    history = model.fit([X, X], [Y, Y], validation_data=[(X, X), (Y, Y)], verbose=0).history
    assert history["val_loss"][0] > 0
    with pytest.raises(ValueError, match=r"y: one value was given for 2 outputs; there are the outputs 'p', 'q'"):
        model.fit([X, X], Y, verbose=0)
    with pytest.raises(ValueError, match=r"a list must have 2 items, one for each output; .* y=\[array of shape") as error:
        model.fit([X, X], [Y, Y, Y], verbose=0)
    assert "\n" not in str(error.value)


def items(*given):
    yield from given


GIVEN = {
    "nothing": (lambda: items(None), "a batch must be x, (x, y) or (x, y, sample_weight). Received: batch=None"),
    "a dict of x and y": (lambda: items({"x": X, "y": Y}), "Give a tuple: (x, y)"),
    "four parts": (lambda: items((X, Y, Y, Y)), "Received: parts=4"),
    "samples one by one": (lambda: items((X[0], Y[0])), "It came up in a batch that x gave: inputs and targets of several"),
    "numbers": (lambda: items((1.0, 2.0)), "It came up in a batch that x gave"),
    "no targets": (lambda: items(X), "where x gives batches, let it give (x, y)"),
    "no batch": (lambda: items(), "must give at least one batch"),
    "another shape later": (lambda: items((X, Y), (X[:, :2], Y)), "expected shape=(None, 3), found shape=(8, 2)"),
}


@pytest.mark.parametrize("case", GIVEN)
def test_generators_that_give_something_else(case):
    make, text = GIVEN[case]
    with pytest.raises(ValueError) as error:
        plain_model().fit(make(), verbose=0)
    assert text in says(error)


def test_other_words():
    with pytest.raises(ValueError, match=r"y: the loss of the output 'last' needs targets. Received: y=None. Give them as `y`"):
        plain_model().fit(X, verbose=0)
    with pytest.raises(ValueError, match=r"unknown optimizer. Received: optimizer='mse'. That is a loss"):
        plain_model().compile("mse", "sgd")
    with pytest.raises(ValueError, match="`validation_split` must be between 0 and 1"):
        fit(validation_split="a")

    class NoBatches(kerata.utils.PyDataset):
        def __len__(self):
            return 3

    with pytest.raises(NotImplementedError, match=r"NoBatches: `__getitem__\(index\)` must give batch number"):
        NoBatches()[0]
