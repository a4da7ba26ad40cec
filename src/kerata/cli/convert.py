"""`kerata convert OLD NEW`: a model of any file that loads, in the form that the new name says; the two are compared before."""

import contextlib
import math
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import jax
import numpy as np

from kerata.base.checks import message
from kerata.base.limits import budget, check_bytes
from kerata.base.refusals import FileError
from kerata.engine.module import modules_of
from kerata.layers import Layer
from kerata.models import Model, clone_model, load_model
from kerata.saving.archive import HDF5_ENDINGS
from kerata.saving.inspecting import inspect_file

ENDINGS = (".weights.h5", ".keras", *HDF5_ENDINGS)
SAMPLES = 4
# Sizes that are tried where a model leaves one open, and numbers where a layer takes indices of any size.
SIZES, MOST_INDEX = (8, 32, 96), 10
TOLERANCE = 1e-6


class Compared(NamedTuple):
    """What was compared, in words, and whether it is equal."""

    text: str
    equal: bool


def run_convert(old: str, new: str, force: bool = False) -> int:
    """Converts a file; gives the number with which the command ends.

    Args:
        old: a file or folder of any Keras.
        new: the file to write; its ending says the form.
        force: whether a file of that name may be replaced.
    """
    try:
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always")
            text = convert(old, Path(new), force)
    except (ValueError, TypeError, OSError, NotImplementedError) as error:
        print(f"kerata convert: {error}", file=sys.stderr)
        return 1
    for note in dict.fromkeys(str(one.message) for one in noted):
        print(f"kerata convert: note: {note}", file=sys.stderr)
    print(f"kerata convert: {text}")
    return 0


def convert(old: str, new: Path, force: bool = False) -> str:
    """Writes the model of one file to another, once the two predict the same; gives what was done as a line."""
    ending = next((ending for ending in ENDINGS if new.name.endswith(ending)), None)
    if ending is None:
        raise ValueError(message(str(new), "the new name must end in .keras, .h5 or .weights.h5", {"name": new.name}))
    if new.exists() and os.path.exists(old) and os.path.samefile(old, new):
        raise ValueError(message(str(new), "the new file must be another one than the old", {"old": old}))
    if new.exists() and (not force or new.is_dir()):
        fix = "Give another name" if new.is_dir() else "Give --force, or another name"
        raise FileExistsError(message(str(new), "the new file is there already", None, fix))
    if not new.absolute().parent.is_dir():
        raise FileNotFoundError(message(str(new), "the folder must be there", {"folder": str(new.parent)}, "Make it first"))
    said = inspect_file(old).splitlines()[1]
    model = load_model(old)
    # A folder beside the goal, so that the file takes its place at once, or is gone if it is not equal.
    with tempfile.TemporaryDirectory(prefix=".kerata-convert-", dir=new.absolute().parent) as folder:
        written = Path(folder) / f"converted{ending}"
        again = write(model, written, ending)
        compared = compare(model, again)
        if not compared.equal:
            raise FileError(message(str(new), f"nothing is written, since {compared.text}"))
        os.replace(written, new)
    optimizer = getattr(model, "optimizer", None)
    # Weights alone are those of the optimizer too.
    kept = f", with the state of {type(optimizer).__name__}" if optimizer is not None and optimizer.built else ""
    return f"{old}, {said}, {model.count_params():,} weights{kept} -> {new}; {compared.text}"


def write(model: Model, path: Path, ending: str) -> Model:
    """Writes the model, and gives the one that the file holds."""
    if ending == ".weights.h5":
        model.save_weights(path)
        again = clone_model(model)
        if not again.built and model.built:
            raise ValueError(message(model, "weights alone need a model whose shapes are known", None, "Convert it to .keras"))
        again.load_weights(path)
        return again
    model.save(path)
    return load_model(path, compile=False)


# Comparing


def compare(model: Model, again: Model) -> Compared:
    """Whether two models have the same weights and predict the same of random inputs."""
    mine, other = model.get_weights(), again.get_weights()
    same = len(mine) == len(other) and all(np.array_equal(a, b, equal_nan=True) for a, b in zip(mine, other, strict=True))
    if not same:
        return Compared("its weights are not those of the old file", False)
    reason = ""
    try:
        check_memory(model)
    except FileError as error:
        return Compared(f"weights are equal; predictions were not compared: {error}", True)
    for inputs in draw(model):
        try:
            first = predict(model, inputs)
        except (ValueError, TypeError) as error:
            # An open size may have been too small for the layers.
            reason = reason or str(error)
            continue
        if not are_equal(first, predict(model, inputs)):
            return Compared("weights are equal; predictions are random ones and were not compared", True)
        equal = are_equal(first, predict(again, inputs))
        text = f"predictions of {SAMPLES} random samples are {'equal' if equal else 'not those of the old file'}"
        return Compared(text, equal)
    return Compared(f"weights are equal; predictions were not compared: {reason or 'the model has no inputs'}", True)


def check_memory(model: Model) -> None:
    """Raises where a prediction would take much more memory than the weights explain: a description can ask for any."""
    count = 0
    for _, part in modules_of(model):
        if isinstance(part, Layer):
            # What a layer of a wrapper gives is not known.
            with contextlib.suppress(AttributeError, ValueError):
                shapes = [tensor.shape for tensor in jax.tree.leaves(part.output)]
                count += sum(SAMPLES * 4 * math.prod(length or 1 for length in shape[1:]) for shape in shapes)
    with budget("a prediction", 4 * model.count_params()):
        check_bytes(count, model=model.name)


def predict(model: Model, inputs: np.ndarray | list[np.ndarray]) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(model.predict(inputs, verbose=0, batch_size=SAMPLES))]


def are_equal(first: list[np.ndarray], second: list[np.ndarray]) -> bool:
    """Whether predictions are equal to the last digits."""
    if len(first) != len(second):
        return False
    return all(
        a.shape == b.shape
        and (
            np.allclose(a, b, TOLERANCE, TOLERANCE, equal_nan=True)
            if np.issubdtype(a.dtype, np.number)
            else np.array_equal(a, b)
        )
        for a, b in zip(first, second, strict=True)
    )


def draw(model: Model) -> Iterator[np.ndarray | list[np.ndarray]]:
    """Random inputs of a model, with another size where it leaves one open in each turn."""
    tensors = getattr(model, "inputs", None) or []
    limit = most_index(model)
    for size in SIZES if tensors else ():
        rng = np.random.default_rng(0)
        found = []
        for tensor in tensors:
            shape = (SAMPLES, *(size if length is None else length for length in tensor.shape[1:]))
            dtype = str(tensor.dtype)
            if dtype == "string":
                found.append(np.full(shape, "a text of some words"))
            elif limit is not None or not dtype.startswith(("float", "bfloat", "complex")):
                found.append(rng.integers(0, 2 if dtype == "bool" else limit or 2, shape).astype(dtype))
            else:
                found.append(rng.normal(size=shape).astype("float32"))
        yield found if len(found) > 1 else found[0]
        if all(length is not None for tensor in tensors for length in tensor.shape[1:]):
            return


def most_index(model: Model) -> int | None:
    """One more than the largest index that all layers take which take indices; `None` where none does."""
    layers = [part for _, part in modules_of(model) if isinstance(part, Layer)]
    limits = [getattr(layer, "input_dim", None) or MOST_INDEX for layer in layers if layer.takes_indices]
    return min(limits, default=None)
