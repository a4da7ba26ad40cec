"""The results file, and the page that is rendered from it. No figure is written by hand."""

import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from statistics import median

from benchmarks.works import BEFORE, BY_NAME, IMPLEMENTATIONS, WORKS, Bar, Work

INTRODUCTION = """# Benchmarks

Written by `make bench` (`python -m benchmarks`), never by hand; the samples are in `benchmarks/results.json`.

Each implementation does the same work in a process of its own: same data, same batches and epochs, same optimizer and
rates, float32, loss and accuracy kept over each epoch. It prepares and warms up by itself; then the processes take
turns, one repetition each, round after round, so that a slow minute of the machine falls on all of them. A cell holds
the median and, in brackets, how many times as long as Kerata that is: **above 1, Kerata is faster**. A fit starts from
fresh weights and is one whole `fit` call in steady state, unless the row says otherwise; a step is what a long fit takes
more than a short one, for each step that it has more. The last column says how much
of the machine other programs took meanwhile (the median repetition of whoever was disturbed most): with more than a
few percent the figures are noisy. Since 2026-11-30 the driver touches 3 GB of memory before each repetition, for everyone:
a virtual machine may pay for each page that was given back to its host.
"""

SEARCHES = """## How searches are measured

The trials of a search are a grid of learning rate x dropout x l2, the folds the same for everyone, and each fold is
validated after every epoch. What goes one trial after the other (Keras, and the loop of Kerata's own build, compile and
`fit`) takes minutes: each round times two trials for Keras and eight for the loop, with all their folds, other trials in
each round, and scales them to 64. Keras compiles every model, as such a loop does; Kerata compiles in its first search,
which has a line of its own. "Score" is the mean of the round's trials, each the mean over the folds of the best epoch's
validation loss. The loop has the seeds of the search, so its scores must be equal; Keras draws its own. A cost "a model
and step" is what more epochs cost, over models x steps; in the line of the whole call, drawing weights and gathering
results is in.
"""

# Below this a figure is rounding, and a ratio to it says nothing.
LEAST = {"MiB": 0.1}


def merge(old: dict, machine: dict, works: dict) -> tuple[dict, list[str]]:
    """New rows into old results, and the names of the rows that were kept out.

    Another machine or other versions start a new file. A row always comes from one run, where all took turns: a run
    with fewer implementations than the row on file does not replace it.
    """
    if not comparable(old.get("machine", {}), machine):
        return {"machine": machine, "works": works}, []
    merged, kept_out = dict(old["works"]), []
    for name, row in works.items():
        if set(merged.get(name, {}).get("implementations", ())) - set(row["implementations"]):
            kept_out.append(name)
        else:
            merged[name] = row
    both = {key: old["machine"][key] | machine[key] for key in ("versions", "data")}
    return {"machine": machine | both, "works": merged}, kept_out


def comparable(old: dict, new: dict) -> bool:
    """Same machine, and the same version of every package (but Kerata) that both runs had."""
    same = ("processor", "cores", "memory", "system", "device")
    if any(old.get(key) != new[key] for key in same):
        return False
    shared = set(old["versions"]) & set(new["versions"]) - {"kerata"}
    return all(old["versions"][package] == new["versions"][package] for package in shared)


def make_row(records: dict, rounds: int, missing: dict[str, str]) -> dict:
    """One work as plain data: samples rounded to five digits, which is more than they carry."""
    implementations = {}
    for name, record in records.items():
        implementations[name] = {
            "measures": {k: [float(f"{v:.5g}") for v in values] for k, values in record.measures.items()},
            "losses": [float(f"{v:.5g}") for v in record.losses],
            "accuracies": [float(f"{v:.5g}") for v in record.accuracies],
            "failed": record.failed,
        }
    return {
        "date": date.today().isoformat(),
        "rounds": rounds,
        "others": round(max([median(r.others) for r in records.values() if r.others], default=0.0), 3),
        "implementations": implementations,
        "missing": missing,
    }


def render(results: dict, others: Sequence[dict] = ()) -> str:
    """The page.

    Args:
        results: of the machine whose page it is.
        others: results of other machines, of which the page shows times and ratios.
    """
    rows = [work for work in WORKS if work.name in results["works"]]
    parts = [INTRODUCTION, render_machine(results["machine"])]
    parts.append("## Times and ratios\n\n" + render_times(rows, results["works"]))
    parts.append("## Targets\n\n" + render_bars(rows, results["works"]))
    parts.append(
        "## Equal work\n\nThe training loss of the last epoch (and the accuracy): median over the repetitions, each"
        " with weights, shuffles and dropout of its own, and the range.\n\n" + render_losses(rows, results["works"])
    )
    if any(work.module == "searches" for work in rows):
        parts.append(SEARCHES)
    for other in others:
        theirs = [work for work in WORKS if work.name in other["works"]]
        parts.append(f"## {other['machine']['device']}\n\n" + render_machine(other["machine"]))
        parts.append(render_times(theirs, other["works"]))
    failures = render_failures(rows, results["works"])
    if failures:
        parts.append("## Left out\n\n" + failures)
    return "\n".join(parts).rstrip() + "\n"


def render_machine(machine: dict) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(machine["versions"].items()))
    lines = [
        f"- **Machine**: {machine['processor']}, {machine['cores']} cores, {machine['memory']} GiB,"
        f" {machine['system']}; device of JAX: {machine['device']}",
        f"- **Versions**: {versions}",
        "- **Data**: " + "; ".join(f"{name}: {origin}" for name, origin in sorted(machine["data"].items())),
    ]
    return "\n".join(lines) + "\n"


