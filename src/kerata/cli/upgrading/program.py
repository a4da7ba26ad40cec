"""A whole program in today's words, with notes on what is left to do by hand."""

import ast
import inspect
import re
from dataclasses import dataclass, field

import kerata
from kerata.cli.upgrading.calls import Call, row_of, today_of_row
from kerata.cli.upgrading.edits import Source
from kerata.cli.upgrading.hearing import tell
from kerata.cli.upgrading.modules import Modules
from kerata.cli.upgrading.names import Names, Thing
from kerata.cli.upgrading.stars import name_stars
from kerata.cli.upgrading.sums import told
from kerata.dialects import Row, find_function, find_row
from kerata.legacy.backends import OWN
from kerata.legacy.detection import find_era
from kerata.legacy.optimizers import NAMES as OPTIMIZERS

# How long a line may become.
WIDEST = 120
MERGING = {"sum": "add", "mul": "multiply", "ave": "average", "max": "maximum", "concat": "concatenate", "dot": "dot"}
# Methods whose arguments have rows, and what they are called today.
METHODS = {
    "fit": "fit",
    "fit_generator": "fit",
    "evaluate": "evaluate",
    "evaluate_generator": "evaluate",
    "predict": "predict",
    "predict_generator": "predict",
    "train_on_batch": "train_on_batch",
    "test_on_batch": "test_on_batch",
    "compile": "compile",
}
BY_HAND = {
    "predict_classes": "predict(x).argmax(axis=-1), or predict(x) > 0.5 of one output",
    "predict_proba": "predict(x)",
    "to_yaml": "to_json()",
    "reset_states": "reset_state() of the layers that keep states",
    "get_output_at": "keep what each call of the layer gave",
    "get_input_at": "keep what each call of the layer was given",
    **dict.fromkeys(("_make_predict_function", "_make_train_function", "_make_test_function"), "it is not needed"),
}
# Arguments of callbacks -> their name of today, "" where they mean nothing, or what to write.
CALLBACKS = {
    "TensorBoard": dict.fromkeys(("batch_size", "write_grads", "embeddings_layer_names", "embeddings_data"), ""),
    "ReduceLROnPlateau": {"epsilon": "min_delta"},
    "ModelCheckpoint": {"period": "save_freq=, which counts batches, or a callback of your own"},
}
# What a model was given beside `compile`, and a layer is still.
ADDED = {
    "add_loss": "self.add_loss() in the call() of a layer of your own, or kerata run",
    "add_metric": "hold a metric as an attribute of a layer of your own, and update it in its call(), or take kerata run",
}
# Arguments that counted samples, and count batches today.
SAMPLES = ("samples_per_epoch", "nb_val_samples", "val_samples")
RENAMED_METHODS = {"get_output_shape_for": "compute_output_shape"}
# Callbacks that enter the rate of learning into the logs.
WRITING_RATES = ("LearningRateScheduler", "ReduceLROnPlateau")
SHORT = {"acc": "accuracy", "val_acc": "val_accuracy"}


@dataclass
class Upgraded:
    """What became of a program.

    Args:
        source: in today's words.
        era: for which Keras it was written.
        notes: (line, what is to be done by hand), in order.
    """

    source: str
    era: str
    notes: list[tuple[int, str]] = field(default_factory=list)


def upgrade(text: str, era: str | None = None) -> Upgraded:
    """A program in today's words.

    >>> print(upgrade("from keras.layers import Convolution2D\\nx = Convolution2D(20, 4, 4)  # first", "keras1").source)
    from kerata.layers import Conv2D
    x = Conv2D(20, 4)  # first
    """
    era = era or find_era(text).era
    if era == "keras3":
        return Upgraded(text, era)
    return Upgrader(text, era).run()


# What a program may hold, as a pattern, that `.h5` files of today are refused for.
NOT_IN_H5 = {"legacy_hard_sigmoid": "the hard sigmoid of then", r"\binitial_state\s*=": "states that a layer begins with"}

# What losses took in place of the names that they take today.
REDUCTION = Thing("losses", "Reduction")
REDUCTIONS = {"NONE": "none", "SUM": "sum", "SUM_OVER_BATCH_SIZE": "sum_over_batch_size", "AUTO": "sum_over_batch_size"}


