"""Kernels for sequences and random numbers: the fast form equals the plain one, and the numbers look random."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.flatten_util import ravel_pytree

from kerata.kernels import random
from kerata.kernels.attention import attention
from kerata.kernels.compiler import kernel_form
from kerata.kernels.recurrence import gru, lstm, simple_rnn
from quickly import slow

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6
GATES = {"lstm": 4, "gru": 3, "gru_before": 3, "simple": 1}


def numbers(seed, *shape):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape) * 0.7, jnp.float32)


MASK = jnp.asarray([[1, 1, 0, 1, 1], [0, 0, 1, 1, 0], [1, 0, 1, 0, 1]], bool)


def arguments(cell, bias=True):
    gates = GATES[cell]
    states = (numbers(1, BATCH, UNITS), numbers(2, BATCH, UNITS)) if cell == "lstm" else (numbers(1, BATCH, UNITS),)
    weights = numbers(3, FEATURES, gates * UNITS), numbers(4, UNITS, gates * UNITS)
    shape = (2, gates * UNITS) if cell == "gru" else (gates * UNITS,)
    return numbers(0, BATCH, TIME, FEATURES), *states, *weights, *([numbers(5, *shape)] if bias else [])


def make_call(cell, **options):
    scale = options.pop("scale", None)
    if scale:
        options["recurrent_scale"] = numbers(6, *([GATES[cell]] if scale == "each gate" else []), BATCH, UNITS)
    if options.pop("masked", False):
        options["mask"] = MASK
    if cell.startswith("gru"):
        options["reset_after"] = cell == "gru"
    function = {"lstm": lstm, "simple": simple_rnn}.get(cell, gru)
    return lambda *args: function(*args, **options)


def values_and_gradients(function, args):
    """All outputs, and the gradients of a sum in which no two outputs count alike, each as one vector."""

    def total(*args):
        out = ravel_pytree(function(*args))[0]
        return jnp.sum(jnp.sin(out) * jnp.linspace(0.5, 1.5, out.size)), out

    run = jax.jit(jax.value_and_grad(total, argnums=tuple(range(len(args))), has_aux=True))
    (_, out), grads = run(*args)
    return out, ravel_pytree(grads)[0]


def check_forms_agree(function, args, wrap=lambda f: f, rtol=2e-5):
    results = {}
    for form in ("plain", "fast"):
        with kernel_form(form):
            results[form] = values_and_gradients(wrap(function), args)
    for plain, fast in zip(results["plain"], results["fast"]):
        assert np.abs(plain).max() > 1e-3
        np.testing.assert_allclose(fast, plain, rtol=rtol, atol=rtol * float(np.abs(plain).max()))


RECURRENCES = [
    ("lstm", {}),
    ("lstm", {"sequences": False, "reverse": True}),
    ("lstm", {"masked": True, "scale": "all"}),
    ("lstm", {"masked": True, "zero_masked": True, "reverse": True}),
    ("lstm", {"masked": True, "zero_masked": True, "sequences": False, "scale": "each gate"}),
    ("lstm", {"gate_slope": 0.2, "masked": True}),
    ("gru", {}),
    ("gru", {"masked": True, "reverse": True, "scale": "each gate"}),
    ("gru", {"gate_slope": 1 / 6, "sequences": False, "scale": "all"}),
    ("gru_before", {}),
    ("gru_before", {"masked": True, "reverse": True, "scale": "each gate", "zero_masked": True}),
    ("gru_before", {"gate_slope": 0.2, "sequences": False, "scale": "all"}),
    ("simple", {"masked": True}),
    ("simple", {"activation": "relu", "reverse": True, "scale": "all"}),
    ("simple", {"activation": "linear", "sequences": False, "masked": True, "zero_masked": True}),
]


@pytest.mark.parametrize(("cell", "options"), RECURRENCES)
def test_recurrence_equals_its_plain_form(cell, options):
    check_forms_agree(make_call(cell, **options), arguments(cell))


@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_recurrence_without_bias(cell):
    check_forms_agree(make_call(cell), arguments(cell, bias=False))


@pytest.mark.parametrize("form", ["plain", "fast"])
def test_recurrence_takes_the_dtype_of_input_and_weights(form):
    x, h, c, *weights = arguments("lstm")
    half = [a.astype(jnp.bfloat16) for a in (x, *weights)]
    with kernel_form(form):
        outputs, h_last, c_last = jax.jit(lstm)(half[0], h, c, *half[1:])
        expected = jax.jit(lstm)(x, h, c, *weights)[0]
        grad = jax.jit(jax.grad(lambda h: lstm(half[0], h, c, *half[1:])[0].astype(jnp.float32).sum()))(h)
    assert outputs.dtype == h_last.dtype == c_last.dtype == jnp.bfloat16
    assert grad.dtype == jnp.float32
    np.testing.assert_allclose(outputs.astype(jnp.float32), expected, atol=0.03)


@pytest.mark.parametrize("cell", ["lstm", "gru_before"])
def test_recurrence_of_a_population(cell):
    """Over weights, states and inputs at once; each member as if it were alone."""
    args = arguments(cell)
    many = tuple(jnp.stack([a, 0.5 * a]) for a in args)
    check_forms_agree(make_call(cell, masked=True), many, wrap=jax.vmap)
    together = jax.jit(jax.vmap(make_call(cell)))(*many)
    alone = jax.jit(make_call(cell))(*(0.5 * a for a in args))
    jax.tree.map(lambda t, a: np.testing.assert_allclose(t[1], a, rtol=1e-5, atol=1e-6), together, alone)


@pytest.mark.parametrize("cell", ["simple", slow("lstm"), slow("gru")])
def test_recurrence_in_a_training_loop(cell):
    def train(*args):
        def step(_, args):
            grads = jax.grad(lambda *args: jnp.sum(make_call(cell)(*args)[0] ** 2), argnums=range(len(args)))(*args)
            return tuple(a - 0.05 * g for a, g in zip(args, grads))

        return lax.fori_loop(0, 3, step, args)

    check_forms_agree(train, arguments(cell))


@pytest.mark.parametrize("cell", ["simple", slow("lstm")])
def test_second_derivative_of_a_recurrence(cell):
    x, *rest = arguments(cell)
    call = make_call(cell)
    check_forms_agree(lambda x: jax.grad(lambda x: jnp.sum(call(x, *rest)[0] ** 3))(x), (x,), rtol=1e-4)


def forward_and_mixed(function):
    """Derivatives along a direction, also of gradients and of several at once, of a function of one array."""

    def loss(x):
        out = ravel_pytree(function(x))[0]
        return jnp.sum(jnp.sin(out) * jnp.linspace(0.5, 1.5, out.size))

    def derivatives(x):
        along = jnp.cos(3 * x)
        both = jnp.stack([x, along])
        return (
            jax.jvp(loss, (x,), (along,))[1],
            jax.jvp(jax.grad(loss), (x,), (along,))[1],
            jax.vmap(lambda one: jax.jvp(loss, (x,), (one,))[1])(both),
            jax.grad(lambda both: jnp.sum(jax.vmap(loss)(both)))(both),
        )

    return derivatives


@pytest.mark.parametrize(
    ("cell", "options"),
    [("lstm", {"masked": True}), slow("gru", {}), slow("gru_before", {"masked": True}), ("simple", {"activation": "relu"})],
)
def test_forward_derivatives_of_a_recurrence(cell, options):
    x, *rest = arguments(cell)
    call = make_call(cell, **options)
    check_forms_agree(forward_and_mixed(lambda x: call(x, *rest)), (x,), rtol=1e-4)


@pytest.mark.parametrize("options", [{"mask": True}, slow({"dropout_rate": 0.4})])
def test_forward_derivatives_of_attention(options):
    q, k, v = attention_arguments()
    call = make_attend(options)
    check_forms_agree(forward_and_mixed(lambda k: call(q, k, v)), (k,), rtol=1e-4)


@pytest.mark.parametrize(
    ("cell", "options"),
    [
        ("lstm", {}),
        ("lstm", {"masked": True}),
        ("lstm", {"gate_slope": 0.2}),
        ("gru", {"masked": True}),
        ("gru", {"gate_slope": 0.2}),
        ("gru_before", {"masked": True}),
        ("simple", {"activation": "relu"}),
    ],
)
def test_recurrence_copies_no_stack_at_each_step(cell, options):
    """What is overwritten in place must stay in place: XLA's copy of it would cost more than all the rest."""
    args = tuple(jnp.zeros((BATCH, 37, *a.shape[2:])) if a.ndim == 3 else a for a in arguments(cell))
    options = dict(options)
    call = make_call(cell, mask=jnp.ones((BATCH, 37), bool) if options.pop("masked", False) else None, **options)
    with kernel_form("fast"):
        program = jax.jit(jax.grad(lambda *args: call(*args)[0].sum(), argnums=3)).lower(*args).compile().as_text()
    bodies = [program.split(f"\n%{name} (")[1].split("\n}")[0] for name in re.findall(r"body=%([\w.\-]+)", program)]
    assert len(bodies) == 2
    assert not [line for body in bodies for line in body.splitlines() if re.search(r"f32\[37,\S+ copy\(", line)]


