"""The report of a search: one page that needs nothing but a browser."""

import base64
import hashlib
import html
import json
from collections import Counter
from importlib import resources
from pathlib import Path
from string import Template
from typing import Any

from kerata.base.replacing import replace_file
from kerata.base.types import PathLike
from kerata.callbacks.progress import format_number, format_seconds
from kerata.diagnosis.reading import Reading, read_curves
from kerata.search.curves import mean_curves, measure_names, round_digits, thin_curve, thin_epochs
from kerata.search.importance import Importance, measure_importance
from kerata.search.records import COMPLETE, FAILED, PRUNED, Trial
from kerata.search.summary import (
    Parameter,
    Searched,
    Summary,
    clean,
    format_params,
    format_result,
    format_value,
    plural,
    summarize,
)

# Numbers of all curves on the page, about 7 bytes each, and how many of them may be means over folds: the page stays below
# 2 MB with a thousand trials.
NUMBERS, MEANS = 170_000, 110_000
MOST_POINTS, FEWEST_POINTS = 120, 12
# How many failures are told at first sight.
FIRST_FAILED = 5

KINDS = {
    "good": "settled",
    "still_falling": "were still learning",
    "overfitting": "overfitted",
    "underfitting": "hardly learned",
    "rate_too_high": "had too high a learning rate",
    "diverged": "diverged",
}
STATE_WORDS = {COMPLETE: "complete", PRUNED: "cut early", FAILED: "failed", "running": "running", "waiting": "waiting"}


def write_report(path: PathLike, study: Searched) -> Path:
    """Writes a page with all that a study found: curves, parallel coordinates, importance, table, readings.

    The page holds its data, pictures and program, asks the network for nothing, and takes the old page's place at once.

    Args:
        path: where to write it, e.g. "report.html".
        study: a study, or anything with `.trials` and `.objective`; `.name`, `.space` and `.seconds` are shown if there.

    Returns:
        The path.

    >>> import tempfile
    >>> from types import SimpleNamespace
    >>> from kerata.populations.objective import Objective
    >>> trial = Trial(0, {"lr": 0.01}, COMPLETE, 0.5, [0.5], [{"loss": [0.9, 0.5]}])
    >>> study = SimpleNamespace(trials=[trial], objective=Objective("loss", "min"))
    >>> write_report(tempfile.mkdtemp() + "/report.html", study).name
    'report.html'
    """
    page = render_page(summarize(study))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with replace_file(path) as part:
        part.write_bytes(page.encode("utf-8"))
    return path


def render_page(summary: Summary) -> str:
    """The whole page as text."""
    style = read_part("page.css").replace("$labels", label_columns(column_names(summary)))
    script = read_part("page.js")
    shares = measure_importance(summary)
    parts = {
        "title": escape(f"{summary.name}: search" if summary.name else "Search"),
        "policy": make_policy(style, script),
        "style": style,
        "script": script,
        "heading": escape(summary.name or "Search"),
        "lead": "".join(
            f"<p>{escape(sentence, 4000)}</p>" for sentence in (*summary.headline()[:2], summary.luck()) if sentence
        ),
        "tiles": render_tiles(summary),
        "front": render_front(summary),
        "importance": render_importance(shares),
        "readings": render_readings(summary),
        "failed": render_failed(summary),
        "table": render_table(summary),
        "data": encode_data(collect_data(summary, shares)),
    }
    return Template(read_part("page.html")).substitute(parts)


def read_part(name: str) -> str:
    """A file of the page, as the package holds it."""
    return resources.files("kerata.search").joinpath("page", name).read_text("utf-8")


def make_policy(style: str, script: str) -> str:
    """The page's own rule for the browser: nothing from anywhere, and no program but this one."""
    style_key, script_key = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (style, script))
    return f"default-src 'none'; img-src data:; style-src 'sha256-{style_key}'; script-src 'sha256-{script_key}'"


def escape(text: object, limit: int = 400) -> str:
    """Text of a user as text of the page.

    >>> escape("</script><b>")
    '&lt;/script&gt;&lt;b&gt;'
    """
    return html.escape(clean(text, limit))


