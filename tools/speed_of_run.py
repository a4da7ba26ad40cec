"""How fast an old program is under `kerata run`, beside one in today's words: `python tools/speed_of_run.py [rounds]`.

Both run in turns, each time in a new process on a quiet machine. Printed are the medians of a warm fit (the fourth), and of
the time from the start of the process to the first layer, with the differences. The bar is 2 % of a warm fit and 0.15 s.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMON = """
import time
{imports}
began = float({started})
first = {dense}
print("START", time.time() - began)
rng = np.random.RandomState(0)
x, y = rng.rand(12800, 784).astype("float32"), rng.randint(0, 10, 12800)
model = Sequential([first, Dropout(0.3), {last}])
model.compile({optimizer}, "sparse_categorical_crossentropy", metrics=["accuracy"])
for _ in range(4):
    before = time.time()
    model.fit(x, y, {epochs}=3, batch_size=128, verbose=0)
    took = time.time() - before
print("FIT", took)
"""
IMPORTS = "import os\nimport numpy as np\nfrom {keras}.models import Sequential\nfrom {keras}.layers import Dense, Dropout"
STARTED = 'os.environ["STARTED"]'
OLD = {
    "Keras 1": {
        "imports": IMPORTS.format(keras="keras"),
        "dense": 'Dense(output_dim=512, input_dim=784, activation="relu", init="glorot_uniform")',
        "last": 'Dense(output_dim=10, activation="softmax")',
        "optimizer": '"adam"',
        "epochs": "nb_epoch",
    },
    "tf.keras": {
        "imports": IMPORTS.format(keras="tensorflow.keras"),
        "dense": 'Dense(512, activation="relu", input_shape=(784,))',
        "last": 'Dense(10, activation="softmax")',
        "optimizer": '"adam"',
        "epochs": "epochs",
    },
}
TODAY = {
    **OLD["tf.keras"],
    "imports": "import os\nimport numpy as np\nfrom kerata import Sequential\nfrom kerata.layers import Dense, Dropout",
}


def measure(command: list[str], place: Path) -> tuple[float, float]:
    """(seconds to the first layer, seconds of a warm fit) of one process."""
    environment = {**os.environ, "STARTED": repr(time.time())}
    # Installed packages come with bytecode; where Python may not write it, each start would compile Kerata's sources anew.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    ran = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, check=True)
    said = dict(line.split() for line in ran.stdout.splitlines() if line.startswith(("START", "FIT")))
    return float(said["START"]), float(said["FIT"])


def main(rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        commands = {}
        for name, words in {"today": TODAY, **OLD}.items():
            path = place / f"{name.replace(' ', '_').replace('.', '_')}.py"
            path.write_text(COMMON.format(started=STARTED, **words))
            run = [] if name == "today" else ["-m", "kerata", "run"]
            commands[name] = [sys.executable, *run, str(path)]
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in commands}
        for number in range(rounds + 1):
            for name, command in commands.items():
                times = measure(command, place)
                # The first round fills caches.
                if number:
                    found[name].append(times)
    medians = {name: tuple(map(statistics.median, zip(*rows, strict=True))) for name, rows in found.items()}
    for name, (start, fit) in medians.items():
        more, slower = start - medians["today"][0], fit / medians["today"][1] - 1
        print(f"{name:10} start {start:.2f} s ({more:+.2f} s)   warm fit {fit:.3f} s ({slower:+.1%})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
