"""The likeliest labels of a recurrent network that was trained by CTC, by a search over beginnings of labels."""

import numpy as np

from kerata.base.limits import take_work

Beam = tuple[float, float]


def search(logits, lengths, beam_width: int, top_paths: int, merge_repeated: bool):
    """(labels of each of the best paths, (batch, steps), filled up with -1; their log probabilities, (batch, paths)).

    Args:
        logits: (batch, steps, classes), the last class for no label.
        lengths: how many steps each sample has.
        beam_width: how many beginnings are kept from step to step.
        top_paths: how many paths are wanted.
        merge_repeated: whether labels that are alike and stand side by side become one.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)
    chances = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    take_work(chances.shape[0] * chances.shape[1])
    found = [best_paths(rows[:length], beam_width, top_paths) for rows, length in zip(chances, lengths, strict=True)]
    labels = []
    for place in range(top_paths):
        paths = [merged(paths[place][0]) if merge_repeated else paths[place][0] for paths in found]
        whole = np.full((len(paths), max(map(len, paths), default=0)), -1, "int32")
        for row, path in enumerate(paths):
            whole[row, : len(path)] = path
        labels.append(whole)
    return labels, np.array([[score for _, score in paths] for paths in found], "float32")


def best_paths(chances, beam_width: int, top_paths: int) -> list[tuple[tuple[int, ...], float]]:
    """(labels, log probability) of the best paths through steps of log probabilities, (steps, classes)."""
    blank = chances.shape[1] - 1
    # Beginning -> log probabilities that it ends here in no label, and in its last label.
    beams: dict[tuple[int, ...], Beam] = {(): (0.0, -np.inf)}
    for row in chances:
        grown: dict[tuple[int, ...], list[float]] = {}
        for labels, (silent, spoken) in beams.items():
            total = np.logaddexp(silent, spoken)
            add(grown, labels, 0, total + row[blank])
            if labels:
                add(grown, labels, 1, spoken + row[labels[-1]])
            for label in range(blank):
                before = silent if labels and labels[-1] == label else total
                add(grown, (*labels, label), 1, before + row[label])
        ranked = sorted(grown.items(), key=lambda one: -np.logaddexp(one[1][0], one[1][1]))[:beam_width]
        beams = {labels: (ends[0], ends[1]) for labels, ends in ranked}
    scored = [(labels, float(np.logaddexp(ends[0], ends[1]))) for labels, ends in beams.items()]
    return scored[:top_paths] + [((), -np.inf)] * (top_paths - len(scored))


def add(beams: dict[tuple[int, ...], list[float]], labels: tuple[int, ...], end: int, chance: float) -> None:
    """Adds a log probability to how a beginning ends."""
    ends = beams.setdefault(labels, [-np.inf, -np.inf])
    ends[end] = float(np.logaddexp(ends[end], chance))


def merged(labels: tuple[int, ...]) -> tuple[int, ...]:
    """Labels without those that repeat the one before.

    >>> merged((1, 1, 2, 1))
    (1, 2, 1)
    """
    return tuple(label for place, label in enumerate(labels) if not place or label != labels[place - 1])
