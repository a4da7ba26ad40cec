"""What a program asks of Keras that came after 2.3: words of which no era has a list, since the modules of the eras say it."""

import ast
import collections
import re
import types
from collections.abc import Iterator

from kerata.legacy import keras3
from kerata.legacy.namespaces import tree_of
from kerata.legacy.tree import EraModule

# Rooms of Keras 2 show all of today: what came after 2.3 of it.
LATER = {
    "keras.utils": """set_random_seed PyDataset FeatureSpace split_dataset image_dataset_from_directory load_img save_img
        text_dataset_from_directory audio_dataset_from_directory timeseries_dataset_from_array img_to_array array_to_img
        pad_sequences register_keras_serializable clear_session disable_interactive_logging""".split(),  # noqa: SIM905
    "keras.callbacks": ["BackupAndRestore", "SwapEMAWeights", "OrbaxCheckpoint"],
    "keras.activations": ["gelu", "silu", "swish", "mish", "relu6", "leaky_relu", "glu", "log_softmax", "hard_silu"],
    "keras.losses": ["BinaryFocalCrossentropy", "CategoricalFocalCrossentropy", "Dice", "Tversky", "CTC", "Circle"],
    "keras.metrics": ["F1Score", "FBetaScore", "R2Score", "IoU", "BinaryIoU", "OneHotIoU", "OneHotMeanIoU"],
}
ROOTS = ("keras", "tensorflow", "jax", "torch")
# Classes whose methods Keras calls.
CALLED = ("Layer", "Model", "Loss", "Metric", "Functional", "Sequential")
STEPS = ("train_step", "test_step", "predict_step")


def era_of_later(source: str) -> tuple[str, tuple[tuple[str, int], ...]]:
    """The era of a program that asks for what came after Keras 2.3, and (what, line) of each; `""` if it asks for none.

    >>> era_of_later("from keras import layers; layers.MultiHeadAttention(2, 8)")
    ('keras3', (('keras.layers.MultiHeadAttention', 1),))
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, RecursionError, MemoryError):
        return "", ()
    asked: dict[str, int] = {}
    for name, line in names_asked(tree):
        asked.setdefault(name, line)
    ours = {name: line for name, line in asked.items() if name.partition(".")[0] == "keras"}
    known = [name for name in ours if any(has(era, name) for era in ("keras3", "tfkeras2"))]
    late = [(name, ours[name]) for name in known if is_later(name)] + list(forms_of_later(tree))
    of_jax = [name for name in asked if name.partition(".")[0] == "jax"]
    late += [(name, asked[name]) for name in of_jax[:1] if ours]
    if not late:
        return "", ()
    # Only tf.keras takes tensors of TensorFlow in layers and steps.
    beside = any(name.partition(".")[0] == "tensorflow" for name in asked) and not of_jax
    eras = ("tfkeras2", "keras3") if beside else ("keras3", "tfkeras2")
    lacking = {era: sum(not has(era, name) for name in known) for era in eras}
    return min(eras, key=lambda era: lacking[era]), tuple(late)


def names_asked(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names of Keras and of what runs it, in full, and their lines; not those that a program merely tries.

    >>> list(names_asked(ast.parse("import keras as k; k.layers.Dense(2)")))
    [('keras', 1), ('keras.layers.Dense', 1)]
    """
    full: dict[str, str] = {}
    nodes = list(certain(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                root = alias.name.partition(".")[0]
                if root in ROOTS:
                    full[alias.asname or root] = alias.name if alias.asname else root
                    yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in ROOTS and not node.level:
            for alias in node.names:
                name = node.module if alias.name == "*" else f"{node.module}.{alias.name}"
                full[alias.asname or alias.name] = str(name)
                yield str(name), node.lineno
    inner = {id(node.value) for node in nodes if isinstance(node, ast.Attribute)}
    for node in nodes:
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            parts: list[str] = []
            value: ast.expr = node
            while isinstance(value, ast.Attribute):
                parts.append(value.attr)
                value = value.value
            if isinstance(value, ast.Name) and value.id in full:
                yield ".".join([full[value.id], *reversed(parts)]), node.lineno


def takes_tensors(source: str) -> tuple[str, int] | None:
    """What a program asks of TensorFlow where Keras calls it, and its line: a tape, or functions of tensors in its classes.

    >>> takes_tensors("import tensorflow as tf, keras\\nclass A(keras.Layer):\\n  def call(self, x): return tf.square(x)")
    ('tensorflow.square', 3)
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, RecursionError, MemoryError):
        return None
    spans = [
        (node.lineno, node.end_lineno or node.lineno)
        for node in certain(tree)
        if isinstance(node, ast.ClassDef) and any(last_of(base) in CALLED for base in node.bases)
    ]
    for name, line in names_asked(tree):
        of_tensors = name.startswith("tensorflow.") and not name.startswith(("tensorflow.data", "tensorflow.keras"))
        if of_tensors and (name.endswith(".GradientTape") or any(begin <= line <= end for begin, end in spans)):
            return name, line
    return None


def certain(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes but those within `try`, from the outside in."""
    waiting = collections.deque([tree])
    while waiting:
        node = waiting.popleft()
        yield node
        waiting += [] if isinstance(node, ast.Try) else list(ast.iter_child_nodes(node))


def forms_of_later(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """What is written in a way that Keras 2.3 did not take, and its line."""
    for node in certain(tree):
        if isinstance(node, ast.ClassDef) and any(last_of(base) in ("Model", "Sequential") for base in node.bases):
            yield from ((f.name, f.lineno) for f in node.body if isinstance(f, ast.FunctionDef) and f.name in STEPS)
        elif isinstance(node, ast.Call) and last_of(node) == "Sequential" and node.args:
            parts = getattr(node.args[0], "elts", [])
            if parts and isinstance(parts[0], ast.Call) and last_of(parts[0]) == "Input":
                yield "Sequential([Input(...)])", node.lineno
        elif isinstance(node, ast.Constant) and re.fullmatch(r"(.*/)?[^/~.][^/]*\.keras", str(node.value)):
            yield str(node.value), node.lineno


def last_of(node: ast.expr) -> str:
    """The last name of what is named or called: `Model` of `keras.Model`."""
    node = node.func if isinstance(node, ast.Call) else node
    return getattr(node, "attr", getattr(node, "id", ""))


def is_later(name: str) -> bool:
    """Whether Keras 2.3 had no such name."""
    room, _, last = name.rpartition(".")
    return last in LATER.get(room, ()) or not has("keras2", name)


def has(era: str, name: str) -> bool:
    """Whether an era has a name.

    >>> has("keras2", "keras.layers.Dense"), has("keras2", "keras.layers.MultiHeadAttention")
    (True, False)
    """
    path, *parts = name.split(".")
    for part in parts:
        if module_of(era, f"{path}.{part}") is None:
            return holds(module_of(era, path), part)
        path += f".{part}"
    return True


def module_of(era: str, path: str) -> types.ModuleType | None:
    return keras3.find(path) if era == "keras3" else tree_of(era).find(path)


def holds(module: types.ModuleType | None, name: str) -> bool:
    if isinstance(module, EraModule):
        return name in module.__dict__["_names"] or name in module.__dict__
    return hasattr(module, name)