def encode_data(data: dict[str, Any]) -> str:
    """JSON that may stand inside a script element: no text in it can end the element.

    >>> encode_data({"name": "</script>"})
    '{"name":"\\\\u003c/script\\\\u003e"}'
    """
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


# -- what is read without a program


def render_tiles(summary: Summary) -> str:
    """The few figures that a reader wants first."""
    best = summary.best
    tiles = []
    if best is not None:
        tiles.append((f"best {clean(summary.objective.name)}", format_result(best), f"trial {best.number}"))
    others = [f"{summary.count(s)} {STATE_WORDS[s]}" for s in STATE_WORDS if s != COMPLETE and summary.count(s)]
    tiles.append(("trials", f"{len(summary.trials):,}", ", ".join([f"{summary.count(COMPLETE)} complete", *others])))
    models = sum(len(trial.histories) for trial in summary.trials)
    folds = f"{summary.folds} folds a trial" if summary.folds > 1 else ""
    tiles.append(("models trained", f"{models:,}", folds))
    epochs = sum(sum(trial.epochs) for trial in summary.trials)
    if summary.seconds > 0:
        tiles.append(("training time", format_seconds(summary.seconds), f"{epochs:,} epochs of all models" if epochs else ""))
    rows = "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}<small>{escape(c)}</small></dd></div>" for a, b, c in tiles)
    # The best of many lucky ones is lucky.
    many = len(summary.scored) > 1
    luck = "The best was chosen by this very score: expect a little less of it on new data." if many else ""
    return f'<dl class="tiles{" strong" if best else ""}">{rows}</dl>' + (f'<p class="note luck">{luck}</p>' if luck else "")


def render_front(summary: Summary) -> str:
    """The trials that no other beats in several objectives; nothing where there is one."""
    if not summary.objectives:
        return ""
    heads = ["trial", *(one.name for one in summary.objectives), "values"]
    cells = "".join(f'<th scope="col">{escape(head, 60)}</th>' for head in heads)
    rows = "".join(
        f'<tr><th scope="row">{trial.number}</th>{"".join(f"<td>{escape(format_number(v))}</td>" for v in trial.values)}'
        f"<td>{escape(format_params(trial.params))}</td></tr>"
        for trial in summary.front
    )
    note = "Nothing of these gets better without something getting worse: no other trial beats them in all objectives."
    table = f'<div class="scroll"><table class="front"><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table></div>'
    return f'<section aria-labelledby="h-front"><h2 id="h-front">The front</h2><p class="note">{note}</p>{table}</section>'


def render_importance(found: Importance) -> str:
    """Bars of importance, drawn without a program."""
    rows = "".join(
        f'<tr><th scope="row">{escape(name, 60)}</th><td><svg class="bar" aria-hidden="true" width="100%" height="14">'
        f'<rect class="rail" width="100%" height="14" rx="3"/><rect width="{100 * share:.1f}%" height="14" rx="3"/></svg></td>'
        f'<td class="num">{share:.0%}</td></tr>'
        for name, share in found.shares.items()
    )
    table = f'<table class="bars"><tbody>{rows}</tbody></table>' if rows else ""
    return f'{table}<p class="note">{escape(found.method)}</p>'


def render_readings(summary: Summary) -> str:
    """What the curves of the best and of the worst trial say, and of how many the same is true."""
    readings = {trial.number: read_trial(trial) for trial in summary.trials if trial.histories}
    lines = []
    for word, trial in (("Best", summary.best), ("Worst", summary.worst)):
        if trial is None or trial.number not in readings or (word == "Worst" and trial is summary.best):
            continue
        label = f"{word}, trial {trial.number} ({format_result(trial)})"
        lines.append(f"<dt>{escape(label)}</dt><dd>{escape(readings[trial.number].sentence)}</dd>")
    counts = Counter(reading.kind for reading in readings.values() if reading.kind in KINDS)
    if len(readings) > 1 and counts:
        words = ", ".join(f"{counts[kind]} {word}" for kind, word in KINDS.items() if counts[kind])
        lines.append(f"<dt>All {len(readings)} with curves</dt><dd>{escape(words[0].upper() + words[1:])}.</dd>")
    return f"<dl>{''.join(lines)}</dl>" if lines else '<p class="note">No trial has curves to read yet.</p>'


