"""Files for TensorBoard: what is in them, read with the reader of protocol buffers that files of models are read with."""

import struct
import zlib

import numpy as np
import pytest

import kerata
from event_files import events, numbers, summaries
from kerata.callbacks.events import EventWriter
from kerata.saving.legacy.wire import read_fields

X = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")
Y = X[:, :1]


def make():
    model = kerata.Sequential([kerata.Input((3,)), kerata.layers.Dense(4, name="first"), kerata.layers.Dense(1, name="last")])
    model.compile(kerata.optimizers.SGD(0.25), "mse")
    return model


def test_measures_of_epochs(tmp_path):
    board = kerata.callbacks.TensorBoard(tmp_path, write_steps_per_second=True)
    history = make().fit(X, Y, epochs=3, validation_data=(X[:4], Y[:4]), verbose=0, callbacks=[board]).history
    train, validation = numbers(tmp_path / "train"), numbers(tmp_path / "validation")
    assert set(train) == {"epoch_loss", "epoch_learning_rate", "epoch_steps_per_second"}
    assert set(validation) == {"epoch_loss", "evaluation_loss_vs_iterations"}
    assert [step for step, _ in train["epoch_loss"]] == [0, 1, 2]
    np.testing.assert_allclose([v for _, v in train["epoch_loss"]], history["loss"], rtol=1e-6)
    np.testing.assert_allclose([v for _, v in validation["epoch_loss"]], history["val_loss"], rtol=1e-6)
    assert train["epoch_learning_rate"][0][1] == 0.25 and all(v > 0 for _, v in train["epoch_steps_per_second"])
    assert [step for step, _ in validation["evaluation_loss_vs_iterations"]] == [1, 2, 3]
    assert not board._writers


def test_measures_of_batches(tmp_path):
    board = kerata.callbacks.TensorBoard(tmp_path, update_freq=2)
    make().fit(X, Y, batch_size=4, epochs=2, verbose=0, callbacks=[board])
    assert [step for step, _ in numbers(tmp_path / "train")["batch_loss"]] == [2, 4, 6, 8]
    assert not kerata.callbacks.CallbackList([kerata.callbacks.TensorBoard(tmp_path)]).needs_batches("train")


def test_weights_graph_and_pictures(tmp_path):
    model = make()
    board = kerata.callbacks.TensorBoard(tmp_path, histogram_freq=1, write_images=True)
    model.fit(X, Y, epochs=1, verbose=0, callbacks=[board])
    found = summaries(tmp_path / "train")
    kernel = model.layers[0].kernel
    ((step, value),) = found[f"{kernel.path}/histogram"]
    histogram = {f.number: f.value for f in read_fields(value[5], "histogram")}
    moments = [struct.unpack("<d", struct.pack("<Q", histogram[n]))[0] for n in (1, 2, 3, 4)]
    weights = kernel.numpy().astype("float64")
    np.testing.assert_allclose(moments, [weights.min(), weights.max(), weights.size, weights.sum()])
    counts, limits = (np.frombuffer(histogram[n], "<f8") for n in (7, 6))
    assert step == 0 and counts.sum() == 12 and len(limits) == 30 and limits[-1] == weights.max()
    image = {f.number: f.value for f in read_fields(found[f"{kernel.path}/image"][0][1][4], "image")}
    assert (image[1], image[2], image[3]) == (3, 4, 1) and bytes(image[4])[1:4] == b"PNG"
    (graph,) = [event[4] for event in events(tmp_path / "train") if 4 in event]
    nodes = [[bytes(f.value) for f in read_fields(node.value, "node")] for node in read_fields(graph, "graph")]
    assert [b"last", b"Dense", b"first"] in nodes
    assert b"graph_keras_model" in bytes(found["keras"][0][1][9]) and b"first" in bytes(found["keras"][0][1][8])


def test_pictures_hold_their_pixels(tmp_path):
    writer = EventWriter(tmp_path)
    pixels = np.arange(24, dtype="uint8").reshape(1, 2, 4, 3)
    writer.image("picture", pixels, step=3)
    writer.text("note", "**bold**")
    writer.close()
    found = summaries(tmp_path)
    data = bytes({f.number: f.value for f in read_fields(found["picture"][0][1][4], "image")}[4])
    at = data.index(b"IDAT")
    rows = np.frombuffer(zlib.decompress(data[at + 4 : at + 4 + int.from_bytes(data[at - 4 : at])]), "uint8").reshape(2, 13)
    np.testing.assert_array_equal(rows[:, 1:].reshape(2, 4, 3), pixels[0])
    assert b"**bold**" in bytes(found["note"][0][1][8])


def test_a_profile_of_some_batches(tmp_path):
    board = kerata.callbacks.TensorBoard(tmp_path, profile_batch=(2, 3), write_graph=False)
    make().fit(X, Y, batch_size=4, epochs=1, verbose=0, callbacks=[board])
    assert list(tmp_path.glob("train/plugins/profile/*/*.xplane.pb"))


def test_embeddings_for_the_projector(tmp_path):
    model = kerata.Sequential([kerata.Input((2,), dtype="int32"), kerata.layers.Embedding(5, 3, name="words")])
    model.add(kerata.layers.Flatten())
    model.add(kerata.layers.Dense(1))
    model.compile("sgd", "mse")
    board = kerata.callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"words": "labels.tsv"})
    model.fit(np.ones((4, 2), "int32"), Y[:4], verbose=0, callbacks=[board])
    text = (tmp_path / "projector_config.pbtxt").read_text()
    assert 'tensor_path: "train/words.embedding.tsv"' in text and 'metadata_path: "labels.tsv"' in text
    written = np.loadtxt(tmp_path / "train" / "words.embedding.tsv", delimiter="\t")
    np.testing.assert_allclose(written, model.get_layer("words").embeddings.numpy(), rtol=1e-4, atol=1e-6)
    wrong = kerata.callbacks.TensorBoard(tmp_path, embeddings_freq=1, embeddings_metadata={"word": "labels.tsv"})
    with pytest.raises(ValueError, match="no embeddings of the model"):
        model.fit(np.ones((4, 2), "int32"), Y[:4], verbose=0, callbacks=[wrong])


def test_own_records(tmp_path):
    class Own(kerata.callbacks.TensorBoard):
        def on_epoch_end(self, epoch, logs=None):
            self.summary.scalar("mine", 2.5, step=epoch)
            super().on_epoch_end(epoch, logs)

    make().fit(X, Y, epochs=2, verbose=0, callbacks=[Own(tmp_path)])
    assert numbers(tmp_path / "train")["mine"] == [(0, 2.5), (1, 2.5)]
    writer = EventWriter(tmp_path)
    with pytest.raises(ValueError, match="must be one number"):
        writer.scalar("pair", [1.0, 2.0])
    writer.close()
