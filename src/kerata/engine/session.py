"""The process as a whole: starting anew."""

import gc

from kerata.engine.naming import forget_names
from kerata.engine.program import forget_programs


def clear_session(free_memory: bool = True) -> None:
    """Forgets compiled programs, and names layers from the beginning again. Models that exist keep working.

    Args:
        free_memory: whether to collect garbage at once.
    """
    forget_names()
    forget_programs()
    if free_memory:
        gc.collect()
