"""A picture of a search. The data is plain; the drawing is thin."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from kerata.base.display import count_whole, new_figure
from kerata.base.types import PathLike
from kerata.diagnosis.plots import HELD, MARK, TRAIN, wrap
from kerata.search.curves import mean_curves
from kerata.search.importance import measure_importance
from kerata.search.records import COMPLETE, FAILED, PRUNED, Trial
from kerata.search.summary import Searched, Summary, clean, is_finite, plural, say_best, say_tried, summarize

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


FEW, MOST_BARS = 5, 12
# Scores further than this many spans of the middle half from it would flatten all others.
FAR = 3.0


def plot_study(study: Searched, path: PathLike | None = None, title: str | None = None) -> "Figure":
    """Draws the scores in the order of the trials, the importance of each hyperparameter, and the curves of the best five.

    With several objectives, the front in place of the scores; the rest looks at the first objective.

    Args:
        study: a study, or anything with `.trials` and `.objective`.
        path: where to save the picture, by its ending; `None` to save nothing.
        title: a headline; what was tried and what came out best by default.

    Returns:
        The matplotlib figure.

    >>> from types import SimpleNamespace
    >>> from kerata.populations.objective import Objective
    >>> from kerata.search.records import Trial
    >>> trials = [Trial(0, {"lr": 0.1}, "complete", 0.5), Trial(1, {"lr": 0.2}, "complete", 0.4)]
    >>> figure = plot_study(SimpleNamespace(trials=trials, objective=Objective("val_loss", "min")))
    >>> [axis.get_title() for axis in figure.axes]
    ['score by trial', 'importance', 'val_loss of the best']
    """
    summary = summarize(study)
    figure = new_figure(figsize=(14.4, 4.1), dpi=120, layout="constrained")
    axes = figure.subplots(1, 3, width_ratios=(1.15, 0.8, 1.15))
    if summary.objectives:
        draw_front(axes[0], summary)
    else:
        draw_scores(axes[0], summary)
    draw_importance(axes[1], summary)
    draw_best_curves(axes[2], summary)
    text = title or " ".join(sentence for sentence in (say_tried(summary), say_best(summary)) if sentence)
    # Names may hold dollar signs, which are not mathematics.
    figure.suptitle(wrap(clean(text), 150), fontsize=10, ha="center").set_parse_math(False)
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    return figure


def draw_scores(axis: "Axes", summary: Summary) -> None:
    """The score of each trial, and the best so far as a line."""
    frame(axis, "score by trial", "trial")
    axis.set_xlabel(wrap("trial" + "".join(f"; {text}" for text in say_left_out(summary)), 64), fontsize=9)
    scored = summary.scored
    if not scored:
        say_nothing(axis, "no trial has a score yet")
        return
    pruned = [trial for trial in summary.trials if trial.state == PRUNED and is_finite(trial.score)]
    failed = [trial.number for trial in summary.trials if trial.state == FAILED]
    for trials, label, style in ((scored, "complete", {"color": TRAIN}), (pruned, "cut early", {"color": MARK, "mfc": "none"})):
        if trials:
            numbers, scores = [t.number for t in trials], [t.score for t in trials]
            draw = cast(Callable[..., object], axis.plot)
            draw(numbers, scores, "o", markersize=4, alpha=0.7, label=label, **style)
    axis.step(*best_so_far(summary), where="post", color=HELD, linewidth=1.8, label="best so far")
    low, high = range_of_scores(summary)
    for edge, marker, trials in ((high, "^", beyond(summary, above=True)), (low, "v", beyond(summary, above=False))):
        if trials:
            style = {"color": MARK, "markersize": 5, "clip_on": False, "label": "outside"}
            axis.plot([t.number for t in trials], [edge] * len(trials), marker, **style)
    axis.set_ylim(low, high)
    axis.set_xlim(summary.trials[0].number - 0.8, summary.trials[-1].number + 0.8)
    if failed:
        axis.plot(failed, [low] * len(failed), "x", color=MARK, markersize=5, clip_on=False, label="failed")
    axis.set_ylabel(clean(summary.objective.name, 40), parse_math=False)
    count_whole(axis.xaxis)
    handles = dict(zip(*axis.get_legend_handles_labels()[::-1], strict=True))
    axis.legend(handles.values(), handles, frameon=False, fontsize=8)


def draw_front(axis: "Axes", summary: Summary) -> None:
    """All trials by the first two objectives, and those that no other beats as a line."""
    count, (first, second) = len(summary.objectives), summary.objectives[:2]
    frame(axis, f"front of {count} objectives", clean(first.name, 40))
    axis.xaxis.label.set_parse_math(False)
    axis.set_ylabel(clean(second.name, 40), parse_math=False)
    known = [trial for trial in summary.trials if trial.state == COMPLETE and len(trial.values) == count]
    if not known:
        say_nothing(axis, "no trial has its values yet")
        return
    axis.plot(
        [t.values[0] for t in known], [t.values[1] for t in known], "o", markersize=4, alpha=0.7, color=TRAIN, label="complete"
    )
    style = "o-" if count == 2 else "o"
    points = [trial.values for trial in summary.front]
    axis.plot([p[0] for p in points], [p[1] for p in points], style, color=HELD, markersize=5, linewidth=1.2, label="front")
    if len(known) < len(summary.trials):
        rest = plural(len(summary.trials) - len(known), "trial")
        axis.set_xlabel(f"{clean(first.name, 40)}; {rest} without values not drawn", fontsize=9)
    axis.legend(frameon=False, fontsize=8)


def range_of_scores(summary: Summary) -> tuple[float, float]:
    """The range of scores that is drawn; what is far from all others is not."""
    best = summary.best.score if summary.best else None
    return robust_range([float(trial.score or 0.0) for trial in summary.scored], keep=best)


def beyond(summary: Summary, above: bool) -> list[Trial]:
    """Trials whose score lies outside of the picture, above or below it."""
    low, high = range_of_scores(summary)
    known = [t for t in summary.trials if t.state in (COMPLETE, PRUNED) and is_finite(t.score)]
    return [t for t in known if (float(t.score or 0.0) > high if above else float(t.score or 0.0) < low)]


def say_left_out(summary: Summary) -> list[str]:
    """What the picture of scores does not show, in words."""
    if not summary.scored:
        return []
    outside = len(beyond(summary, True)) + len(beyond(summary, False))
    silent = sum(t.state != FAILED and not is_finite(t.score) for t in summary.trials)
    words = [f"{plural(outside, 'score')} outside of the picture (triangles)"] if outside else []
    return words + ([f"{plural(silent, 'trial')} without a score not drawn"] if silent else [])


def best_so_far(summary: Summary) -> tuple[list[int], list[float]]:
    """The best score after each complete trial, carried on to the last trial."""
    numbers, scores = [], []
    for trial in summary.scored:
        score = float(trial.score or 0.0)
        numbers.append(trial.number)
        scores.append(score if not scores or summary.objective.better(score, scores[-1]) else scores[-1])
    return numbers + [summary.trials[-1].number], scores + scores[-1:]


def robust_range(values: list[float], keep: float | None = None) -> tuple[float, float]:
    """The range of the values, without those that are far from all others.

    >>> robust_range([1.0, 2.0, 3.0, 1e6])[1] < 10, robust_range([1.0, 2.0, 3.0, 1e6], keep=1e6)[1] > 1e6
    (True, True)
    """
    low, high = np.quantile(values, [0.2, 0.7])
    reach = FAR * (high - low) or abs(high) or 1.0
    kept = [value for value in values if low - reach <= value <= high + reach] + ([] if keep is None else [keep])
    margin = 0.06 * (max(kept) - min(kept)) or 0.05 * (abs(kept[0]) or 1.0)
    return float(min(kept) - margin), float(max(kept) + margin)


def draw_importance(axis: "Axes", summary: Summary) -> None:
    """Bars of importance, the most important on top."""
    axis.set_title("importance", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    found = measure_importance(summary)
    if not found.shares:
        say_nothing(axis, wrap(found.method, 36))
        return
    shares = list(found.shares.items())[:MOST_BARS][::-1]
    if len(found.shares) > MOST_BARS:
        axis.set_title(f"importance (the first {MOST_BARS} of {len(found.shares)})", fontsize=10)
    axis.barh(range(len(shares)), [share for _, share in shares], color=TRAIN, height=0.6)
    for place, (_, share) in enumerate(shares):
        axis.text(share, place, f" {share:.0%}", va="center", fontsize=8)
    labels = axis.set_yticks(range(len(shares)), [clean(name, 24) for name, _ in shares], fontsize=9)
    for label in [tick.label1 for tick in labels] or axis.get_yticklabels():
        label.set_parse_math(False)
    axis.set_xlim(0, 1.15 * max(share for _, share in shares))
    axis.set_xticks([])
    axis.spines["bottom"].set_visible(False)


def draw_best_curves(axis: "Axes", summary: Summary) -> None:
    """The objective over the epochs for the best few, the very best strong and beside its training curve."""
    name = summary.objective.name
    frame(axis, f"{clean(name, 40)} of the best", "epoch")
    axis.title.set_parse_math(False)
    sign = -1.0 if summary.objective.direction == "max" else 1.0
    ranked = sorted(summary.scored, key=lambda trial: sign * float(trial.score or 0.0))
    few = [(trial, mean_curves(trial)) for trial in ranked[:FEW]]
    few = [(trial, curves) for trial, curves in few if name in curves]
    if not few:
        say_nothing(axis, "no curves yet")
        return
    for place, (trial, curves) in reversed(list(enumerate(few))):
        style = {"color": HELD, "linewidth": 2.2} if not place else {"color": MARK, "linewidth": 1, "alpha": 0.9 - 0.15 * place}
        values = curves[name]
        marker = "o" if len(values) <= 20 and not place else None
        label = f"trial {trial.number}{' (best)' if not place else ''}"
        axis.plot(range(1, len(values) + 1), values, marker=marker, markersize=3.5, label=label, **style)
    train = few[0][1].get(name.removeprefix("val_"))
    if name.startswith("val_") and train:
        axis.plot(range(1, len(train) + 1), train, color=TRAIN, linewidth=1.4, label=f"trial {few[0][0].number}, training")
    count_whole(axis.xaxis)
    handles, labels = axis.get_legend_handles_labels()
    axis.legend(handles[::-1], labels[::-1], frameon=False, fontsize=8)


def frame(axis: "Axes", title: str, below: str) -> None:
    """What all panels share."""
    axis.set_title(title, fontsize=10)
    axis.set_xlabel(below)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)


def say_nothing(axis: "Axes", text: str) -> None:
    """Words in place of a picture."""
    axis.grid(False)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.spines[:].set_visible(False)
    axis.set_xlabel("")
    axis.text(0.5, 0.5, text, transform=axis.transAxes, ha="center", va="center", color=MARK, fontsize=9)
