"""Steps that run as Python, batch by batch, in place of a compiled program.

`compile(run_eagerly=True)` asks for it. It is also what is left where a step needs numbers that a program does not have, such
as the size of what a mask picks: functions of old programs say so (`engine.numbers.NumbersNeeded`), and then the model is
trained so, with a warning. All numbers are the same; operations of a user's own code are calls of their own, and each new
size compiles some.
"""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import warnings
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np

from kerata.engine.mistakes import place_of
from kerata.engine.numbers import NumbersNeeded, need_of
from kerata.engine.program import PLACES, make_fed_step
from kerata.engine.types import AnyArray, Array
from kerata.kernels.lowerings import forget_lowerings
from kerata.layers.pieces import Pieces, as_asked, in_pieces
from kerata.training.plan import Constants, Step
from kerata.training.trained import TrainedModel


def runs_stepwise(model: TrainedModel) -> bool:
    """Whether a model's steps run as Python: it was compiled so, or a program of it could not be made."""
    made = model._compilation
    return bool(model.run_eagerly) or (made is not None and made.stepwise)


def go_on_stepwise(model: TrainedModel, method: str, error: Exception) -> None:
    """Has a model's steps run as Python until its next `compile`, with a warning, where a program lacks numbers; else raises.

    Args:
        model: the model.
        method: what is to be done with it.
        error: what was raised while its program was made.
    """
    warn_or_raise(method, error)
    model._compilation.stepwise = True


def warn_or_raise(method: str, error: Exception) -> None:
    """Warns of what needs numbers that a program does not have; raises any other error."""
    need = need_of(error)
    if need is None:
        raise error
    warnings.warn(sentence(method, need), UserWarning, stacklevel=2)


def sentence(method: str, need: NumbersNeeded) -> str:
    """What is done and what it costs, for a person.

    >>> sentence("fit", NumbersNeeded("", "tf.boolean_mask"))
    'fit: tf.boolean_mask hangs on numbers that a compiled program does not have, so batches run as Python: the \
numbers are the same, a small model takes many times as long.'
    """
    lines = ", ".join(f"{place}: {said}" for place, said in place_of(need.__traceback__).items())
    return (
        f"{method}: {need.what}{f' ({lines})' if lines else ''} hangs on numbers that a compiled program does not have, so "
        "batches run as Python: the numbers are the same, a small model takes many times as long."
    )


def make_stepwise(
    step: Step,
    reset: Callable[[dict[str, Any]], Any],
    batch_size: int,
    masked: bool,
    kind: str,
    epochs: int,
    pieces: Pieces,
    asked: bool,
) -> Callable[..., Any]:
    """`engine.program.make_advance`, as Python: (state, constants, key, feed, cursor) -> (state, results).

    `pieces` keeps the programs of layers, and `asked` says whether `compile(run_eagerly=True)` is why it is Python.
    """
    fed: Callable[..., Any] = make_fed_step(step, batch_size, masked, kind)

    def advance(
        state: dict[str, Any], constants: Constants, key: AnyArray, feed: dict[str, Any], cursor: AnyArray
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        offset, start, stop, samples, fresh, first, last = (np.int32(number) for number in cursor[:PLACES])
        given = (weakly(constants), key, feed, samples)
        rows: dict[int, AnyArray] = {}
        for number in range(first, last):
            if number > first or fresh:
                state = reset(state)
            for index in range(start if number == first else 0, stop):
                with in_pieces(pieces), as_asked(asked):
                    state = fed(state, *given, np.int32(number), np.int32(offset + index * batch_size))
                forget_lowerings()
            rows[number] = np.asarray(step.results(state)["numbers"])
        numbers = np.zeros((epochs, *rows[int(first)].shape), np.float32)
        for number, row in rows.items():
            numbers[number] = row
        return state, {"numbers": numbers, "arrays": step.results(state)["arrays"]}

    return advance


def weakly(constants: Constants) -> list[Array] | tuple[list[Array], list[Array]]:
    """Hyperparameters that take the type of what they are combined with, as in a program."""
    if isinstance(constants, tuple):
        values, vector = constants
        return values, weak_numbers(vector)
    return weak_numbers(constants)


def weak_numbers(vector: AnyArray) -> list[Array]:
    """Each number of a vector, of a type that gives way.

    >>> [one.weak_type for one in weak_numbers(np.ones(2, np.float32))]
    [True, True]
    """
    return [jnp.asarray(float(number)) for number in vector]
