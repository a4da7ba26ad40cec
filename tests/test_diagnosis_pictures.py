"""Confusions, mistakes, and what a network looks at, against what can be computed by hand."""

import jax.numpy as jnp
import numpy as np
import pytest

import kerata
from kerata import diagnosis, layers

RNG = np.random.default_rng(0)
PICTURES = RNG.uniform(size=(6, 8, 8, 3)).astype("float32")


def says(scores):
    """A model that gives back what it gets, and scores to give it."""
    model = kerata.Sequential([kerata.Input((len(scores[0]),)), layers.Activation("linear")])
    return model, np.array(scores, "float32")


SURE = [[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.05, 0.9, 0.05], [0.5, 0.3, 0.2]]
TRUE = [0, 1, 2, 1]


@pytest.mark.parametrize("form", ["numbers", "one-hot", "column", "batches", "numbered"])
def test_confusions(form):
    model, x = says(SURE)
    y = np.array(TRUE)
    forms = {"numbers": (x, y), "one-hot": (x, np.eye(3)[y]), "column": (x, y[:, None])}

    class Numbered(kerata.utils.PyDataset):
        def __len__(self):
            return 2

        def __getitem__(self, index):
            return x[2 * index : 2 * index + 2], y[2 * index : 2 * index + 2]

    given = forms.get(form, (Numbered(),) if form == "numbered" else ([(x[:3], y[:3]), (x[3:], y[3:])].__iter__(),))
    found = diagnosis.confusion_matrix(model, *given, class_names=["a", "b", "c"])
    assert found.counts.tolist() == [[1, 0, 0], [1, 1, 0], [0, 1, 0]]
    assert found.accuracy == 0.5
    np.testing.assert_allclose(found.recall, [1, 0.5, 0])
    np.testing.assert_allclose(found.precision, [0.5, 0.5, np.nan])
    assert set(found.pairs()) == {("b", "a", 1), ("c", "b", 1)}
    # A class that is never said has no precision.
    assert "nan" not in str(found) and "4 samples, 50.0% right" in str(found) and "b was taken for a 1 times" in str(found)


@pytest.mark.parametrize("logits", [False, True])
def test_two_classes_with_one_output(logits):
    odds = np.array([[-2.0], [3.0], [1.0], [-1.0]])
    model, x = says(odds if logits else 1 / (1 + np.exp(-odds)))
    found = diagnosis.confusion_matrix(model, x, [0, 1, 0, 0])
    assert found.counts.tolist() == [[2, 1], [0, 1]] and found.names == ("0", "1")
    worst = diagnosis.worst_mistakes(model, x, [0, 1, 0, 0])
    np.testing.assert_allclose(worst.probabilities, [[1 / (1 + np.exp(-1)), 1 / (1 + np.exp(1))]], rtol=1e-5)


@pytest.mark.parametrize(("from_logits", "taken"), [(True, [1, 1, 0]), (False, [0, 1, 0])])
def test_two_classes_with_one_output_are_told_by_the_loss(from_logits, taken):
    """Logits of 0 to 1 look like probabilities, and one sample must not hang on the others."""
    model, x = says([[0.3], [0.9], [-0.5 if from_logits else 0.2]])
    model.compile("sgd", kerata.losses.BinaryCrossentropy(from_logits=from_logits))
    for part in ([0, 1, 2], [0], [1], [2]):
        found = diagnosis.confusion_matrix(model, x[part], [1] * len(part))
        assert found.counts[1, 1] == sum(taken[n] for n in part)


def test_worst_mistakes_come_first():
    model, x = says([*SURE, [0.99, 0.005, 0.005]])
    found = diagnosis.worst_mistakes(model, x, [*TRUE, 1], class_names=["a", "b", "c"])
    assert found.numbers.tolist() == [4, 2, 3] and found.predicted.tolist() == [0, 1, 0] and len(found) == 3
    assert found.sentences[0] == "sample 4: b, taken for a (99% against 0%)"
    assert diagnosis.worst_mistakes(model, x, [*TRUE, 1], count=1).numbers.tolist() == [4]
    assert str(diagnosis.worst_mistakes(model, x[:2], TRUE[:2])) == "no mistakes"


def test_logits_of_classes_are_made_probabilities():
    model, x = says(np.log(np.array(SURE) + 1e-9) + 3.0)
    found = diagnosis.worst_mistakes(model, x, TRUE)
    np.testing.assert_allclose(found.probabilities[0], [0.9, 0.05], rtol=1e-4)


