"""Spaces and samplers: what `hp` gives, what it refuses, and what depends on the seed and the trial's number alone."""

import json
import math

import pytest

from kerata.search.domain import Domain
from kerata.search.samplers import GridSampler, OptunaSampler, RandomSampler, make_sampler
from kerata.search.space import Defaults, HyperParameters, Recorded


class Fixed:
    """The same place between 0 and 1 for everything."""

    def __init__(self, unit):
        self.unit = unit

    def value(self, name, domain):
        return domain.from_unit(self.unit)


def middle():
    return HyperParameters(Fixed(0.5))


VALUES = [
    (lambda hp: hp.float("x", 0.0, 1.0), 0.5),
    (lambda hp: hp.float("x", 0.01, 1.0, log=True), 0.1),
    (lambda hp: hp.float("x", 0.0, 1.0, step=0.25), 0.5),
    (lambda hp: hp.float("x", 0.001, 0.1, log=True, step=10), 0.01),
    (lambda hp: hp.int("x", 1, 9), 5),
    (lambda hp: hp.int("x", 0, 100, step=25), 50),
    (lambda hp: hp.int("x", 1, 100, log=True), 7),
    (lambda hp: hp.int("x", 8, 128, log=True, step=2), 32),
    (lambda hp: hp.choice("x", ["a", "b", "c"]), "b"),
    (lambda hp: hp.choice("x", [1, 1.0, True]), 1.0),
    (lambda hp: hp.choice("x", [[8], [8, 16], [8, 16, 32]]), [8, 16]),
    (lambda hp: hp.choice("x", [math.sin, math.cos, math.tan]), math.cos),
    (lambda hp: hp.choice("x", [Domain, Defaults]), Defaults),
    (lambda hp: hp.choice("x", [None, 0.5]), 0.5),
    (lambda hp: hp.boolean("x"), True),
    (lambda hp: hp.fixed("x", 32), 32),
    (lambda hp: hp.Float("x", 0.0, 1.0), 0.5),
    (lambda hp: hp.Float("x", min_value=0.01, max_value=1.0, sampling="log"), 0.1),
    (lambda hp: hp.Float("x", 1.0, 100.0, sampling="reverse_log"), 91.0),
    (lambda hp: hp.Int("x", 32, 512, step=32), 288),
    (lambda hp: hp.Int("x", 2, 8, 2, "log"), 4),
    (lambda hp: hp.Choice("x", ["a", "b"], ordered=False), "b"),
    (lambda hp: hp.Boolean("x", default=True), True),
    (lambda hp: hp.Fixed("x", value="relu"), "relu"),
]


@pytest.mark.parametrize("ask, expected", VALUES, ids=range(len(VALUES)))
def test_value_in_the_middle(ask, expected):
    hp = middle()
    value = ask(hp)
    assert value == expected if not isinstance(expected, float) else value == pytest.approx(expected)
    assert type(value) is type(expected)
    assert hp.get("x") is hp.values["x"] is value
    json.dumps(hp.params)


@pytest.mark.parametrize("ask, expected", VALUES, ids=range(len(VALUES)))
def test_recorded_value_comes_back(ask, expected):
    first = middle()
    ask(first)
    again = HyperParameters(Recorded(json.loads(json.dumps(first.params))))
    assert ask(again) == first.values["x"]
    assert again.params == first.params


@pytest.mark.parametrize("ask, expected", VALUES, ids=range(len(VALUES)))
def test_distribution_is_optunas(ask, expected):
    from optuna import distributions

    hp = middle()
    ask(hp)
    domain, value = hp.domains["x"], hp.params["x"]
    theirs = distributions.json_to_distribution(domain.optuna_json())
    assert json.loads(distributions.distribution_to_json(theirs)) == json.loads(domain.optuna_json())
    assert theirs._contains(domain.optuna_number(value))
    assert Domain.of_dict(json.loads(json.dumps(domain.as_dict()))).same(domain)


def plain(x):
    return x


