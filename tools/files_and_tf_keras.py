"""Carries models between Kerata and `tf_keras` in `.h5` files, folders and JSON; compares what they predict and how they learn.

    python tools/files_and_tf_keras.py write FOLDER                              with Kerata
    TF_USE_LEGACY_KERAS=1 python tools/files_and_tf_keras.py read FOLDER         where TensorFlow and tf_keras are installed

and the other way round, in another folder. Where `tf_keras` is installed it is used, else Kerata's `tf.keras`. Each model is
trained for two steps before it is written; its reader predicts, and trains for two steps more from the state of the optimizer.
"""

import argparse
import importlib.util
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HAS_TENSORFLOW = importlib.util.find_spec("tf_keras") is not None
if HAS_TENSORFLOW:
    import tensorflow as tf
    import tf_keras as keras
else:
    from kerata.legacy import tfkeras2 as keras
    from kerata.legacy.tensorflow import names

    tf = names.build("tfkeras2")[""]
L, K, WHO = keras.layers, keras.backend, "tf_keras" if HAS_TENSORFLOW else "Kerata"


def chain(*layers: Any, shape: tuple[int, ...] = (6,)) -> Any:
    return keras.Sequential([L.InputLayer(input_shape=shape), *layers])


def graph(make: Callable[[Any], Any], shape: tuple[int, ...] = (6,)) -> Any:
    x = keras.Input(shape)
    return keras.Model(x, make(x))


def nested() -> Any:
    inner = graph(lambda x: L.Dense(4, activation="tanh")(x))
    return graph(lambda x: L.Dense(2)(inner(x) + inner(x * 2.0)))


def several() -> Any:
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    shared = L.Dense(5, activation="relu")
    return keras.Model([a, b], L.Dense(2)(L.concatenate([shared(a), shared(b), L.dot([a, b], axes=1)])))


MODELS: dict[str, Callable[[], Any]] = {
    "dense": lambda: chain(L.Dense(8, activation="relu"), L.Dropout(0.5), L.Dense(2, kernel_regularizer="l2")),
    "normalized": lambda: chain(L.Dense(8), L.BatchNormalization(), L.LeakyReLU(0.2), L.LayerNormalization(), L.Dense(2)),
    "pictures": lambda: chain(
        L.Conv2D(4, 3, padding="same", activation="relu"),
        L.MaxPooling2D(),
        L.SeparableConv2D(4, 2),
        L.Conv2DTranspose(3, 2, strides=2),
        L.DepthwiseConv2D(2),
        L.GlobalAveragePooling2D(),
        L.Dense(2),
        shape=(8, 8, 3),
    ),
    "steps": lambda: chain(
        L.LSTM(4, return_sequences=True), L.GRU(3, return_sequences=True), L.SimpleRNN(3), L.Dense(2), shape=(5, 3)
    ),
    "both ways": lambda: chain(L.Bidirectional(L.LSTM(3)), L.Dense(2), shape=(5, 3)),
    "time distributed": lambda: chain(
        L.TimeDistributed(L.Dense(4)), L.Conv1D(3, 2), L.GlobalMaxPooling1D(), L.Dense(2), shape=(5, 3)
    ),
    "words": lambda: chain(L.Embedding(10, 4, mask_zero=True), L.GRU(3, reset_after=False), L.Dense(2), shape=(5,)),
    "attention": lambda: graph(lambda x: L.Dense(2)(L.Flatten()(L.MultiHeadAttention(2, 3)(x, x))), (4, 6)),
    "several inputs": several,
    "nested": nested,
    "frozen": lambda: graph(
        lambda x: L.Dense(2)(L.Dropout(0.5)(L.BatchNormalization()(L.Dense(6)(x), training=False), training=False))
    ),
    "operators": lambda: graph(
        lambda x: L.Dense(2)(1.0 - x[:, 1:] / 2.0 + tf.reduce_mean(tf.nn.leaky_relu(x), axis=1, keepdims=True))
    ),
    "functions of K": lambda: graph(
        lambda x: L.Dense(2)(K.concatenate([K.batch_dot(x, x, axes=1), K.clip(x, -0.5, 0.5), K.reverse(K.cumsum(x, 1), 1)]))
    ),
    "more functions": lambda: graph(
        lambda x: L.Dense(2)(
            tf.concat([tf.math.l2_normalize(x, axis=1), tf.pad(x, [[0, 0], [1, 1]]), tf.gather(x, [0, 2], axis=1)], axis=-1)
            + tf.reduce_sum(tf.one_hot(tf.argmax(x, axis=1), 6), axis=1, keepdims=True)
        )
    ),
}
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": lambda: keras.optimizers.Adam(0.01, amsgrad=True),
    "momentum": lambda: keras.optimizers.SGD(0.01, momentum=0.9, nesterov=True),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.01, momentum=0.5),
    "adagrad": lambda: keras.optimizers.Adagrad(0.05),
    "adamax": lambda: keras.optimizers.Adamax(0.01),
}


