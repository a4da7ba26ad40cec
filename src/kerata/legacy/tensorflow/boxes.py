"""Boxes in pictures: which of those that overlap are kept, and what is cut out under them."""

from collections.abc import Callable
from typing import Any, NamedTuple, SupportsInt

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike

from kerata.base.checks import check_choice
from kerata.engine.numbers import numbers_of
from kerata.engine.scope import unknown_size
from kerata.engine.types import Array
from kerata.legacy.tensorflow.calls import Function, ints
from kerata.legacy.tensorflow.types import Ints, int32

# Chosen boxes by their numbers, how many there are, and their scores.
Chosen = tuple[Array, Array, Array]


def overlaps(boxes: Array, box: Array) -> Array:
    """The share that boxes have in common with one: (boxes,). Corners come in any order; a box without area overlaps none."""
    low, high = jnp.minimum(boxes[:, :2], boxes[:, 2:]), jnp.maximum(boxes[:, :2], boxes[:, 2:])
    first, last = jnp.minimum(box[:2], box[2:]), jnp.maximum(box[:2], box[2:])
    areas, area = jnp.prod(high - low, axis=1), jnp.prod(last - first)
    common = jnp.prod(jnp.maximum(jnp.minimum(high, last) - jnp.maximum(low, first), 0), axis=1)
    there = (areas > 0) & (area > 0)
    return jnp.where(there, common / jnp.where(there, areas + area - common, 1), 0)


def choose(
    boxes: ArrayLike, scores: ArrayLike, most: int, threshold: ArrayLike, least: ArrayLike, sigma: ArrayLike = 0.0
) -> Chosen:
    """The best box, then the best of those that do not overlap it too much, and so on.

    Args:
        boxes: (boxes, 4), two corners each.
        scores: (boxes,).
        most: how many are chosen at most; the rest of what comes out is 0.
        threshold: the share in common from which on a box is left out.
        least: the score above which a box counts.
        sigma: where it is not 0, boxes that overlap lose score, exp(-overlap^2 / (2 sigma)) each time, and none is left out.
    """
    boxes, scores = (lax.stop_gradient(jnp.asarray(one)) for one in (boxes, scores))
    if not len(scores) or not most:
        return jnp.zeros(most, jnp.int32), jnp.int32(0), jnp.zeros(most, scores.dtype)
    return _choose(boxes, scores, most, *(jnp.asarray(one, scores.dtype) for one in (threshold, least, sigma)))


def _choose_all(boxes: Array, scores: Array, most: int, threshold: Array, least: Array, sigma: Array) -> Chosen:
    def take(place: int, state: tuple[Array, ...]) -> tuple[Array, ...]:
        left, places, found, count = state
        best = jnp.argmax(left)
        is_one = left[best] > least
        share = overlaps(boxes, boxes[best])
        fading = jnp.exp(-0.5 * share**2 / jnp.where(sigma > 0, sigma, 1))
        faded = jnp.where(left > -jnp.inf, left * fading, -jnp.inf)
        rest = jnp.where(sigma > 0, faded, jnp.where(share > threshold, -jnp.inf, left)).at[best].set(-jnp.inf)
        places = places.at[place].set(jnp.where(is_one, best, 0).astype(jnp.int32))
        found = found.at[place].set(jnp.where(is_one, left[best], 0))
        return jnp.where(is_one, rest, left), places, found, count + is_one.astype(jnp.int32)

    left = jnp.where(scores > least, scores, -jnp.inf)
    start = (left, jnp.zeros(most, jnp.int32), jnp.zeros(most, scores.dtype), jnp.int32(0))
    _, places, found, count = lax.fori_loop(0, most, take, start)
    return places, count, found


_choose: Callable[..., Chosen] = jax.jit(_choose_all, static_argnums=2)


def best_of_overlaps(shares: ArrayLike, scores: ArrayLike, most: SupportsInt, threshold: ArrayLike, least: ArrayLike) -> Array:
    """The numbers of the boxes that are kept, where what each has in common with each is known: (boxes, boxes)."""
    shares, scores = jnp.asarray(shares), jnp.asarray(scores)
    kept: list[int] = []
    for place in numbers_of(jnp.argsort(-scores, stable=True)).tolist():
        if len(kept) < int(most) and bool(scores[place] > least) and not any(bool(shares[place, n] > threshold) for n in kept):
            kept.append(place)
    return jnp.asarray(kept, jnp.int32)


