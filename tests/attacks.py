"""Hostile and broken files, and a measure of what reading one costs. Run as a program, it reads a batch of them and tells.

`python attacks.py configs SEED PART PARTS`, `python attacks.py mutations KIND SEED COUNT`: one line of JSON for each thing
that went wrong, and a last one with the totals.
"""

import copy
import functools
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

VALUES = [
    10**9,
    10**6,
    10**13,
    2**63,
    -1,
    0,
    0.5,
    1e308,
    math.nan,
    math.inf,
    "x",
    "é" * 3,
    "a" * 10**5,
    None,
    True,
    [],
    {},
    [0],
    [10**9] * 2,
    [10**6] * 3,
    [[[]]],
    {"class_name": "Dense"},
    {"class_name": "Dense", "config": {"units": 10**9}},
]


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

    sys.path.insert(0, str(Path(__file__).parent / "laws"))
    import test_layers as laws

    for row in laws.ROWS:
        name, shapes, arguments, whole = row.values
        several = isinstance(shapes[0], list)
        inputs = [kerata.Input(s[1:], dtype="int32" if whole else None) for s in (shapes[0] if several else shapes)]
        given = [inputs] if several else inputs
        if name in ("MultiHeadAttention", "GroupQueryAttention"):
            given = inputs * 2
        try:
            outputs = getattr(kerata.layers, name)(**arguments)(*given)
            yield name, json.loads(kerata.Model(inputs, outputs).to_json())
        except Exception as error:
            print(json.dumps({"skipped": name, "error": str(error)[:200]}))

    def dense(**arguments):
        return kerata.Sequential([kerata.Input((4,)), kerata.layers.Dense(3, name="dense", **arguments)])

    for kind, argument in (
        ("initializers", "kernel_initializer"),
        ("regularizers", "kernel_regularizer"),
        ("constraints", "kernel_constraint"),
        ("activations", "activation"),
    ):
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
    for schedule in (
        schedules.ExponentialDecay(0.1, 10, 0.9),
        schedules.PiecewiseConstantDecay([5, 10], [0.1, 0.2, 0.3]),
        schedules.CosineDecayRestarts(0.1, 5),
        schedules.PolynomialDecay(0.1, 5),
        schedules.CosineDecay(0.1, 5),
    ):
        yield type(schedule).__name__, json.loads(compiled(dense(), "optimizers", kerata.optimizers.SGD(schedule)).to_json())


def make(cls):
    for arguments in (
        {},
        {"num_classes": 3},
        {"num_classes": 3, "target_class_ids": [0]},
        {"fn": "mse"},
        {"specificity": 0.5},
        {"sensitivity": 0.5},
        {"precision": 0.5},
        {"recall": 0.5},
        {"inner_optimizer": "adam"},
    ):
        try:
            return cls(**arguments)
        except Exception:
            continue
    raise ValueError(cls.__name__)


def compiled(model, kind, thing):
    given = {"losses": {"loss": thing}, "metrics": {"metrics": [thing]}, "optimizers": {"optimizer": thing}}[kind]
    model.compile(**{"optimizer": "sgd", "loss": "mse", **given})
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
                    print(
                        json.dumps(
                            {
                                "name": name,
                                "path": path,
                                "value": repr(value)[:40],
                                "problem": problem[:300],
                                "at": where(found),
                            }
                        ),
                        flush=True,
                    )
    print(json.dumps({"count": count, "wrong": wrong, "seconds": worst[0], "megabytes": worst[1]}))


def where(found):
    """The lines at which an error came up."""
    if not isinstance(found, BaseException):
        return ""
    cause = found.__cause__ or found
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(traceback.extract_tb(cause.__traceback__)[-4:]))


# Files with some bytes changed


def small_model(kind="plain"):
    """A compiled model, trained for a step, so that its file holds all that files hold."""
    import kerata
    from kerata import layers

    kerata.utils.set_random_seed(0)
    if kind == "plain":
        parts = [layers.Dense(8, "tanh", name="a"), layers.BatchNormalization(name="b"), layers.Dense(2, name="c")]
        model = kerata.Sequential([kerata.Input((4,)), *parts])
    else:
        x = kerata.Input((5,), dtype="int32")
        model = kerata.Model(x, layers.Dense(2, name="c")(layers.LSTM(3, name="b")(layers.Embedding(9, 4, name="a")(x))))
    model.compile("adam", "mse", metrics=["mae"])
    model.optimizer.build(model.trainable_variables)
    return model


def numbers_of(model):
    """All that a file holds of a model, as bytes."""
    return [np.asarray(v).tobytes() for v in (*model.variables, *model.optimizer.variables)]


