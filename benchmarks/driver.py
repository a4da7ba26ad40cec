"""Runs the works: starts one worker an implementation, and lets them take turns, so that one runs at a time."""

import json
import mmap
import os
import pty
import re
import resource
import selectors
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.works import BEFORE, IMPLEMENTATIONS, MODULES, PACKAGES, Work, shrink

ROOT = Path(__file__).resolve().parents[1]
# More than a work has at a time, beside what it keeps.
READY_BYTES = 3 << 30


def ready_memory(size: int = READY_BYTES) -> None:
    """Touches memory and gives it back, so that the machine has it.

    A virtual machine may report free memory to its host, and then pays up to ten times as much for a page as a machine
    of one's own. Without this, whoever takes new memory in a repetition pays for what the others did before. Large arrays
    come in huge pages, and small ones that were given back do not serve for these.
    """
    with mmap.mmap(-1, size) as memory:
        if hasattr(mmap, "MADV_HUGEPAGE"):
            memory.madvise(mmap.MADV_HUGEPAGE)
        for page in range(0, size, mmap.PAGESIZE):
            memory[page] = 1


class WorkerFailed(RuntimeError):
    """The worker answered `failed`, died, or took too long."""


class Machine:
    """How busy the machine is from now on, to tell a quiet run from a disturbed one (Linux; elsewhere always 0)."""

    def __init__(self):
        self.before = self.read()

    @staticmethod
    def read() -> tuple[float, float]:
        """Busy and total processor seconds since the start of the machine."""
        path = Path("/proc/stat")
        if not path.exists():
            return 0.0, 0.0
        ticks = [int(field) for field in path.read_text().split("\n", 1)[0].split()[1:9]]
        idle = ticks[3] + ticks[4]
        return (sum(ticks) - idle) / os.sysconf("SC_CLK_TCK"), sum(ticks) / os.sysconf("SC_CLK_TCK")

    def others(self, own: float) -> float:
        """The share of the processors' time that did not go to `own` seconds of a worker."""
        busy, total = (after - before for after, before in zip(self.read(), self.before))
        return max(busy - own, 0.0) / total if total else 0.0


@dataclass
class Options:
    rounds: int
    quick: bool
    data: Path  # the folder with the prepared files
    pythons: dict[str, str]  # implementation -> interpreter
    timeout: float = 900.0


@dataclass
class Record:
    """What one implementation did at one work."""

    measures: dict[str, list[float]] = field(default_factory=dict)
    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    device: str = ""
    versions: dict[str, str] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)  # share of the machine that other programs took meanwhile
    failed: str = ""

    def describe(self, described: dict) -> None:
        self.device, self.versions = described["device"], described["versions"]

    def add(self, repetition: dict) -> None:
        for name, value in repetition["measures"].items():
            self.measures.setdefault(name, []).append(value)
        for loss, accuracy in repetition.get("losses", ()):
            self.losses.append(loss)
            self.accuracies.append(accuracy)