@pytest.mark.parametrize(
    ("y", "names", "words"),
    [(None, None, "targets are needed"), ([0, 1], None, "each has a target"), (TRUE, ["a"], "must name 3 classes"),
     ([-1, 1, 0, 0], None, "from 0 on"), ([0.5, 1, 2, 0], None, "from 0 on"),
     ([[1, 1, 0]] * 4, None, "several labels at once"), (["a", "b", "c", "a"], None, "numbers classes")],
)  # fmt: skip
def test_words(y, names, words):
    model, x = says(SURE)
    with pytest.raises(ValueError, match=words):
        diagnosis.confusion_matrix(model, x, y, names)


def linear(filters=4, classes=3, nested=False, head="softmax"):
    """Maps, their means, and a linear layer: its maps weighed by hand."""
    convolution = layers.Conv2D(filters, 3, padding="same", activation="relu", name="maps")
    base = [kerata.Input((8, 8, 3)), convolution]
    start = [kerata.Sequential(base, name="base")] if nested else base[1:]
    return kerata.Sequential(
        [kerata.Input((8, 8, 3)), *start, layers.GlobalAveragePooling2D(), layers.Dense(classes, head, name="head")]
    )


@pytest.mark.parametrize("nested", [False, True])
def test_heat_of_a_linear_head(nested):
    model = linear(nested=nested)
    found = diagnosis.grad_cam(model, PICTURES, classes=2, class_names=["a", "b", "c"])
    layer = model.get_layer("base").get_layer("maps") if nested else model.get_layer("maps")
    maps = np.asarray(layer(PICTURES))
    # A map's slope is its weight over its size; the scale goes away.
    warm = np.maximum(maps @ np.asarray(model.get_layer("head").kernel)[:, 2], 0)
    peaks = warm.max(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(found.maps, warm / np.maximum(peaks, 1e-12), atol=2e-5)
    assert found.layer == ("base" if nested else "maps") and found.classes.tolist() == [2] * 6
    np.testing.assert_allclose(found.scores, model.predict(PICTURES, verbose=0)[:, 2], rtol=1e-5)
    by_name = diagnosis.grad_cam(model, PICTURES, "maps", 2)
    np.testing.assert_allclose(by_name.maps, found.maps, atol=1e-6)


def test_heat_where_the_network_is_sure():
    model = linear()
    head = model.get_layer("head")
    head.set_weights([3000 * head.get_weights()[0], head.get_weights()[1]])
    found = diagnosis.grad_cam(model, PICTURES)
    assert found.scores.min() > 0.99 and found.maps.max() == 1
    assert found.classes.tolist() == model.predict(PICTURES, verbose=0).argmax(1).tolist()


@pytest.mark.parametrize(("bias", "sure"), [(0.3, 0.574443), (-3.0, 0.952574)])
def test_heat_of_a_logit(bias, sure):
    model = linear(classes=1, head=None)
    model.compile("sgd", kerata.losses.BinaryCrossentropy(from_logits=True))
    model.get_layer("head").set_weights([np.full((4, 1), 1e-6), [bias]])
    found = diagnosis.grad_cam(model, PICTURES)
    assert found.classes.tolist() == [int(bias > 0)] * 6 and found.names == ("0", "1")
    np.testing.assert_allclose(found.scores, sure, rtol=1e-4)


def test_heat_in_half_precision_where_nothing_speaks_for_a_class():
    before = kerata.config.dtype_policy()
    kerata.config.set_dtype_policy("mixed_float16")
    try:
        model = linear()
    finally:
        kerata.config.set_dtype_policy(before)
    model.get_layer("head").set_weights([-np.ones((4, 3)), np.zeros(3)])
    assert diagnosis.grad_cam(model, PICTURES).maps.max() == 0


def test_heat_is_as_large_as_the_pictures_and_of_subclasses_too():
    class Own(kerata.Model):
        def __init__(self):
            super().__init__()
            self.low, self.high = layers.Conv2D(3, 3, strides=2), layers.Dense(1, "sigmoid")

        def call(self, x):
            return self.high(kerata.ops.mean(self.low(x), axis=(1, 2)))

    model = Own()
    found = diagnosis.grad_cam(model, PICTURES)
    assert found.maps.shape == (6, 8, 8) and "call" not in model.low.__dict__
    assert set(found.classes.tolist()) <= {0, 1} and found.scores.min() >= 0.5
    opposite = diagnosis.grad_cam(model, PICTURES, classes=1 - found.classes)
    assert not np.allclose(opposite.maps, found.maps)


def test_activations_are_those_of_a_model_that_ends_there():
    model = linear(nested=True)
    inner = model.get_layer("base")
    expected = kerata.Model(inner.inputs, inner.get_layer("maps").output).predict(PICTURES, verbose=0)
    np.testing.assert_allclose(diagnosis.activations(model, PICTURES, "maps"), expected, atol=1e-6)
    assert diagnosis.filters(inner.get_layer("maps")).maps.shape == (4, 3, 3, 3)
    assert diagnosis.filters(built(5)).maps.shape == (2, 3, 3)


def built(channels):
    layer = layers.Conv2D(2, 3)
    layer.build((None, 8, 8, channels))
    return layer


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: diagnosis.grad_cam(m, PICTURES[0]), "the samples first"),
        (lambda m: diagnosis.grad_cam(m, PICTURES, "map"), "Did you mean 'maps'"),
        (lambda m: diagnosis.grad_cam(m, PICTURES, "head"), "must give maps"),
        (lambda m: diagnosis.grad_cam(m, PICTURES, classes=3), "from 0 to 2"),
        (lambda m: diagnosis.grad_cam(m, PICTURES, classes=[0, 1]), "one for each picture"),
        (lambda m: diagnosis.grad_cam(m, PICTURES, 5), "the name of one, is needed"),
        (lambda m: diagnosis.grad_cam(kerata.Model(m.inputs, [m.output, m.output]), PICTURES), "one output is needed"),
        (lambda m: diagnosis.confusion_matrix(kerata.Model(m.inputs, [m.output] * 2), PICTURES, TRUE), "one output is needed"),
        (lambda m: diagnosis.filters(m.get_layer("head")), "filters of two dimensions"),
        (lambda m: diagnosis.activations(m, PICTURES, layers.Dense(2)), "not called"),
    ],
)
def test_words_about_layers(call, words):
    with pytest.raises(ValueError, match=words):
        call(linear())


