"""Records what TensorFlow gives for the cases of `tests/tensorflow_cases.py` into `tests/tensorflow_numbers.json`.

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


def main() -> None:
    known = cases.names(tf, np)
    found = {}
    for case in cases.CASES.strip().splitlines():
        found[case] = cases.plain(eval(case, known), np)
    lines = ",\n".join(f"{json.dumps(case)}: {json.dumps(value)}" for case, value in found.items())
    (TESTS / "tensorflow_numbers.json").write_text("{\n" + lines + "\n}\n")
    print(f"{len(found)} cases of TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