def copy_weights(path, packed):
    """The same weights without Kerata's checksums, as Keras writes them; or packed, with HDF5's own."""
    import h5py

    with h5py.File(path) as old:
        arrays, names = {}, {}

        def note(name, item):
            names[name] = dict(item.attrs)
            if isinstance(item, h5py.Dataset):
                arrays[name] = np.array(item)

        old.visititems(note)
    with h5py.File(path, "w") as new:
        for name, array in arrays.items():
            if name != "kerata_checksums":
                filters = {"compression": "gzip", "shuffle": True, "fletcher32": True} if packed and array.ndim else {}
                new.create_dataset(name, data=array, **filters)
        for name, attributes in names.items():
            if name and name in new:
                new[name].attrs.update(attributes)


class Target:
    """A file, and how it is read: `read()` gives bytes to compare, or raises."""

    def __init__(self, kind, folder):
        import kerata
        from kerata.base.archives import extract_archive
        from kerata.datasets.pickles import load_npz

        names = {"keras": "m.keras", "json": "m.json", "npz": "x.npz", "tar": "a.tar.gz", "zip": "a.zip"}
        self.kind, self.path = kind, Path(folder) / names.get(kind, "m.weights.h5")
        # What a changed file is read as need not be what was written where nothing vouches for it.
        self.exact = kind not in ("json", "packed", "bare")
        if kind in ("keras", "weights", "packed", "bare"):
            model = small_model()
            (model.save if kind == "keras" else model.save_weights)(self.path)
            if kind in ("packed", "bare"):
                copy_weights(self.path, kind == "packed")
            blank = [np.zeros(v.shape, v.dtype) for v in (*model.variables, *model.optimizer.variables)]

            def read():
                if kind == "keras":
                    return numbers_of(kerata.saving.load_model(self.path))
                for variable, value in zip((*model.variables, *model.optimizer.variables), blank, strict=True):
                    variable.assign(value)
                model.load_weights(self.path)
                return numbers_of(model)
        elif kind == "json":
            self.path.write_text(small_model("recurrent").to_json())

            def read():
                return [kerata.models.model_from_json(self.path.read_bytes()).name.encode()]
        elif kind == "npz":
            texts = np.empty(20, object)
            texts[:] = [list(range(n % 7)) for n in range(20)]
            np.savez_compressed(self.path, x=np.arange(50.0).reshape(5, 10), y=np.arange(5), texts=texts)

            def read():
                return [pickle.dumps([(k, v.dtype.str, v.shape, v.tolist()) for k, v in sorted(load_npz(self.path).items())])]
        else:
            self._write_archive(kind)

            def read():
                with tempfile.TemporaryDirectory() as goal:
                    extract_archive(self.path, Path(goal))
                    return [f.read_bytes() for f in sorted(Path(goal).rglob("*")) if f.is_file()]

        self.read = read
        self.content = self.path.read_bytes()
        self.right = read()

    def _write_archive(self, kind):
        files = {"a.txt": b"roses " * 50, "b/c.bin": bytes(range(256)) * 4}
        if kind == "zip":
            with zipfile.ZipFile(self.path, "w", zipfile.ZIP_DEFLATED) as archive:
                for name, data in files.items():
                    archive.writestr(name, data)
            return
        with tarfile.open(self.path, "w:gz") as archive:
            for name, data in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))


