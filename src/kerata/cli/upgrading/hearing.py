"""Models of a program's own whose `call` has no `training`: before Keras 3 the layers within learned of it all the same."""

import ast
from collections.abc import Iterator

from kerata.cli.upgrading.edits import Source
from kerata.cli.upgrading.names import Names, Thing

# What does something else in training.
ACTING = ("BatchNormalization", "Dropout", "Noise", "in_train_phase")
ARGUMENTS = ("training", "dropout", "recurrent_dropout", "dropout_W", "dropout_U")


def tell(source: Source, names: Names) -> None:
    """Gives such a `call` the argument, in programs in which anything listens to it."""
    if not listens(source.tree):
        return
    for call in calls_of_models(source.tree, names):
        given = call.args
        if given.kwarg is None and not any(one.arg == "training" for one in (*given.args, *given.kwonlyargs)):
            last = given.defaults[-1] if given.defaults else given.args[-1]
            end = source.span(last)[1]
            source.put(end, end, ", training=None")


def listens(tree: ast.AST) -> bool:
    """Whether a program has layers that do something else in training, of Keras or of its own."""
    names, arguments = [], []
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.append(node.id)
        elif isinstance(node, ast.Attribute):
            names.append(node.attr)
        elif isinstance(node, ast.alias):
            names.append(node.name)
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
        elif isinstance(node, (ast.arg, ast.keyword)):
            arguments.append(node.arg)
    acting = (name.endswith(ACTING) or name.startswith("Random") or "applications" in name for name in names)
    return any(acting) or any(argument in ARGUMENTS for argument in arguments)


def calls_of_models(tree: ast.AST, names: Names) -> Iterator[ast.FunctionDef]:
    """The methods `call` of classes that are derived from a model, also by way of another class of the program."""
    models: set[str] = set()
    for cls in [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]:
        bases = {thing for base in cls.bases if (thing := names.of(base))}
        if bases & {Thing("models", "Model"), Thing("models", "Sequential")} or models & {ast.unparse(b) for b in cls.bases}:
            models.add(cls.name)
            yield from (one for one in cls.body if isinstance(one, ast.FunctionDef) and one.name == "call" and one.args.args)