def best_boxes(boxes: Array, scores: Array, most: SupportsInt, threshold: ArrayLike, least: ArrayLike) -> Array:
    """The numbers of the boxes that are kept, as many as there are."""
    return best_and_scores(boxes, scores, most, threshold, least, 0.0)[0]


def best_and_scores(
    boxes: Array, scores: Array, most: SupportsInt, threshold: ArrayLike, least: ArrayLike, sigma: ArrayLike
) -> tuple[Array, Array]:
    """The numbers of the boxes that are kept, and the scores that are left of theirs."""
    if (size := unknown_size(scores)) is not None or (size := unknown_size(boxes)) is not None:
        return jnp.zeros(size, jnp.int32), jnp.zeros(size, jnp.asarray(scores).dtype)
    places, count, found = choose(boxes, scores, int(most), threshold, least, sigma)
    number = int(numbers_of(count))
    return places[:number], found[:number]


def padded(
    boxes: Array, scores: Array, most: SupportsInt, threshold: ArrayLike, least: ArrayLike, fill: bool
) -> tuple[Array, Array]:
    """(numbers of the boxes that are kept, how many they are), filled up with 0 where that is asked for."""
    if fill:
        places, count, _ = choose(boxes, scores, int(most), threshold, least)
        return places, count
    places = best_boxes(boxes, scores, most, threshold, least)
    return places, jnp.int32(places.shape[0])


class Combined(NamedTuple):
    """What `tf.image.combined_non_max_suppression` gives of each picture."""

    nmsed_boxes: Array
    nmsed_scores: Array
    nmsed_classes: Array
    valid_detections: Array


def combined(
    boxes: Array,
    scores: Array,
    most_of_class: SupportsInt,
    most: SupportsInt,
    threshold: ArrayLike,
    least: ArrayLike,
    fits: bool,
    clips: bool,
) -> Combined:
    """The best boxes of each class of each picture, of all classes the best: (pictures, most, ...), filled up with 0.

    Args:
        boxes: (pictures, boxes, 1 or classes, 4).
        scores: (pictures, boxes, classes).
        most_of_class, most: of one class, and of all of them.
        threshold, least: as in `choose`.
        fits: whether no more come out than all classes could give.
        clips: whether boxes are cut off at 0 and 1.
    """
    boxes, scores = jnp.asarray(boxes), jnp.asarray(scores)
    number, classes = scores.shape[1:]
    each, total = min(int(most_of_class), number), int(most)
    wanted = min(total, int(most_of_class) * classes) if fits else total

    def of_picture(boxes: Array, scores: Array) -> Combined:
        spread = jnp.broadcast_to(boxes, (number, classes, 4))

        def of_class(own: Array, points: Array) -> tuple[Array, Array]:
            places, count, _ = choose(own, points, each, threshold, least)
            return places, jnp.arange(each) < count

        places, there = jax.vmap(of_class, in_axes=(1, 1))(spread, scores)
        kinds = jnp.broadcast_to(jnp.arange(classes)[:, None], places.shape).ravel()
        places, there = places.ravel(), there.ravel()
        order = jnp.argsort(jnp.where(there, -scores[places, kinds], jnp.inf), stable=True)[:wanted]
        order = jnp.pad(order, (0, wanted - len(order)))
        kept = jnp.arange(wanted) < jnp.minimum(jnp.sum(there), wanted)
        found = spread[places[order], kinds[order]]
        found = jnp.clip(found, 0, 1) if clips else found
        return Combined(
            jnp.where(kept[:, None], found, 0),
            jnp.where(kept, scores[places[order], kinds[order]], 0),
            jnp.where(kept, kinds[order], 0).astype(scores.dtype),
            jnp.sum(kept).astype(jnp.int32),
        )

    return Combined(*jax.vmap(of_picture)(boxes, scores))