def test_recurrence_equals_keras():
    """Masked and backwards, in Keras's order of gates: what the layers will rely on."""
    import keras

    for cell, kind, options in [
        ("lstm", keras.layers.LSTM, {}),
        ("gru", keras.layers.GRU, {}),
        ("gru_before", keras.layers.GRU, {"reset_after": False}),
        ("simple", keras.layers.SimpleRNN, {}),
    ]:
        args = arguments(cell)
        x, *states = args[: 3 if cell == "lstm" else 2]
        options |= {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}
        layer = kind(UNITS, return_sequences=True, return_state=True, go_backwards=True, **options)
        layer.build(x.shape)
        layer.set_weights([np.asarray(w) for w in args[len(states) + 1 :]])
        expected = jax.jit(lambda x, *states, layer=layer: layer(x, initial_state=list(states), mask=MASK))(x, *states)
        for e, r in zip(expected, jax.jit(make_call(cell, masked=True, reverse=True))(*args)):
            np.testing.assert_allclose(r, e, rtol=1e-5, atol=1e-6)


ATTENTIONS = [
    {},
    {"causal": True},
    {"mask": "some", "scale": 0.3},
    {"mask": "some", "causal": True, "dropout_rate": 0.4},
    {"dropout_rate": 0.4},
]


def make_attend(options):
    options = dict(options)
    if options.pop("mask", None):
        mask = np.random.default_rng(7).random((2, 1, 5, 7)) < 0.6
        mask[0, 0, 0] = False  # A query that may look nowhere.
        options["mask"] = jnp.asarray(mask)
    if "dropout_rate" in options:
        options["dropout_key"] = random.from_seed(3)
    return lambda q, k, v: attention(q, k, v, **options)