def mutate(content, rng):
    """Some bytes flipped, overwritten, taken out, doubled or moved, or the end cut off."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if not data:
            break
        place, length = rng.randrange(len(data)), rng.choice((1, 1, 2, 4, 8, 64, 500))
        way = rng.randrange(8)
        if way <= 2:
            data[place] ^= 1 << rng.randrange(8)
        elif way == 3:
            data[place : place + length] = rng.randbytes(min(length, len(data) - place))
        elif way == 4:
            data[place : place + length] = bytes([rng.choice((0, 255, 127, 128))]) * min(length, len(data) - place)
        elif way == 5:
            del data[place : place + length]
        elif way == 6:
            data[place:place] = data[place : place + length]
        else:
            del data[place:]
    return bytes(data)


def run_mutations(kind, seed, count):
    """Reads changed files, each of which must be refused by name or read as it was written."""
    wrong = refused = 0
    worst = [0.0, 0.0]
    with tempfile.TemporaryDirectory() as folder:
        target = Target(kind, folder)
        for number in range(count):
            changed = mutate(target.content, random.Random(f"{kind} {seed} {number}"))
            target.path.write_bytes(changed)
            found, seconds, megabytes = measure(target.read)
            worst = [max(worst[0], seconds), max(worst[1], megabytes)]
            refused += isinstance(found, BaseException)
            problem = complain(found, "model_from_json" if kind == "json" else target.path.name, seconds, megabytes)
            if not problem and not isinstance(found, BaseException) and target.exact and found != target.right:
                problem = "read as something else"
            if problem:
                wrong += 1
                print(
                    json.dumps({"kind": kind, "seed": seed, "number": number, "problem": problem[:300], "at": where(found)}),
                    flush=True,
                )
    print(
        json.dumps(
            {
                "kind": kind,
                "count": count,
                "wrong": wrong,
                "refused": refused,
                "seconds": round(worst[0], 2),
                "megabytes": round(worst[1]),
            }
        )
    )


KINDS = ("keras", "weights", "packed", "bare", "json", "npz", "tar", "zip")


# Kills


def write_for_ever(folder, first, tell):
    """Looks at what the process before left, then writes files whose weights are all one number until it is killed."""
    import kerata
    from kerata import layers

    def model_of(number):
        model = kerata.Sequential([kerata.Input((64,)), layers.Dense(256, name="a"), layers.Dense(64, name="b")])
        model.set_weights([np.full(w.shape, number, w.dtype) for w in model.get_weights()])
        return model

    def number_in(model):
        values = {float(v) for w in model.get_weights() for v in np.unique(w)}
        assert len(values) == 1, values
        return values.pop()

    whole, weights = folder / "m.keras", folder / "m.weights.h5"
    newest = folder / "c.keras"
    found = {}
    if first:
        blank = model_of(0)
        blank.load_weights(weights)
        found = {
            "m.keras": number_in(kerata.saving.load_model(whole)),
            "m.weights.h5": number_in(blank),
            "c.keras": number_in(kerata.saving.load_model(newest)),
        }
    tell({"found": found, "left": sorted(p.name for p in folder.iterdir() if p.name.startswith("."))})
    number = first
    checkpoint = kerata.callbacks.ModelCheckpoint(newest, monitor="loss", verbose=0)
    while True:
        for name in ("m.keras", "m.weights.h5", "c.keras"):
            number += 1
            model = model_of(number)
            tell({"begun": number, "name": name})
            if name == "m.keras":
                model.save(whole)
            elif name == "m.weights.h5":
                model.save_weights(weights)
            else:
                checkpoint.set_model(model)
                checkpoint.on_epoch_end(number, {"loss": 1.0})
            tell({"done": number, "name": name})


def tell(writer, words):
    os.write(writer, (json.dumps(words) + "\n").encode())


def run_kills(seed, count):
    """Kills a process that writes, again and again. No device is started here, so that a fork is a fresh start."""
    import signal

    import kerata

    rng, folder = random.Random(seed), Path(tempfile.mkdtemp())
    wrong, first, parts = 0, 0, 0
    allowed = {}
    for number in range(count + 1):
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                os.close(reader)
                write_for_ever(folder, first, functools.partial(tell, writer))
            except BaseException:
                tell(writer, {"error": traceback.format_exc()[-600:]})
            finally:
                os._exit(1)
        os.close(writer)
        with os.fdopen(reader) as lines:
            start = json.loads(lines.readline())
            problem = start.get("error", "")
            for name, value in start.get("found", {}).items():
                if value not in allowed[name]:
                    problem += f"{name}: {value} instead of {allowed[name]}; "
            if start.get("left"):
                problem += f"left: {start['left']}"
            if first == 0:
                while '"done": 3' not in lines.readline():
                    pass
                allowed = {"m.keras": {1}, "m.weights.h5": {2}, "c.keras": {3}}
                first = 3
            time.sleep(rng.uniform(0.0, 0.05))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            before = {name: max(values) for name, values in allowed.items()}
            allowed = {name: {value} for name, value in (start.get("found") or before).items()}
            for line in lines:
                words = json.loads(line)
                problem += words.get("error", "")
                if "begun" in words:
                    allowed[words["name"]].add(words["begun"])
                    first = max(first, words["begun"])
                elif "done" in words:
                    allowed[words["name"]] = {words["done"]}
        parts += any(p.name.startswith(".part-") for p in folder.iterdir())
        if problem:
            wrong += 1
            print(json.dumps({"kill": number, "problem": problem}), flush=True)
    assert kerata.__version__
    print(json.dumps({"count": count, "wrong": wrong, "cut off": parts}))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_AS, (12 * 2**30, 12 * 2**30))
    kind, *rest = sys.argv[1:]
    if kind == "configs":
        run_configs(int(rest[0]), int(rest[1]), int(rest[2]), float(rest[3]) if len(rest) > 3 else 1.0)
    elif kind == "kills":
        run_kills(int(rest[0]), int(rest[1]))
    else:
        run_mutations(rest[0], int(rest[1]), int(rest[2]))
