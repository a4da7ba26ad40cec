"""From JAX's program to a graph of ONNX: a table has a row for each operation, and what is known beforehand is computed."""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeAlias, cast

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal, Var

from kerata.base.checks import message
from kerata.base.types import Owner
from kerata.engine.types import HostArray
from kerata.export.onnx_graph import Attribute, Graph
from kerata.export.values import FLOATS, Size, Sizes, Value, count_of, is_number, is_static, known, plain_dtype

# What is known beforehand is computed unless it is larger than this and much larger than what it is made of.
FOLDED_NUMBERS = 1 << 16


class Described(Protocol):
    """A shape and a type of JAX's."""

    shape: Sizes
    dtype: np.dtype


Row: TypeAlias = Callable[..., "Value | list[Value]"]
TABLE: dict[str, Row] = {}
# What computes the same in NumPy, without compiling anything.
QUICK: dict[str, Callable[..., HostArray]] = {
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "neg": np.negative,
    "sqrt": np.sqrt,
    "square": np.square,
    "rsqrt": lambda x: 1 / np.sqrt(x),
    "exp": np.exp,
}


def row(*names: str) -> Callable[[Row], Row]:
    """Enters what translates operations of these names: a function of (translator, equation, values)."""

    def enter(function: Row) -> Row:
        for name in names:
            TABLE[name] = function
        return function

    return enter


def aval_of(variable: Var | Literal) -> Described:
    return cast(Described, variable.aval)


