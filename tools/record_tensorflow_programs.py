"""Records what TensorFlow makes of the programs of `tests/tensorflow_programs.py` into `tests/tensorflow_programs.json`.

Run it where TensorFlow and `tf_keras` are installed, which is never where Kerata's tests run; with names, it shows those alone:

    TF_USE_LEGACY_KERAS=1 python tools/record_tensorflow_programs.py [name ...]
"""

import json
import sys
import tempfile
from pathlib import Path

import tensorflow as tf
import tf_keras as keras

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import tensorflow_programs as programs  # noqa: E402


def main() -> None:
    found = {}
    for name in sys.argv[1:] or programs.CASES:
        keras.backend.clear_session()
        with tempfile.TemporaryDirectory() as folder:
            found[name] = programs.plain(programs.CASES[name](tf, keras, folder))
    if len(sys.argv) > 1:
        print(json.dumps(found, indent=1))
        return
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in found.items())
    (TESTS / "tensorflow_programs.json").write_text("{\n" + lines + "\n}\n")
    print(f"{len(found)} programs of TensorFlow {tf.__version__}")


if __name__ == "__main__":
    main()