def attention_arguments():
    return numbers(0, 2, 5, 3, 4), numbers(1, 2, 7, 3, 4), numbers(2, 2, 7, 3, 6)


@pytest.mark.parametrize("options", ATTENTIONS)
def test_attention_equals_its_plain_form(options):
    check_forms_agree(make_attend(options), attention_arguments())


def test_attention_of_a_population_and_in_a_loop():
    many = tuple(jnp.stack([a, 2 * a]) for a in attention_arguments())
    attend = make_attend(ATTENTIONS[2])
    check_forms_agree(attend, many, wrap=jax.vmap)

    def train(*args):
        def step(_, args):
            grads = jax.grad(lambda *args: jnp.sum(attend(*args) ** 2), argnums=(0, 1, 2))(*args)
            return tuple(a - 0.1 * g for a, g in zip(args, grads))

        return lax.fori_loop(0, 3, step, args)

    check_forms_agree(train, attention_arguments())


def test_attention_of_large_scores_is_finite():
    args = tuple(100 * a for a in attention_arguments())
    for form in ("plain", "fast"):
        with kernel_form(form):
            out, grads = values_and_gradients(make_attend({}), args)
        assert np.isfinite(out).all() and np.isfinite(grads).all()


def test_attention_drops_the_fraction_that_the_rate_says():
    ones = jnp.ones((4, 32, 2, 8))
    eye = jnp.broadcast_to(jnp.eye(32)[None, :, None], (4, 32, 2, 32))
    drop = jax.jit(lambda q, v, key: attention(q, q, v, dropout_rate=0.25, dropout_key=key))
    out = drop(ones, eye, random.from_seed(1))
    assert abs(float((out == 0).mean()) - 0.25) < 0.02
    assert abs(float(out.sum(-1).mean()) - 1) < 0.02
    assert not attention(ones, ones, eye, dropout_rate=1.0, dropout_key=random.from_seed(1)).any()


