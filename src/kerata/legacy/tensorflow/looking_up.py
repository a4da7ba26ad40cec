"""Functions that read rows of a variable: of its gradient is told what norms, bounds and rules for read rows ask."""

from typing import Any

import jax
import jax.numpy as jnp

from kerata.engine.scope import probe_of, valid_rows
from kerata.engine.types import Array
from kerata.engine.variable import Variable
from kerata.kernels.rows import take_rows
from kerata.legacy.tensorflow.by_place import by_place_of
from kerata.legacy.tensorflow.calls import Call, Function
from kerata.legacy.tensorflow.tape import make_call, tapes, wrap_one
from kerata.legacy.tensorflow.tensor import Tensor, narrow


class OfRows(Function):
    """A function of a table and of the numbers of rows, `tf.gather` or `tf.nn.embedding_lookup`."""

    def __call__(self, *args: object, **kwargs: object) -> object:
        table = args[0] if args else kwargs.get("params")
        if isinstance(table, Variable) and table.made_trainable and table._dtype == "float32":
            # Before programs are made, which ask for it.
            table.is_table = True
        return super().__call__(*args, **kwargs)

    def call(
        self, leaves: list[Any], treedef: jax.tree_util.PyTreeDef, places: list[int], objects: list[Any], values: list[Any]
    ) -> object:
        table, rest = values[0], dict(zip(self.names[2:], values[2:], strict=True))
        is_plain = rest.get("axis") in (None, 0) and not rest.get("batch_dims") and rest.get("max_norm") is None
        probe = probe_of(table)
        if not isinstance(table, Variable) or not table.is_table or not is_plain or not (tapes() or probe is not None):
            return super().call(leaves, treedef, places, objects, values)
        array, rows, asked = table.value, values[1], by_place_of(table)
        if probe is not None:
            probe.whole -= 1
        limit = jnp.float32(jnp.inf) if probe is None or probe.squares is None else probe.squares
        reads = jnp.zeros(table._shape[0], jnp.float32) if probe is None else probe.rows
        given = [table, rows if isinstance(rows, (Tensor, Variable)) else None, asked.squares, asked.rows]

        def read(arrays: list[Any]) -> Array:
            held, numbers, limit, *reads = arrays
            there = valid_rows(numbers.shape[0]) if numbers.ndim else None
            counted = None if there is None else jnp.broadcast_to(there.reshape(-1, *[1] * (numbers.ndim - 1)), numbers.shape)
            # Numbers that are not there are the last one, as where no tape follows.
            numbers = jnp.clip(numbers, 0, held.shape[0] - 1)
            return take_rows(held, numbers, limit, reads[0] if reads else None, counted)

        arrays = [
            array,
            narrow(rows) if given[1] is not None else jnp.asarray(rows),
            limit,
            *([] if reads is None else [reads]),
        ]
        return make_call(Call(read), given[: len(arrays)], arrays, wrap_one)
