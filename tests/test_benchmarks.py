"""The benchmark harness itself, in small: a run from end to end, the merging of results, the page."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def page(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.page")


MACHINE = {
    "processor": "a processor",
    "cores": 2,
    "memory": 8,
    "system": "Linux x86_64",
    "device": "cpu",
    "versions": {"jax": "1.0"},
    "data": {"tabular": "ionosphere.csv"},
}


def make_row(**seconds):
    record = {"losses": [0.5, 0.25, 0.75], "accuracies": [0.5, 0.5, 0.5], "failed": ""}
    implementations = {name.replace("_", "-"): {"measures": {"fit": samples}, **record} for name, samples in seconds.items()}
    row = {"date": "2026-01-01", "rounds": 3, "others": 0.0, "missing": {}}
    return row | {"implementations": implementations}


def test_a_quick_run_measures_an_implementation_and_writes_its_results(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "--quick", "--rounds", "2", "--works", "tabular"]
    command += ["--implementations", "jax", "--data", str(tmp_path / "absent"), "--output", str(tmp_path / "out")]
    environment = dict(os.environ, JAX_PLATFORMS="cpu")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    record = results["works"]["tabular"]["implementations"]["jax"]
    assert record["failed"] == ""
    assert len(record["measures"]["fit"]) == 2 and all(0 < seconds < 60 for seconds in record["measures"]["fit"])
    assert all(0 < loss < 5 for loss in record["losses"])
    text = (tmp_path / "out" / "benchmarks.md").read_text()
    assert "synthetic data of the same shape" in text and "34-34-1" in text


def test_a_ratio_is_a_ratio_of_medians_and_above_one_where_kerata_is_faster(page):
    row = make_row(kerata=[2.0, 1.0, 90.0], keras_jax=[30.0, 32.0, 1.0])
    text = page.render({"machine": MACHINE, "works": {"tabular": row}})
    assert "| 2 s | 30 s (15.00) |" in text
    assert "| 15 times faster than Keras on JAX | 15.00 times | yes |" in text
    assert "| 0.5 (0.25 to 0.75; 50.0%) |" in text


def test_another_state_of_kerata_is_compared_round_by_round(page):
    row = make_row(kerata=[2.0, 3.0, 40.0], before=[4.0, 3.0, 50.0])
    text = page.render_changes([page.BY_NAME["tabular"]], {"tabular": row | {"others": 0.01}})
    assert "| tabular: fit | 3 s | 4 s | 0.800 (0.50 to 1.00) | 3, 1% |" in text


def test_a_missed_target_says_no(page):
    row = make_row(kerata=[2.0], keras_jax=[29.0])
    assert "| 14.50 times | no |" in page.render({"machine": MACHINE, "works": {"tabular": row}})


def test_a_slower_hand_written_loop_bound_is_read_the_right_way_round(page):
    slow = page.render({"machine": MACHINE, "works": {"mlp": make_row(kerata=[1.2], jax=[1.0])}})
    fast = page.render({"machine": MACHINE, "works": {"mlp": make_row(kerata=[1.05], jax=[1.0])}})
    assert "at most 1.1 of the time of hand-written JAX loop | 1.20 of it | no |" in slow
    assert "| 1.05 of it | yes |" in fast


def test_a_partial_run_keeps_the_other_rows_but_never_half_replaces_one(page):
    full, part = make_row(kerata=[1.0], jax=[1.0]), make_row(kerata=[2.0])
    old = {"machine": MACHINE, "works": {"tabular": full, "mlp": full}}
    results, kept_out = page.merge(old, MACHINE, {"tabular": part, "cnn": part})
    assert results["works"] == {"tabular": full, "mlp": full, "cnn": part} and kept_out == ["tabular"]
    results, kept_out = page.merge(old, MACHINE, {"tabular": make_row(kerata=[3.0], jax=[3.0])})
    assert results["works"]["tabular"]["implementations"]["jax"]["measures"] == {"fit": [3.0]} and not kept_out


@pytest.mark.parametrize("change", [{"processor": "another"}, {"versions": {"jax": "2.0"}}])
def test_another_machine_or_version_starts_a_new_file(page, change):
    old = {"machine": MACHINE, "works": {"mlp": make_row(kerata=[1.0])}}
    results, _ = page.merge(old, MACHINE | change, {"cnn": make_row(kerata=[1.0])})
    assert set(results["works"]) == {"cnn"}