# --- Random numbers. The bounds are four to five standard deviations of what true randomness would give.


def chi_square(counts):
    """The statistic in standard deviations from its mean."""
    expected = counts.sum() / counts.size
    return (((counts - expected) ** 2 / expected).sum() - (counts.size - 1)) / np.sqrt(2 * (counts.size - 1))


def correlation(a, b):
    """In standard deviations of independent numbers."""
    return np.corrcoef(a.ravel().astype(float), b.ravel().astype(float))[0, 1] * np.sqrt(a.size)


@pytest.mark.parametrize("shift", [0, 8, 16, 24])
def test_bits_are_uniform(shift):
    words = np.asarray(random.bits(random.from_seed(shift), (2**18,)))
    assert abs(chi_square(np.bincount((words >> shift) & 255, minlength=256))) < 5


def test_elements_are_independent():
    words = np.asarray(random.bits(random.from_seed(1), (2**18,)))
    for lag in (1, 2, 3, 8, 64, 512):
        assert abs(correlation(words[lag:], words[:-lag])) < 4.5
        differing = words[lag:] ^ words[:-lag]
        for bit in range(32):
            assert abs(((differing >> bit) & 1).mean() - 0.5) * 2 * np.sqrt(differing.size) < 4.8


@pytest.mark.parametrize("what", ["steps", "seeds", "raw keys"])
def test_neighbouring_keys_are_independent(what):
    make_key = {
        "steps": lambda n: random.fold(random.from_seed(5), n),
        "seeds": random.from_seed,
        "raw keys": lambda n: jnp.stack([jnp.uint32(0), n.astype(jnp.uint32)]),
    }[what]
    words = np.asarray(jax.vmap(lambda n: random.bits(make_key(n), (1024,)))(jnp.arange(256)))
    assert np.unique(words[:, 0]).size == 256
    assert abs(correlation(words[1:], words[:-1])) < 4.5
    assert abs(np.bitwise_count(words[1:] ^ words[:-1]).mean() - 16) * np.sqrt(words[1:].size / 8) < 4.5
    pairs = (words[1:, :] >> 28) * 16 + (words[:-1, :] >> 28)
    assert abs(chi_square(np.bincount(pairs.ravel(), minlength=256))) < 5


def test_fold_changes_half_of_the_bits_of_both_words():
    keys = np.random.default_rng(0).integers(0, 2**32, (4096, 2), dtype=np.uint32)
    steps = np.arange(4096, dtype=np.uint32)
    fold = jax.jit(jax.vmap(random.fold))
    folded = np.asarray(fold(keys, steps))
    for bit in (0, 1, 7, 16, 31):
        flip = np.uint32(1 << bit)
        for changed in (fold(keys ^ [[flip, 0]], steps), fold(keys ^ [[0, flip]], steps), fold(keys, steps ^ flip)):
            share = np.unpackbits((np.asarray(changed) ^ folded).view(np.uint8), axis=1).mean(0)
            assert np.abs(share - 0.5).max() * 2 * np.sqrt(4096) < 5


def test_from_seed_takes_any_integer():
    keys = [tuple(np.asarray(random.from_seed(s)).tolist()) for s in (0, 1, -1, 2**31, 2**32, 2**32 + 1, 2**63)]
    assert len(set(keys)) == len(keys)
    assert tuple(np.asarray(jax.jit(random.from_seed)(1)).tolist()) == keys[1]


