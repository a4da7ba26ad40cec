"""What tests and the examples of docstrings share."""

import functools
import gc
import sys
import threading

import pytest

# Programs whose texts are written one after the other beside the same tables.
TEXTS_TOGETHER = 64
_of_thread = threading.local()


def is_writing():
    """Whether a text is being written, into which another beside the same tables would be put."""
    from jax._src.lib.mlir import ir

    try:
        return ir.Context.current is not None
    except ValueError:
        return False


def shared_tables(make):
    """JAX reads the tables of all operations anew for each program's text, 10 ms each; ours serve several of a thread."""

    @functools.wraps(make)
    def tables():
        if is_writing():
            return make()
        count = getattr(_of_thread, "count", 0)
        if count % TEXTS_TOGETHER == 0:
            _of_thread.tables = make()
        _of_thread.count = count + 1
        return _of_thread.tables

    return tables


@pytest.fixture(scope="session", autouse=True)
def tables_of_operations():
    """Where another version of JAX makes them elsewhere, all goes as for users."""
    from jax._src.interpreters import mlir

    with pytest.MonkeyPatch.context() as patch:
        if hasattr(mlir, "make_ir_context"):
            patch.setattr(mlir, "make_ir_context", shared_tables(mlir.make_ir_context))
        yield patch


@pytest.fixture(scope="module", autouse=True)
def what_stays():
    """What the tests of a file have left in memory stays: no search for garbage goes through it again."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def fresh_names():
    """Names of layers start anew in each test, and every test has the same random numbers."""
    import kerata
    from kerata.kernels.lowerings import forget_lowerings

    kerata.utils.clear_session(free_memory=False)
    kerata.utils.set_random_seed(0)
    yield
    forget_lowerings()
    if installing := sys.modules.get("kerata.legacy.installing"):
        # A program that a test ran in this process leaves its era in force, for symbolic tensors too.
        installing.uninstall()
