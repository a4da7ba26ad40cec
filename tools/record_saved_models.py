"""Writes what `tests/test_saved_models.py` reads: SavedModel folders and checkpoints of `tf_keras`, and what it predicts.

Run it where TensorFlow and tf_keras are installed:

TF_USE_LEGACY_KERAS=1 python tools/record_saved_models.py tests/saved_models.tar.gz

The programs of the folders (`saved_model.pb`, hundreds of kilobytes of which nothing is read) are left out, but for the one
that holds a program alone and the one in the form of TensorFlow 2.0 to 2.4, whose descriptions stood there.
"""

import gzip
import io
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tensorflow.core.protobuf import saved_model_pb2
from tf_keras.protobuf import saved_metadata_pb2

L = keras.layers


class Own(keras.Model):
    """A model of a user's own: attributes, a list, a dict, a weight of its own and a measure."""

    def __init__(self):
        super().__init__()
        self.first = L.Dense(3, activation="tanh")
        # A bias in front of batch normalization is moved by the last digits of a gradient of 0.
        self.blocks = [L.Dense(3, use_bias=False), L.BatchNormalization()]
        self.heads = {"a": L.Dense(2), "b": L.Dense(2)}
        self.scale = self.add_weight(name="scale", shape=(2,), initializer="ones")
        self.tracker = keras.metrics.Mean(name="tracker")

    def call(self, x, training=None):
        x = self.first(x)
        x = self.blocks[1](self.blocks[0](x), training=training)
        return self.scale * (self.heads["a"](x) - self.heads["b"](x))


def sequential():
    model = keras.Sequential([L.Dense(4, "relu", input_shape=(3,)), L.BatchNormalization(), L.Dropout(0.0), L.Dense(2)])
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    return model, (3,), (2,)


def functional():
    x = keras.Input((5,), dtype="int32")
    y = L.Bidirectional(L.LSTM(2, return_sequences=True))(L.Embedding(7, 3)(x))
    y = L.GRU(2)(y)
    inner = keras.Sequential([L.Dense(2, input_shape=(2,)), L.BatchNormalization(), L.Dense(3)], name="inner")
    shared = L.Dense(3, "tanh", name="shared")
    y = inner(y)
    y = L.Add()([shared(y) * 2.0, shared(shared(y))])
    model = keras.Model(x, y)
    model.compile(keras.optimizers.RMSprop(0.01, momentum=0.9), "mse")
    return model, (5,), (3,)


def pictures():
    x = keras.Input((6, 6, 2))
    y = L.Conv2D(3, 2, padding="same", activation="relu")(x)
    y = L.BatchNormalization(trainable=False)(L.SeparableConv2D(2, 2)(y))
    y = L.MaxPooling2D(2)(L.Conv2DTranspose(2, 2)(L.DepthwiseConv2D(2)(y)))
    y = L.PReLU()(L.LayerNormalization()(L.Flatten()(y)))
    model = keras.Model(x, L.Dense(2)(L.Dense(3, trainable=False)(y)))
    model.compile(keras.optimizers.legacy.Adam(0.01, amsgrad=True), "mse")
    return model, (6, 6, 2), (2,)


def attention():
    x = keras.Input((4, 6))
    scaled = L.Normalization()
    scaled.adapt(np.random.default_rng(0).normal(2.0, 3.0, (20, 4, 6)).astype("float32"))
    y = L.TimeDistributed(L.Dense(3))(scaled(x))
    y = L.MultiHeadAttention(2, 3)(y, y)
    y = L.RNN([L.LSTMCell(2), L.GRUCell(2)], return_sequences=True)(y)
    y = L.GlobalAveragePooling1D()(L.GroupNormalization(2)(L.SimpleRNN(4, return_sequences=True)(y)))
    model = keras.Model(x, y)
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "mse")
    return model, (4, 6), (4,)


def branches():
    """Layers of one shape, made in another order than they are called in."""
    x, z = keras.Input((3,)), keras.Input((3,))
    late, early, deep = L.Dense(3), L.Dense(3), L.Dense(3)
    a = early(x)
    model = keras.Model([x, z], [L.Dense(3)(late(z)), deep(a), L.Add()([a, late(a)])])
    return model, None, None