ERRORS = [
    (lambda hp: hp.float("rate", 1.0, 0.1), ValueError, "hp.float (rate): `low` must not be above `high`"),
    (lambda hp: hp.float("rate", 0.0, 0.1, log=True), ValueError, "`low` must be above 0 on a logarithmic scale"),
    (lambda hp: hp.float("rate", -1.0, 0.1, log=True), ValueError, "Received: low=-1.0"),
    (lambda hp: hp.float("rate", 0.0, math.inf), TypeError, "`high` must be a finite number"),
    (lambda hp: hp.float("rate", "a", 1.0), TypeError, "hp.float (rate)"),
    (lambda hp: hp.float("rate", 0.0, 1.0, step=0.0), ValueError, "`step` must be above 0"),
    (lambda hp: hp.float("rate", 0.0, 1.0, step=2.0), ValueError, "not wider than the range"),
    (lambda hp: hp.float("rate", 0.1, 1.0, log=True, step=0.5), ValueError, "a factor above 1"),
    (lambda hp: hp.float("rate", 0.0, 1.0, default=2.0), ValueError, "`default` must be within float from 0.0 to 1.0"),
    (lambda hp: hp.int("units", 1.5, 3), TypeError, "`low` must be a whole number"),
    (lambda hp: hp.int("units", 5, 3), ValueError, "hp.int (units): `low` must not be above `high`"),
    (lambda hp: hp.choice("kind", []), ValueError, "hp.choice (kind): there must be at least one value"),
    (lambda hp: hp.choice("kind", "relu"), TypeError, "`values` must be a list"),
    (lambda hp: hp.choice("kind", ["a", "a"]), ValueError, "each value must be there once"),
    (lambda hp: hp.choice("kind", [lambda: 1, lambda: 2]), ValueError, "names of their own"),
    (lambda hp: hp.choice("kind", [object()]), TypeError, "plain data"),
    (lambda hp: hp.choice("kind", ["a"], default="b"), ValueError, "`default` must be one of the values"),
    (lambda hp: hp.float("", 0, 1), TypeError, "needs a name"),
    (lambda hp: hp.Float("rate", 0, 1, sampling="lin"), ValueError, "Did you mean 'linear'?"),
    (lambda hp: hp.get("rate"), ValueError, "no such hyperparameter"),
    (lambda hp: hp.conditional_scope("kind", "a").__enter__(), ValueError, "the parent must be asked for first"),
    (lambda hp: (hp.float("x", 0, 1), hp.float("x", 0, 2)), ValueError, "hp.float (x): the name was used with other bounds"),
    (lambda hp: (hp.float("x", 0, 1), hp.int("x", 0, 1)), ValueError, "the name is taken by a hyperparameter of another kind"),
]


@pytest.mark.parametrize("ask, kind, text", ERRORS, ids=[text[:40] for _, _, text in ERRORS])
def test_impossible_spaces(ask, kind, text):
    with pytest.raises(kind) as caught:
        ask(middle())
    assert text in str(caught.value)


def test_a_name_asked_for_twice_has_one_value():
    hp = HyperParameters(RandomSampler(1).source(0))
    assert hp.float("x", 0, 1) == hp.float("x", 0, 1)


def test_other_trials_bounds_count():
    known = {"x": Domain("float", 0.0, 1.0)}
    with pytest.raises(ValueError, match="other bounds"):
        HyperParameters(known=known).float("x", 0.0, 2.0)


def test_conditional_scope():
    for kind, filters, units in (("conv", 8, None), ("dense", None, 16)):
        hp = HyperParameters(Recorded({"kind": kind}))
        assert hp.Choice("kind", ["conv", "dense"]) == kind
        with hp.conditional_scope("kind", ["conv"]):
            assert hp.Int("filters", 8, 64) == filters
        assert hp.Int("units", 16, 32, parent_name="kind", parent_values=["dense"]) == units
        assert set(hp.params) == {"kind", "filters" if filters else "units"}
        with hp.name_scope("head"), hp.conditional_scope("kind", kind):
            assert hp.boolean("wide") is False
        assert "head/wide" in hp.values


# Samplers


def three(hp):
    return hp.float("rate", 1e-4, 1e-1, log=True), hp.int("units", 8, 64), hp.choice("kind", ["a", "b", "c"])


