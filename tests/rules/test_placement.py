"""Where arrays and programs live is said by a placement, and by nothing else."""

import ast
from pathlib import Path

import jax
import numpy as np
import pytest

from kerata.engine import program
from kerata.engine.placement import HERE, Placement

ROOT = Path(__file__).resolve().parents[2] / "src" / "kerata"
# What chooses between forms of an operation asks XLA about one device, below all placements.
EXEMPT = {"engine/placement.py", "kernels/compiler.py"}
FILES = [path for path in sorted(ROOT.rglob("*.py")) if str(path.relative_to(ROOT)) not in EXEMPT]
PLACING = {"device_put", "device_put_replicated", "device_put_sharded", "default_device", "local_devices", "NamedSharding"}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_only_placements_place(path):
    nodes = ast.walk(ast.parse(path.read_text()))
    wrong = [(node.lineno, node.attr) for node in nodes if isinstance(node, ast.Attribute) and node.attr in PLACING]
    assert not wrong


def test_a_place_is_part_of_what_a_program_is():
    elsewhere = Placement(jax.local_devices()[0])
    args = (np.ones(3, np.float32),)

    def obtain(placement):
        return program.obtain("doubled", "a structure", lambda: lambda x: 2 * x, args, placement=placement)

    assert obtain(HERE) is obtain(HERE)
    assert obtain(elsewhere) is obtain(Placement(jax.local_devices()[0])) is not obtain(HERE)
