"""Hostile SavedModel folders and checkpoints of TensorFlow: one error that names the file, soon and in little memory."""

import json
import os
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

import attacks
import kerata
from checkpoint_files import (
    DENSE,
    Entry,
    closed,
    dense_checkpoint,
    dense_graph,
    encode,
    footer,
    graph_of,
    metadata_of,
    node,
    sized,
    text_entry,
    varint,
    write_block,
    write_checkpoint,
    write_saved_model,
    write_table,
)
from hostile_parts import dense, old, sequential
from kerata import layers
from kerata.base.refusals import MissingFile
from kerata.saving import FileError
from kerata.saving.inspecting import inspect_file

KERNEL = DENSE["kernel"]
TYPED = (FileError, MissingFile)
PLAIN = old(sequential(dense()))


def small(units=2):
    return kerata.Sequential([kerata.Input((4,)), layers.Dense(units, name="x")])


def readers(path):
    """What reads a checkpoint or a folder."""
    found = [lambda: small().load_weights(path), lambda: inspect_file(path)]
    return [*found, lambda: kerata.models.load_model(path)] if Path(path).is_dir() else found


def problem_of(call, name):
    found, seconds, megabytes = attacks.measure(call)
    return found, attacks.complain(found if isinstance(found, BaseException) else None, name, seconds, megabytes, TYPED)


def check(path, match="", first=0):
    """All readers refuse by name, soon and in little memory; `inspect` may say what there is."""
    for number, call in enumerate(readers(path)):
        found, problem = problem_of(call, str(path))
        assert not problem, problem
        if number != 1:
            assert isinstance(found, TYPED) and match in str(found), found


# Indexes


def arrays_and(changed=None, **more):
    return lambda goal: dense_checkpoint(goal, changed=changed, **more)


def index(data):
    """A checkpoint with other bytes for an index."""

    def write(goal):
        dense_checkpoint(goal)
        Path(f"{goal}.index").write_bytes(data() if callable(data) else data)

    return write


def table(pairs, **more):
    return index(lambda: write_table([(b"", encode((1, 1))), *pairs], **more))


def blocks_in_a_circle():
    """A hundred thousand handles that all lead to one block."""
    block = write_block([(b"a", b"")])
    first = closed(block)
    handle = varint(0) + varint(len(block))
    list_of = write_block([(number.to_bytes(4, "big"), handle) for number in range(100_000)])
    return first + closed(list_of) + footer((len(first), len(list_of)))


def shared_keys():
    """Entries that share a long key with the one before: a table of a megabyte that unpacks to gigabytes."""
    key = b"k" * 500_000
    body = varint(0) + varint(len(key)) + varint(0) + key
    for number in range(20_000):
        body += varint(len(key) + number) + varint(1) + varint(0) + b"x"
    return write_table([], blocks=[body + bytes(4) + (1).to_bytes(4, "little")])


def many_entries():
    entry = Entry(1, (1,), 0, 0, 4, 0).encode()
    return [(b"%08d" % number, entry) for number in range(60_000)]


INDEXES = {
    "empty": (index(b""), "no index of a checkpoint"),
    "another file": (index(b"x" * 5000), "no index of a checkpoint"),
    "a footer alone": (index(lambda: footer((0, 0))), "a block of it is not there"),
    "a block behind the end": (index(lambda: footer((2**60, 2**60))), "a block of it is not there"),
    "packed with Snappy": (table([], kind=1), "packed with Snappy is not read"),
    "packed otherwise": (table([], kind=77), "packed is not read"),
    "keys that are not in order": (table([(b"b", b""), (b"a", b"")]), "not in order"),
    "a block many times": (index(blocks_in_a_circle), ""),
    "keys that are shared": (index(shared_keys), "asks for much more memory"),
    "many restarts": (table([], blocks=[write_block([(b"", b"")])[:-4] + b"\xff\xff\xff\xff"]), "too short"),
    "no header": (index(lambda: write_table([(b"a", Entry(1, ()).encode())])), "a number of files was expected"),
    "a header without files": (arrays_and(header=encode((1, 0))), "a number of files was expected"),
    "a billion files": (arrays_and(header=encode((1, 10**9))), "a number of files was expected"),
    "another file of arrays": (arrays_and(header=encode((1, 2))), "is missing"),
    "the first byte last": (arrays_and(header=encode((1, 1), (2, 1))), "not read"),
    "a number without end": (arrays_and(header=b"\x08" + b"\xff" * 12), "a number in it has no end"),
    "a field that is too long": (arrays_and(header=b"\x0a" + varint(2**40)), "longer than what is there"),
    "an unknown kind of field": (arrays_and(header=b"\x0b"), "no field"),
    "many entries": (table(many_entries()), ""),
}


