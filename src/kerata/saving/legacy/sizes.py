"""Sizes that a graph of `tf.keras` computes, `tf.reshape(x, [tf.shape(x)[0], 4, 2])`, where shapes can be said without them."""

from typing import Any

from kerata.saving.legacy.calls import is_place

SHAPES, SLICES = ("shape", "compat.v1.shape"), "__operators__.getitem"


def without_sizes(config: dict[str, Any]) -> dict[str, Any]:
    """A graph's description in which no reshape asks for a size that it is given; what then serves nobody is left out.

    The number of samples stays by itself, and one other size follows from the rest.
    """
    plains: list[dict[str, Any]] = config["layers"]
    shapes = {name for plain in plains if (name := name_of(plain)) is not None and function_of(plain) in SHAPES}
    if not shapes:
        return config
    axes = [(name_of(plain), axis_of(plain, shapes)) for plain in plains]
    sizes = {name: axis for name, axis in axes if name is not None and axis is not None}
    changed = [folded(plain, sizes) if function_of(plain) == "reshape" else plain for plain in plains]
    for removable in (set(sizes), shapes):
        used = places_in([config.get("output_layers"), [plain.get("inbound_nodes") for plain in changed]])
        changed = [plain for plain in changed if name_of(plain) not in removable or name_of(plain) in used]
    return {**config, "layers": changed}


def function_of(plain: dict[str, Any]) -> object:
    config = plain.get("config")
    is_function = plain.get("class_name") in ("TFOpLambda", "SlicingOpLambda") and isinstance(config, dict)
    return config.get("function") if is_function and isinstance(config, dict) else None


def name_of(plain: dict[str, Any]) -> str | None:
    """The name of a layer of a graph; `None` where a file gives it none."""
    name = plain.get("name")
    return name if isinstance(name, str) else None


def axis_of(plain: dict[str, Any], shapes: set[str]) -> int | None:
    """Which axis a part of a shape is; `None` of anything else."""
    place = only_call(plain) if function_of(plain) == SLICES else None
    if place is None or place[0] not in shapes:
        return None
    spec = place[3].get("slice_spec")
    spec = spec.get("items") if isinstance(spec, dict) else spec
    spec = spec[0] if isinstance(spec, list) and len(spec) == 1 else spec
    return spec if isinstance(spec, int) and not isinstance(spec, bool) else None


def only_call(plain: dict[str, Any]) -> list[Any] | None:
    """The tensor that a function is called on, with the other arguments; `None` where it is called several times."""
    nodes = plain.get("inbound_nodes")
    if not isinstance(nodes, list) or len(nodes) != 1 or not isinstance(nodes[0], list) or not nodes[0]:
        return None
    place = nodes[0][0] if len(nodes[0]) == 1 else nodes[0]
    return place if is_place(place) and len(place) == 4 else None


def folded(plain: dict[str, Any], sizes: dict[str, int]) -> dict[str, Any]:
    """A reshape that says its shape in numbers, if there are such."""
    place = only_call(plain)
    shape = place[3].get("shape") if place is not None else None
    if place is None or not isinstance(shape, list):
        return plain
    # A size may stand among the others as a place with its empty arguments.
    asked = [index for index, one in enumerate(shape) if is_place(one) and one[0] in sizes]
    if not asked or any(not isinstance(one, int) for index, one in enumerate(shape) if index not in asked):
        return plain
    rest = shape[1:]
    if asked == [0] and sizes[shape[0][0]] == 0:
        inner = {"name": plain["config"].get("name") or plain.get("name"), "target_shape": rest}
        made = {"class_name": "Reshape", "config": inner}
        return {**plain, **made, "inbound_nodes": [[[*place[:3], {}]]]}
    if len(asked) == 1 and -1 not in shape:
        known = [-1 if index in asked else one for index, one in enumerate(shape)]
        return {**plain, "inbound_nodes": [[[*place[:3], {**place[3], "shape": known}]]]}
    return plain


def places_in(value: object) -> set[str]:
    """The names of all layers that a description of calls names."""
    found: set[str] = set()
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            if is_place(one):
                found.add(one[0])
            pending.extend(one)
        elif isinstance(one, dict):
            pending.extend(one.values())
    return found
