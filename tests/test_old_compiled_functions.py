"""Functions under `tf.function`, which become programs: the numbers are those of the same functions as Python."""

import dataclasses
import gc
import random
import weakref

import numpy as np
import pytest

from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import called, names, programs

tf = names.build("tfkeras2")[""]
layers, losses, optimizers, metrics = tfkeras2.layers, tfkeras2.losses, tfkeras2.optimizers, tfkeras2.metrics
CROSSENTROPY = losses.SparseCategoricalCrossentropy(from_logits=True)
scale = 1.0


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """A function is traced at its third call."""
    monkeypatch.setattr(programs, "CALLS", 2)
    monkeypatch.setattr(programs, "SECONDS", 0.0)
    monkeypatch.setattr(programs, "LONG_SECONDS", 0.0)


def batches(count, seed=0):
    stream = np.random.RandomState(seed)
    return [(stream.rand(8, 6).astype("float32"), stream.randint(0, 3, 8)) for _ in range(count)]


def network(*more):
    return tfkeras2.Sequential([layers.Dense(8, activation="relu", input_shape=(6,)), *more, layers.Dense(3)])


def training(model, optimizer, **how):
    """A step of training, as programs of TensorFlow write it."""

    @tf.function(**how)
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = CROSSENTROPY(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    return step


def plain():
    model = network(layers.BatchNormalization(), layers.Dropout(0.3))
    step = training(model, optimizers.Adam(0.01))
    return [step(x, y) for x, y in batches(8)], step


def numbers_that_change():
    optimizer = optimizers.SGD(0.1, momentum=0.9)
    step, found = training(network(), optimizer), []
    for n, (x, y) in enumerate(batches(8)):
        found.append(step(x, y))
        optimizer.learning_rate.assign(0.1 / (n + 1))
    return found, step


def a_schedule():
    step = training(network(), optimizers.RMSprop(optimizers.schedules.ExponentialDecay(0.01, 2, 0.5)))
    return [step(x, y) for x, y in batches(8)], step


def a_number_that_becomes_a_schedule():
    optimizer = optimizers.SGD(0.1)
    step, found = training(network(), optimizer), []
    for n, (x, y) in enumerate(batches(12)):
        found.append(step(x, y))
        if n == 5:
            optimizer.learning_rate = optimizers.schedules.ExponentialDecay(0.1, 1, 0.5)
    return found, step


def models_and_optimizers_as_arguments():
    optimizer, model, found = optimizers.SGD(0.1), network(), []

    @tf.function
    def step(model, optimizer, x, y):
        with tf.GradientTape() as tape:
            loss = CROSSENTROPY(y, model(x))
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights, strict=True))
        return loss

    for n, (x, y) in enumerate(batches(8)):
        optimizer.learning_rate = 0.1 / (n + 1)
        found.append(step(model, optimizer, x, y))
    return found, step


def results_of_measures():
    mean, matrix = metrics.Mean(), metrics.MeanIoU(3)

    @tf.function
    def step(x, y):
        mean.update_state(x)
        matrix(y, y)
        return {"mean": mean.result(), "double": 2 * mean.result(), "iou": matrix.result()}

    return [one for x, y in batches(6) for one in step(x, y).values()], step


def what_a_layer_keeps_to_be_looked_at():
    class Scored(layers.Layer):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, x):
            scores = self.dense(x)
            self.last_scores = scores
            return scores

    # A chain that is not told the shape of its input notes that of each batch.
    step, found = training(tfkeras2.Sequential([Scored()]), optimizers.Adam(0.01)), []
    for n, (x, y) in enumerate(batches(16)):
        found.append(step(x[: 8 - n % 2], y[: 8 - n % 2]))
    return found, step


def a_variable_alone():
    picture, optimizer = tf.Variable(tf.ones((2, 2))), optimizers.Adam(0.1)

    @tf.function
    def step(picture):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(picture**2)
        optimizer.apply_gradients([(tape.gradient(loss, picture), picture)])
        picture.assign(tf.clip_by_value(picture, 0.2, 1.0))

    found = []
    for _ in range(6):
        step(picture)
        found.append(picture.numpy())
    return found, step


def draws_of_classes():
    @tf.function
    def step(x):
        return tf.random.categorical(x, 3), tfkeras2.backend.random_normal((2,))

    return [one for _ in range(6) for one in step(tf.ones((2, 4)))], step


