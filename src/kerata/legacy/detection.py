"""Which era a program is of, from what its source says."""

import ast
import re
from typing import NamedTuple

from kerata.legacy.later import era_of_later, takes_tensors

SPOKEN = {
    "keras1": "Keras 1",
    "keras2": "Keras 2",
    "keras22": "Keras 2 before 2.3",
    "tfkeras2": "tf.keras of TensorFlow 2",
    "keras3": "Keras 3",
}


class Finding(NamedTuple):
    """An era and what speaks for it."""

    era: str
    evidence: tuple[str, ...]

    def sentence(self) -> str:
        """One line that says both."""
        if not self.evidence:
            return f"{SPOKEN[self.era]}, since nothing in the source says which version it is"
        return f"{SPOKEN[self.era]}, by " + ", ".join(self.evidence[:4])


class Names(NamedTuple):
    """What names a program defines, imports from Keras or TensorFlow, and imports from elsewhere."""

    own: frozenset[str]
    ours: frozenset[str]
    elsewhere: frozenset[str]


# Layers whose size only Keras 1 called `output_dim`; that of an Embedding is called so to this day.
SIZED_BY_OUTPUT = ("Dense", "LSTM", "GRU", "SimpleRNN", "MaxoutDense", "TimeDistributedDense")
# Arguments that only Keras 1 had: they say something as such in a call of Keras's, and nowhere else.
ARGUMENTS = (
    "nb_epoch",
    "border_mode",
    "nb_filter",
    "nb_row",
    "nb_col",
    "filter_length",
    "subsample",
    "subsample_length",
    "dim_ordering",
    "init",
    "inner_init",
    "forget_bias_init",
    "inner_activation",
    "W_regularizer",
    "b_regularizer",
    "U_regularizer",
    "W_constraint",
    "b_constraint",
    "dropout_W",
    "dropout_U",
    "samples_per_epoch",
    "nb_val_samples",
    "nb_worker",
    "pool_length",
    "show_accuracy",
    "output_dim",
    "class_mode",
)
# Words that only one era had, as names of arguments, functions and modules; the first era that has some wins.
WORDS = {
    "keras1": [
        *ARGUMENTS,
        "get_output_shape_for",
        "Convolution2D",
        "Convolution1D",
        "Convolution3D",
        "AtrousConvolution2D",
        "Deconvolution2D",
        "MaxoutDense",
        "TimeDistributedDense",
        "Highway",
        "keras.initializations",
        "keras.models.Graph",
        "keras.layers.containers",
        "keras.layers.core.AutoEncoder",
        "keras.utils.visualize_util",
        "image_dim_ordering",
        "set_image_dim_ordering",
        "nb_classes",
        *(f"{layer}(output_dim=)" for layer in SIZED_BY_OUTPUT),
        "merge(mode=)",
        "Merge(mode=)",
    ],
    "keras3": ["keras.ops", "keras.random", "keras.saving", "stateless_call", "KERAS_BACKEND", "keras.export", "keras.src"],
    "tfkeras2": ["tensorflow.keras", "tf.keras", "tensorflow.python.keras", "tf_keras"],
    "keras2": [
        "fit_generator",
        "evaluate_generator",
        "predict_generator",
        "lr",
        "keras.layers.core",
        "keras.layers.convolutional",
        "keras.engine",
        "keras.layers.merge",
        "keras.utils.np_utils",
        "keras.objectives",
        "recurrent_activation",
        "val_acc",
        "kernel_initializer",
        "padding",
        "epochs",
        "steps_per_epoch",
        "add_weight",
    ],
}
# What Keras 1 had not, in calls and imports. Keras 2 took the arguments of Keras 1 too, so this decides between the two.
SINCE_2 = [
    "epochs=",
    "steps_per_epoch=",
    "validation_steps=",
    "kernel_initializer=",
    "bias_initializer=",
    "recurrent_initializer=",
    "kernel_regularizer=",
    "bias_regularizer=",
    "kernel_constraint=",
    "recurrent_activation=",
    "recurrent_dropout=",
    "data_format=",
    "filters=",
    "kernel_size=",
    "units=",
    "Model(inputs=)",
    "Model(outputs=)",
    "keras.initializers",
    "keras.utils.plot_model",
] + [f"keras.layers.{name}" for name in ("add", "concatenate", "Concatenate", "Add", "multiply", "Average", "CuDNNLSTM")]
# Methods of models, of their bases and of data, whose arguments have told eras apart.
METHODS = frozenset(
    """fit fit_generator evaluate evaluate_generator predict predict_generator predict_classes predict_proba compile add
    add_weight train_on_batch test_on_batch flow flow_from_directory flow_from_dataframe __init__""".split()  # noqa: SIM905
)
# What is written into a picture or a table says nothing of the logs; nor does a key under which a program keeps something.
LABELLED = re.compile(
    r"(\b(legend|title|set_title|xlabel|ylabel|set_ylabel|text|print)\((?![^\n]*\w\[)|\b(labels?|name|title)\s*=\s*).*"
    r"|\[\s*['\"]\w*acc['\"]\s*\]\s*=(?!=)|['\"]\w*acc['\"]\s*:"
)
# The accuracy under its short name in `compile`, the long name in a history, and the short one there or in what watches it.
SHORT_GIVEN = re.compile(r"\bmetrics\s*=\s*[^=)]*?['\"]acc['\"]")
LONG_READ = re.compile(r"['\"{]val_(\w+_)?accuracy\b|(\w\[|\belse)\s*['\"](\w+_)?accuracy['\"]")
SHORT_READ = (
    re.compile(r"['\"](?P<name>val_(\w+_)?acc)['\"]"),
    re.compile(r"[\w\])](\[|\.get\()\s*['\"](?P<name>(\w+_)?acc)['\"]"),
    re.compile(r"\b(monitor\s*=|for \w+ in [(\[][^)\]]*?|if)\s*['\"](?P<name>(\w+_)?acc)['\"]"),
    # In the name of a file.
    re.compile(r"(?<![fF])['\"][^'\"\n]*\{epoch\b[^'\"\n]*\{(?P<name>(\w+_)?acc)\b"),
)
# Words that a program of another era may use for something of its own.
WEAK = frozenset(
    {"init", "output_dim", "nb_classes", "Convolution2D", "Convolution1D", "Convolution3D", "class_mode", "lr", "padding"}
)


