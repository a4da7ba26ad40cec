"""The ways of measuring, run inside a worker. A repetition returns `{"measures": {name: value}, "loss": ...}`."""

import gc
import importlib
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import data
from benchmarks.works import MODULES, PACKAGES, Work

NETS = {"kerata": "nets_keras", "keras-jax": "nets_keras", "keras-tf": "nets_keras", "torch": "nets_torch", "jax": "nets_jax"}
MIB = 1024 * 1024


def prepare(job: dict, work: Work) -> tuple[Callable, np.ndarray, np.ndarray]:
    """The function that makes a trainer (a library is imported here), and the data."""
    if job["implementation"] in MODULES:
        importlib.import_module(MODULES[job["implementation"]][0])
    nets = importlib.import_module(f"benchmarks.{NETS[job['implementation']]}")
    x, y = data.load(work.net, max(work.samples, 1), Path(job["data"]))
    return nets.Trainer, x, y


def describe(implementation: str) -> dict:
    nets = importlib.import_module(f"benchmarks.{NETS[implementation]}")
    versions = {"python": ".".join(map(str, sys.version_info[:3])), "numpy": np.__version__}
    for package in (*PACKAGES[implementation], "jax", "jaxlib"):
        if package in sys.modules:
            versions[package] = getattr(sys.modules[package], "__version__", "unknown")
    return {"device": nets.device(implementation), "versions": versions}


def timed(call: Callable) -> tuple[float, Any]:
    started = time.perf_counter()
    result = call()
    return time.perf_counter() - started, result


def repeat_fit(job: dict, work: Work) -> Callable[[int], dict]:
    """Whole fits of a compiled model, each from fresh weights."""
    make, x, y = prepare(job, work)
    trainer = make(job["implementation"], work, x, y)

    def repetition(number: int) -> dict:
        seconds, results = [], []
        for i in range(work.repeats):
            trainer.reset(1000 * number + i)
            spent, result = timed(trainer.fit)
            seconds.append(spent)
            results.append(result)
        return {"measures": {"fit": statistics.median(seconds)}, "losses": results}

    return repetition


def repeat_steps(job: dict, work: Work) -> Callable[[int], dict]:
    """What a step takes: a long fit less a short one, so that what each fit takes once does not count."""
    make, x, y = prepare(job, work)
    trainer = make(job["implementation"], work, x, y)
    few = work.samples // 4

    def repetition(number: int) -> dict:
        trainer.reset(number)
        short, _ = timed(lambda: trainer.fit(few))
        trainer.reset(number)
        long, result = timed(trainer.fit)
        step = (long - short) * work.batch / (work.samples - few)
        return {
            "measures": {"a step": 1000 * step, "a fit beside its steps": long - step * work.samples / work.batch},
            "losses": [result],
        }

    return repetition


def repeat_predict(job: dict, work: Work) -> Callable[[int], dict]:
    """The latency of `predict` on one sample, as the median of many calls."""
    make, x, y = prepare(job, work)
    trainer = make(job["implementation"], work, x, y)

    def repetition(number: int) -> dict:
        seconds = [timed(lambda: trainer.predict(x[:1]))[0] for _ in range(work.repeats)]
        return {"measures": {"call": 1000 * statistics.median(seconds)}}

    return repetition


def repeat_on_batch(job: dict, work: Work) -> Callable[[int], dict]:
    """The latency of calls for one batch, as the median of many."""
    make, x, y = prepare(job, work)
    trainer = make(job["implementation"], work, x, y)
    data = trainer.x, trainer.y
    calls = {
        "train_on_batch": lambda: trainer.model.train_on_batch(*data),
        "test_on_batch": lambda: trainer.model.test_on_batch(*data),
        "fit of one batch": trainer.fit,
    }

    def repetition(number: int) -> dict:
        spent = {name: [timed(call)[0] for _ in range(work.repeats)] for name, call in calls.items()}
        return {"measures": {name: 1000 * statistics.median(seconds) for name, seconds in spent.items()}}

    return repetition


def count_compilations() -> list[str]:
    """A list that grows by one with every program that XLA compiles; stays empty without JAX."""
    seen: list[str] = []
    if "jax" in sys.modules:
        monitoring = importlib.import_module("jax.monitoring")
        monitoring.register_event_duration_secs_listener(
            lambda event, duration, **_: seen.append(event) if event.endswith("backend_compile_duration") else None
        )
    return seen