def test_augmented_pictures_of_layers_and_generators():
    flip = layers.RandomFlip("horizontal", seed=1)
    pictures, titles = diagnosis.augmented(flip, PICTURES, [3, 1, 2, 0, 1, 2], count=4)
    mirrored = [np.allclose(a, b[:, ::-1]) for a, b in zip(pictures, PICTURES, strict=False)]
    same = [np.allclose(a, b) for a, b in zip(pictures, PICTURES, strict=False)]
    assert all(m or s for m, s in zip(mirrored, same, strict=True)) and titles == ["3", "1", "2", "0"]
    generator = kerata.preprocessing.image.ImageDataGenerator(rescale=0.5)
    np.testing.assert_allclose(diagnosis.augmented(generator, PICTURES)[0], PICTURES * 0.5, rtol=1e-6)


def test_pictures_are_drawn(tmp_path):
    model = linear()
    y = np.arange(6) % 3
    diagnosis.confusion_matrix(model, PICTURES, y).plot(tmp_path / "a.png")
    diagnosis.worst_mistakes(model, PICTURES, y).plot(tmp_path / "b.png")
    diagnosis.grad_cam(model, PICTURES).plot(tmp_path / "c.png")
    diagnosis.filters(model.get_layer("maps")).plot(tmp_path / "d.png")
    diagnosis.draw_pictures(*diagnosis.augmented(layers.RandomFlip(), PICTURES), tmp_path / "e.png")
    assert all((tmp_path / f"{name}.png").stat().st_size > 1000 for name in "abcde")


def test_pictures_are_seen_whatever_their_numbers():
    from kerata.diagnosis.classified import as_seen

    assert as_seen(np.full((2, 2, 3), 128.0)).max() == pytest.approx(128 / 255)
    assert as_seen(np.full((2, 2, 3), 0.5)).max() == 0.5
    assert as_seen(np.array([[[-1.0, 0.0, 1.0]]])).ravel().tolist() == [0, 0.5, 1]
    assert as_seen(jnp.zeros((1, 4, 5))).shape == (4, 5) and as_seen(np.zeros((3, 4, 5))).shape == (4, 5, 3)
