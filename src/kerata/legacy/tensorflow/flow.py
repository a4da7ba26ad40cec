"""What is neither numbers nor data: branches and loops, devices, strategies, checks."""

import contextlib
import functools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NoReturn, SupportsInt, TypeVar

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import message
from kerata.base.types import like_sequence
from kerata.engine.numbers import NumbersNeeded, asked_by
from kerata.engine.scope import current_scope, stack
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import Array, TensorLike
from kerata.legacy.tensorflow.calls import convert, only_shapes
from kerata.legacy.tensorflow.errors import InvalidArgumentError
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.layers import wrap_leaves
from kerata.legacy.tensorflow.tape import Call, leaves_of, make_call, map_leaves, needs_python, noting_nothing
from kerata.legacy.tensorflow.tensor import AnyTensor, Tensor, is_concrete, narrow, plain, tensors
from kerata.legacy.tensorflow.types import Ints

T = TypeVar("T")
_said: set[str] = set()


def say_once(name: str, text: str) -> None:
    """Says once in the process what does nothing here."""
    if name not in _said:
        _said.add(name)
        print(f"kerata: {text}")


def cond(
    pred: TensorLike, true_fn: Callable[..., Any], false_fn: Callable[..., Any], name: object = None, strict: bool = False
) -> object:
    """true_fn() or false_fn()."""
    pred = convert(pred)
    if is_concrete(pred):
        return true_fn() if pred else false_fn()
    needs_python("tf.cond")
    first, second = both_ways(pred, true_fn, false_fn)
    if not only_shapes() and not isinstance(pred, SymbolicTensor):
        map_pairs(check_alike, first, second)
    return map_pairs(lambda a, b: TABLE["where"](pred, a, b), first, second)


def both_ways(pred: TensorLike, true_fn: Callable[..., Any], false_fn: Callable[..., Any]) -> tuple[Any, Any]:
    """(true_fn(), false_fn()); what a branch assigns to variables is kept where its condition holds."""
    scopes = stack()
    before = [dict(scope.values) for scope in scopes]
    first = true_fn()
    after = [dict(scope.values) for scope in scopes]
    for scope, values in zip(scopes, before, strict=True):
        scope.values.clear()
        scope.values.update(values)
    second = false_fn()
    for scope, values, start in zip(scopes, after, before, strict=True):
        for key in dict.fromkeys([*values, *scope.values]):
            one, other = values.get(key, start.get(key)), scope.values.get(key, start.get(key))
            if one is None or other is None:
                text = "a branch assigns to a variable that the step does not hold"
                raise RuntimeError(message("tf.cond", text, None, "Make it in __init__(), as an attribute of the model"))
            if one is not other:
                scope.values[key] = jnp.where(narrow(pred), one, other)
    return first, second


def check_alike(first: AnyTensor, second: AnyTensor) -> None:
    """Raises where two branches give other shapes, so that the shape hangs on a number."""
    if tuple(first.shape) != tuple(second.shape):
        text = message("tf.cond", "its branches give two shapes", {"true_fn": first.shape, "false_fn": second.shape})
        raise NumbersNeeded(text, "tf.cond")


def map_pairs(join: Callable[..., Any], first: object, second: Any) -> object:
    if first is None or second is None:
        # Branches that only assign.
        return None
    if isinstance(first, dict):
        return {key: map_pairs(join, value, second[key]) for key, value in first.items()}
    if isinstance(first, (list, tuple)):
        return type(first)(map_pairs(join, a, b) for a, b in zip(first, second, strict=True))
    return join(convert(first), convert(second))


def case(
    pred_fn_pairs: Mapping[Any, Callable[[], Any]] | Iterable[tuple[object, Callable[[], Any]]],
    default: Callable[[], Any] | None = None,
    exclusive: bool = False,
    strict: bool = False,
    name: object = None,
) -> object:
    """The first function whose condition holds."""
    for pred, branch in pred_fn_pairs.items() if isinstance(pred_fn_pairs, dict) else pred_fn_pairs:
        if bool(pred):
            return branch()
    if default is None:
        raise InvalidArgumentError("tf.case: no condition holds, and there is no default")
    return default()


