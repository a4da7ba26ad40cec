"""One process: one implementation at one work. `python -m benchmarks.worker '<job as JSON>'`.

It prepares, warms up, answers `ready`, and then runs one repetition for each line `go` on its command pipe; a work
measured once in a process answers at once. Answers are JSON lines on a pipe of their own, so that the standard output
belongs to the library (on the driver's pseudo-terminal).
"""

import importlib
import json
import os
import sys
import time
import traceback

from benchmarks.works import BY_NAME, MODULES, shrink


def measure_import(implementation: str) -> dict:
    """Seconds of the import; JAX is imported first where the library stands on it, to tell the two apart."""
    started = time.perf_counter()
    beyond = None
    if implementation in ("kerata", "keras-jax", "jax"):
        importlib.import_module("jax")
        importlib.import_module("jax.numpy")
        beyond = time.perf_counter()
    if implementation != "jax":
        importlib.import_module(MODULES.get(implementation, (implementation, ""))[0])
    ended = time.perf_counter()
    measures = {"in all": ended - started}
    if beyond is not None and implementation != "jax":
        measures["beyond `import jax`"] = ended - beyond
    return {"measures": measures}


def main() -> None:
    job = json.loads(sys.argv[1])
    commands, answers = os.fdopen(job["commands"]), os.fdopen(job["answers"], "w")
    work = BY_NAME[job["work"]]
    work = shrink(work) if job["quick"] else work

    def answer(message: dict) -> None:
        answers.write(json.dumps(message) + "\n")
        answers.flush()

    try:
        if work.kind == "import":
            answer({"repetition": measure_import(job["implementation"])})
        measures = importlib.import_module(f"benchmarks.{work.module}")
        if work.kind in measures.ONCE:
            answer({"repetition": measures.ONCE[work.kind](job, work)})
        if work.own_process:
            answer({"ready": measures.describe(job["implementation"])})
            return
        repetition = measures.REPEATED[work.kind](job, work)
        repetition(0)
        answer({"ready": measures.describe(job["implementation"])})
        for number, line in enumerate(commands, start=1):
            if line.strip() != "go":
                break
            answer({"repetition": repetition(number)})
    except Exception as error:  # the boundary of the process: whatever happened is the answer
        traceback.print_exc()
        answer({"failed": f"{type(error).__name__}: {error}"})
        sys.exit(1)


if __name__ == "__main__":
    main()
