"""Hostile and broken files, and a measure of what reading one costs. Run as a program, it reads a batch of them and tells.

`python attacks.py configs SEED PART PARTS`, `python attacks.py mutations KIND SEED COUNT`: one line of JSON for each thing
that went wrong, and a last one with the totals.
"""

import copy
import io
import json
import math
import os
import pickle
import random
import resource
import sys
import tarfile
import tempfile
import time
import traceback
import warnings
import zipfile
from pathlib import Path

import numpy as np

SECONDS, MEGABYTES = 10.0, 300.0


# What reading costs


def resident(kind="VmRSS"):
    """Resident memory in megabytes, now or at its peak (`VmHWM`)."""
    with open("/proc/self/status") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith(kind)) / 1000


def measure(call):
    """(what the call gave or raised, seconds of processor time, megabytes at the peak more than before)."""
    with open("/proc/self/clear_refs", "w") as stream:
        stream.write("5")
    before, began = resident(), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = call()
    except BaseException as error:
        found = error
    return found, time.process_time() - began, resident("VmHWM") - before


def complain(found, name, seconds, megabytes, kinds=(ValueError, TypeError)):
    """What is wrong with how a file was read; an empty text if nothing is."""
    if isinstance(found, BaseException):
        if not isinstance(found, kinds):
            return f"raw {type(found).__name__}: {found}"
        if name and name not in str(found):
            return f"not named: {type(found).__name__}: {found}"
    if seconds > SECONDS:
        return f"{seconds:.1f} seconds"
    if megabytes > MEGABYTES:
        return f"{megabytes:.0f} MB"
    return ""


# Descriptions with a value that nobody means

VALUES = [10**9, 10**6, 10**13, 2**63, -1, 0, 0.5, 1e308, math.nan, math.inf, "x", "é" * 3, None, True, [], {}, [0], [10**9] * 2,
          [10**6] * 3, [[[]]], {"class_name": "Dense"}, {"class_name": "Dense", "config": {"units": 10**9}}, "a" * 10**5]  # fmt: skip


def leaves(plain, path=()):
    """The paths of all values in plain data, those that hold others included."""
    yield path
    if isinstance(plain, dict):
        for key, value in plain.items():
            yield from leaves(value, (*path, key))
    elif isinstance(plain, list):
        for index, value in enumerate(plain):
            yield from leaves(value, (*path, index))


def replaced(plain, path, value):
    """The data with another value at a path."""
    if not path:
        return value
    changed = copy.deepcopy(plain)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def descriptions():
    """(name, description of a model) for every layer, loss, measure, optimizer, initializer, regularizer, constraint."""
    import kerata
    from kerata.base import registry
    from kerata.base.serialization import serialize_keras_object

    sys.path.insert(0, str(Path(__file__).parent / "laws"))
    import test_layers as laws

    for row in laws.ROWS:
        name, shapes, arguments, whole = row.values
        try:
            layer = getattr(kerata.layers, name)(**arguments)
            inputs = [kerata.Input(s[1:], dtype="int32" if whole else None) for s in (shapes[0] if isinstance(shapes[0], list) else shapes)]
            outputs = layer(inputs if isinstance(shapes[0], list) else inputs[0]) if len(inputs) > 1 or isinstance(shapes[0], list) else layer(inputs[0])
            yield name, json.loads(kerata.Model(inputs, outputs).to_json())
        except Exception as error:
            print(json.dumps({"skipped": name, "error": str(error)[:200]}))

    def dense(**arguments):
        return kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(3, name="dense", **arguments)])

    for kind, argument in (("initializers", "kernel_initializer"), ("regularizers", "kernel_regularizer"),
                           ("constraints", "kernel_constraint"), ("activations", "activation")):  # fmt: skip
        for one in {id(registry.find_builtin(kind, n)): n for n in registry.names(kind)}.values():
            try:
                yield f"{kind}.{one}", json.loads(dense(**{argument: one}).to_json())
            except Exception:
                continue
    for kind in ("losses", "metrics", "optimizers"):
        for one in {id(registry.find_builtin(kind, n)): n for n in registry.names(kind)}.values():
            cls = registry.find_builtin(kind, one)
            if not isinstance(cls, type):
                continue
            try:
                built = make(cls)
                plain = json.loads(compiled(dense(), kind, built).to_json())
            except Exception as error:
                print(json.dumps({"skipped": f"{kind}.{one}", "error": str(error)[:200]}))
                continue
            yield f"{kind}.{one}", plain
    schedules = kerata.optimizers.schedules
    for schedule in (schedules.ExponentialDecay(0.1, 10, 0.9), schedules.PiecewiseConstantDecay([5, 10], [0.1, 0.2, 0.3]),
                     schedules.CosineDecayRestarts(0.1, 5), schedules.PolynomialDecay(0.1, 5), schedules.CosineDecay(0.1, 5)):  # fmt: skip
        yield type(schedule).__name__, json.loads(compiled(dense(), "optimizers", kerata.optimizers.SGD(schedule)).to_json())
    assert serialize_keras_object(1) == 1


def make(cls):
    for arguments in ({}, {"num_classes": 3}, {"num_classes": 3, "target_class_ids": [0]}, {"fn": "mse"}, {"specificity": 0.5},
                      {"sensitivity": 0.5}, {"precision": 0.5}, {"recall": 0.5}, {"inner_optimizer": "adam"}):  # fmt: skip
        try:
            return cls(**arguments)
        except Exception:
            continue
    raise ValueError(cls.__name__)


def compiled(model, kind, thing):
    model.compile(**{"optimizer": "sgd", "loss": "mse",
                     **{{"losses": "loss", "metrics": "metrics", "optimizers": "optimizer"}[kind]: [thing] if kind == "metrics" else thing}})
    return model


def run_configs(seed, part, parts, share=1.0):
    """Reads descriptions with one wrong value each."""
    import kerata

    rng = random.Random(seed)
    count = wrong = 0
    worst = [0.0, 0.0]
    for number, (name, plain) in enumerate(descriptions()):
        if number % parts != part:
            continue
        for path in list(leaves(plain)):
            for value in VALUES:
                if rng.random() > share:
                    continue
                text = json.dumps(replaced(plain, path, value))
                found, seconds, megabytes = measure(lambda text=text: kerata.models.model_from_json(text))
                kerata.utils.clear_session(free_memory=False)
                count += 1
                worst = [max(worst[0], seconds), max(worst[1], megabytes)]
                problem = complain(found, "model_from_json", seconds, megabytes)
                if problem:
                    wrong += 1
                    print(json.dumps({"name": name, "path": path, "value": repr(value)[:40], "problem": problem[:300],
                                      "at": where(found)}), flush=True)
    print(json.dumps({"count": count, "wrong": wrong, "seconds": worst[0], "megabytes": worst[1]}))


def where(found):
    """The lines at which an error came up."""
    if not isinstance(found, BaseException):
        return ""
    cause = found.__cause__ or found
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(traceback.extract_tb(cause.__traceback__)[-4:]))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (12 * 2**30, 12 * 2**30))
    kind, *rest = sys.argv[1:]
    if kind == "configs":
        run_configs(int(rest[0]), int(rest[1]), int(rest[2]), float(rest[3]) if len(rest) > 3 else 1.0)