def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: Sequence[object],
    *args: object,
    maximum_iterations: SupportsInt | None = None,
    **kwargs: object,
) -> Sequence[object]:
    """body(*loop_vars) while cond(*loop_vars).

    Where it is known when it ends, and in training, it runs as Python, so that derivatives go through it.
    """
    state = tuple(convert(one) if isinstance(one, (int, float, np.ndarray, jax.Array)) else one for one in loop_vars)
    if all(not isinstance(one, Tensor) or is_concrete(one) for one in state) or runs_as_python(state):
        rounds = 0
        while holds(cond(*state)) and (maximum_iterations is None or rounds < int(maximum_iterations)):
            found = body(*state)
            state = tuple(found) if isinstance(found, (list, tuple)) else (found,)
            rounds += 1
        return state if isinstance(loop_vars, tuple) else list(state)
    needs_python("tf.while_loop")
    arrays = [narrow(one) for one in state]

    def test(carry: tuple[Any, tuple[Array, ...]]) -> Array:
        holds = narrow(convert(cond(*tensors(carry[1]))))
        return holds if maximum_iterations is None else holds & (carry[0] < maximum_iterations)

    def step(carry: tuple[Any, tuple[Array, ...]]) -> tuple[Any, tuple[Array, ...]]:
        found = body(*tensors(carry[1]))
        return carry[0] + 1, tuple(narrow(convert(one)) for one in found)

    with noting_nothing():
        return list(tensors(jax.lax.while_loop(test, step, (0, tuple(arrays)))[1]))


def holds(condition: object) -> bool:
    """Whether a condition holds; an error where that is not known."""
    with asked_by("tf.while_loop"):
        return bool(condition)


def runs_as_python(state: tuple[object, ...]) -> bool:
    """Whether a loop is no loop of the program: it holds other things than tensors, or is part of a training."""
    scope = current_scope()
    training = scope is not None and scope.key is not None and not scope.shapes_alone
    return training or not all(isinstance(one, Tensor) for one in state)


def map_fn(
    fn: Callable[..., Any], elems: object, dtype: object = None, fn_output_signature: object = None, **kwargs: object
) -> object:
    """The function of each row, stacked."""
    tree = elems if isinstance(elems, (tuple, list, dict)) else (elems,)
    columns = [convert(one) for one in leaves_of(tree)]

    def call(parts: Iterator[AnyTensor]) -> Any:
        return fn(next(parts) if not isinstance(elems, (tuple, list)) else type(elems)(parts))

    rows = [call(iter([column[number] for column in columns])) for number in range(len(columns[0]))]
    if not rows:
        # What one row would give, and none of it.
        one = call(Tensor(jnp.zeros(tuple(column.shape)[1:], narrow(column).dtype), column.dtype) for column in columns)
        return map_leaves(lambda leaf: TABLE["stack"]([leaf])[:0], one)
    if isinstance(rows[0], (tuple, list)):
        return type(rows[0])(TABLE["stack"]([row[n] for row in rows]) for n in range(len(rows[0])))
    return TABLE["stack"](rows)


def scan(
    fn: Callable[..., Any], elems: object, initializer: object = None, *args: object, reverse: bool = False, **kwargs: object
) -> object:
    """All the states of fn(state, row), from the first row on, or from the last one."""
    if isinstance(elems, (tuple, list)):
        columns = [convert(one) for one in elems]
        rows: list[Any] = [type(elems)(column[number] for column in columns) for number in range(len(columns[0]))]
    else:
        rows = list(convert(elems))
    rows = rows[::-1] if reverse else rows
    state: Any = rows.pop(0) if initializer is None else initializer
    states = [state] if initializer is None else []
    for row in rows:
        state = fn(state, row)
        states.append(state)
    states = states[::-1] if reverse else states
    if isinstance(state, (tuple, list)):
        return like_sequence(state, [TABLE["stack"]([one[n] for one in states]) for n in range(len(state))])
    return TABLE["stack"](states)