@pytest.mark.parametrize("name", ["random", "quasi-random"])
def test_value_depends_on_seed_and_number_alone(name):
    domains = HyperParameters()
    three(domains)

    def value(sampler, number):
        return three(HyperParameters(sampler.source(number)))

    a, b = (make_sampler(name, ["min"], 3, domains.domains) for _ in range(2))
    forward = [value(a, n) for n in range(70)]
    backward = [value(b, n) for n in reversed(range(70))][::-1]
    assert forward == backward
    assert len({rate for rate, _, _ in forward}) == 70
    assert value(make_sampler(name, ["min"], 4, domains.domains), 0) != forward[0]


def test_quasi_random_points_are_more_even_than_random_ones():
    hp = HyperParameters()
    hp.float("x", 0, 1), hp.float("y", 0, 1)

    def filled(name):
        sampler = make_sampler(name, ["min"], 0, hp.domains)
        cells = set()
        for number in range(64):
            asked = HyperParameters(sampler.source(number))
            cells.add((int(8 * asked.float("x", 0, 1)), int(8 * asked.float("y", 0, 1))))
        return len(cells)

    assert filled("quasi-random") > filled("random") + 8


def test_grid_has_every_combination_once_and_in_order():
    def ask(hp):
        kind = hp.choice("kind", ["a", "b"])
        size = hp.int("size", 1, 3) if kind == "a" else None  # exists in some combinations only
        return kind, size, hp.float("rate", 0.0, 1.0, step=0.5)

    sampler, seen = GridSampler(), {}

    def build(number, source):
        seen[number] = ask(HyperParameters(source))

    expected = [("a", size, rate) for size in (1, 2, 3) for rate in (0.0, 0.5, 1.0)] + [("b", None, r) for r in (0.0, 0.5, 1.0)]
    assert sampler.room(5, build, {}) == 5
    assert sampler.room(100, build, {}) == 12
    assert [seen[n] for n in range(12)] == expected
    assert [ask(HyperParameters(sampler.source(n))) for n in range(12)] == expected


def test_grid_needs_steps():
    hp = HyperParameters()
    hp.float("rate", 0.0, 1.0)
    with pytest.raises(ValueError, match=r"hp.float \(rate\): a grid needs a number of values"):
        make_sampler("grid", ["min"], 0, hp.domains)


@pytest.mark.parametrize("name", ["tpe", "cmaes"])
def test_samplers_that_learn_find_the_minimum(name):
    from kerata.search.records import COMPLETE, FAILED, PRUNED, Trial

    hp = HyperParameters()
    hp.float("x", -5, 5), hp.float("y", -5, 5)
    sampler = make_sampler(name, ["min"], 0, hp.domains)
    scores = []
    for batch in range(10):
        sampler.start(8 * batch)
        trials = []
        for number in range(8 * batch, 8 * batch + 8):
            asked = HyperParameters(sampler.source(number))
            x, y = asked.float("x", -5, 5), asked.float("y", -5, 5)
            trials.append(Trial(number, asked.params, COMPLETE, (x - 2) ** 2 + (y + 1) ** 2))
            sampler.notes(number)
        trials[3].state, trials[3].score = FAILED, None
        trials[4].state, trials[4].epochs = PRUNED, [3]
        scores += [t.score for t in trials if t.score is not None]
        sampler.learn(trials)
        sampler.learn(trials)  # to be told twice makes no difference
    assert min(scores[-24:]) < 0.25 * sorted(scores[:16])[4]
    assert len(sampler._study.trials) == 80


def test_any_sampler_of_optuna_and_nothing_else():
    import optuna

    hp = HyperParameters()
    hp.float("x", 0, 1)
    assert isinstance(make_sampler(optuna.samplers.RandomSampler(), ["max"], 0, hp.domains), OptunaSampler)
    with pytest.raises(TypeError, match="a name or a sampler of Optuna"):
        make_sampler(3, ["min"], 0, hp.domains)
    with pytest.raises(ValueError, match="Did you mean 'random'"):
        make_sampler("randon", ["min"], 0, hp.domains)