class Upgrader:
    """One program on its way.

    Args:
        text: the program.
        era: for which Keras it was written.
    """

    def __init__(self, text: str, era: str):
        self.era = era
        self.source = Source(text)
        name_stars(self.source.tree, era)
        self.names = Names(self.source.tree, era)
        self.modules = Modules(self.source, self.names)
        self.notes: list[tuple[int, str]] = []
        self.bases: dict[ast.Call, Thing] = {}

    def run(self) -> Upgraded:
        self._find_bases()
        self._visit(self.source.tree)
        tell(self.source, self.names)
        self.modules.rewrite()
        self._check_saves()
        notes = sorted({*self.notes, *self.modules.notes, *told(self.source.tree, self.names)})
        return Upgraded(self.source.changed(), self.era, notes)

    def note(self, node: ast.expr | ast.stmt, text: str) -> None:
        self.notes.append((node.lineno, text))

    def _check_saves(self) -> None:
        """Notes whole models that are saved as `.h5`, where the program has what such files of today do not take."""
        text = self.source.changed()
        there = [said for word, said in NOT_IN_H5.items() if re.search(word, text)]
        for node in ast.walk(self.source.tree) if there else ():
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("save", "save_model"):
                paths = [one.value for one in ast.walk(node) if isinstance(one, ast.Constant)]
                if any(isinstance(path, str) and path.endswith((".h5", ".hdf5")) for path in paths):
                    self.note(node, f"an '.h5' file of today does not take {' or '.join(there)}: end its name in '.keras'")

    def _find_bases(self) -> None:
        """Calls of `super().__init__` in classes that are derived from something of Keras."""
        for cls in ast.walk(self.source.tree):
            if isinstance(cls, ast.ClassDef):
                things = [thing for base in cls.bases if (thing := self.names.of(base)) is not None]
                for node in ast.walk(cls) if things else ():
                    if (
                        isinstance(node, ast.Call)
                        and ast.unparse(node.func).startswith("super(")
                        and ast.unparse(node.func).endswith(".__init__")
                    ):
                        self.bases[node] = things[0]

    def _visit(self, node: ast.AST) -> None:
        """Changes what is inside first, so that what is around takes it as it has become."""
        for child in ast.iter_child_nodes(node):
            self._visit(child)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "self.trainable_weights":
            self._forget_list(node)
        elif isinstance(node, ast.Call):
            self._call(node)
        elif isinstance(node, ast.FunctionDef) and node.name in RENAMED_METHODS:
            begin = self.source.span(node)[0]
            at = self.source.text.index(node.name, begin)
            self.source.put(at, at + len(node.name), RENAMED_METHODS[node.name])
        elif isinstance(node, ast.Attribute):
            self._attribute(node)
        elif isinstance(node, ast.Name):
            self._name(node)
        elif isinstance(node, ast.Subscript) and is_constant(node.slice, "lr") and self._reads_rates(node):
            self.source.replace(node.slice, quoted_like(self.source.of(node.slice), "learning_rate"))
        elif isinstance(node, ast.Constant) and node.value in SHORT and self._names_accuracy():
            self.source.replace(node, quoted_like(self.source.of(node), SHORT[node.value]))

    def _names_accuracy(self) -> bool:
        """Whether `compile` is given "accuracy", whose name in histories was `acc`."""
        return any(isinstance(node, ast.Constant) and node.value == "accuracy" for node in ast.walk(self.source.tree))

    def _reads_rates(self, node: ast.Subscript) -> bool:
        """Whether `history["lr"]` is what callbacks of Keras wrote, and not the program."""
        keys = [one for one in ast.walk(self.source.tree) if isinstance(one, ast.Subscript) and is_constant(one.slice, "lr")]
        own = any(isinstance(one.ctx, ast.Store) for one in keys)
        written = any(name in self.source.text for name in WRITING_RATES)
        return ast.unparse(node.value).split(".")[-1] == "history" and written and not own

    def _forget_list(self, node: ast.Assign) -> None:
        """A layer of Keras 1 listed its weights; today it trains those that it holds."""
        begin, end = self.source.span(node)
        first = self.source.text.rfind("\n", 0, begin) + 1
        alone = any(getattr(parent, "body", None) == [node] for parent in ast.walk(self.source.tree))
        self.source.put_over_span(*((begin, end) if alone else (first, end + 1)), "pass" if alone else "")
        self.note(
            node, "variables that a layer holds are its weights: give `trainable=False` to those that were not in this list"
        )

    # Names

    def _name(self, node: ast.Name) -> None:
        thing = self.names.known.get(node.id)
        if thing is None or thing.kind == "" or thing.name != node.id or thing.name in ("merge", "Merge"):
            return
        today = self.modules.today(thing, "keras.layers" if thing.kind == "layers" else f"keras.{thing.kind}")[1]
        if today != node.id:
            self.source.replace(node, today)

    def _attribute(self, node: ast.Attribute) -> None:
        before, thing = self.names.of(node.value), self.names.of(node)
        if before == REDUCTION and node.attr in REDUCTIONS:
            self.source.put_over(node, f'"{REDUCTIONS[node.attr]}"')
        if thing is None or thing == REDUCTION or thing.name in ("merge", "Merge"):
            return
        assert before is not None
        if thing == Thing("", "keras"):
            # `tf.keras`
            self.source.replace(node, "keras")
            self.modules.needed.setdefault(None, set()).add("keras")  # type: ignore[arg-type]
            return
        if thing.kind == "":
            return
        if before.name == "keras.backend" and (not hasattr(kerata.backend, node.attr) or node.attr in OWN):
            known = hasattr(kerata.backend, node.attr)
            if not known:
                self.note(node, f"`K.{node.attr}` is not there today: it needs kerata run")
            return
        module, name = self.modules.today(thing, before.name)
        if not self.modules.check(module, before.name, name, node.lineno):
            return
        self.modules.check_rule(before.name, node.attr, node.lineno)
        if name != node.attr:
            end = self.source.span(node)[1]
            self.source.put(end - len(node.attr), end, name)
        if isinstance(node.value, ast.Attribute):
            self.source.replace(node.value, f"keras.{module}")

    # Calls

    def _call(self, node: ast.Call) -> None:
        thing = self.bases.get(node) or self.names.of(node.func)
        if thing is None:
            if isinstance(node.func, ast.Attribute):
                self._method(node, node.func)
            return
        if thing.name in ("merge", "Merge"):
            self._merge(node)
            return
        if thing.name == "ModelCheckpoint":
            alone = any(k.arg == "save_weights_only" and not is_constant(k.value, False) for k in node.keywords)
            self._check_file(node, ".weights.h5" if alone else ".keras")
        if thing.kind == "callbacks":
            self._callback(node, thing.name)
        row = row_of(self.era, thing.kind, thing.name)
        if row is None or row.arguments is None:
            self._respell(node, thing)
            return
        today = today_of_row(row) if thing.kind != "models" else kerata.Model
        call = Call(self.source, node, row, None if node in self.bases else today)
        if thing.name == "BatchNormalization" and any(k.arg == "mode" and not is_zero(k.value) for k in node.keywords):
            self.note(node, "`mode` of BatchNormalization: kerata.layers.SampleNormalization (1) or BatchStatistics (2)")
            return
        self._write(node, call)

    def _respell(self, node: ast.Call, thing: Thing) -> None:
        """Writes the arguments of a function under today's names, and notes those that stand elsewhere today."""
        row, today = (
            find_function(self.era, thing.kind, thing.name),
            getattr(getattr(kerata, thing.kind, None), thing.name, None),
        )
        if row is None or today is None:
            return
        names = list(inspect.signature(today).parameters)
        arguments = row.arguments or ()
        known = {argument.old: argument.new for argument in arguments}
        for place, argument in enumerate(arguments[: len(node.args)]):
            told = names[place : place + 1]
            renamed = place == 0 and told and told[0] not in known and argument.new not in names
            if told not in ([argument.new], [argument.old]) and not renamed:
                self.note(node, f"the arguments of `{thing.name}` stand in another order today: {', '.join(names)}")
                break
        for keyword in node.keywords:
            new = known.get(keyword.arg or "")
            if new and new in names and keyword.arg not in names:
                begin = self.source.span(keyword)[0]
                self.source.put(begin, begin + len(str(keyword.arg)), new)
            elif keyword.arg in known and keyword.arg not in names:
                self.note(node, f"`{thing.name}` has no `{keyword.arg}` today: it takes {', '.join(names)}")

    def _callback(self, node: ast.Call, name: str) -> None:
        """Leaves out arguments that mean nothing today, and renames or notes others."""
        told, there = CALLBACKS.get(name, {}), getattr(kerata.callbacks, name, None)
        known = inspect.signature(there).parameters if there is not None else {}
        dropped = []
        for keyword in node.keywords:
            today = told.get(keyword.arg or "")
            if today is None or keyword.arg in known:
                continue
            if today == "":
                dropped.append(keyword)
            elif today in known:
                begin = self.source.span(keyword)[0]
                self.source.put(begin, begin + len(str(keyword.arg)), today)
            else:
                self.note(node, f"`{name}` has no `{keyword.arg}` today: {today}")
        if dropped:
            kept = [part for part in (*node.args, *node.keywords) if part not in dropped]
            self._put_arguments(node, [self.source.of_changed(part) for part in kept])

    def _check_file(self, node: ast.Call, ending: str) -> None:
        """Notes a name of a file, given as it is or as a variable, whose ending today means another form."""
        given = next((one.value for one in node.keywords if one.arg == "filepath"), node.args[0] if node.args else None)
        name = given.id if isinstance(given, ast.Name) else None
        for other in ast.walk(self.source.tree) if name else ():
            if isinstance(other, ast.Assign) and ast.unparse(other.targets[0]) == name and other.lineno < node.lineno:
                given = other.value
                break
        if isinstance(given, ast.Constant) and isinstance(given.value, str) and not given.value.endswith(ending):
            self.note(node, f"the name of this file must end in {ending!r} today: {given.value!r}")

    def _write(self, node: ast.Call, call: Call) -> None:
        """Puts today's arguments between the parentheses, if they differ."""
        arguments = call.rewritten()
        for text in call.notes:
            self.note(node, text)
        if arguments is not None:
            self._put_arguments(node, arguments)

    def _put_arguments(self, node: ast.Call, arguments: list[str]) -> None:
        if any(f"keras.{room}." in argument for argument in arguments for room in ("initializers", "regularizers")):
            self.modules.needed.setdefault(None, set()).add("keras")  # type: ignore[arg-type]
        old = [self.source.of_changed(part) for part in (*node.args, *node.keywords)]
        if arguments == old:
            return
        on_one_line = node.lineno == node.end_lineno
        if len(arguments) == len(old) and not (on_one_line and self._is_long(arguments, node)):
            # Each in its place, so that all that stands around them stays.
            for part, text in zip((*node.args, *node.keywords), arguments, strict=True):
                self.source.put_over(part, text)
            return
        begin = self.source.text.index("(", self.source.span(node.func)[1])
        self.source.put_over_span(begin, self.source.span(node)[1], f"({self._laid_out(arguments, node)})")

    def _is_long(self, arguments: list[str], node: ast.Call) -> bool:
        return node.col_offset + sum(len(argument) + 2 for argument in arguments) > WIDEST

    def _laid_out(self, arguments: list[str], node: ast.Call) -> str:
        """Arguments on one line, or a line each where they stood so, or are long."""
        first = next(iter((*node.args, *node.keywords)), None)
        begin = self.source.text.rfind("\n", 0, self.source.span(node)[0]) + 1
        line = self.source.text[begin:].partition("\n")[0]
        indent = len(line) - len(line.lstrip())
        on_lines = first is not None and first.lineno > node.func.end_lineno  # type: ignore[attr-defined, operator]
        if not on_lines and not self._is_long(arguments, node):
            return ", ".join(arguments)
        inner = "\n" + " " * (indent + 4)
        return "".join(f"{inner}{argument}," for argument in arguments) + "\n" + " " * indent

    def _merge(self, node: ast.Call) -> None:
        given = {keyword.arg: keyword.value for keyword in node.keywords}
        mode = given.get("mode") or (node.args[1] if len(node.args) > 1 else ast.Constant("sum"))
        if (
            not isinstance(mode, ast.Constant)
            or mode.value not in MERGING
            or not node.args
            or ast.unparse(node.func) == "Merge"
        ):
            self.note(node, "this merge: today a layer of its own (Add, Concatenate, Dot, ...), or a Lambda of several inputs")
            return
        name = MERGING[mode.value]
        arguments = [self.source.of_changed(node.args[0])]
        for old, new, wanted in (("concat_axis", "axis", "concat"), ("dot_axes", "axes", "dot"), ("name", "name", mode.value)):
            if old in given and mode.value == wanted:
                arguments.append(f"{new}={self.source.of_changed(given[old])}")
        if mode.value == "dot" and "dot_axes" not in given:
            arguments.append("axes=-1")
        within = f"{self.source.of_changed(node.func.value)}." if isinstance(node.func, ast.Attribute) else ""
        if not within:
            self.modules.merging.add(name)
        self.source.put_over(node, f"{within}{name}({', '.join(arguments)})")

    def _method(self, node: ast.Call, func: ast.Attribute) -> None:
        """A call of a method that models had."""
        name = func.attr
        if name == "save_weights":
            self._check_file(node, ".weights.h5")
        if name in BY_HAND:
            self.note(node, f"`{name}` is not there today: {BY_HAND[name]}")
            return
        if name in ADDED and ast.unparse(func.value) != "self":
            self.note(node, f"`{name}` of a model is not there today: {ADDED[name]}")
        if name in RENAMED_METHODS:
            end = self.source.span(func)[1]
            self.source.put(end - len(name), end, RENAMED_METHODS[name])
        row = find_row(self.era, "models", name) if name in METHODS else None
        if row is None:
            return
        if name in ("fit", "evaluate", "predict") and not self._is_ours(node, row):
            return
        if any(keyword.arg in SAMPLES for keyword in node.keywords) or (self.era == "keras1" and name.endswith("_generator")):
            self.note(node, "this counted samples; today it counts batches: divide by the size of a batch, rounded up")
        if any(one.arg == "reset_metrics" and ast.unparse(one.value) != "True" for one in node.keywords):
            self.note(
                node, "`reset_metrics` is not there today: measures are those of this batch, so take their means over batches"
            )
        if name == "compile":
            self._compile(node)
        call = Call(self.source, node, row, getattr(kerata.Model, METHODS[name]))
        call.defaults = list  # type: ignore[method-assign]
        self._write(node, call)
        if METHODS[name] != name:
            end = self.source.span(func)[1]
            self.source.put(end - len(name), end, METHODS[name])

    def _is_ours(self, node: ast.Call, row: Row) -> bool:
        """Whether a `fit` is that of a model: it has arguments that only models take."""
        own = {argument.old for argument in (*(row.arguments or ()), *row.older)} - {"x", "y", "sample_weight"}
        return any(keyword.arg in own for keyword in node.keywords)

    def _compile(self, node: ast.Call) -> None:
        """Optimizers by name get the defaults of the era."""
        for place, value in [*enumerate(node.args[:1]), *((k.arg, k.value) for k in node.keywords if k.arg == "optimizer")]:
            name = value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""
            known = {one.lower(): one for one in OPTIMIZERS}
            row = find_row(self.era, "optimizers", known.get(name.lower(), "")) if name.lower() in known else None
            if row is None or place not in (0, "optimizer"):
                continue
            call = Call(self.source, ast.Call(ast.Name(row.today), [], []), row, today_of_row(row))
            defaults = ", ".join(f"{key}={text}" for key, text in call.defaults())
            if defaults or row.today != row.name:
                self.source.replace(value, f"keras.optimizers.{row.today}({defaults})")
                self.modules.needed.setdefault(None, set()).add("keras")  # type: ignore[arg-type]


def is_zero(node: ast.AST) -> bool:
    return is_constant(node, 0)


def is_constant(node: ast.AST, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value == value


def quoted_like(old: str, text: str) -> str:
    """A text in the quotes of another one."""
    mark = old[-1]
    return f"{mark}{text}{mark}"