def find_era(source: str) -> Finding:
    """The era of a program, and the words in it that say so.

    >>> find_era("import keras; model.fit(x, y, nb_epoch=3)").sentence()
    'Keras 1, by `nb_epoch` in line 1'
    >>> find_era("from tensorflow import keras").era
    'tfkeras2'
    """
    found = words_of(source)
    ours = [
        name for name in found if name == "keras" or name.startswith(("keras.", "tensorflow.keras", "tf_keras", "tf.keras"))
    ]
    through_tf = any(name.startswith(("tensorflow.keras", "tensorflow.python.keras", "tf.keras", "tf_keras")) for name in ours)
    for era, words in WORDS.items():
        if era == "keras1" and through_tf:
            continue
        evidence = [word for word in words if word in found]
        if era == "keras1" and not any(word not in WEAK for word in evidence) and not _positional(source):
            continue
        since = [word for word in SINCE_2 if word in found] if era in ("keras1", "keras2") else []
        if era == "keras1" and since:
            continue
        if era == "keras2" and not through_tf and (later := later_of(source)):
            return later
        if era == "keras2" and not through_tf and (before := before_2_3(source)):
            return Finding("keras22", (before,))
        evidence += [word for word in since if word.strip("=") not in evidence]
        if era == "keras3" and evidence and (of_tensors := on_tensorflow(source)):
            return of_tensors
        if evidence:
            strong = sorted(evidence, key=lambda word: (word in WEAK, found[word]))
            return Finding(era, tuple(f"`{word}` in line {found[word]}" for word in strong))
    if ours and not through_tf:
        return later_of(source) or Finding("keras2", ())
    return Finding("tfkeras2", ())


def later_of(source: str) -> Finding | None:
    """The era of a program that asks for what Keras 2.3 had not.

    >>> later_of("import keras; keras.layers.Rescaling(1 / 255)").sentence()
    'Keras 3, by `keras.layers.Rescaling` in line 1'
    """
    era, evidence = era_of_later(source)
    return Finding(era, tuple(f"`{name}` in line {line}" for name, line in evidence)) if era else None


