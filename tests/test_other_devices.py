"""What is done otherwise on a device with memory of its own, and what newer versions of JAX trace otherwise, tried here."""

from types import SimpleNamespace

import jax
import numpy as np
import pytest

import kerata
from kerata.engine.placement import HERE, Placement
from kerata.kernels import compiler
from kerata.kernels.typed import parts_of_scan
from kerata.training import feeds


@pytest.mark.parametrize("shape", [(1,), (3, 2), (351, 34), (700, 5), (1000, 3, 4)], ids=str)
def test_rows_are_sent_in_pieces(shape, monkeypatch):
    monkeypatch.setattr(feeds, "PIECE_BYTES", 4096)
    array = np.random.default_rng(0).normal(size=shape).astype("float32")
    size = len(array)
    for rows, written in [(size, size), (size + 1, size), (size + 27, size + 27), (2 * size + 64, size + 5), (8192, size)]:
        sent = np.asarray(feeds.send_rows(array, rows, written, HERE))
        assert sent.shape == (rows, *shape[1:])
        np.testing.assert_array_equal(sent[:size], array)
        np.testing.assert_array_equal(sent[size:written], array[-1:].repeat(written - size, 0))


def test_pieces_have_few_sizes(monkeypatch):
    sent = []
    put = Placement.put_samples
    monkeypatch.setattr(
        Placement, "put_samples", lambda self, tree, soon=False: sent.append(len(tree)) or put(self, tree, soon)
    )
    for size in range(1, 300):
        feeds.send_rows(np.zeros((size, 2), "float32"), 512, size, HERE)
    assert set(sent) == {2**power for power in range(10)}


def histories():
    kerata.utils.set_random_seed(0)
    layers = kerata.layers
    model = kerata.Sequential([kerata.Input((5,)), layers.Dense(4, activation="relu"), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    x = np.random.default_rng(0).random((51, 5)).astype("float32")
    y = (x.sum(1) > 2.5).astype("float32")
    whole = model.fit(x, y, epochs=3, batch_size=8, validation_split=0.2, verbose=0)
    stream = model.fit(iter([(x[:8], y[:8])] * 40), steps_per_epoch=40, verbose=0)
    ordered = model.fit(x, y, epochs=2, shuffle=False, batch_size=20, verbose=0)
    return [h.history for h in (whole, stream, ordered)], model.predict(x, verbose=0)


def test_training_is_the_same_where_samples_are_sent(monkeypatch):
    here, predictions = histories()
    monkeypatch.setattr(Placement, "platform", property(lambda self: "elsewhere"))
    there, again = histories()
    for one, other in zip(here, there, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            np.testing.assert_allclose(other[name], one[name], rtol=1e-5)
    np.testing.assert_allclose(again, predictions, rtol=1e-5)


def test_a_persons_own_choice_of_what_is_recorded_counts(monkeypatch):
    monkeypatch.setattr(compiler, "recorded_parts", lambda platform: "WHILE")
    assert compiler.compiler_options("gpu") == {compiler.RECORDING: "WHILE"}
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_enable_command_buffer=")
    assert compiler.compiler_options("gpu") == {}


class Flat(list):
    """As JAX from 0.11 on describes the operands of a loop."""

    def update(self, leaves):
        return Flat([leaves[:1], leaves[1:3], leaves[3:]])

    def unpack(self):
        return tuple(self)


def test_operands_of_a_loop_in_both_forms():
    values = list("cabx")
    assert parts_of_scan({"num_consts": 1, "num_carry": 2}, values) == (["c"], ["a", "b"], ["x"])
    assert parts_of_scan({"ft_in": Flat()}, values) == (["c"], ["a", "b"], ["x"])
    traced = jax.make_jaxpr(lambda c, xs: jax.lax.scan(lambda a, x: (a + c, x * c), c, xs))(1.0, np.ones(3))
    (loop,) = [eqn for eqn in traced.eqns if eqn.primitive.name == "scan"]
    constants, carried, sliced = parts_of_scan(loop.params, loop.invars)
    assert [len(constants), len(carried), len(sliced)] == [1, 1, 1]
    assert sliced[0].aval.shape == (3,)


@pytest.mark.parametrize(("axis", "sound"), [(0, False), (1, True), (2, True)])
def test_a_tensor_taken_apart(axis, sound):
    from kerata.engine.rows.kinds import Kind
    from kerata.engine.rows.rules import RULES

    operation = SimpleNamespace(params={"axis": axis}, invars=[None])
    kind = RULES["unstack"](operation, operation, [Kind(True, axis=0)], [])
    assert kind.sound is sound


def test_memory_that_nothing_was_written_to():
    from kerata.engine.rows.rules import RULES

    operation = SimpleNamespace(params={}, invars=[])
    assert RULES["empty"](operation, operation, [], [(0, 1)]).sound
    assert RULES["empty"](operation, operation, [], [(0, 3)]).outer is None