def strengths_that_change():
    rule, huber = tfkeras2.regularizers.l2(0.1), losses.Huber(1.0)
    model = tfkeras2.Sequential([layers.Dense(3, kernel_regularizer=rule, input_shape=(6,))])
    optimizer, found = optimizers.SGD(0.1), []

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = huber(tf.one_hot(y, 3), model(x)) + tf.add_n(model.losses)
        optimizer.apply_gradients(zip(tape.gradient(loss, model.trainable_weights), model.trainable_weights, strict=True))
        return loss

    for n, (x, y) in enumerate(batches(9)):
        rule.l2, huber.delta = (0.1, 1.0) if n < 6 else (0.5, 0.1)
        found.append(step(x, y))
    return found, step


def two_tapes_and_noise():
    maker = tfkeras2.Sequential([layers.Dense(6, activation="relu", input_shape=(4,)), layers.Dense(6)])
    judge = tfkeras2.Sequential([layers.Dense(6, input_shape=(6,)), layers.LeakyReLU(), layers.Dropout(0.3), layers.Dense(1)])
    loss, first, second = losses.BinaryCrossentropy(from_logits=True), optimizers.Adam(0.01), optimizers.Adam(0.01)

    @tf.function
    def step(x):
        noise = tf.random.normal([8, 4])
        with tf.GradientTape() as one, tf.GradientTape() as other:
            real, made = judge(x, training=True), judge(maker(noise, training=True), training=True)
            a, b = loss(tf.ones_like(made), made), loss(tf.ones_like(real), real) + loss(tf.zeros_like(made), made)
        first.apply_gradients(zip(one.gradient(a, maker.trainable_variables), maker.trainable_variables, strict=True))
        second.apply_gradients(zip(other.gradient(b, judge.trainable_variables), judge.trainable_variables, strict=True))
        return {"maker": a, "judge": b}

    return [value for x, _ in batches(8) for value in step(x).values()], step


def a_penalty_of_slopes():
    judge, optimizer = tfkeras2.Sequential([layers.Dense(6, "tanh", input_shape=(6,)), layers.Dense(1)]), optimizers.Adam(0.01)

    @tf.function
    def step(x):
        with tf.GradientTape() as tape:
            mixed = x + tf.random.uniform(tf.shape(x))
            with tf.GradientTape() as inner:
                inner.watch(mixed)
                out = judge(mixed)
            slope = tf.norm(inner.gradient(out, mixed), axis=1)
            loss = tf.reduce_mean(out) + tf.reduce_mean((slope - 1) ** 2)
        gradients = tape.gradient(loss, judge.trainable_variables)
        optimizer.apply_gradients(zip(gradients, judge.trainable_variables, strict=False))
        return loss

    return [step(x) for x, _ in batches(8)], step


def gradients_that_add_up():
    model, optimizer = network(), optimizers.Adagrad(0.1)
    sums = [tf.Variable(tf.zeros_like(w), trainable=False) for w in model.trainable_weights]

    @tf.function
    def add(x, y):
        with tf.GradientTape() as tape:
            loss = CROSSENTROPY(y, model(x))
        for total, gradient in zip(sums, tape.gradient(loss, model.trainable_weights), strict=True):
            total.assign_add(gradient)
        return loss

    found = []
    for n, (x, y) in enumerate(batches(9)):
        found.append(add(x, y))
        if n % 2:
            optimizer.apply_gradients(zip([total + 0.0 for total in sums], model.trainable_weights, strict=True))
            for total in sums:
                total.assign(tf.zeros_like(total))
    return found, add


def measures_and_other_weights():
    model, mean, accuracy = network(), metrics.Mean(), metrics.SparseCategoricalAccuracy()

    @tf.function
    def test(x, y):
        out = model(x, training=False)
        mean(CROSSENTROPY(y, out))
        accuracy(y, out)
        return tf.argmax(out, -1)

    found = []
    for x, y in batches(8):
        found += [test(x, y), mean.result(), accuracy.result()]
        model.set_weights([w * 0.9 for w in model.get_weights()])
    return found, test


def several_kinds():
    step, found = training(network(), optimizers.SGD(0.1)), []
    for n, (x, y) in enumerate(batches(12)):
        rows = 8 - 3 * (n % 2)
        found.append(step(x[:rows], y[:rows].astype("int32" if n % 4 > 1 else "int64")))
    return found, step


def labels_of_64_bits():
    model = network()
    step = training(model, optimizers.SGD(0.1))
    found = []

    @tf.function
    def hits(x, y):
        return tf.reduce_mean(tf.cast(tf.equal(tf.argmax(model(x), -1), y), tf.float32)), tf.cast(y, tf.int64)

    for x, y in batches(8):
        found += [step(x, tf.constant(y, tf.int64)), *hits(x, tf.constant(y, tf.int64))]
        assert found[-1].dtype == tf.int64
    return found, hits


