"""`python -m benchmarks.judgement`: train the known cases, examine them, and count what was said rightly."""

import argparse
import time
from collections import defaultdict

# They enter their cases.
from benchmarks.judgement import curves, healthy, inputs, latest, layered, more, more_healthy, pairs, two  # noqa: F401
from benchmarks.judgement.running import CASES, Judged, judge


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judgement", description=__doc__)
    parser.add_argument("names", nargs="*", help="cases to run, by parts of their names; all by default")
    parser.add_argument(
        "--part", choices=("tuned", "looked"), help="only the cases that were tuned on, or only those that were not"
    )
    parser.add_argument("--kind", choices=("healthy", "one", "two"), help="only runs with so much wrong")
    parser.add_argument("--show", action="store_true", help="print every examination")
    parser.add_argument("--no-experiments", action="store_true", help="examine without experiments")
    return parser.parse_args()


def kind_of(case) -> str:
    return ("healthy", "one", "two")[len(case.right)]


def main() -> None:
    options = parse()
    results: dict[tuple[str, str], list[Judged]] = defaultdict(list)
    for case in CASES:
        part = "looked" if case.looked_at else "tuned"
        if options.names and not any(name in case.name for name in options.names):
            continue
        if (options.part or part) != part or (options.kind or kind_of(case)) != kind_of(case):
            continue
        began = time.perf_counter()
        judged = judge(case, not options.no_experiments)
        results[part, kind_of(case)].append(judged)
        good = judged.finds_all if kind_of(case) == "two" else judged.is_right
        wanted = " + ".join("|".join(sorted(kinds)) for kinds in case.right) or "healthy"
        print(
            f"{'ok  ' if good else 'MISS'} {case.name:<28} {time.perf_counter() - began:5.1f} s "
            f"(examined {judged.seconds:4.1f}) "
            f"wanted {wanted}: {judged.examination.kinds[:4]}",
            flush=True,
        )
        if options.show or not good:
            print(judged.examination, flush=True)
    for (part, kind), judged in sorted(results.items()):
        right = sum(each.is_right for each in judged)
        seconds = sorted(each.seconds for each in judged)
        line = f"{part} {kind}: first finding right in {right} of {len(judged)} ({right / len(judged):.0%})"
        if kind == "healthy":
            line = f"{part} healthy: {len(judged) - right} false alarms in {len(judged)}"
        if kind == "two":
            line += f", both among the first three in {sum(each.finds_all for each in judged)}"
        print(f"{line}; an examination took {seconds[len(seconds) // 2]:.1f} s in the middle, {seconds[-1]:.1f} s at most")


if __name__ == "__main__":
    main()