def own():
    model = Own()
    model(np.zeros((1, 2), "float32"))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    return model, (2,), (2,)


class Program(tf.Module):
    def __init__(self):
        super().__init__(name="program")
        self.w = tf.Variable(np.ones((2, 2), "float32"))

    @tf.function(input_signature=[tf.TensorSpec((None, 2))])
    def __call__(self, x):
        return x @ self.w


MODELS = {f.__name__: f for f in (sequential, functional, pictures, attention, branches, own)}


def draw(rng, model, shape):
    """Some inputs of a model."""
    if shape is None:
        return [rng.normal(size=(4, *one.shape[1:])).astype("float32") for one in model.inputs]
    if isinstance(model, Own) or model.inputs[0].dtype != tf.int32:
        return rng.normal(size=(4, *shape)).astype("float32")
    return rng.integers(0, 7, (4, *shape)).astype("int32")


def record(name, folder, numbers):
    """Writes one model, and what it predicts before and after one more step."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    model, shape, wanted = MODELS[name]()
    for weight in model.weights:
        # tf.keras computes with numbers that it made of a Normalization's weights when it was adapted.
        if "variance" not in weight.name and weight.dtype == tf.float32 and weight.name.partition(":")[0] != "mean":
            weight.assign_add(rng.normal(0.0, 0.3, weight.shape).astype("float32"))
    x = draw(rng, model, shape)
    if wanted is not None:
        y = rng.normal(size=(4, *wanted)).astype("float32")
        model.fit(x, y, batch_size=2, epochs=2, verbose=0, shuffle=False)
        numbers[f"{name}.target"] = y
    for place, part in enumerate(x if isinstance(x, list) else [x]):
        numbers[f"{name}.x{place}"] = part
    note(numbers, f"{name}.y", model.predict(x, verbose=0))
    model.save(folder / name, save_format="tf")
    model.save_weights(folder / "checkpoints" / name)
    if wanted is not None:
        model.train_on_batch(x, y)
        note(numbers, f"{name}.next", model.predict(x, verbose=0))


def note(numbers, key, outputs):
    for place, part in enumerate(outputs if isinstance(outputs, list) else [outputs]):
        numbers[f"{key}{place}"] = part


def write_older(folder, goal):
    """A folder with its descriptions where TensorFlow 2.0 to 2.4 wrote them."""
    program, metadata = saved_model_pb2.SavedModel(), saved_metadata_pb2.SavedMetadata()
    program.ParseFromString((folder / "saved_model.pb").read_bytes())
    metadata.ParseFromString((folder / "keras_metadata.pb").read_bytes())
    graph = program.meta_graphs[0]
    for node in metadata.nodes:
        graph.object_graph_def.nodes[node.node_id].user_object.identifier = node.identifier
        graph.object_graph_def.nodes[node.node_id].user_object.metadata = node.metadata
    graph.ClearField("graph_def")
    graph.object_graph_def.ClearField("concrete_functions")
    (goal / "variables").mkdir(parents=True)
    (goal / "saved_model.pb").write_bytes(program.SerializeToString())
    for path in (folder / "variables").iterdir():
        (goal / "variables" / path.name).write_bytes(path.read_bytes())


def main(goal):
    numbers = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for name in MODELS:
            record(name, folder, numbers)
        tf.saved_model.save(Program(), str(folder / "program"))
        write_older(folder / "sequential", folder / "older")
        np.savez_compressed(folder / "expected.npz", **numbers)
        with gzip.GzipFile(goal, "wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
            for path in sorted(p for p in folder.rglob("*") if p.is_file()):
                name = path.relative_to(folder)
                if path.name in ("saved_model.pb", "fingerprint.pb") and name.parts[0] not in ("program", "older"):
                    continue
                data = path.read_bytes()
                info = tarfile.TarInfo(str(name))
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))


if __name__ == "__main__":
    main(sys.argv[1])