def steps_of_time():
    model = tfkeras2.Sequential([layers.Embedding(20, 4, mask_zero=True), layers.LSTM(5), layers.Dense(3)])
    step, stream = training(model, optimizers.Adam(0.01)), np.random.RandomState(0)
    return [step(stream.randint(0, 20, (4, 7)), stream.randint(0, 3, 4)) for _ in range(6)], step


def a_signature():
    signature = [tf.TensorSpec([None, 6], tf.float32), tf.TensorSpec([None], tf.int32)]
    step = training(network(), optimizers.SGD(0.1), input_signature=signature)
    return [step(tf.constant(x), tf.constant(y, tf.int32)) for x, y in batches(6)], step


BECOME = [
    plain,
    numbers_that_change,
    a_schedule,
    a_number_that_becomes_a_schedule,
    strengths_that_change,
    models_and_optimizers_as_arguments,
    results_of_measures,
    what_a_layer_keeps_to_be_looked_at,
    a_variable_alone,
    draws_of_classes,
    two_tapes_and_noise,
    a_penalty_of_slopes,
    gradients_that_add_up,
    measures_and_other_weights,
    several_kinds,
    labels_of_64_bits,
    steps_of_time,
    a_signature,
]


def run(case, as_python):
    tf.random.set_seed(3)
    np.random.seed(3)
    random.seed(3)
    tf.config.run_functions_eagerly(as_python)
    try:
        found, step = case()
        return [np.asarray(one) for one in found], step
    finally:
        tf.config.run_functions_eagerly(False)


def kinds_of(step):
    """What there is for each kind of arguments: a program, or how long there has been none."""
    return [type(one).__name__ for table in (step._programs.kinds, step._programs.holding) for one in table.values()]


def same(case):
    (expected, _), (found, step) = run(case, True), run(case, False)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=1e-5)
    return kinds_of(step)


@pytest.mark.parametrize("case", BECOME, ids=lambda case: case.__name__)
def test_a_function_becomes_a_program_that_gives_its_numbers(case):
    assert "Program" in same(case)


def a_branch():
    model, optimizer = network(), optimizers.SGD(0.1)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            loss = CROSSENTROPY(y, model(x))
        if loss > 1.1:
            gradients = tape.gradient(loss, model.trainable_weights)
            optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return loss

    return [step(x, y) for x, y in batches(6)], step


def draws_of_numpy():
    @tf.function
    def step(x):
        return x * np.random.rand() + random.random()

    return [step(tf.ones(2)) for _ in range(6)], step


def draws_that_are_often_the_same():
    own = np.random.default_rng(0)

    @tf.function
    def step(x):
        return x * (2.0 if random.random() > 0.5 else 3.0) + float(own.integers(2))

    return [step(tf.ones(2)) for _ in range(20)], step


def a_length_that_grows():
    seen = {}

    class Kept:
        def __len__(self):
            return len(seen)

    kept = Kept()

    @tf.function
    def step(x):
        return x * len(kept)

    found = []
    for n in range(6):
        found.append(step(tf.ones(2)))
        seen[n] = n
    return found, step


def a_count_of_python():
    class Counts:
        calls = 0

    counts = Counts()

    @tf.function
    def step(x):
        counts.calls += 1
        return x * counts.calls

    return [step(tf.ones(2)) for _ in range(6)], step


def a_list_that_grows():
    seen = []

    @tf.function
    def step(x):
        seen.append(x)
        return x * len(seen)

    return [step(tf.ones(2)) for _ in range(6)], step


def checked_numbers():
    @tf.function
    def step(x):
        tf.debugging.assert_less(x, 5.0)
        return x * 2

    found = [step(tf.constant(1.0)) for _ in range(6)]
    with pytest.raises(tf.errors.InvalidArgumentError):
        step(tf.constant(9.0))
    return found, step


def data_within():
    total = tf.Variable(0.0)

    @tf.function
    def step(x):
        for number in tf.data.Dataset.range(3):
            total.assign_add(x * tf.cast(number, tf.float32))
        return total + 0.0

    return [step(tf.constant(1.0)) for _ in range(6)], step


def whole_numbers_that_grow():
    @tf.function
    def step(x):
        return x * x

    return [step(tf.constant(n, tf.int64)) for n in (1, 2, 3, 4, 100_000, 3_000_000_000)], step


def double_precision():
    @tf.function
    def step(x):
        return tf.cast(x, tf.float64) / 3

    return [step(tf.constant(float(n))) for n in range(6)], step


