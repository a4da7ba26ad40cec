"""`tf.summary`: what a program writes for TensorBoard stands in files of events."""

import struct

import numpy as np
import pytest

from event_files import numbers, summaries
from kerata.legacy import tfkeras2
from kerata.legacy.tensorflow import names
from kerata.saving.legacy.wire import read_fields

MODULES = names.build("tfkeras2")
tf, summary = MODULES[""], MODULES["summary"]
experimental = summary.experimental


def fields(message):
    return {f.number: f.value for f in read_fields(message, "message")}


def test_each_kind_goes_to_the_writer_of_the_block(tmp_path):
    writer = summary.create_file_writer(str(tmp_path))
    sound = np.sin(np.arange(80) / 5).reshape(1, 80, 1)
    with writer.as_default():
        assert summary.scalar("loss", tf.constant(0.5), step=3)
        summary.scalar("loss", 0.25, 4)
        summary.histogram("spread", tf.constant([1.0, 2.0, 2.0]), step=3, buckets=4)
        summary.image("pictures", np.ones((2, 3, 5, 1)), step=3)
        summary.text("words", ["one", "two"], step=3)
        summary.audio("sound", sound, sample_rate=4800, step=3)
    assert not summary.scalar("loss", 1.0, step=5)
    assert numbers(tmp_path) == {"loss": [(3, 0.5), (4, 0.25)]}
    found = summaries(tmp_path)
    assert set(found) == {"loss", "spread", "pictures/0", "pictures/1", "words", "sound"}
    heard = fields(found["sound"][0][1][6])
    assert struct.unpack("<f", struct.pack("<I", heard[1]))[0] == 4800
    assert (heard[2], heard[3], bytes(heard[5])) == (1, 80, b"audio/wav")
    back, rate = MODULES["audio"].decode_wav(bytes(heard[4]))
    np.testing.assert_allclose(back.numpy(), sound[0], atol=1e-4)
    assert int(rate) == 4800


def test_a_writer_may_be_set_for_all_that_comes(tmp_path):
    writer = summary.create_file_writer(tmp_path)
    writer.set_as_default()
    try:
        with pytest.raises(ValueError, match="No step set"):
            summary.scalar("rate", 0.1)
        experimental.set_step(tf.Variable(7))
        summary.scalar("rate", 0.1)
        with summary.record_if(False):
            assert not summary.scalar("rate", 0.2)
            assert not summary.should_record_summaries()
        with writer.as_default(step=9):
            summary.scalar("rate", 0.5)
        assert int(experimental.get_step()) == 7
    finally:
        summary.create_noop_writer().set_as_default()
        experimental.set_step(None)
    writer.flush()
    assert numbers(tmp_path)["rate"] == [(7, np.float32(0.1)), (9, 0.5)]


def test_a_callback_writes_beside_the_board(tmp_path):
    class Rate(tfkeras2.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            with writer.as_default():
                summary.scalar("learning rate", data=self.model.optimizer.lr, step=epoch)

    writer = summary.create_file_writer(str(tmp_path))
    model = tfkeras2.models.Sequential([tfkeras2.layers.Dense(1, input_shape=(2,))])
    model.compile("sgd", "mse")
    model.fit(np.ones((4, 2)), np.ones((4, 1)), epochs=2, verbose=0, callbacks=[Rate()])
    assert numbers(tmp_path) == {"learning rate": [(0, np.float32(0.01)), (1, np.float32(0.01))]}


def test_summaries_of_tensorflow_1(tmp_path):
    old = names.build("keras22")
    writer = old["summary"].FileWriter(str(tmp_path), None)
    one = old[""].Summary()
    value = one.value.add()
    value.simple_value, value.tag = 0.5, "loss"
    writer.add_summary(one, 2)
    Summary = old[""].Summary
    writer.add_summary(Summary(value=[Summary.Value(tag="accuracy", simple_value=0.75)]), 2)
    writer.flush()
    assert numbers(tmp_path) == {"loss": [(2, 0.5)], "accuracy": [(2, 0.75)]}
    with pytest.raises(TypeError, match="must be a tf"):
        writer.add_summary(b"merged", 3)


def test_a_step_that_writes_runs_as_python(tmp_path):
    class Model(tfkeras2.Model):
        def __init__(self):
            super().__init__()
            self.dense = tfkeras2.layers.Dense(1, kernel_initializer="ones")

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((y - self(x)) ** 2)
            self.optimizer.minimize(loss, self.trainable_variables, tape=tape)
            with writer.as_default():
                summary.scalar("loss", loss, step=self.optimizer.iterations)
            return {"loss": loss}

    writer = summary.create_file_writer(str(tmp_path))
    model = Model()
    model.compile(tfkeras2.optimizers.SGD(0.1))
    with pytest.warns(UserWarning, match="batches run as Python"):
        history = model.fit(np.ones((5, 2)), np.ones((5, 1)), batch_size=2, epochs=2, shuffle=False, verbose=0).history
    written = numbers(tmp_path)["loss"]
    assert [step for step, _ in written] == [1, 2, 3, 4, 5, 6]
    assert [written[2][1], written[5][1]] == pytest.approx(history["loss"])