def read_trial(trial: Trial) -> Reading:
    """The reading of a trial's mean curves."""
    return read_curves(mean_curves(trial))


def render_failed(summary: Summary) -> str:
    """The trials that failed, with their reasons; nothing if none did."""
    failed = [trial for trial in summary.trials if trial.state == FAILED]
    if not failed:
        return ""
    rows = [
        f'<li><b>Trial {t.number}</b> <span class="why">{escape(t.error or "no reason was given", 400)}</span>'
        f"<small>{escape(format_params(t.params), 400)}</small></li>"
        for t in failed
    ]
    first, more = "".join(rows[:FIRST_FAILED]), "".join(rows[FIRST_FAILED:])
    if more:
        more = f'<details><summary>{len(rows) - FIRST_FAILED} more</summary><ul class="failed">{more}</ul></details>'
    title = plural(len(failed), "trial") + " failed"
    return f'<section aria-labelledby="h-failed"><h2 id="h-failed">{title}</h2><ul class="failed">{first}</ul>{more}</section>'


def render_table(summary: Summary) -> str:
    """All trials, one a row; the page's program sorts them."""
    cells = "".join(f'<th scope="col"><button type="button">{escape(head, 60)}</button></th>' for head in column_names(summary))
    best = summary.best.number if summary.best else None
    rows = "".join(render_row(trial, summary.names, trial.number == best) for trial in summary.trials)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"


def column_names(summary: Summary) -> list[str]:
    """What the columns of the table are called."""
    return ["trial", "state", clean(summary.objective.name, 60), "±", *summary.names, "epochs", "best epoch", "seconds"]


def label_columns(names: list[str]) -> str:
    """Style that writes a column's name before each of its values, where the table is too wide for its screen.

    >>> print(label_columns(["trial", "state", "a;b"]), end="")
      #table tbody td:nth-child(3)::before { content: "a\\3b b "; }
    """
    rules = []
    for place, name in enumerate(names[2:], 3):
        text = "".join(c if c.isascii() and (c.isalnum() or c in " _") else f"\\{ord(c):x} " for c in clean(name, 60))
        rules.append(f'  #table tbody td:nth-child({place})::before {{ content: "{text} "; }}\n')
    return "".join(rules)


def render_row(trial: Trial, names: list[str], is_best: bool) -> str:
    score = format_number(float(trial.score)) if trial.score is not None else ""
    deviation = format_number(trial.deviation) if len(trial.scores) > 1 else ""
    values = [format_value(trial.params[name]) if name in trial.params else "" for name in names]
    times = [format_span(trial.epochs), format_span(trial.best_epochs), f"{trial.seconds:.3g}" if trial.seconds else ""]
    cells = "".join(f"<td>{escape(cell)}</td>" for cell in (score, deviation, *values, *times))
    kind = f"{trial.state if trial.state in STATE_WORDS else 'other'}{' best' if is_best else ''}"
    state = escape(STATE_WORDS.get(trial.state, trial.state))
    pin = f'<button type="button">{trial.number}</button>'
    return f'<tr data-n="{trial.number}" class="{kind}"><th scope="row">{pin}</th><td>{state}</td>{cells}</tr>'


def format_span(numbers: list[int]) -> str:
    """
    >>> format_span([5, 5]), format_span([12, 50, 30]), format_span([])
    ('5', '12–50', '')
    """
    low, high = min(numbers, default=None), max(numbers, default=None)
    return "" if low is None else f"{low}" if low == high else f"{low}–{high}"


# -- what the program draws