def repeat_fresh(job: dict, work: Work) -> Callable[[int], dict]:
    """A new model of the structure just trained: its first fit against its second."""
    make, x, y = prepare(job, work)
    compiled = count_compilations()

    def repetition(number: int) -> dict:
        gc.collect()
        before = len(compiled)
        build, trainer = timed(lambda: make(job["implementation"], work, x, y))
        first, result = timed(trainer.fit)
        programs = len(compiled) - before
        steady, _ = timed(trainer.fit)
        measures = {"build": build, "first fit": first, "steady fit": steady}
        if "jax" in sys.modules:
            measures["programs compiled"] = programs
        return {"measures": measures, "losses": [result]}

    return repetition


def measure_sizes(job: dict, work: Work) -> dict:
    """Fits of fresh models on varying numbers of samples: what is compiled once the structure is known."""
    make, x, y = prepare(job, work)
    compiled = count_compilations()
    sizes = np.random.default_rng(0).integers(work.samples // 10, work.samples, work.repeats)
    seconds, programs = [], []
    for size in sizes.tolist():
        trainer = make(job["implementation"], work, x[:size], y[:size])
        seconds.append(timed(trainer.fit)[0])
        programs.append(len(compiled))
    measures = {"first fit": seconds[0], "a fit after the third": statistics.median(seconds[3:])}
    if "jax" in sys.modules:
        measures["programs compiled after the third"] = programs[-1] - programs[min(2, len(programs) - 1)]
    return {"measures": measures}


def measure_first(job: dict, work: Work) -> dict:
    """The first fit of a process. The driver adds the time since it started the process."""
    make, x, y = prepare(job, work)
    started = time.perf_counter()
    trainer = make(job["implementation"], work, x, y)
    result = trainer.fit()
    ended = time.monotonic()  # one clock for all processes of a machine
    measures = {"build and fit": time.perf_counter() - started, "peak of memory": peak()}
    return {"measures": measures, "losses": [result], "ended": ended}


def resident() -> float:
    """Resident memory in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / MIB


def peak() -> float:
    """The process's peak resident memory in MiB."""
    status = Path("/proc/self/status")
    if status.exists():  # unlike ru_maxrss, not inherited from the process that started this one
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    maximum = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return maximum / MIB if sys.platform == "darwin" else maximum / 1024


def measure_memory(job: dict, work: Work, budget: float = 90.0) -> dict:
    """Build, fit and discard models of one structure; the slope of resident memory after the 50th.

    Stops after `budget` seconds, because a library that compiles for every model would take many minutes; then the
    last two thirds of what was done count.
    """
    make, x, y = prepare(job, work)
    compiled = count_compilations()
    sizes, programs, deadline = [], [], time.perf_counter() + budget
    while len(sizes) < work.repeats and (time.perf_counter() < deadline or len(sizes) < 3):
        trainer = make(job["implementation"], work, x, y)
        trainer.fit()
        del trainer
        gc.collect()
        sizes.append(resident())
        programs.append(len(compiled))
    settled = min(50, len(sizes) // 3)
    slope = np.polyfit(np.arange(settled, len(sizes)), sizes[settled:], 1)[0]
    measures = {"growth over 100 models": 100 * float(slope), "models": len(sizes)}
    if "jax" in sys.modules:
        measures["programs compiled a model"] = (programs[-1] - programs[settled]) / (len(sizes) - 1 - settled)
    return {"measures": measures}


def measure_peak(job: dict, work: Work) -> dict:
    make, x, y = prepare(job, work)
    before = resident()
    result = make(job["implementation"], work, x, y).fit()
    return {"measures": {"peak": peak(), "peak beyond imports and data": peak() - before}, "losses": [result]}


REPEATED = {
    "fit": repeat_fit,
    "steps": repeat_steps,
    "on-batch": repeat_on_batch,
    "predict": repeat_predict,
    "fresh": repeat_fresh,
}
ONCE = {"first": measure_first, "sizes": measure_sizes, "memory": measure_memory, "peak": measure_peak}
