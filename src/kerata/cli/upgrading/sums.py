"""What a program computes otherwise under today's names, and no name says: it is named with its line."""

import ast
import re
from collections.abc import Iterator
from typing import cast

from kerata.cli.upgrading.names import Names

# Networks without batch normalization.
PLAIN = ("VGG16", "VGG19")
STEPWISE = ("TimeDistributed", "ConvLSTM2D")
FROZEN = {
    "keras1": "frozen batch normalization went on normalizing by the batch in training, and moved its averages",
    "keras2": "frozen batch normalization went on normalizing by the batch in training",
}
FROZEN["keras22"] = FROZEN["keras2"]
FROZEN_TODAY = "; today it uses its averages. kerata run has the numbers of then"
MASKED = (
    "losses of outputs whose steps are masked were divided by the number of all steps; today by that of the steps that are "
    "kept. kerata run has the numbers of then"
)
WEIGHTED = (
    "samples and steps whose weight is 0 were not counted in losses; today they are, so that losses and steps are smaller. "
    "kerata run has the numbers of then"
)
ENLARGED = "the pixels of bilinear pictures lay elsewhere: keras.layers.CornerUpSampling2D has those of then"
RESIZED = "the pixels of bilinear pictures lay elsewhere: keras.layers.CornerUpSampling2D, or kerata run, has those of then"
SETTLED = (
    "`{0}` was trained as it was compiled, before it is frozen here; today it learns nothing from here on. "
    "Set {0}.trainable = True before its {1}, and False after it, or take kerata run"
)
FLAT = (
    "targets of shape (samples,) came to `{0}` as (samples, 1); today they come as they are, and outputs of (samples, 1) meet "
    "each of them: give y.reshape(-1, 1), or take kerata run"
)
RESHAPING = ("flatten", "reshape", "squeeze", "expand_dims", "batch_flatten")
COUNTED = "names of layers are counted from another number today: name the layer (`name={0!r}`), or take kerata run"
TRAINING = ("fit", "fit_generator", "train_on_batch")
TAKING_WEIGHTS = ("fit", "train_on_batch", "evaluate", "test_on_batch", "compile")


def told(tree: ast.AST, names: Names) -> Iterator[tuple[int, str]]:
    """(line, what is computed otherwise today) for all that a program has of it; of `tf.keras` what is frozen late."""
    era = names.era
    yield from settled(tree)
    yield from flat(tree)
    if era not in FROZEN:
        return
    if normalizes(tree, names):
        yield from ((line, FROZEN[era] + FROZEN_TODAY) for line in freezing(tree))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    stepwise = any(is_true(call, "return_sequences") or last_name(call.func) in STEPWISE for call in calls)
    for call in calls:
        name = next((one.value for one in values_of(call) if isinstance(one, ast.Constant)), None)
        counted = last_name(call.func) == "get_layer" and re.fullmatch(r"[a-z0-9_]+_\d+", str(name))
        if counted and not any(is_named(other, name) for other in calls):
            yield call.lineno, COUNTED.format(name)
        if era == "keras2" and stepwise and (is_true(call, "mask_zero") or thing_name(call, names) == "Masking"):
            yield call.lineno, MASKED
        if era != "keras2" and last_name(call.func) in TAKING_WEIGHTS and weighs(call):
            yield call.lineno, WEIGHTED
        if era != "keras1" and any(isinstance(one, ast.Constant) and one.value == "bilinear" for one in values_of(call)):
            if thing_name(call, names) == "UpSampling2D":
                yield call.lineno, ENLARGED
            elif last_name(call.func) == "resize_images":
                yield call.lineno, RESIZED