@pytest.mark.parametrize("name", INDEXES)
def test_indexes_that_lie(tmp_path, name):
    write, match = INDEXES[name]
    write(tmp_path / "ckpt")
    check(tmp_path / "ckpt", match)


ENTRIES = {
    "a huge shape": ({"shape": (2**40, 2**20)}, "claims a size that it does not have"),
    "a huge array": ({"shape": (4, 2**31), "size": 2**35}, "must"),
    "an array behind its file": ({"start": 2**50}, "ends behind its file"),
    "an array that is cut": ({"size": 31}, "claims a size"),
    "a negative size": ({"shape": (-4, -2)}, "impossible shape"),
    "many axes": ({"shape": (1,) * 10_000}, "impossible shape"),
    "another checksum": ({"checksum": 5}, "not what was written"),
    "a file too many": ({"shard": 1}, "a file too many"),
    "another file": ({"shard": 2**62}, "a file too many"),
    "texts": ({"dtype": 7}, "an array of numbers was expected"),
    "an unknown type": ({"dtype": 999}, "an array of numbers was expected"),
    "numbers of another type": ({"dtype": 2, "shape": (4, 1)}, "must"),
    "numbers of the same bytes": ({"shape": (2, 4)}, "must"),
}


@pytest.mark.parametrize("name", ENTRIES)
def test_entries_that_lie(tmp_path, name):
    changed, match = ENTRIES[name]
    dense_checkpoint(tmp_path / "ckpt", changed={KERNEL: changed})
    model = small()
    before = model.get_weights()
    found, problem = problem_of(lambda: model.load_weights(tmp_path / "ckpt"), str(tmp_path / "ckpt"))
    assert isinstance(found, FileError) and match in str(found) and not problem, (found, problem)
    np.testing.assert_array_equal(before[0], model.get_weights()[0])
    check(tmp_path / "ckpt", match)


# Objects


def leaf(name):
    return node(key=DENSE[name], name=f"dense/{name}")


def deep_graph(depth=20_000):
    return graph_of(*(node({"layer-0": number + 1}) for number in range(depth)), leaf("kernel"))


def wide_graph(width=30_000):
    return graph_of(node({f"a{number}": 1 for number in range(width)}), leaf("kernel"))


