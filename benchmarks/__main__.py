"""`python -m benchmarks`: choose works, implementations and rounds; write `docs/benchmarks.md`."""

import argparse
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

from benchmarks import data, page
from benchmarks.driver import ROOT, Options, Record, find_pythons, run_work
from benchmarks.works import ALL, BEFORE, BY_NAME, IMPLEMENTATIONS, WORKS


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--works", nargs="+", choices=sorted(BY_NAME), metavar="WORK", help="default: all; see --list")
    parser.add_argument("--implementations", nargs="+", choices=ALL, default=list(ALL), metavar="IMPLEMENTATION")
    parser.add_argument("--rounds", type=int, default=7, help="repetitions of each (default 7)")
    parser.add_argument("--quick", action="store_true", help="tiny works, to see that everything runs; writes no page")
    parser.add_argument(
        "--peers",
        default=os.environ.get("KERATA_BENCH_PEERS"),
        help="an interpreter that has the libraries which this one lacks (or KERATA_BENCH_PEERS)",
    )
    parser.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("KERATA_BENCH_DATA", ROOT.parent / "shared" / "data")),
        help="folder with the real data (or KERATA_BENCH_DATA); the page says what was synthesized instead",
    )
    parser.add_argument("--output", type=Path, help="a folder for results.json and benchmarks.md, not the project's")
    parser.add_argument(
        "--before", metavar="PYTHON", help="compare with the Kerata of this interpreter, another state of it; writes no page"
    )
    parser.add_argument("--render", action="store_true", help="write the page again from results.json; run nothing")
    parser.add_argument("--list", action="store_true", help="list works and implementations")
    arguments = parser.parse_args()
    if arguments.rounds < 1:
        parser.error(f"--rounds must be at least 1. Received: {arguments.rounds}")
    return arguments


def describe_machine(records: list[Record], origins: dict[str, str]) -> dict:
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    versions: dict[str, str] = {}
    for record in records:
        versions |= record.versions
    return {
        "processor": processor,
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory": round(memory),
        "system": f"{platform.system()} {platform.machine()}",
        "device": next((r.device for r in records if "jax" in r.versions), "unknown"),
        "versions": versions,
        "data": origins,
    }


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the workers are ended too
    arguments = parse()
    if arguments.list:
        for work in WORKS:
            print(f"{work.name:18} {work.title}")
        for name, title in IMPLEMENTATIONS.items():
            print(f"{name:18} {title}")
        return
    folder = arguments.output
    writes = folder or not (arguments.quick or arguments.before)
    results_path = (folder or ROOT / "benchmarks") / "results.json"
    page_path = (folder or ROOT / "docs") / "benchmarks.md"
    if arguments.render:
        page.write(page.read(results_path), results_path, page_path)
        return

    works = [BY_NAME[name] for name in arguments.works or BY_NAME]
    pythons, missing = find_pythons(arguments.peers)
    if arguments.before:
        arguments.implementations, pythons[BEFORE] = ["kerata", BEFORE], arguments.before
    missing = {name: reason for name, reason in missing.items() if name in arguments.implementations}
    for name, reason in missing.items():
        say(f"{IMPLEMENTATIONS[name]} {reason}")
    chosen = [name for name in arguments.implementations if name in pythons]
    rows, everyone, kept_out = {}, [], []
    with tempfile.TemporaryDirectory() as prepared:
        origins = data.prepare({data.OF_NET[work.net] for work in works if work.net}, arguments.data, Path(prepared))
        options = Options(arguments.rounds, arguments.quick, Path(prepared), pythons)
        for work in works:
            say(f"{work.name}: {work.title}")
            records = run_work(work, chosen, options, say)
            everyone.extend(records.values())
            rows[work.name] = page.make_row(records, min(arguments.rounds, work.max_rounds), missing)
            machine = describe_machine(everyone, origins)
            if writes:  # after each work, so that an interrupted run keeps what it has
                results, kept_out = page.merge(page.read(results_path), machine, rows)
                page.write(results, results_path, page_path)
    if arguments.before:
        say("\n" + page.render_changes(works, rows))
        return
    say("\n" + page.render({"machine": machine, "works": rows}))
    say(f"Written: {page_path}" if writes else "Quick figures are not written.")
    for name in kept_out:
        say(f"{name} is not written: the row on file has implementations that this run left out.")


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