def foldl(fn: Callable[..., Any], elems: object, initializer: object = None, **kwargs: object) -> object:
    rows = list(convert(elems))
    state = rows.pop(0) if initializer is None else initializer
    for row in rows:
        state = fn(state, row)
    return state


def vectorized_map(fn: Callable[..., Any], elems: object, **kwargs: object) -> object:
    return map_fn(fn, elems)


def py_function(
    func: Callable[..., Any], inp: Sequence[object], Tout: object, name: object = None
) -> AnyTensor | list[AnyTensor]:
    """A function of Python on eager tensors."""
    found = func(*[convert(one) for one in inp])
    if isinstance(found, (list, tuple)):
        kinds = Tout if isinstance(Tout, (list, tuple)) else [Tout] * len(found)
        return [TABLE["cast"](convert(one), kind) for one, kind in zip(found, kinds, strict=True)]
    kind = Tout[0] if isinstance(Tout, (list, tuple)) else Tout
    made = TABLE["cast"](convert(found), kind)
    return [made] if isinstance(Tout, (list, tuple)) else made


def numpy_function(
    func: Callable[..., Any], inp: Sequence[object], Tout: object, stateful: bool = True, name: object = None
) -> AnyTensor | list[AnyTensor]:
    """A function of Python on NumPy's arrays."""
    return py_function(lambda *args: func(*[one.numpy() for one in args]), inp, Tout)


def custom_gradient(f: Callable[..., Any] | None = None) -> Callable[..., object]:
    """A function with its own derivative: it gives (result, function of the upstream gradient)."""
    if f is None:
        return custom_gradient

    @functools.wraps(f)
    def call(*args: object, **kwargs: object) -> object:
        given = [convert(one) for one in args]

        @jax.custom_gradient
        def compute(*values: Array) -> tuple[Array, Callable[[Array], Array | tuple[Array, ...]]]:
            found, pull = f(*tensors(list(values)), **kwargs)

            def back(upstream: Array) -> Array | tuple[Array, ...]:
                gradients = pull(Tensor(upstream))
                parts = gradients if isinstance(gradients, (tuple, list)) else [gradients]
                return tuple(narrow(convert(one)) for one in parts) if len(values) > 1 else narrow(convert(parts[0]))

            return narrow(convert(found)), back

        return make_call(Call(lambda values: compute(*values)), given, [narrow(one) for one in given], wrap_leaves)

    return call


def printing(*inputs: object, **kwargs: str) -> None:
    """`tf.print`: in a program, each time that it runs."""
    needs_python("tf.print")
    if all(not isinstance(one, Tensor) or is_concrete(one) for one in inputs):
        shown = [str(np.asarray(plain(one))) if isinstance(one, Tensor) else str(one) for one in inputs]
        print(
            *[text[2:-1] if text.startswith("b'") else text for text in shown],
            sep=kwargs.get("sep", " "),
            end=kwargs.get("end", "\n"),
        )
        return
    text = kwargs.get("sep", " ").join("{}" for _ in inputs)
    jax.debug.print(text, *[narrow(one) if isinstance(one, Tensor) else one for one in inputs])


def is_tensor(x: object) -> bool:
    return isinstance(x, Tensor) or hasattr(x, "is_symbolic") or (hasattr(x, "assign") and hasattr(x, "trainable"))


# Devices and strategies


class Device:
    """A device of `tf.config`."""

    def __init__(self, kind: str, number: int):
        self.device_type, self.name = kind, f"/physical_device:{kind}:{number}"

    def __repr__(self) -> str:
        return f"PhysicalDevice(name={self.name!r}, device_type={self.device_type!r})"