def collect_data(summary: Summary, shares: Importance) -> dict[str, Any]:
    """All that the page's program needs, as plain data."""
    names = measure_names(summary.trials, summary.objective)
    points = choose_points(summary, names)
    # Two measures are always there; others as long as the page stays small.
    while len(names) > 2 and points < 24:
        names = names[:-1]
        points = choose_points(summary, names)
    order = sorted(summary.parameters, key=lambda p: -shares.shares.get(p.name, 0.0))
    curves = {trial.number: thin_trial(trial, names, points) for trial in summary.trials if trial.histories}
    spent = sum(len(values) for curve in curves.values() for pair in curve for _, values in pair)
    folds = thin_folds(summary, names, points, NUMBERS - spent)
    lengths = {length for curve in curves.values() for pair in curve for length, _ in pair if length}
    lengths |= {length for trial in folds.values() for fold in trial for pair in fold for length, _ in pair if length}
    places = {name: place for place, name in enumerate(summary.names)}
    return {
        "objective": {"name": clean(summary.objective.name, 60), "direction": summary.objective.direction},
        "best": summary.best.number if summary.best else None,
        "names": [clean(name, 60) for name in summary.names],
        "parameters": [describe_axis(p, places[p.name]) for p in order],
        "trials": [describe_trial(trial, order, summary.names) for trial in summary.trials],
        "measures": [clean(name, 60) for name in names],
        "grids": {length: thin_epochs(length, points) for length in sorted(lengths)},
        "curves": curves,
        "folds": folds,
    }


def choose_points(summary: Summary, names: list[str]) -> int:
    """How many points a curve may have, so that the page stays small."""
    curves = 2 * max(1, len(names)) * max(1, sum(bool(trial.histories) for trial in summary.trials))
    return max(FEWEST_POINTS, min(MOST_POINTS, MEANS // curves))


def thin_trial(trial: Trial, names: list[str], points: int) -> list[list[tuple[int, list[float | None]]]]:
    """For each measure the curves of training and validation, with the number of epochs behind them."""
    return thin_measures(mean_curves(trial), names, points)


def thin_measures(curves: dict[str, list[float]], names: list[str], points: int) -> list[Any]:
    pairs = [(curves.get(name, ()), curves.get(f"val_{name}", ())) for name in names]
    return [[(len(curve), thin_curve(list(curve), points)) for curve in pair] for pair in pairs]


def thin_folds(summary: Summary, names: list[str], points: int, left: int) -> dict[int, list[Any]]:
    """The folds' own curves: of the best trial, then of the others in order of number, as many numbers as are left."""
    order = sorted((t for t in summary.trials if len(t.histories) > 1), key=lambda t: t is not summary.best)
    kept: dict[int, list[Any]] = {}
    for trial in order:
        curves = [thin_measures(fold, names, points) for fold in trial.histories]
        left -= sum(len(values) for fold in curves for pair in fold for _, values in pair)
        if left < 0:
            break
        kept[trial.number] = curves
    return kept


def describe_axis(parameter: Parameter, column: int) -> dict[str, Any]:
    """A hyperparameter as an axis."""
    labels = [format_value(choice) for choice in parameter.choices]
    numbers = {"low": parameter.low, "high": parameter.high, "log": parameter.log, "whole": parameter.whole}
    axis = {"name": clean(parameter.name, 60), "kind": parameter.kind, "column": column, "labels": labels}
    return axis | (numbers if parameter.kind == "number" else {})


def describe_trial(trial: Trial, order: list[Parameter], names: list[str]) -> dict[str, Any]:
    """A trial as the pictures and the sorting need it."""
    return {
        "n": trial.number,
        "state": trial.state,
        "score": round_digits(trial.score, 6),
        "deviation": round_digits(trial.deviation, 4) if len(trial.scores) > 1 else None,
        "places": [round_digits(p.place(trial.params[p.name]), 6) if p.name in trial.params else None for p in order],
        "values": [sort_value(trial.params[name]) if name in trial.params else None for name in names],
        "epochs": max(trial.epochs, default=None),
        "best_epoch": max(trial.best_epochs, default=None),
        "seconds": round_digits(trial.seconds, 4),
    }


def sort_value(value: object) -> object:
    """The value to sort by: a number where it is one."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return round_digits(value, 6)
    return format_value(value)
