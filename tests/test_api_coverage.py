"""How much of real Keras's public API there is: what was reached is held."""

import importlib.util
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "api_coverage.py"

# How many names, members and arguments of Keras 3.15.1 are missing at most. These numbers may only sink:
# `python tools/api_coverage.py` says what is missing.
MISSING = {"names": 12, "members": 32, "arguments": 31}


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("api_coverage", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["api_coverage"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["api_coverage"]


def test_what_was_reached_is_held(tool):
    coverage = tool.measure()
    assert coverage.total("names") > 1450 and coverage.total("members") > 1700 and coverage.total("arguments") > 5800
    worse = {kind: found for kind, found in coverage.missing.items() if len(found) > MISSING[kind]}
    assert worse == {}, tool.report(coverage)


def test_what_is_refused_does_not_count(tool):
    def method(self, given, other):
        if given:
            raise NotImplementedError("no", {"given": given})

    def empty(self):
        """Says what it would do."""
        raise NotImplementedError

    coverage = tool.Coverage()
    tool.measure_arguments(coverage, "m", "f", method, method)
    assert coverage.missing["arguments"] == [("m", "f(given)")] and coverage.there["arguments"] == 1
    assert tool._only_refuses(empty, method) and not tool._only_refuses(method, empty)


def test_what_is_not_there_is_missing(tool):
    assert tool.find("keras.layers.Dense") is not None and tool.find("keras.layers.Dens.units") is None
    assert not any(path in str(tool.report(tool.Coverage(), short=True)) for path in tool.ELSEWHERE)