def table(header: list[str], rows: list[list[str]]) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def middle(row: dict, implementation: str, measure: str) -> float | None:
    """The median, or None where there is nothing; `a / b` is a ratio of two measures' medians."""
    if " / " in measure:
        over, under = (middle(row, implementation, part) for part in measure.split(" / "))
        return None if over is None or not under else over / under
    samples = row["implementations"].get(implementation, {}).get("measures", {}).get(measure)
    return median(samples) if samples else None


def show(value: float, unit: str) -> str:
    if unit == "s" and value < 0.1:
        value, unit = 1000 * value, "ms"
    if unit == "MiB":
        value = round(value, 1) + 0.0
    digits = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{digits} {unit}".strip()


def render_times(works: list[Work], results: dict) -> str:
    lines = []
    for work in works:
        row = results[work.name]
        for measure, unit in work.measures:
            label = work.title if len(work.measures) == 1 else f"{work.title}: {measure}"
            own = middle(row, "kerata", measure)
            cells = []
            for name in IMPLEMENTATIONS:
                value = middle(row, name, measure)
                if value is None:
                    failed = row["implementations"].get(name, {}).get("failed")
                    cells.append("failed" if failed else "")
                elif name == "kerata" or own is None or unit == "" or min(own, value) < LEAST.get(unit, 0.0):
                    cells.append(show(value, unit))
                else:
                    cells.append(f"{show(value, unit)} ({value / own:.2f})")
            lines.append([label, *cells, f"{row['rounds']}, {row['date']}, {row['others']:.0%}"])
    return table(["work", *IMPLEMENTATIONS.values(), "rounds, day, others"], lines)


def render_changes(works: list[Work], results: dict) -> str:
    """This state beside another: medians, and the middle and the range of the rounds' ratios, which a slow minute spares."""
    lines = []
    for work in works:
        row = results[work.name]
        for measure, unit in work.measures:
            now, before = (row["implementations"].get(name, {}).get("measures", {}).get(measure) for name in ("kerata", BEFORE))
            cells = [show(median(samples), unit) if samples else "" for samples in (now, before)]
            pairs = zip(now or (), before or (), strict=False)
            ratios = sorted(new / old for new, old in pairs if min(abs(new), abs(old)) > LEAST.get(unit, 0.0))
            spread = f"{median(ratios):.3f} ({ratios[0]:.2f} to {ratios[-1]:.2f})" if ratios else ""
            lines.append([f"{work.name}: {measure}", *cells, spread, f"{row['rounds']}, {row['others']:.0%}"])
    return table(["work", "now", "before", "now / before", "rounds, others"], lines)


def judge(bar: Bar, row: dict, unit: str) -> tuple[str, str, str] | None:
    """The target and what was measured in words, and whether it is met; None where a side is missing."""
    own = middle(row, "kerata", bar.measure)
    if own is None:
        return None
    if not bar.peer:
        return f"at most {show(bar.limit, unit)}", show(own, unit), "yes" if own <= bar.limit else "no"
    peer = middle(row, bar.peer, bar.measure)
    if peer is None:
        return None
    name = IMPLEMENTATIONS[bar.peer]
    if bar.times < 1:
        target = f"at most {1 / bar.times:.2g} of the time of {name}"
        return target, f"{own / peer:.2f} of it", "yes" if own * bar.times <= peer else "no"
    target = f"not slower than {name}" if bar.times == 1 else f"{bar.times:g} times faster than {name}"
    return target, f"{peer / own:.2f} times", "yes" if peer >= bar.times * own else "no"


def render_bars(works: list[Work], results: dict) -> str:
    lines = []
    for work in works:
        units = dict(work.measures)
        for bar in work.bars:
            verdict = judge(bar, results[work.name], units.get(bar.measure, ""))
            label = work.title if len(work.measures) == 1 else f"{work.title}: {bar.measure}"
            if verdict:
                lines.append([label, *verdict])
    return table(["work", "target", "measured", "met"], lines) if lines else "No target could be judged in this run.\n"


def render_losses(works: list[Work], results: dict) -> str:
    lines = []
    for work in works:
        cells = []
        for name in IMPLEMENTATIONS:
            record = results[work.name]["implementations"].get(name, {})
            losses, accuracies = record.get("losses"), record.get("accuracies")
            if losses:
                spread = f"{min(losses):.3g} to {max(losses):.3g}"
                cells.append(f"{median(losses):.3g} ({spread}; {median(accuracies):.1%})")
            else:
                cells.append("")
        if any(cells):
            lines.append([work.title, *cells])
    return table(["work", *IMPLEMENTATIONS.values()], lines)


def render_failures(works: list[Work], results: dict) -> str:
    reasons = []
    for work in works:
        for name, record in results[work.name]["implementations"].items():
            if record["failed"]:
                reasons.append(f"- {work.title}, {IMPLEMENTATIONS[name]}: {record['failed']}")
        for name, reason in results[work.name]["missing"].items():
            line = f"- {IMPLEMENTATIONS[name]}: {reason}"
            if name in work.implementations and line not in reasons:
                reasons.append(line)
    return "\n".join(reasons) + "\n" if reasons else ""


def read(path: Path) -> dict:
    return json.loads(path.read_text()) if path.exists() else {}


def read_others(folder: Path) -> list[dict]:
    """Results of other machines: files that `--output` wrote there, each under a name of its own."""
    return [read(path) for path in sorted(folder.glob("*.json"))]


def write(results: dict, results_path: Path, page_path: Path) -> None:
    unknown = set(results["works"]) - set(BY_NAME)
    results = results | {"works": {k: v for k, v in results["works"].items() if k not in unknown}}
    for path in (results_path, page_path):
        path.parent.mkdir(parents=True, exist_ok=True)
    results_path.write_text(json.dumps(results, indent=1) + "\n")
    page_path.write_text(render(results, read_others(results_path.parent / "machines")))