GRAPHS = {
    "nothing": lambda: b"",
    "no objects": lambda: encode((9, b"")),
    "an object that is not there": lambda: graph_of(node({"layer-1": 7})),
    "an object of any number": lambda: graph_of(node({"layer-1": 2**63})),
    "a circle": lambda: graph_of(node({"layer-0": 1, "layer-1": 2, "a": 0}), node({"b": 0}), node({"kernel": 2, "bias": 0})),
    "itself": lambda: graph_of(node({"layer-0": 0, "layer-1": 0, "kernel": 0, "bias": 0})),
    "depth": deep_graph,
    "width": wide_graph,
    "an array that is not there": lambda: graph_of(
        node({"layer-0": 1, "layer-1": 2}), node(), node({"kernel": 3}), node(key="other", name="k")
    ),
    "no array": lambda: graph_of(node({"layer-0": 1, "layer-1": 2}), node(), node({"kernel": 1, "bias": 1})),
    "an array twice": lambda: graph_of(
        node({"layer-0": 1, "layer-1": 2}), node(), node({"kernel": 3, "bias": 3}), leaf("kernel")
    ),
    "a text that is none": lambda: graph_of(node({}, key="x")[:-1] + b"\xff"),
    "a number for a message": lambda: encode((1, 5)),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_objects_that_lie(tmp_path, name):
    dense_checkpoint(tmp_path / "ckpt", GRAPHS[name]())
    check(tmp_path / "ckpt")


def test_a_graph_of_any_size_is_not_read(tmp_path):
    """The index claims a text that the file of arrays does not have, and one of a gigabyte of nothing that it has."""
    prefix = dense_checkpoint(tmp_path / "ckpt", changed={"_CHECKPOINTABLE_OBJECT_GRAPH": {"size": 2**40}})
    check(prefix, "")
    stored, entry = text_entry(dense_graph(), 0)
    entries = [(b"_CHECKPOINTABLE_OBJECT_GRAPH", entry._replace(size=2**30).encode())]
    Path(f"{prefix}.index").write_bytes(write_table([(b"", encode((1, 1))), *entries]))
    with open(f"{prefix}.data-00000-of-00001", "wb") as stream:
        stream.write(stored)
        stream.truncate(2**31)
    check(prefix, "much more memory")


def test_an_optimizer_that_is_no_optimizer(tmp_path):
    """State that does not fit is left out with a warning; the weights are the file's."""
    slots = [(3, "m", 2**20 % 5), (1, "v", 4), (0, "m", 3)]
    optimizer = node({"iter": 3, "learning_rate": 0, "_variables": 5, "0": 5}, slots=slots)
    root = node({"layer-0": 1, "layer-1": 2, "layer_with_weights-0": 2, "optimizer": 5})
    graph = graph_of(root, node(), node({"kernel": 3, "bias": 4}), leaf("kernel"), leaf("bias"), optimizer)
    dense_checkpoint(tmp_path / "ckpt", graph)
    model = small()
    model.compile("adam", "mse")
    with pytest.warns(UserWarning, match="training begins anew"):
        model.load_weights(tmp_path / "ckpt")
    assert (model.get_weights()[0] == 1.0).all() and int(model.optimizer.iterations) == 0


# Folders


def deep_json(depth):
    return '{"class_name": "Sequential", "config": ' + '{"a": ' * depth + "1" + "}" * depth + "}"


METADATA = {
    "empty": b"",
    "another file": b"x" * 5000,
    "no description": metadata_of(""),
    "a list": metadata_of("[]"),
    "no JSON": metadata_of("{"),
    "numbers without end": metadata_of("[" + "1" * 10**6 + "]"),
    "a deep description": metadata_of(deep_json(50_000)),
    "a less deep description": metadata_of(deep_json(500)),
    "layers that are a text": metadata_of({"class_name": "Sequential", "config": {"layers": "x" * 1000}}),
    "tuples of tuples": metadata_of('{"class_name": "__tuple__", "items": [' * 400 + "1" + "]}" * 400),
    "another kind": metadata_of(PLAIN, kind="_tf_keras_input_layer"),
    "a root twice": metadata_of({}) + metadata_of(PLAIN),
    "a text that is none": encode((1, encode((4, "_tf_keras_sequential"), (5, b"\xff\xfe")))),
    "many objects": metadata_of({}) + encode((1, encode((2, 7)))) * 200_000,
    "a huge layer": metadata_of(old(sequential(dense(units=10**9)))),
    "many layers": metadata_of({**PLAIN, "config": {"layers": [*PLAIN["config"]["layers"][:1], *[dense(units=20_000)] * 8]}}),
}


@pytest.mark.parametrize("name", METADATA)
def test_descriptions_of_folders_that_lie(tmp_path, name):
    folder = write_saved_model(tmp_path / "m", PLAIN)
    (folder / "keras_metadata.pb").write_bytes(METADATA[name])
    for number, call in enumerate(readers(folder)):
        found, problem = problem_of(call, str(folder))
        assert not problem, (number, problem)
        # The weights are there all the same.
        assert number != 2 or isinstance(found, FileError), found


def nested(depth):
    data = b""
    for _ in range(depth):
        data = b"\x12" + sized(data)
    return data


@pytest.mark.parametrize(
    "data",
    [b"", b"\x12", nested(5000), encode((2, encode((7, encode(*[(1, encode((4, b"\xff")))] * 1000))))), b"\x12\x00" * 200_000],
    ids=["empty", "cut", "deep", "objects that are none", "many graphs"],
)
def test_programs_of_folders_that_lie(tmp_path, data):
    folder = write_saved_model(tmp_path / "m", PLAIN)
    (folder / "keras_metadata.pb").unlink()
    (folder / "saved_model.pb").write_bytes(data)
    found, problem = problem_of(lambda: kerata.models.load_model(folder), str(folder))
    assert isinstance(found, FileError) and not problem, (found, problem)
    _, problem = problem_of(lambda: inspect_file(folder), str(folder))
    assert not problem


@pytest.mark.parametrize("name", ["keras_metadata.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"])
def test_files_of_nothing_are_not_read(tmp_path, name):
    """Ten gigabytes of holes take no place on a disk, and would take all memory."""
    folder = write_saved_model(tmp_path / "m", PLAIN)
    with open(folder / name, "r+b") as stream:
        stream.truncate(10 * 2**30)
    for number, call in enumerate(readers(folder)):
        _, problem = problem_of(call, str(folder))
        assert not problem, (number, problem)


def test_pieces_of_a_folder_may_be_missing(tmp_path):
    for name in ("keras_metadata.pb", "variables/variables.index", "variables/variables.data-00000-of-00001", "variables"):
        folder = write_saved_model(tmp_path / "m", PLAIN)
        (shutil.rmtree if (folder / name).is_dir() else os.unlink)(folder / name)
        found, problem = problem_of(lambda folder=folder: kerata.models.load_model(folder), str(folder))
        assert isinstance(found, TYPED) and not problem, (name, found, problem)
        shutil.rmtree(folder)


# Many changes


def resealed(rng):
    """The parts of a folder, one of which is changed, under checksums that fit."""
    graph, plain = dense_graph(), json.dumps({"name": "m", "keras_version": "2.15.0", **PLAIN})
    entries = {KERNEL: Entry(1, (4, 2), 0, 0, 32, 0), DENSE["bias"]: Entry(1, (2,), 0, 32, 8, 0)}
    which = rng.randrange(5)
    if which == 0:
        graph = attacks.mutate(graph, rng)
    elif which == 1:
        plain = attacks.mutate(plain.encode(), rng).decode("latin-1")
    return graph, plain, entries, which


def write_changed(folder, rng):
    """Writes a folder of which one part is changed: the graph, the description, an entry, the header, or bytes of a file."""
    graph, plain, _, which = resealed(rng)
    changed = {}
    if which == 2:
        name = rng.choice(["dtype", "shape", "start", "size", "shard", "checksum"])
        value = rng.choice([0, 1, 3, 7, 31, 255, 2**31, 2**32 - 1, 2**63])
        changed = {KERNEL: {name: (value, rng.choice([0, 2, 2**40])) if name == "shape" else value}}
    header = attacks.mutate(encode((1, 1), (3, encode((1, 1)))), rng) if which == 3 else None
    write_checkpoint(
        folder / "variables" / "variables",
        {KERNEL: np.ones((4, 2), "float32"), DENSE["bias"]: np.zeros(2, "float32")},
        graph,
        changed,
        header,
    )
    (folder / "keras_metadata.pb").write_bytes(metadata_of(plain))
    if which == 4:
        name = rng.choice(["keras_metadata.pb", "variables/variables.index", "variables/variables.data-00000-of-00001"])
        (folder / name).write_bytes(attacks.mutate((folder / name).read_bytes(), rng))
    elif rng.random() < 0.3:
        data = (folder / "variables" / "variables.index").read_bytes()
        (folder / "variables" / "variables.index").write_bytes(attacks.mutate(data, rng))
    return which


def mutations(tmp_path, seed, count):
    folder = tmp_path / "m"
    folder.mkdir()
    wrong, refused = [], 0
    for number in range(count):
        which = write_changed(folder, random.Random(f"{seed} {number}"))
        for place, call in enumerate(readers(folder)):
            found, problem = problem_of(call, str(folder))
            refused += isinstance(found, BaseException)
            if problem:
                wrong.append((number, which, place, problem[:300], attacks.where(found)))
        kerata.utils.clear_session(free_memory=False)
    assert not wrong, wrong[:5]
    # Most changes are noticed; some change nothing that is read.
    assert count < refused < 3 * count


def test_changed_folders_are_refused_by_name_or_read(tmp_path):
    mutations(tmp_path, 0, 100)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_thousands_of_changed_folders(tmp_path, part):
    mutations(tmp_path, f"part {part}", 1500)


def test_bytes_that_change_in_a_checkpoint_are_noticed(tmp_path):
    """Every bit of the index and of the arrays is under a checksum, but for what no reader looks at."""
    prefix = dense_checkpoint(tmp_path / "ckpt")
    right = np.ones((4, 2), "float32")
    for ending in (".index", ".data-00000-of-00001"):
        path = Path(f"{prefix}{ending}")
        content = path.read_bytes()
        for place in range(0, len(content), 7):
            changed = bytearray(content)
            changed[place] ^= 1 << place % 8
            path.write_bytes(changed)
            model = small()
            found, problem = problem_of(lambda model=model: model.load_weights(prefix), str(prefix))
            assert not problem, (ending, place, problem)
            if not isinstance(found, BaseException):
                np.testing.assert_array_equal(model.get_weights()[0], right)
        for length in range(0, len(content), 11):
            path.write_bytes(content[:length])
            found, problem = problem_of(lambda: small().load_weights(prefix), str(prefix))
            assert isinstance(found, FileError) and not problem, (ending, length, found)
        path.write_bytes(content)