def data_for(model: Any) -> tuple[Any, np.ndarray]:
    """Some samples that a model takes, and targets."""
    rng = np.random.default_rng(0)
    shapes = [tuple(one.shape)[1:] for one in model.inputs]
    words = any(type(layer).__name__ == "Embedding" for layer in model.layers)
    arrays = [
        rng.integers(0, 10, (6, *shape)).astype("float32") if words else rng.normal(size=(6, *shape)).astype("float32")
        for shape in shapes
    ]
    return (arrays if len(arrays) > 1 else arrays[0]), rng.normal(size=(6, 2)).astype("float32")


def train(model: Any, x: Any, y: np.ndarray) -> list[float]:
    return [float(np.ravel(model.train_on_batch(x, y))[0]) for _ in range(2)]


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    cases = [(name, "adam") for name in MODELS] + [("normalized", optimizer) for optimizer in OPTIMIZERS]
    for name, optimizer in dict.fromkeys(cases):
        model = MODELS[name]()
        x, y = data_for(model)
        # What draws at random trains differently elsewhere.
        model.compile(OPTIMIZERS[optimizer](), "mse")
        if name != "dense":
            train(model, x, y)
        path = folder / f"{name}-{optimizer}.h5"
        model.save(str(path))
        path.with_suffix(".json").write_text(model.to_json())
        # Without an ending: a SavedModel folder.
        model.save(str(path.with_suffix("")))
        predicted = np.asarray(model.predict(x, verbose=0))
        losses = [] if name == "dense" else train(model, x, y)
        np.savez(path.with_suffix(".npz"), predicted=predicted, losses=np.asarray(losses))
    print(f"{len(dict.fromkeys(cases))} models written by {WHO}")


def read(folder: Path) -> int:
    paths = sorted(folder.glob("*.h5"))
    good = 0
    for path in paths:
        expected = np.load(path.with_suffix(".npz"))
        try:
            model = keras.models.load_model(str(path))
            x, y = data_for(model)
            np.testing.assert_allclose(np.asarray(model.predict(x, verbose=0)), expected["predicted"], rtol=1e-4, atol=1e-5)
            described = keras.models.model_from_json(path.with_suffix(".json").read_text())
            described.load_weights(str(path))
            np.testing.assert_array_equal(np.asarray(described.predict(x, verbose=0)), np.asarray(model.predict(x, verbose=0)))
            folder = keras.models.load_model(str(path.with_suffix("")))
            assert path.with_suffix("").is_dir()
            np.testing.assert_array_equal(np.asarray(folder.predict(x, verbose=0)), np.asarray(model.predict(x, verbose=0)))
            if len(expected["losses"]):
                np.testing.assert_allclose(train(model, x, y), expected["losses"], rtol=1e-4)
            good += 1
        except Exception as error:
            print(f"{path.stem}: {type(error).__name__}: {str(error).strip().splitlines()[0]}")
    print(f"{good} of {len(paths)} models read by {WHO}, with equal predictions and steps, and by their JSON")
    return int(good < len(paths))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("write", "read"))
    parser.add_argument("folder", type=Path)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.exit(write(given.folder) if given.what == "write" else read(given.folder))
