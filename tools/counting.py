"""How the runners of Keras's own tests count: what passes, what fails and by which cause, what does not count and why."""

import collections
import re
import unittest
from collections.abc import Callable

import pytest

ErrorClasses = type[BaseException] | tuple[type[BaseException], ...]


class Private(Exception):
    """A test has called a function of Keras's inside."""


class Inside(type):
    """Of a name of Keras's inside: it can be imported, derived from and looked into, and says `Private` when it is used."""

    asked = ""

    def __call__(cls, *args: object, **kwargs: object) -> object:
        raise Private(cls.asked)

    def __getattr__(cls, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        return inside(f"{cls.asked}.{name}")

    def _refuse(cls, *args: object) -> object:
        raise Private(cls.asked)

    __hash__ = type.__hash__
    __eq__ = __getitem__ = __setitem__ = __contains__ = __iter__ = __len__ = __enter__ = __exit__ = _refuse


def inside(name: str) -> Inside:
    """What stands in a test's module for a name of Keras's inside."""
    return Inside(name.rpartition(".")[2], (), {"asked": name})


def stand_in(module: str, name: str) -> Callable[..., object]:
    def call(*args: object, **kwargs: object) -> object:
        raise Private(f"{module}.{name}")

    return call


class Report:
    """Leaves out what does not count, and keeps how the other tests ended."""

    def __init__(self, out: dict[str, str], every: int = 1):
        self.out, self.every = out, every
        self.left_out: collections.Counter[str] = collections.Counter()
        self.passed: set[str] = set()
        self.private: set[str] = set()
        self.failed: dict[str, str] = {}
        self.skipped: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        # Tests that met an error of the right class with other words.
        self.worded: set[str] = set()
        self.running = ""

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        kept, gone = [], []
        for item in items:
            reason = reason_out(item.nodeid, self.out)
            (kept if reason is None else gone).append(item)
            if reason is not None:
                self.left_out[reason] += 1
        items[:] = kept[:: self.every]
        config.hook.pytest_deselected(items=gone)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self.running = item.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            name = re.search(r"^E\s.*\bPrivate: (\S+)", report.longreprtext, re.MULTILINE)
            reason = f"asks for {name[1]}, which is private" if name else reason_out(report.nodeid, self.out)
            if reason is None:
                self.failed[report.nodeid] = last_line(report.longreprtext)
                self.texts[report.nodeid] = report.longreprtext
            else:
                self.left_out[reason] += 1

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and (name := private_name(report)) is not None:
            self.left_out[f"asks for {name}, which is private"] += 1
            self.private.add(report.nodeid)
        elif report.failed:
            self.failed.setdefault(report.nodeid, last_line(report.longreprtext))
            self.texts.setdefault(report.nodeid, report.longreprtext)
        elif report.skipped and not hasattr(report, "wasxfail"):
            self.skipped[report.nodeid] = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
        elif report.when == "call":
            self.passed.add(report.nodeid)

    def add(self, other: "Report") -> None:
        """Takes in what another process has counted."""
        self.left_out.update(other.left_out)
        self.passed |= other.passed
        self.private |= other.private
        self.failed |= other.failed
        self.skipped |= other.skipped
        self.texts |= other.texts
        self.worded |= other.worded

    def show(self) -> None:
        bad = {test: line for test, line in self.failed.items() if test not in self.private}
        good = self.passed - set(bad) - self.private
        causes: dict[str, list[str]] = collections.defaultdict(list)
        for test, line in sorted(bad.items()):
            causes[line].append(test)
        print("\nFailures by cause")
        for line, tests in sorted(causes.items(), key=lambda pair: -len(pair[1])):
            print(f"{len(tests):4d}  {line}")
            for test in tests:
                print(f"        {test}")
        print("\nLeft out")
        for reason, count in self.left_out.most_common():
            print(f"{count:4d}  {reason}")
        print("\nSkipped by the tests themselves")
        for reason, count in collections.Counter(self.skipped.values()).most_common():
            print(f"{count:4d}  {reason}")
        count = len(good) + len(bad)
        print(f"\n{len(good)} of {count} pass: {100 * len(good) / max(count, 1):.1f} %")
        if worded := good & self.worded:
            alike = len(good - worded)
            print(f"In {len(worded)} of them an error has other words; {alike} pass to the letter: {100 * alike / count:.1f} %")


class AnyWords:
    """`assertRaisesRegex` that asks for the error's class, and notes where its words are others.

    Args:
        case: the test.
        expected: classes of errors.
        pattern: of the words.
        report: what notes it.
    """

    def __init__(self, case: unittest.TestCase, expected: ErrorClasses, pattern: str | re.Pattern[str], report: Report):
        self.case, self.expected, self.pattern, self.report = case, expected, pattern, report
        self.exception: BaseException | None = None

    def __enter__(self) -> "AnyWords":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: object) -> bool:
        if kind is None or error is None:
            raise self.case.failureException(f"{self.expected} not raised")
        if isinstance(error, Private) or not issubclass(kind, self.expected):
            return False
        self.exception = error
        if not re.search(self.pattern, str(error)):
            self.report.worded.add(self.report.running)
        return True


def take_any_words(report: Report) -> None:
    """From now on the words of an error decide no test."""

    def assert_raises_regex(
        case: unittest.TestCase,
        expected_exception: ErrorClasses,
        expected_regex: str,
        *call: Callable[..., object],
        **kwargs: object,
    ) -> AnyWords | None:
        context = AnyWords(case, expected_exception, expected_regex, report)
        if not call:
            return context
        with context:
            call[0](*call[1:], **kwargs)
        return None

    unittest.TestCase.assertRaisesRegex = assert_raises_regex  # type: ignore[assignment]


def reason_out(test: str, out: dict[str, str]) -> str | None:
    """Why a test, or a file of tests, does not count."""
    return next((why for pattern, why in out.items() if re.search(pattern, test)), None)


def private_name(report: pytest.TestReport) -> str | None:
    """What a test has failed by, where that is a name of Keras's inside; all that it has said before held then."""
    text = report.longreprtext
    if found := re.search(r"^E\s.*\bPrivate: (\S+)", text, re.MULTILINE):
        return found[1]
    missing = r"AttributeError: .* has no attribute '(_[^_']\w*)'|TypeError: (?:\w+\.)*(_[^_]\w*)\(\) (?:got|takes|missing)"
    found = re.search(rf"^E\s+(?:{missing})", text, re.MULTILINE)
    # The test itself asks for it, in the line that its traceback shows.
    name = found and (found[1] or found[2])
    return name if name and re.search(rf"^>\s.*\b{name}\b", text, re.MULTILINE) else None


def last_line(text: str) -> str:
    """The error of a traceback, without what differs from test to test."""
    errors = [line[1:].strip() for line in text.splitlines() if re.match(r"E\s+\S", line)]
    return (errors[0] if errors else text.strip().splitlines()[-1] if text.strip() else "?")[:230]