def crop_and_resize(
    image: ArrayLike, boxes: ArrayLike, numbers: ArrayLike, size: Ints, method: str, outside: ArrayLike
) -> Array:
    """What of pictures (pictures, height, width, channels) is under boxes, each in one size: (boxes, *size, channels).

    Args:
        image: the pictures.
        boxes: (boxes, 4): y, x of a corner, y, x of the one across, as shares of the picture's sides.
        numbers: which picture each box is of.
        size: (height, width) of what comes out.
        method: "bilinear" or "nearest".
        outside: what stands where a box leaves its picture.
    """
    check_choice("tf.image.crop_and_resize", "method", method, ["bilinear", "nearest"])
    image, boxes = jnp.asarray(image).astype(jnp.float32), jnp.asarray(boxes, jnp.float32)
    numbers = jnp.asarray(numbers)[:, None, None]
    (rows, row_there), (columns, column_there) = (
        places_of(boxes[:, axis], boxes[:, axis + 2], image.shape[1 + axis], int(length))
        for axis, length in enumerate(ints(size))
    )
    there = (row_there[:, :, None] & column_there[:, None, :])[..., None]
    if method == "nearest":
        found = image[numbers, nearest(rows, image.shape[1])[:, :, None], nearest(columns, image.shape[2])[:, None, :]]
        return jnp.where(there, found, outside)
    (top, bottom, down), (left, right, across) = split(rows, image.shape[1]), split(columns, image.shape[2])
    down, across = down[:, :, None, None], across[:, None, :, None]

    def at(row: Array, column: Array) -> Array:
        return image[numbers, row[:, :, None], column[:, None, :]]

    above = at(top, left) + (at(top, right) - at(top, left)) * across
    below = at(bottom, left) + (at(bottom, right) - at(bottom, left)) * across
    return jnp.where(there, above + (below - above) * down, outside)


def places_of(start: Array, end: Array, old: int, new: int) -> tuple[Array, Array]:
    """Where the pixels of what comes out stand in a picture, and whether they are in it: (boxes, new) each."""
    if new > 1:
        found = start[:, None] * (old - 1) + jnp.arange(new) * ((end - start) * (old - 1) / (new - 1))[:, None]
    else:
        found = (0.5 * (start + end) * (old - 1))[:, None]
    return found, (found >= 0) & (found <= old - 1)


def nearest(places: Array, size: int) -> Array:
    """The nearest pixel; of two as near, the one farther from 0."""
    return jnp.clip(jnp.floor(places + 0.5), 0, size - 1).astype(jnp.int32)


def split(places: Array, size: int) -> tuple[Array, Array, Array]:
    """The pixels before and behind, and how far it is from the first."""
    first = jnp.floor(places)
    before, behind = (jnp.clip(one, 0, size - 1).astype(jnp.int32) for one in (first, jnp.ceil(places)))
    return before, behind, places - lax.stop_gradient(first)


_CHOICE = "boxes, scores, max_output_size, iou_threshold=0.5, score_threshold=float_min"
# Below all numbers.
_LEAST = "-1e999"
_ROWS: dict[str, tuple[str, Callable[..., Any], dict[str, Any]]] = {
    "non_max_suppression": (_CHOICE, best_boxes, {"gives": int32}),
    "non_max_suppression_with_scores": (f"{_CHOICE}, soft_nms_sigma=0.0", best_and_scores, {}),
    "non_max_suppression_overlaps": (
        "overlaps, scores, max_output_size, overlap_threshold=0.5, score_threshold=float_min",
        best_of_overlaps,
        {"gives": int32},
    ),
    "non_max_suppression_padded": (f"{_CHOICE}, pad_to_max_output_size=False", padded, {"gives": int32}),
    "combined_non_max_suppression": (
        "boxes, scores, max_output_size_per_class, max_total_size, iou_threshold=0.5, score_threshold=float_min, "
        "pad_per_class=False, clip_boxes=True",
        combined,
        {},
    ),
    "crop_and_resize": (
        "image, boxes, box_indices, crop_size, method='bilinear', extrapolation_value=0.0",
        crop_and_resize,
        {},
    ),
}
BOXES = {
    name: Function(f"image.{name}", signature.replace("float_min", _LEAST), compute, **facts)
    for name, (signature, compute, facts) in _ROWS.items()
}