def on_tensorflow(source: str) -> Finding | None:
    """That a program of Keras 3 is run as one of `tf.keras`: it gives tensors of TensorFlow to layers or steps, which only this
    takes, and asks for nothing that is not there.

    >>> on_tensorflow("import keras, tensorflow as tf; from keras import ops; tf.GradientTape()").sentence()
    'tf.keras of TensorFlow 2, by `tensorflow.GradientTape` in line 1'
    """
    asked = takes_tensors(source)
    if asked is None or (later := later_of(source)) is None or later.era != "tfkeras2":
        return None
    return Finding("tfkeras2", (f"`{asked[0]}` in line {asked[1]}",))


def before_2_3(source: str) -> str:
    """What says that a program of Keras 2 was written before 2.3, whose gates and names of measures were others; or nothing.

    >>> before_2_3("# with Keras 2.2.4")
    '`Keras 2.2.4` in line 1'
    """
    if version := re.search(r"\bkeras\s*(==|~=)?\s*2\.[0-2](\.\d+)?\b", source, re.IGNORECASE):
        return f"`{version[0]}` in line {source.count(chr(10), 0, version.start()) + 1}"
    # From 2.3 on, a history had the name that `compile` was given.
    lines = [LABELLED.sub("", "" if line.lstrip().startswith("#") else line) for line in source.splitlines()]
    text = "\n".join(lines)
    given = re.search(r"['\"]accuracy['\"]", text)
    if given is None or any(pattern.search(text) for pattern in (SHORT_GIVEN, LONG_READ)):
        return ""
    if read := next(filter(None, (pattern.search(text) for pattern in SHORT_READ)), None):
        numbers = [text.count("\n", 0, place) + 1 for place in (read.start("name"), given.start())]
        return f"`{read['name']}` in line {numbers[0]} for `accuracy` in line {numbers[1]}"
    return ""


def _positional(source: str) -> bool:
    """Whether a convolution is called with the size of its kernel in two numbers."""
    return re.search(r"\bConvolution[23]D\(\s*\w+\s*,\s*\w+\s*,\s*\w+", source) is not None


def words_of(source: str) -> dict[str, int]:
    """Names of modules, attributes, functions and arguments in a source -> the line in which each first stands.

    An argument of a call of Keras's stands there as `name=` too.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, RecursionError, MemoryError):
        # Python says one of the others where brackets, or sums, are nested too deeply.
        return words_of_text(source)
    found: dict[str, int] = {}
    names = names_of(tree)

    def note(word: str, line: int) -> None:
        if word not in ARGUMENTS:
            found.setdefault(word, line)

    for node in ast.walk(tree):
        line = getattr(node, "lineno", 0)
        if isinstance(node, ast.Import):
            for alias in node.names:
                note_module(found, alias.name, line)
        elif isinstance(node, ast.ImportFrom) and node.module:
            note_module(found, node.module, line)
            for alias in node.names:
                note(alias.name, line)
                note_module(found, f"{node.module}.{alias.name}", line)
        elif isinstance(node, ast.Call):
            note_arguments(found, node, names)
        elif isinstance(node, ast.Attribute):
            note(node.attr, line)
            if isinstance(node.value, ast.Name):
                note_module(found, f"{node.value.id}.{node.attr}", line)
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
            # `self.params["nb_epoch"]` of a callback.
            if isinstance(node.value, ast.Attribute) and node.value.attr == "params":
                found.setdefault(node.slice.value, line)
        elif isinstance(node, ast.Name):
            note(node.id, line)
        elif isinstance(node, ast.FunctionDef):
            note(node.name, line)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 40:
            note(node.value, line)
    return found


def note_arguments(found: dict[str, int], call: ast.Call, names: Names) -> None:
    """Notes the names of a call's arguments, where what is called may be Keras's."""
    name = getattr(call.func, "id", getattr(call.func, "attr", ""))
    if not may_be_ours(call.func, name, names):
        return
    for keyword in call.keywords:
        words = [keyword.arg]
        if keyword.arg is None and isinstance(keyword.value, ast.Dict):
            # `fit(x, y, **{"nb_epoch": 3})`
            words = [key.value for key in keyword.value.keys if isinstance(key, ast.Constant)]
        for word in words:
            if isinstance(word, str):
                for said in (word, f"{word}=", f"{name}({word}=)"):
                    found.setdefault(said, keyword.value.lineno)


def may_be_ours(function: ast.expr, name: str, names: Names) -> bool:
    """Whether a call may be one of Keras's: of what is imported from it, of a class, or of a method that models have."""
    looks_so = name[:1].isupper() or name in METHODS
    if isinstance(function, ast.Name):
        # With `from keras.layers import *` it is known of no name where it comes from.
        return name in names.ours or (looks_so and name not in names.own | names.elsewhere)
    owner = getattr(getattr(function, "value", None), "id", "")
    if owner in names.elsewhere or (owner in ("self", "cls") and name in names.own):
        return False
    # `keras.layers.merge`
    return ast.unparse(function).partition(".")[0] in names.ours or looks_so


