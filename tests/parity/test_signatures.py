"""Signatures are Keras's: names, order, kinds and defaults, of constructors and of what models can do.

`DIFFERENT` and `MISSING` list what differs on purpose, and why.
"""

import inspect

import keras
import pytest

import kerata

BASES = {
    "layers": keras.layers.Layer,
    "optimizers": keras.optimizers.Optimizer,
    "losses": keras.losses.Loss,
    "metrics": keras.metrics.Metric,
    "callbacks": keras.callbacks.Callback,
}
DIFFERENT = {
    "layers.Layer": "Keras takes any arguments, and refuses those by place",
    "optimizers.Optimizer": "the rate has a default",
    "callbacks.ProgbarLogger": "takes a stream",
    "Model.__init__": "Keras takes any arguments",
    "Model.build": "input_shape has a default, for models that know it",
    "Model.call": "Keras takes any arguments",
    "Model.compute_output_shape": "Keras takes any arguments",
    "Sequential.call": "Keras takes any more arguments",
    "Sequential.compute_output_spec": "Keras names the arguments",
    "fit": "takes the seed of the run",
    "load_weights": "Keras has objects_to_skip in its **kwargs",
    "save_weights": "may leave objects out, as Keras's saving library",
    "compute_mask": "previous_mask has a default",
}
MISSING: set[str] = set()
CLASSES = [
    (f"{room}.{name}", getattr(getattr(kerata, room), name), getattr(getattr(keras, room), name))
    for room, base in BASES.items()
    for name in sorted(vars(getattr(kerata, room)))
    if inspect.isclass(found := getattr(getattr(keras, room), name, None)) and issubclass(found, base)
]
METHODS = [
    (cls, name)
    for cls in ("Model", "Sequential")
    for name in ("__init__", *sorted(dir(getattr(keras, cls))))
    if (name == "__init__" or not name.startswith("_")) and callable(getattr(getattr(keras, cls), name))
]


def read(function):
    """Names, kinds and defaults; of a number what it is worth."""
    return [(p.name, p.kind, p.default) for p in inspect.signature(function).parameters.values()]


def test_what_is_looked_at():
    assert len(CLASSES) > 200 and len(METHODS) > 60


@pytest.mark.parametrize(("name", "ours", "theirs"), CLASSES, ids=[name for name, *_ in CLASSES])
def test_constructors(name, ours, theirs):
    assert (read(ours) == read(theirs)) == (name not in DIFFERENT)


@pytest.mark.parametrize(("cls", "name"), METHODS)
def test_what_models_can_do(cls, name):
    ours, theirs = getattr(getattr(kerata, cls), name, None), getattr(getattr(keras, cls), name)
    assert (ours is None) == (name in MISSING)
    if ours is not None:
        assert (read(ours) == read(theirs)) == (name not in DIFFERENT and f"{cls}.{name}" not in DIFFERENT)


def test_arguments_by_place_and_by_name_are_the_same():
    cls = kerata.optimizers.Muon
    by_place = cls(0.1, 0.8, 0.9, 0.01, 1e-6, 0.02, None, None, None, True, 0.9, 5, None, None, "m", None, False)
    by_name = cls(
        0.1,
        adam_beta_1=0.8,
        adam_beta_2=0.9,
        adam_weight_decay=0.01,
        epsilon=1e-6,
        weight_decay=0.02,
        use_ema=True,
        ema_momentum=0.9,
        ema_overwrite_frequency=5,
        name="m",
        exclude_embeddings=False,
    )
    assert by_place.get_config() == by_name.get_config()
    assert kerata.layers.Conv2D(2, 3, (2, 1), "same").get_config()["strides"] == (2, 1)

    class Own(kerata.optimizers.AdamW):
        def __init__(self, rate):
            super().__init__(rate, 0.1, 0.8)

    own = Own(0.5)
    assert (own.learning_rate, own.weight_decay, own.beta_1, own.clipnorm) == (0.5, 0.1, 0.8, None)


def test_an_argument_that_is_given_twice_is_refused():
    class Own(kerata.layers.Conv2D):
        def __init__(self):
            super().__init__(2, 3, filters=3)

    for make in (Own, lambda: kerata.optimizers.Adam(0.1, learning_rate=0.2)):
        with pytest.raises(TypeError):
            make()