def flat(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Measures of a program's own that compare targets and outputs, which it may be given in two shapes."""
    functions = {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    for call in ast.walk(tree):
        if not isinstance(call, ast.Call) or last_name(call.func) != "compile":
            continue
        given = {one.arg: one.value for one in call.keywords}
        loss = given.get("loss", ast.Constant(None))
        if "metrics" not in given or (isinstance(loss, ast.Constant) and loss.value == "categorical_crossentropy"):
            continue
        for name in (one.id for one in ast.walk(given["metrics"]) if isinstance(one, ast.Name)):
            if name in functions and len(functions[name].args.args) == 2 and not reshapes(functions[name]):
                yield call.lineno, FLAT.format(name)


def reshapes(function: ast.FunctionDef) -> bool:
    """Whether a function gives its first argument another shape before all else."""
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and last_name(node.func) in RESHAPING]
    return any(last_name(call.args[0]) == function.args.args[0].arg for call in calls if call.args)


def is_named(call: ast.Call, name: object) -> bool:
    """Whether a call gives a layer this name."""
    given = {one.arg: one.value for one in call.keywords}.get("name")
    return last_name(call.func) != "get_layer" and isinstance(given, ast.Constant) and given.value == name


def normalizes(tree: ast.AST, names: Names) -> bool:
    """Whether a program has batch normalization, of its own or in a network of `keras.applications`."""
    for node in ast.walk(tree):
        thing = names.of(node) if isinstance(node, (ast.Name, ast.Attribute)) else None
        if thing is None or thing.name in PLAIN:
            continue
        if thing.name == "BatchNormalization" or (
            thing.kind.startswith(("applications", "networks")) and thing.name[:1].isupper()
        ):
            return True
    return False


def freezing(tree: ast.AST) -> Iterator[int]:
    """The lines in which layers are frozen: `layer.trainable = False`, or as an argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and is_false(node.value):
            if any(isinstance(one, ast.Attribute) and one.attr == "trainable" for one in node.targets):
                yield node.lineno
        elif isinstance(node, ast.Call) and last_name(node.func) != "add_weight":
            yield from (node.lineno for one in node.keywords if one.arg == "trainable" and is_false(one.value))


def settled(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Models that are compiled, then frozen for good and trained all the same, as the critic of an adversarial network is."""
    compiled: dict[str, int] = {}
    trained: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            name = ast.unparse(node.func.value)
            if node.func.attr == "compile":
                compiled[name] = min(node.lineno, compiled.get(name, node.lineno))
            elif node.func.attr in TRAINING:
                trained[name] = {"fit_generator": "fit"}.get(node.func.attr, node.func.attr)
    for name, values in switched(tree).items():
        if name not in compiled or name not in trained or not all(is_false(value) for value in values):
            continue
        yield from ((value.lineno, SETTLED.format(name, trained[name])) for value in values if value.lineno > compiled[name])


def switched(tree: ast.AST) -> dict[str, list[ast.expr]]:
    """What `trainable` of each model is set to, of itself or of all of its layers in a loop."""
    models: dict[str, str] = {}
    for loop in ast.walk(tree):
        if isinstance(loop, ast.For) and isinstance(loop.iter, ast.Attribute) and loop.iter.attr == "layers":
            models[ast.unparse(loop.target)] = ast.unparse(loop.iter.value)
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(tree):
        targets = [one for one in node.targets if isinstance(one, ast.Attribute)] if isinstance(node, ast.Assign) else []
        for name in (ast.unparse(one.value) for one in targets if one.attr == "trainable"):
            found.setdefault(models.get(name, name), []).append(cast(ast.Assign, node).value)
    return found


def weighs(call: ast.Call) -> bool:
    """Whether a call of a model's method gives samples or steps weights."""
    given = {one.arg: one.value for one in call.keywords}
    return any(
        name in given and not (isinstance(given[name], ast.Constant) and given[name].value is None)  # type: ignore[attr-defined]
        for name in ("sample_weight", "sample_weight_mode")
    )


def values_of(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(one.value for one in call.keywords)]


def is_true(call: ast.Call, name: str) -> bool:
    return any(one.arg == name and isinstance(one.value, ast.Constant) and one.value.value is True for one in call.keywords)


def is_false(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is False


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def thing_name(call: ast.Call, names: Names) -> str:
    """The name that the function of a call has in Keras; "" if it is none of it."""
    thing = names.of(call.func)
    return thing.name if thing is not None else ""
