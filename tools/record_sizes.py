"""Records what `tf_keras` makes of the programs of `tests/size_cases.py` into `tests/size_numbers.json`.

Run it where TensorFlow and `tf_keras` are installed, which is never where Kerata's tests run:

    TF_USE_LEGACY_KERAS=1 python tools/record_sizes.py
"""

import json
import sys
from pathlib import Path

import tensorflow as tf
import tf_keras as keras

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import size_cases as cases  # noqa: E402


def main() -> None:
    found = {}
    for name in sys.argv[1:] or cases.CASES:
        keras.backend.clear_session()
        found[name] = cases.run(name, tf, keras)
        print(name, found[name]["history"])
    if len(sys.argv) == 1:
        lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in found.items())
        (TESTS / "size_numbers.json").write_text("{\n" + lines + "\n}\n")
        print(f"{len(found)} programs of tf_keras {keras.__version__}")


if __name__ == "__main__":
    main()