def a_condition():
    @tf.function
    def step(x):
        return tf.cond(x > 2.0, lambda: x * 2, lambda: tf.math.log(x))

    return [step(tf.constant(float(n + 1))) for n in range(6)], step


STAY = [
    a_branch,
    draws_of_numpy,
    draws_that_are_often_the_same,
    a_length_that_grows,
    a_count_of_python,
    a_list_that_grows,
    checked_numbers,
    data_within,
    whole_numbers_that_grow,
    double_precision,
    a_condition,
]


@pytest.mark.parametrize("case", STAY, ids=lambda case: case.__name__)
def test_a_function_stays_python_where_a_program_would_do_something_else(case):
    assert "Program" not in same(case)


def test_what_is_printed_is_printed_each_time(capsys):
    @tf.function
    def step(x):
        tf.print("seen", x)
        return x

    for _ in range(5):
        step(tf.constant(1.0))
    assert capsys.readouterr().out == "seen 1.0\n" * 5


class Kept:
    factor = 1.0


def of_a_global():
    def change(value):
        global scale
        scale = value

    return lambda x: x * scale, change


def of_a_class():
    return lambda x: x * Kept.factor, lambda value: setattr(Kept, "factor", value)


def of_an_object():
    kept = Kept()
    kept.inner = Kept()
    return lambda x: x * kept.inner.factor, lambda value: setattr(kept.inner, "factor", value)


def of_a_dict():
    kept = {"deep": [1.0]}
    return lambda x: x * kept["deep"][0], lambda value: kept.update(deep=[value])


def of_an_array():
    kept = np.ones(1, np.float32)
    return lambda x: x * kept, lambda value: kept.fill(value)


def of_a_function_within():
    factor = 1.0

    def change(value):
        nonlocal factor
        factor = value

    def inner(x):
        return x * factor

    return lambda x: inner(x), change


def of_a_layer():
    class Own(layers.Layer):
        factor = 1.0

        def call(self, x):
            return self.scaled(x)

        def scaled(self, x):
            return x * self.factor

    model = tfkeras2.Sequential([Own(), *[layers.Activation("linear") for _ in range(70)]])
    model(tf.ones(1))
    return lambda x: model(x), lambda value: setattr(model.layers[0], "factor", value)


def of_an_activation():
    model = tfkeras2.Sequential([*[layers.Activation("linear") for _ in range(70)], layers.Activation("linear")])
    model(tf.ones(1))
    return lambda x: model(x), lambda value: setattr(model.layers[-1], "activation", lambda x: x * value)


def of_a_private_attribute():
    class Trainer:
        _factor = 1.0

        @tf.function
        def step(self, x):
            return self.found(x)

        def found(self, x):
            return x * self._factor

    trainer = Trainer()
    return trainer.step, lambda value: setattr(trainer, "_factor", value)


AROUND = [
    of_a_global,
    of_a_class,
    of_an_object,
    of_a_dict,
    of_an_array,
    of_a_function_within,
    of_a_layer,
    of_an_activation,
    of_a_private_attribute,
]


@pytest.mark.parametrize("make", AROUND, ids=lambda make: make.__name__)
def test_a_program_follows_what_stands_around_it(make):
    function, change = make()
    step = tf.function(function)
    assert [float(step(tf.constant([2.0]))) for _ in range(4)] == [2.0] * 4
    assert "Program" in kinds_of(step)
    change(3.0)
    assert [float(step(tf.constant([2.0]))) for _ in range(4)] == [6.0] * 4
    change(1.0)
    assert float(step(tf.constant([2.0]))) == 2.0


def test_layers_that_are_frozen_between_calls_stay():
    model = network(layers.BatchNormalization())
    step = training(model, optimizers.SGD(0.1))
    for x, y in batches(5):
        step(x, y)
    model.layers[0].trainable = model.layers[1].trainable = False
    frozen = [w.numpy() for w in (*model.layers[0].weights, *model.layers[1].weights)]
    for x, y in batches(5):
        step(x, y)
    for w, before in zip((*model.layers[0].weights, *model.layers[1].weights), frozen, strict=True):
        np.testing.assert_array_equal(w.numpy(), before)
    assert kinds_of(step) == ["Program"] * 2


def test_counters_that_no_code_of_the_function_asks_for_change_no_program():
    class Trainer:
        def __init__(self):
            self.epoch, self.weight = 0, tf.Variable(1.0)

        def train(self):
            for self.epoch in range(6):
                self.step(tf.constant(1.0))

        @tf.function
        def step(self, x):
            self.weight.assign_add(x)

    trainer = Trainer()
    trainer.train()
    assert kinds_of(trainer.step) == ["Program"]