def devices(kind: str | None = None) -> list[Device]:
    """The devices of a kind that JAX knows."""
    names = {"cpu": "CPU", "gpu": "GPU", "cuda": "GPU", "tpu": "TPU"}
    found: dict[str, int] = {}
    made = []
    for one in jax.devices():
        platform = str(one.platform)
        name = names.get(platform, platform.upper())
        found[name] = found.get(name, -1) + 1
        made.append(Device(name, found[name]))
    if "CPU" not in found:
        made.insert(0, Device("CPU", 0))
    return [one for one in made if kind is None or one.device_type == kind]


@contextlib.contextmanager
def device(name: object) -> Iterator[None]:
    """`with tf.device(...)`: arrays stay where JAX has them."""
    say_once("device", f"tf.device({str(name)!r}) does nothing: JAX says where arrays are")
    yield


class Strategy:
    """A strategy of `tf.distribute`: there is one replica, and everything runs on it.

    Args:
        *args, **kwargs: devices and such, which are not used.
    """

    num_replicas_in_sync = 1

    def __init__(self, *args: object, **kwargs: object):
        say_once("strategy", f"tf.distribute.{type(self).__name__} runs all on one device: programs are not spread")
        self.extended = self
        self.cluster_resolver = None

    @contextlib.contextmanager
    def scope(self) -> Iterator["Strategy"]:
        """A block that changes nothing."""
        yield self

    def run(self, fn: Callable[..., T], args: tuple = (), kwargs: Mapping[str, Any] | None = None, options: object = None) -> T:
        """The function of the arguments."""
        return fn(*args, **(kwargs or {}))

    def reduce(self, reduce_op: object, value: object, axis: Ints = None) -> AnyTensor:
        """The value of the one replica, reduced along an axis."""
        if axis is None:
            return convert(value)
        kind = str(getattr(reduce_op, "value", reduce_op)).lower()
        return TABLE["reduce_sum" if "sum" in kind else "reduce_mean"](value, axis)

    def experimental_distribute_dataset(self, dataset: T, options: object = None) -> T:
        return dataset

    def distribute_datasets_from_function(self, function: Callable[["InputContext"], T], options: object = None) -> T:
        return function(InputContext())

    def experimental_local_results(self, value: object) -> tuple:
        return (value,)

    def gather(self, value: T, axis: int) -> T:
        return value


class InputContext:
    num_input_pipelines, input_pipeline_id, num_replicas_in_sync = 1, 0, 1

    def get_per_replica_batch_size(self, global_batch_size: int) -> int:
        return global_batch_size


STRATEGIES = [
    "MirroredStrategy",
    "TPUStrategy",
    "MultiWorkerMirroredStrategy",
    "OneDeviceStrategy",
    "CentralStorageStrategy",
    "ParameterServerStrategy",
]
STRATEGY = {name: type(name, (Strategy,), {"__doc__": Strategy.__doc__}) for name in STRATEGIES}


def nothing(name: str, text: str, result: object = None) -> Callable[..., object]:
    """A function that does nothing, and says so once."""

    def call(*args: object, **kwargs: object) -> object:
        say_once(name, f"{name}() does nothing: {text}")
        return result

    call.__name__ = name.rpartition(".")[2]
    return call


def timestamp(name: object = None) -> Tensor:
    return Tensor(np.asarray(time.time(), np.float64))


def refuse(name: str, advice: str, error: type[Exception] = NotImplementedError) -> Callable[..., NoReturn]:
    """A function that is not there, and says what to do; by the error that TensorFlow raised, where programs caught one."""

    def call(*args: object, **kwargs: object) -> NoReturn:
        raise error(message(name, "it is not there", None, advice))

    call.__name__ = name.rpartition(".")[2]
    return call
