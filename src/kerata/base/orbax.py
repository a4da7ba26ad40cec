"""Orbax, which is optional: it reads and writes checkpoints of many devices."""

# Orbax says few types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportMissingImports=false

import types
from typing import cast

from kerata.base.checks import message


def import_orbax() -> tuple[types.ModuleType, types.ModuleType]:
    """The parts of Orbax that checkpoints are made with, and that hosts speak through.

    Raises:
        ImportError: without Orbax; it says what to install.
    """
    try:
        from orbax.checkpoint import multihost, v1
    except ImportError:
        text = message("OrbaxCheckpoint", "it needs orbax-checkpoint", fix="Say pip install orbax-checkpoint")
        raise ImportError(text) from None
    return cast(types.ModuleType, v1), cast(types.ModuleType, multihost)