def test_uniform_and_normal_have_their_distributions():
    x = np.asarray(random.uniform(random.from_seed(2), (2**18,), minval=-1.0, maxval=3.0))
    assert -1 <= x.min() < -0.999 and 2.999 < x.max() < 3
    assert abs(chi_square(np.histogram(x, 64, (-1, 3))[0])) < 5
    z = np.asarray(random.normal(random.from_seed(3), (2**18,), mean=1.0, stddev=2.0))
    standard = (z - 1) / 2
    assert abs(standard.mean()) * 512 < 4.5
    assert abs(standard.var() - 1) * 362 < 4.5
    assert abs((standard**3).mean()) * 512 / np.sqrt(15) < 4.5
    assert abs((standard**4).mean() - 3) * 512 / np.sqrt(96) < 4.5
    assert 4 < np.abs(standard).max() < 5.5


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_uniform_stays_below_one_in_every_dtype(dtype):
    x = random.uniform(random.from_seed(2), (2**16,), dtype)
    assert x.dtype == dtype
    assert float(x.min()) >= 0 and float(x.max()) < 1
    assert abs(float(x.astype("float32").mean()) - 0.5) < 0.01


@pytest.mark.parametrize("p", [0.0, 1e-3, 0.3, 0.5, 0.9, 1.0])
def test_bernoulli_has_its_probability(p):
    n = 2**18
    hits = float(jax.jit(random.bernoulli, static_argnums=2)(random.from_seed(4), p, (n,)).sum())
    assert abs(hits - n * p) <= 4.5 * np.sqrt(n * p * (1 - p))


def test_dropout_at_its_ends():
    key, x = random.from_seed(0), numbers(0, 64, 33)
    assert (random.dropout(key, 0.0, x) == x).all()
    value, grad = jax.value_and_grad(lambda x: random.dropout(key, 1.0, x).sum())(x)
    assert value == 0 and (grad == 0).all()


def test_dropout_scales_what_it_keeps_and_shares_masks():
    key, x = random.from_seed(0), 1 + numbers(0, 64, 32, 16) ** 2
    y, grad = jax.value_and_grad(lambda x: random.dropout(key, 0.25, x).sum())(x)
    kept = np.asarray(random.dropout(key, 0.25, x) != 0)
    np.testing.assert_allclose(grad, np.where(kept, 1 / 0.75, 0), rtol=1e-6)
    np.testing.assert_allclose(y, (x * grad).sum(), rtol=1e-5)
    assert abs(kept.mean() - 0.75) < 0.01
    shared = np.asarray(random.dropout(key, 0.5, x, (None, 1, None)) != 0)
    assert (shared == shared[:, :1]).all() and 0.4 < shared.mean() < 0.6


def test_rates_are_values_and_members_are_alone():
    """A traced rate compiles once; a population's member has the mask that it would have alone."""
    traces = []

    @jax.jit
    def drop(seed, rate):
        traces.append(1)
        return random.dropout(random.from_seed(seed), rate, jnp.ones((8, 16)))

    alone = [drop(jnp.int32(s), r) for s, r in [(0, 0.1), (1, 0.5), (2, 0.0)]]
    assert len(traces) == 1
    together = jax.vmap(drop)(jnp.arange(3), jnp.asarray([0.1, 0.5, 0.0]))
    np.testing.assert_array_equal(together, jnp.stack(alone))
    looped = lax.fori_loop(0, 1, lambda i, _: random.dropout(random.from_seed(i), 0.1, jnp.ones((8, 16))), alone[1])
    np.testing.assert_array_equal(looped, alone[0])


@pytest.mark.parametrize("axes", [(0, None), (None, 0), (0, 0), (1, None)], ids=str)
def test_keys_of_many_models_are_those_of_each(axes):
    keys, steps = jnp.stack([random.from_seed(seed) for seed in (3, -5, 2**40)]), jnp.int32([7, 0, 2**31 - 1])
    arguments = (keys if axes[0] == 0 else keys.T if axes[0] == 1 else keys[0], steps if axes[1] == 0 else steps[0])
    many = jax.jit(jax.vmap(random.fold, axes))(*arguments)
    for place in range(3):
        key, step = keys[place if axes[0] is not None else 0], steps[place if axes[1] is not None else 0]
        assert np.array_equal(many[place], random.fold(key, step))


def test_keys_of_many_models_are_made_once():
    """Or XLA makes a member's key anew for every row of its numbers."""

    def draw(key, x):
        return random.dropout(random.fold(key, 1), 0.5, x)

    text = jax.jit(jax.vmap(draw)).lower(jnp.zeros((3, 2), jnp.uint32), jnp.ones((3, 4, 5))).as_text()
    assert ('inlineable = "false"' in text) == (jax.default_backend() == "cpu")