class Worker:
    """A process on a pseudo-terminal, with a pipe for commands and one for answers."""

    def __init__(self, name: str, work: Work, options: Options, scratch: Path):
        implementation = "kerata" if name == BEFORE else name
        commands_read, self.commands = os.pipe()
        self.answers, answers_write = os.pipe()
        self.screen, screen_end = pty.openpty()
        job = {
            "implementation": implementation,
            "work": work.name,
            "quick": options.quick,
            "data": str(options.data),
            "commands": commands_read,
            "answers": answers_write,
        }
        environment = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="1", TERM="xterm-256color")
        environment["KERATA_PROGRAM_CACHE"] = "0"  # what is compiled in one run must not be found in the next
        environment |= {"KERAS_HOME": str(scratch / "keras"), "COLUMNS": "100", "LINES": "40"}
        # Installed packages come with bytecode; ours, which are run from a checkout, may write theirs.
        for variable in ("KERAS_BACKEND", "JAX_COMPILATION_CACHE_DIR", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE"):
            environment.pop(variable, None)
        if backend := MODULES.get(implementation, ("", ""))[1]:
            environment["KERAS_BACKEND"] = backend
        if work.persistent_cache and implementation == "kerata":
            environment["KERATA_PROGRAM_CACHE"] = str(scratch / f"programs-{name}")
        elif work.persistent_cache:
            environment |= {
                "JAX_COMPILATION_CACHE_DIR": str(scratch / f"cache-{implementation}"),
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
            }
        self.timeout, self.shown, self.pending = options.timeout, b"", b""
        self.started = time.monotonic()
        self.process = subprocess.Popen(
            [options.pythons[name], "-m", "benchmarks.worker", json.dumps(job)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=screen_end,
            stderr=screen_end,
            pass_fds=(commands_read, answers_write),
            start_new_session=True,
        )
        for end in (commands_read, answers_write, screen_end):
            os.close(end)

    def go(self) -> tuple[dict, float]:
        """One repetition, and the share of the machine that others took meanwhile."""
        ready_memory()
        own, machine = self.cpu_time(), Machine()
        os.write(self.commands, b"go\n")
        repetition = self.wait("repetition")
        return repetition, machine.others(self.cpu_time() - own)

    def cpu_time(self) -> float:
        path = Path(f"/proc/{self.process.pid}/stat")
        if not path.exists():
            return 0.0
        fields = path.read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def wait(self, key: str) -> dict:
        """The next answer, while the screen is read as a terminal would."""
        deadline = time.monotonic() + self.timeout
        with selectors.DefaultSelector() as selector:
            selector.register(self.answers, selectors.EVENT_READ)
            selector.register(self.screen, selectors.EVENT_READ)
            while b"\n" not in self.pending:
                ready = selector.select(max(deadline - time.monotonic(), 0))
                if not ready:
                    raise WorkerFailed(f"no answer in {self.timeout:.0f} s")
                for event, _ in ready:
                    if event.fd == self.screen:
                        self.read_screen(selector)
                    elif chunk := os.read(self.answers, 65_536):
                        self.pending += chunk
                    else:
                        raise WorkerFailed(f"the process ended. Its last words: {self.tail()}")
        line, self.pending = self.pending.split(b"\n", 1)
        answer = json.loads(line)
        if key not in answer:
            raise WorkerFailed(answer.get("failed", "an unexpected answer"))
        return answer[key]

    def read_screen(self, selector: selectors.BaseSelector) -> None:
        try:
            self.shown = (self.shown + os.read(self.screen, 65_536))[-4_000:]
        except OSError:  # the other end is closed: the process is ending
            selector.unregister(self.screen)

    def tail(self) -> str:
        lines = [line.strip() for line in self.shown.decode(errors="replace").splitlines() if line.strip()]
        return " / ".join(lines[-3:])

    def close(self) -> None:
        os.close(self.commands)
        try:
            self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        os.close(self.answers)
        os.close(self.screen)


def find_pythons(peers: str | None) -> tuple[dict[str, str], dict[str, str]]:
    """For each implementation the interpreter that has its packages, this one first; else why it is left out."""
    pythons, missing = {}, {}
    candidates = [sys.executable, *([peers] if peers else [])]
    present = {python: find_packages(python) for python in candidates}
    for implementation, packages in PACKAGES.items():
        fit = next((python for python in candidates if set(packages) <= present[python]), None)
        if fit:
            pythons[implementation] = fit
        else:
            missing[implementation] = f"not run: {' and '.join(packages)} not installed together"
    return pythons, missing


def find_packages(python: str) -> set[str]:
    names = sorted({name for packages in PACKAGES.values() for name in packages})
    code = f"import importlib.util as u; print(*[n for n in {names!r} if u.find_spec(n)])"
    found = subprocess.run([python, "-c", code], capture_output=True, text=True, cwd=tempfile.gettempdir(), check=True)
    return set(found.stdout.split())


def run_work(work: Work, implementations: list[str], options: Options, say: Callable) -> dict[str, Record]:
    """All rounds of one work. A worker that fails is left out of the later rounds; its reason stays."""
    work = shrink(work) if options.quick else work
    records = {name: Record() for name in implementations if name in (*work.implementations, BEFORE)}
    rounds = min(options.rounds, work.max_rounds)
    with tempfile.TemporaryDirectory() as folder:
        run = run_processes if work.own_process else run_turns
        run(work, records, rounds, options, Path(folder), say)
    return records


def run_turns(work: Work, records: dict[str, Record], rounds: int, options: Options, scratch: Path, say: Callable):
    workers: dict[str, Worker] = {}
    try:
        for name, record in records.items():
            worker = workers[name] = Worker(name, work, options, scratch)
            try:
                record.describe(worker.wait("ready"))
            except WorkerFailed as error:
                fail(name, record, error, say)
                workers.pop(name).close()
        for number in range(rounds):
            for name, worker in list(workers.items()):
                try:
                    repetition, others = worker.go()
                    records[name].add(repetition)
                    records[name].others.append(others)
                except WorkerFailed as error:
                    fail(name, records[name], error, say)
                    workers.pop(name).close()
            say(f"  round {number + 1} of {rounds}: " + summarize(records))
    finally:
        for worker in workers.values():
            worker.close()


def run_processes(work: Work, records: dict[str, Record], rounds: int, options: Options, scratch: Path, say: Callable):
    warm_ups = 0 if work.max_rounds == 1 else 1  # the first fills the disk's cache, and the compilation cache
    for number in range(rounds + warm_ups):
        for name, record in records.items():
            if record.failed:
                continue
            ready_memory()
            machine, children = Machine(), children_time()
            worker = Worker(name, work, options, scratch)
            try:
                repetition = worker.wait("repetition")
                record.describe(worker.wait("ready"))
                if "ended" in repetition:
                    repetition["measures"]["process start to end of fit"] = repetition["ended"] - worker.started
                if number >= warm_ups:
                    record.add(repetition)
            except WorkerFailed as error:
                fail(name, record, error, say)
            finally:
                worker.close()
            if number >= warm_ups:
                record.others.append(machine.others(children_time() - children))
        if number >= warm_ups:
            say(f"  round {number + 1 - warm_ups} of {rounds}: " + summarize(records))


def children_time() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def fail(name: str, record: Record, error: WorkerFailed, say: Callable) -> None:
    reason = str(error).strip().splitlines()[0][:300]
    record.failed = re.sub(r"/\S+/(\S+)", r"\1", reason)  # of a path only the name of the file
    say(f"  {IMPLEMENTATIONS.get(name, name)} failed: {record.failed}")


def summarize(records: dict[str, Record]) -> str:
    """The last repetition of everyone, in one line, and what other programs took of the machine."""
    parts = []
    for name, record in records.items():
        if record.measures:
            measure, values = next(iter(record.measures.items()))
            parts.append(f"{name} {measure} {values[-1]:.4g}")
    taken = [record.others[-1] for record in records.values() if record.others]
    return ", ".join(parts) + (f" (others took {max(taken):.0%} or less)" if taken else "")
