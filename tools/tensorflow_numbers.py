"""Records what TensorFlow gives for the cases of `tests/tensorflow_cases.py` and `tests/tensorflow_slopes.py` into JSON.

Run it where TensorFlow is installed, which is never where Kerata's tests run:

    python tools/tensorflow_numbers.py
"""

import json
import sys
from pathlib import Path

import numpy as np
import tensorflow as tf

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import tensorflow_cases as cases  # noqa: E402
import tensorflow_slopes as slopes  # noqa: E402


def main() -> None:
    known = cases.names(tf, np)
    found = {}
    for case in cases.CASES.strip().splitlines():
        found[case] = cases.plain(eval(case, known), np)
    write("tensorflow_numbers.json", found)
    known = slopes.names(tf, np)
    lines = slopes.CASES.strip().splitlines()
    write("tensorflow_slopes.json", {case: slopes.recorded(case, known, tf, np) for case in lines})
    print(f"{len(found) + len(lines)} cases of TensorFlow {tf.__version__}")


def write(name: str, found: dict[str, object]) -> None:
    lines = ",\n".join(f"{json.dumps(case)}: {json.dumps(value)}" for case, value in found.items())
    (TESTS / name).write_text("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
