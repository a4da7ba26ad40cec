"""Graphs of TensorFlow 1 beside Keras: placeholders, steps down a loss, and sessions that run both.

A symbolic tensor is what it is in `K.function`: a session makes such a function of what it is asked for and of what it is
given, and keeps it. What is computed of variables alone has its numbers at once.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import jax.numpy as jnp
import numpy as np

from kerata import backend
from kerata.base.checks import message
from kerata.base.recent import Recent
from kerata.base.types import DTypeLike
from kerata.data.elements import rebuild
from kerata.engine.symbolic import SymbolicTensor, sort_nodes, traceable
from kerata.engine.variable import Variable
from kerata.legacy.functions import compiled, gradients, read_by, roots_of
from kerata.legacy.phases import Phase
from kerata.legacy.tensorflow import sessions
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.types import Ints, as_dtype
from kerata.legacy.updating import updates_by

# Pairs of a variable and its symbolic new value.
Pairs = list[tuple[Variable, Any]]


def placeholder(dtype: DTypeLike = "float32", shape: Ints = None, name: str | None = None) -> SymbolicTensor:
    """What a session is given; of no shape, one number."""
    sizes = () if shape is None else tuple(shape.as_list() if hasattr(shape, "as_list") else shape)  # type: ignore[arg-type]
    sizes = tuple(None if size is None else int(size) for size in sizes)
    found = backend.placeholder(shape=sizes, dtype=as_dtype(dtype).name, name=name)
    found.is_placeholder = True  # type: ignore[attr-defined]
    return found


def placeholder_with_default(input, shape: Ints, name: str | None = None) -> SymbolicTensor:
    """A placeholder that is `input` where nothing is given."""
    value = np.asarray(input)
    found = placeholder(value.dtype.name if value.dtype.kind != "f" else "float32", shape, name)
    found.default = value  # type: ignore[attr-defined]
    return found


class Step:
    """An operation that gives variables new values, each time that a session runs it."""

    def __init__(self, pairs: Pairs, name: str | None = None):
        self.pairs, self.name = pairs, name

    def run(self, feed_dict: Mapping[Any, object] | None = None, session: object = None) -> None:
        """Runs it by itself."""
        Session().run(self, feed_dict)


class Session(sessions.Session):
    """A session of TensorFlow 1."""

    def run(self, fetches: object, feed_dict: Mapping[Any, object] | None = None, **kwargs: object) -> object:
        """The numbers of tensors, in the structure in which they are asked for; steps are done, and give `None`."""
        given = dict(feed_dict or {})
        training = any(bool(value) for key, value in given.items() if isinstance(key, Phase))
        fed = {key: value for key, value in given.items() if isinstance(key, SymbolicTensor)}
        if strange := [key for key in given if not isinstance(key, (SymbolicTensor, Phase))]:
            expected = "placeholders, inputs and symbolic tensors may be given values"
            raise TypeError(message("Session.run", expected, {"feed_dict": strange[0]}, "Give variables theirs by assign()"))
        leaves: list[Any] = []
        each(leaves.append, fetches)
        symbolic = [one for one in leaves if isinstance(one, SymbolicTensor)]
        steps = [one for one in leaves if isinstance(one, Step)]
        numbers = iter(found_by(symbolic, steps, fed, training) if symbolic or steps else ())
        return each(lambda one: next(numbers) if isinstance(one, SymbolicTensor) else value_of(one), fetches)


def each(function: Callable[[Any], Any], tree):
    """A function of the leaves of structures of dicts, lists and tuples."""
    if isinstance(tree, dict):
        return {key: each(function, value) for key, value in tree.items()}
    return rebuild(tree, [each(function, one) for one in tree]) if isinstance(tree, (list, tuple)) else function(tree)


def value_of(fetch: object) -> object:
    """What has its numbers already, as numbers."""
    if isinstance(fetch, (Tensor, Variable)):
        return fetch.numpy()
    return None if isinstance(fetch, Step) else fetch


def found_by(symbolic: list[Any], steps: list[Step], fed: dict[Any, object], training: bool) -> list[Any]:
    """The numbers of symbolic tensors, before some steps are done, which then are done."""
    pairs = [pair for step in steps for pair in step.pairs]
    wanted = [*symbolic, *(new for _, new in pairs if isinstance(new, SymbolicTensor))]
    roots = {id(one) for one in roots_of(wanted, fed)}
    missing = [one for one in roots_of(wanted, fed) if not any(one is key for key in fed) and not hasattr(one, "fixed")]
    fed = {**fed, **{one: one.default for one in missing if hasattr(one, "default")}}  # type: ignore[attr-defined]
    if unfed := [one for one in missing if one not in fed]:
        fix = f"Give its value: feed_dict={{{unfed[0].name}: ...}}"
        raise ValueError(message("Session.run", "every placeholder needs a value", {"placeholder": unfed[0].name}, fix))
    keys = [key for key in fed if id(key) in roots or reached(key, wanted)]
    for key in keys:
        if np.ndim(fed[key]) != len(key.shape):  # type: ignore[arg-type]
            expected = f"the value of {key.name} must have {len(key.shape)} axes"
            raise ValueError(message("Session.run", expected, {"shape": np.shape(fed[key])}, "Say shape= of the placeholder"))  # type: ignore[arg-type]
    what = (tuple(map(id, (*symbolic, *steps))), tuple(map(id, keys)))
    known = _runs.find(what)
    if known is None:
        # What it is made for is kept with it, so that no other thing gets its number.
        known = (compiled(keys, symbolic, pairs), (symbolic, steps, keys))
        _runs.keep(what, known)
    return known[0]([fed[key] for key in keys], training)


_runs: Recent[Any] = Recent(64)


def reached(key: SymbolicTensor, wanted: list[SymbolicTensor]) -> bool:
    """Whether what is wanted is computed from a tensor."""
    return any(key is one for one in wanted) or any(
        key is tensor
        for node in sort_nodes(roots_of(wanted, [key]) + [key], wanted, "Session.run")
        for tensor in node.input_tensors
    )


_session = Session()


def get_session() -> Session:
    """The session that there is."""
    return _session


def set_session(session: object) -> None:
    """Nothing: all sessions are alike."""


def evaluate(self: SymbolicTensor, feed_dict: Mapping[Any, object] | None = None, session: object = None) -> object:
    """`tensor.eval(feed_dict)`: the numbers of a symbolic tensor."""
    return _session.run(self, feed_dict)


# Programs ask tensors themselves; the engine knows no sessions.
setattr(SymbolicTensor, "eval", evaluate)  # noqa: B010


def gradients_of(ys, xs, grad_ys=None, name: str | None = None, **kwargs: object) -> list[Any]:
    """`tf.gradients`: of the sum of symbolic tensors, or of their products with `grad_ys`, to tensors and variables."""
    losses: list[SymbolicTensor] = list(ys) if isinstance(ys, (list, tuple)) else [ys]
    if grad_ys is not None:
        factors = list(grad_ys) if isinstance(grad_ys, (list, tuple)) else [grad_ys]
        both = zip(losses, factors, strict=True)
        losses = [y if g is None else cast(SymbolicTensor, weighted(y, g)) for y, g in both]
    return gradients(losses, xs)


@traceable
def weighted(y, factor):
    return jnp.asarray(y) * jnp.asarray(factor)


def assign(ref: Variable, value, *args: object, **kwargs: object):
    """A step that gives a variable a value; one that is known already is given at once."""
    if isinstance(value, SymbolicTensor):
        return Step([(ref, value)])
    ref.assign(value)
    return ref


def assign_add(ref: Variable, value, *args: object, **kwargs: object):
    return assign(ref, ref + value if isinstance(value, SymbolicTensor) else ref.value + value)


def group(*steps, **kwargs: object) -> Step:
    """Several steps as one."""
    return Step([pair for step in steps if isinstance(step, Step) for pair in step.pairs])


# Steps of optimizers


class Stepping:
    """What an optimizer of `tf.train` could do beside: steps down symbolic losses."""

    def compute_gradients(self, loss: SymbolicTensor, var_list: Iterable[Variable] | None = None, **kwargs: object):
        """(gradient, variable) for each variable; by default for all that the loss is computed with."""
        variables = weights_of(loss) if var_list is None else list(var_list)
        return list(zip(gradients(loss, variables), variables, strict=True))

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]], *args, **kwargs):
        """A step by symbolic gradients; by numbers, it is done at once."""
        pairs = [(slope, variable) for slope, variable in grads_and_vars if slope is not None]
        if not any(isinstance(slope, SymbolicTensor) for slope, _ in pairs):
            return super().apply_gradients(pairs)  # type: ignore[misc]
        counter = kwargs.get("global_step", args[0] if args else None)
        updates = updates_by(self, [slope for slope, _ in pairs], [variable for _, variable in pairs])
        if counter is not None:
            updates = [*updates, (counter, counted(pairs[0][0], counter))]
        return Step(updates)

    def minimize(self, loss, *args, **kwargs):
        """A step down a symbolic loss; down a function, it is done at once."""
        if not isinstance(loss, SymbolicTensor):
            return super().minimize(loss, *args, **kwargs)  # type: ignore[misc]
        names = ("global_step", "var_list")
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        return self.apply_gradients(self.compute_gradients(loss, given.get("var_list")), given.get("global_step"))


def counted(slope, counter: Variable):
    """One more than a variable holds, as a symbolic tensor: it is counted when the step is done."""
    return traceable(lambda _, before: jnp.asarray(before) + 1)(slope, counter)


def weights_of(loss: SymbolicTensor) -> list[Variable]:
    """The variables that a symbolic tensor is computed with, and that may be trained."""
    found = read_by(sort_nodes(roots_of(loss), [loss], "minimize"))
    return [one for one in found if isinstance(one, Variable) and one.trainable]


def names() -> dict[str, Any]:
    """What `tf` had in TensorFlow 1 beside."""
    return {
        "placeholder": placeholder,
        "placeholder_with_default": placeholder_with_default,
        "gradients": gradients_of,
        "assign": assign,
        "assign_add": assign_add,
        "group": group,
        "Session": Session,
        "InteractiveSession": Session,
        "get_default_session": get_session,
        "initialize_all_variables": lambda: None,
        "variables_initializer": lambda variables, name=None: None,
    }
