"""Writes what `tests/test_text_folders.py` reads: a SavedModel folder of layers of texts of `tf_keras`, and a `.keras` file.

Run it where TensorFlow and tf_keras are installed:

TF_USE_LEGACY_KERAS=1 python tools/record_text_folders.py tests/text_folders.tar.gz
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

L = keras.layers
WORDS = np.array([["red"], ["blue"], ["red"], ["green"]], object)
CODES = np.array([[7], [7], [3]], np.int64)
LINES = np.array(["a fox ran", "the fox", "a b a"], object)


def texts() -> keras.Model:
    """What layers of each kind learned, or were told."""
    word, line = keras.Input((1,), dtype="string", name="word"), keras.Input((1,), dtype="string", name="line")
    code = keras.Input((1,), dtype="int64", name="code")
    learned = L.StringLookup(output_mode="one_hot", name="colours")
    learned.adapt(WORDS)
    numbers = L.IntegerLookup(output_mode="one_hot", num_oov_indices=2, name="codes")
    numbers.adapt(CODES)
    rare, short = L.TextVectorization(output_mode="tf_idf"), L.TextVectorization(output_sequence_length=3, name="short")
    rare.adapt(LINES)
    short.adapt(LINES)
    parts = [
        learned(word),
        numbers(code),
        rare(line),
        tf.cast(short(line), "float32"),
        L.StringLookup(vocabulary=["red"], output_mode="one_hot")(word),
    ]
    return keras.Model([word, code, line], L.Dense(2)(L.Concatenate()(parts)))


def attention() -> keras.Model:
    x = keras.Input((4, 6))
    return keras.Model(x, L.MultiHeadAttention(2, 3)(x, x))


def record(path: str) -> None:
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as name:
        folder, model, heads = Path(name), texts(), attention()
        for weight in (*model.trainable_weights, *heads.weights):
            weight.assign_add(rng.normal(0.0, 0.3, weight.shape).astype("float32"))
        x = [np.array([["blue"], ["pink"]]), np.array([[3], [9]], np.int64), np.array([["the fox ran"], ["b z"]])]
        model.save(folder / "texts", save_format="tf")
        heads.save(folder / "attention.keras")
        pictures = rng.normal(size=(2, 4, 6)).astype("float32")
        made = model([tf.constant(one) for one in x]).numpy()
        np.savez(folder / "expected.npz", texts=made, x=pictures, attention=heads.predict(pictures, verbose=0))
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            for one in sorted(folder.rglob("*")):
                archive.add(one, one.relative_to(folder), recursive=False)
        Path(path).write_bytes(gzip.compress(buffer.getvalue(), 9, mtime=0))


if __name__ == "__main__":
    record(sys.argv[1])