def names_of(tree: ast.AST) -> Names:
    """What names a program defines and imports.

    >>> names_of(ast.parse("import numpy as np, keras"))
    Names(own=frozenset(), ours=frozenset({'keras'}), elsewhere=frozenset({'np'}))
    """
    own: set[str] = set()
    imported: dict[bool, set[str]] = {True: set(), False: set()}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            own.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            module = getattr(node, "module", None)
            for alias in node.names:
                is_ours = re.match(r"(tensorflow|tf_keras|keras)", module or alias.name) is not None
                imported[is_ours].add((alias.asname or alias.name).partition(".")[0])
    return Names(frozenset(own), frozenset(imported[True]), frozenset(imported[False]))


def note_module(found: dict[str, int], name: str, line: int) -> None:
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        found.setdefault(".".join(parts[:end]), line)


def words_of_text(source: str) -> dict[str, int]:
    """Words of a source that this Python cannot read."""
    found: dict[str, int] = {}
    for line, text in enumerate(source.splitlines(), start=1):
        for word in re.findall(r"[A-Za-z_][\w.]*", text):
            note_module(found, word, line)
    return found


# Splits at nothing too, since Python 3.7.
EMPTY_SPLIT = re.compile(r"re\.split\(\s*r?['\"]\(\\+W\+\)\?['\"]")
# Idioms of old Python and NumPy: pattern, what to write instead.
OLD_IDIOMS = (
    (re.compile(r"^\s*print\s+[^(=\s]", re.M), "`print x` is Python 2: write print(x)"),
    (re.compile(r"\bxrange\s*\("), "`xrange` is Python 2: write range"),
    (re.compile(r"\braw_input\s*\("), "`raw_input` is Python 2: write input"),
    (re.compile(r"\bexcept\s+\w+\s*,\s*\w+\s*:"), "`except Error, e` is Python 2: write `except Error as e`"),
    (re.compile(r"\bimport\s+cPickle\b|\bcPickle\b"), "`cPickle` is Python 2: import pickle"),
    (re.compile(r"\.iteritems\s*\(|\.itervalues\s*\("), "`iteritems` is Python 2: write items"),
    (
        re.compile(r"\bnp\.(int|float|bool|object|str)\b(?!_|\d)"),
        "`np.int` and its kin are gone from NumPy: write int, float, bool",
    ),
    (EMPTY_SPLIT, r"`re.split('(\W+)?', text)` splits between all letters since Python 3.7: write re.split(r'(\W+)', text)"),
    (re.compile(r"\bscipy\.misc\b"), "`scipy.misc` has lost imread, imresize and imsave: use PIL or imageio"),
    (re.compile(r"\bfrom\s+sklearn\.cross_validation\b"), "`sklearn.cross_validation` is `sklearn.model_selection` now"),
)


def old_idioms(source: str) -> list[str]:
    """What in a source Python and NumPy of today no longer take, each with what to write instead.

    >>> old_idioms("for i in xrange(3): pass")
    ['line 1: `xrange` is Python 2: write range']
    """
    said = []
    for pattern, advice in OLD_IDIOMS:
        if found := pattern.search(source):
            said.append(f"line {source.count(chr(10), 0, found.start()) + 1}: {advice}")
    return said