class Translator:
    """Makes a graph of a program.

    Args:
        graph: where nodes go.
        opset: the version of ONNX's operators.
        symbols: for each open size (name of a graph's input, axis) where it is read.
        owner: the model, for messages.
    """

    def __init__(self, graph: Graph, opset: int, symbols: dict[str, tuple[str, int]], owner: Owner):
        self.graph, self.opset, self.symbols, self.owner = graph, opset, symbols, owner
        self.scope = ""

    # Programs

    def run_closed(self, closed: ClosedJaxpr, values: Sequence[Value]) -> list[Value]:
        """The outputs of a program for values of its inputs."""
        return self.run(closed.jaxpr, [known(value) for value in closed.consts], values)

    def run(self, jaxpr: Jaxpr, consts: Sequence[Value], values: Sequence[Value]) -> list[Value]:
        found: dict[Var, Value] = {}
        found.update(zip(jaxpr.constvars, consts, strict=True))
        found.update(zip(jaxpr.invars, values, strict=True))

        def read(variable: Var | Literal) -> Value:
            if isinstance(variable, Literal):
                return known(np.asarray(variable.val, aval_of(variable).dtype))
            return found[variable]

        for eqn in needed(jaxpr):
            outer = self.scope
            self.scope = joined(outer, str(eqn.source_info.name_stack))
            results = self.apply(eqn, [read(variable) for variable in eqn.invars])
            self.scope = outer
            found.update(zip(eqn.outvars, results, strict=True))
        return [read(variable) for variable in jaxpr.outvars]

    def apply(self, eqn: JaxprEqn, values: list[Value]) -> list[Value]:
        """The results of one operation."""
        name = eqn.primitive.name
        if (folded := self.fold(eqn, values)) is not None:
            return folded
        if name in TABLE:
            made = TABLE[name](self, eqn, *values)
            return made if isinstance(made, list) else [made]
        inner = next((eqn.params[key] for key in ("jaxpr", "call_jaxpr", "fun_jaxpr") if key in eqn.params), None)
        if isinstance(inner, ClosedJaxpr):
            return self.run_closed(inner, values)
        if isinstance(inner, Jaxpr):
            return self.run(inner, [], values)
        raise self.refusal(f"there is no operator of ONNX for the operation `{name}` of JAX")

    def refusal(self, what: str, fix: str = 'Leave the layer out, or export with format="stablehlo"') -> NotImplementedError:
        """An error that names the layer in which an operation stands."""
        return NotImplementedError(message(self.owner, what, {"layer": self.scope or "none"}, fix))

    def fold(self, eqn: JaxprEqn, values: list[Value]) -> list[Value] | None:
        """The results where all that goes into them is known, and they are no larger than they need be."""
        name = eqn.primitive.name
        if (
            name in ("scan", "while", "cond", "broadcast_in_dim", "dim_as_value")
            or "jaxpr" in eqn.params
            or "call_jaxpr" in eqn.params
        ):
            return None
        avals = [aval_of(variable) for variable in eqn.outvars]
        if any(value.array is None for value in values) or not all(is_static(aval.shape) for aval in avals):
            return None
        if any(jax.numpy.dtype(aval_of(variable).dtype).name in FLOATS for variable in (*eqn.invars, *eqn.outvars)):
            # Computed in float32, and not rounded.
            return None
        size = sum(count_of(aval.shape) for aval in avals)
        if size > max(FOLDED_NUMBERS, 2 * sum(cast(HostArray, value.array).size for value in values)):
            return None
        if any(value.loose is not None and count_of(value.shape) > FOLDED_NUMBERS for value in values):
            return None
        arrays = [self.numbers(value) for value in values]
        if name in QUICK and avals[0].dtype == np.float32:
            return [known(QUICK[name](*arrays))]
        inputs = [jax.numpy.asarray(array, aval_of(variable).dtype) for array, variable in zip(arrays, eqn.invars, strict=True)]
        made = eqn.primitive.bind(*inputs, **eqn.params)
        return [known(array) for array in (made if eqn.primitive.multiple_results else [made])]

    def numbers(self, value: Value) -> HostArray:
        """The numbers of a value that is known, in its whole shape."""
        return np.broadcast_to(cast(HostArray, value.array), cast("tuple[int, ...]", value.shape))

    # Tensors

    def node(self, kind: str, *inputs: str, **attributes: Attribute) -> str:
        """Adds a node with one output here; returns the output's name."""
        return self.graph.add(kind, *inputs, scope=self.scope, **attributes)

    def nodes(self, kind: str, count: int, *inputs: str, **attributes: Attribute) -> list[str]:
        return self.graph.add_many(kind, count, *inputs, scope=self.scope, **attributes)

    def constant(self, value: HostArray | np.generic | int, name: str = "constant") -> str:
        return self.graph.constant(value, name)

    def ints(self, *values: int) -> str:
        """A list of whole numbers, as ONNX takes axes and shapes."""
        return self.constant(np.array(values, "int64"))

    def name(self, value: Value, whole: bool = True) -> str:
        """The tensor of a value; `whole` asks for its whole shape."""
        if value.array is not None:
            if value.loose is not None and whole and is_static(value.shape) and count_of(value.shape) <= FOLDED_NUMBERS:
                return self.constant(self.numbers(value), value.name)
            if value.tensor is None:
                value.tensor = self.constant(value.array, value.name)
        tensor = cast(str, value.tensor)
        if value.loose is None or not whole:
            return tensor
        key = (tensor, str(value.shape))
        if key not in self.graph.known:
            self.graph.known[key] = self.node("Expand", tensor, self.shape_vector(value.shape))
        return self.graph.known[key]

    def made(self, eqn: JaxprEqn, tensor: str, loose: Sizes | None = None, place: int = 0) -> Value:
        """The value of an operation's output."""
        aval = aval_of(eqn.outvars[place])
        return Value(aval.shape, plain_dtype(aval.dtype), tensor=tensor, loose=loose)

    def cast(self, tensor: str, before: np.dtype, after: np.dtype | str) -> str:
        """A tensor in another type."""
        return tensor if before == np.dtype(after) else self.node("Cast", tensor, to=np.dtype(after))

    def reshape(self, tensor: str, shape: Sizes) -> str:
        """A tensor in another shape, of which all sizes but one may be open."""
        open_axes = [axis for axis, size in enumerate(shape) if not is_number(size)]
        has_zero = any(is_number(size) and size == 0 for size in shape)
        if len(open_axes) == 1 and not has_zero:
            return self.node(
                "Reshape", tensor, self.ints(*(-1 if axis in open_axes else cast(int, size) for axis, size in enumerate(shape)))
            )
        return self.node("Reshape", tensor, self.shape_vector(shape), **({"allowzero": 1} if has_zero else {}))

    def transpose(self, tensor: str, order: Sequence[int]) -> str:
        return tensor if list(order) == sorted(order) else self.node("Transpose", tensor, perm=[int(axis) for axis in order])

    def transposed(self, value: Value, order: Sequence[int]) -> str:
        """The tensor of a value with its axes in another order; what is known is turned beforehand."""
        if value.array is not None and value.loose is None and list(order) != sorted(order):
            return self.constant(np.ascontiguousarray(np.transpose(value.array, order)), value.name)
        return self.transpose(self.name(value), order)

    # Sizes

    def size(self, size: Size) -> str:
        """A size as a list of one whole number."""
        if is_number(size):
            return self.ints(cast(int, size))
        root, text = self.graph.root, str(size)
        key = ("size", text)
        if key not in root.known:
            root.known[key] = self._compute(ast.parse(text.replace("^", "**"), mode="eval").body)
        return root.known[key]

    def shape_vector(self, shape: Sizes) -> str:
        """A shape as a list of whole numbers."""
        if is_static(shape):
            return self.ints(*cast("tuple[int, ...]", shape))
        root, key = self.graph.root, ("shape", str(shape))
        if key not in root.known:
            parts = [self.size(size) for size in shape]
            root.known[key] = parts[0] if len(parts) == 1 else root.add("Concat", *parts, axis=0)
        return root.known[key]

    def _compute(self, expression: ast.expr) -> str:
        """An expression of open sizes as nodes of the outermost graph, where all graphs see it."""
        root = self.graph.root
        if isinstance(expression, ast.Constant):
            return self.ints(cast(int, expression.value))
        if isinstance(expression, ast.Name):
            tensor, axis = self.symbols[expression.id]
            return root.add("Shape", tensor, start=axis, end=axis + 1)
        if isinstance(expression, ast.UnaryOp):
            return root.add("Neg", self._compute(expression.operand))
        if isinstance(expression, ast.BinOp):
            kind = {ast.Add: "Add", ast.Sub: "Sub", ast.Mult: "Mul", ast.Pow: "Pow"}[type(expression.op)]
            return root.add(kind, self._compute(expression.left), self._compute(expression.right))
        assert isinstance(expression, ast.Call) and isinstance(expression.func, ast.Name)
        a, b = (self._compute(argument) for argument in expression.args)
        if expression.func.id == "floordiv":
            # ONNX's division goes towards 0, its remainder has the divisor's sign as Python's has.
            return root.add("Div", root.add("Sub", a, root.add("Mod", a, b)), b)
        return root.add({"mod": "Mod", "max": "Max", "min": "Min"}[expression.func.id], a, b)

    # Graphs within nodes

    @contextmanager
    def within(self) -> Iterator[Graph]:
        """A graph of its own, for the body of a loop or a branch."""
        before, self.graph = self.graph, Graph(self.graph)
        try:
            yield self.graph
        finally:
            self.graph = before


def needed(jaxpr: Jaxpr) -> list[JaxprEqn]:
    """The operations whose results count."""
    wanted = {variable for variable in jaxpr.outvars if isinstance(variable, Var)}
    kept: list[JaxprEqn] = []
    for eqn in reversed(jaxpr.eqns):
        if any(variable in wanted for variable in eqn.outvars):
            kept.append(eqn)
            wanted.update(variable for variable in eqn.invars if isinstance(variable, Var))
    return kept[::-1]


def joined(outer: str, inner: str) -> str:
    """The path of layers, without what JAX adds of its own."""
    parts = [part for part in re.split(r"/(?![^()]*\))", inner) if part and "(" not in part]
    return "/".join([*([outer] if outer else []), *parts])