def test_numbers_and_variables_are_given_as_tensors():
    """By TensorFlow: a variable that is given is what it was then."""
    count = tf.Variable(0.0)

    @tf.function
    def step(x):
        count.assign_add(1.0)
        return count, 2.0, {"a": [3, (None, "b")]}, x

    found = [step(tf.ones(1)) for _ in range(6)]
    assert [float(one[0]) for one in found] == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    for _, two, rest, _ in found:
        assert (two.dtype, rest["a"][0].dtype, rest["a"][1][1].dtype) == (tf.float32, tf.int32, tf.string)
        assert rest["a"][1][0] is None


def test_objects_that_are_equal_have_their_own_programs():
    @dataclasses.dataclass(unsafe_hash=True)
    class Trainer:
        rate: float

        def __post_init__(self):
            self.weight = tf.Variable(1.0)

        @tf.function
        def step(self, x):
            self.weight.assign_sub(self.rate * x)
            return self.weight + 0.0

    for trainer in (Trainer(0.5), Trainer(0.5)):
        assert [float(trainer.step(tf.constant(1.0))) for _ in range(5)] == [0.5, 0.0, -0.5, -1.0, -1.5]
        assert float(trainer.weight) == -1.5


def test_a_phase_that_is_a_tensor():
    model = network(layers.Dropout(0.5), layers.BatchNormalization())
    step = tf.function(lambda x, training: model(x, training=training))
    x = tf.ones((8, 6))
    for _ in range(5):
        np.testing.assert_array_equal(step(x, tf.constant(False)), model(x))
    before = model.layers[2].moving_mean.numpy()
    step(x, tf.constant(True))
    assert np.any(model.layers[2].moving_mean.numpy() != before)


def test_a_program_fits_whole_numbers_into_32_bits_or_is_not_used():
    @tf.function
    def step(x):
        return tf.reshape(x, [1])

    for number in (1, 2, 3, 4, 2**40):
        assert step(tf.constant(number, tf.int64)).numpy().tolist() == [number]
    assert kinds_of(step) == ["Program"]


def test_a_method_and_its_object():
    class Trainer:
        def __init__(self, rate):
            self.weight, self.rate = tf.Variable(1.0), rate

        @tf.function
        def step(self, x):
            self.weight.assign_sub(self.rate * x)
            return self.weight + 0.0

    first, second = Trainer(0.1), Trainer(0.3)
    for n in range(5):
        assert np.isclose(float(first.step(tf.constant(1.0))), 1 - 0.1 * (n + 1))
        assert np.isclose(float(second.step(tf.constant(1.0))), 1 - 0.3 * (n + 1))
    assert kinds_of(first.step) == ["Program"]
    first.rate = 1.0
    assert np.isclose(float(first.step(tf.constant(1.0))), -0.5)
    seen = weakref.ref(first)
    del first
    gc.collect()
    assert seen() is None


def test_an_error_within_a_program_of_python_leaves_it_there():
    @tf.function
    def step(x):
        if not isinstance(x, tf.Tensor) or called.as_python[0]:
            raise AssertionError
        raise ValueError("mine")

    for _ in range(5):
        with pytest.raises(ValueError, match="mine"):
            step(tf.constant(1.0))


def test_roundings_alone_are_told_from_another_number():
    one = np.float32([1.0, 2.0])
    assert programs.is_near(one, one + np.float32(1e-6))
    assert not programs.is_near(one, one + np.float32(1e-2))
    # A step of 1e-3 that goes elsewhere is another one, however small it is beside the number.
    assert not programs.is_near(one, one + np.float32(1e-3), one)
    assert programs.is_near(one + np.float32(2e-3), one + np.float32(1e-3), one, one + np.float32(1e-3))
    assert not programs.is_near(one, np.float32([1.0, np.nan]))


def test_models_that_were_arguments_do_not_stay():
    @tf.function
    def step(model, x):
        return model(x) + 1.0

    x, seen = tf.constant([[1.0]]), []
    for _ in range(12):
        model = tfkeras2.Sequential([layers.Dense(1, input_shape=(1,))])
        seen.append(weakref.ref(model))
        found = [float(step(model, x)[0, 0]) for _ in range(4)]
        assert np.allclose(found, float(model.get_weights()[0][0, 0]) + 1)
    assert kinds_of(step) == ["Program"] * 8
    del model
    gc.collect()
    # JAX holds the last one that was traced, or the first.
    assert sum(one() is not None for one in seen) <= 9
