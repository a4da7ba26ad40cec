"""Records what `tf.keras` makes of the programs of `tests/random_programs.py` into `tests/random_programs.json`.

Run it where TensorFlow and `tf_keras` are installed, which is never where Kerata's tests run; with seeds, it shows those alone:

    TF_USE_LEGACY_KERAS=1 python tools/record_random_programs.py [seed ...]

Programs that `tf.keras` does not run are left out.
"""

import json
import sys
from pathlib import Path

import tensorflow as tf
import tf_keras as keras

TESTS = Path(__file__).resolve().parents[1] / "tests"
sys.path.insert(0, str(TESTS))

import random_programs  # noqa: E402

SEEDS = 60
# Programs whose numbers hang on rounding: a bias before batch normalization has no gradient but that.
ROUNDING = (34,)


def main() -> None:
    found, failed = {}, []
    for seed in [int(seed) for seed in sys.argv[1:]] or [seed for seed in range(SEEDS) if seed not in ROUNDING]:
        keras.backend.clear_session()
        try:
            found[seed] = random_programs.program(tf, keras, seed)
        except Exception as error:
            failed.append(f"{seed}: {type(error).__name__}: {str(error).splitlines()[-1][:100]}")
    lines = ",\n".join(f'"{seed}": {json.dumps(value)}' for seed, value in found.items())
    if len(sys.argv) > 1:
        print(lines)
    else:
        (TESTS / "random_programs.json").write_text("{\n" + lines + "\n}\n")
        print(f"{len(found)} programs of TensorFlow {tf.__version__}")
    print("\n".join(failed), file=sys.stderr)


if __name__ == "__main__":
    main()
