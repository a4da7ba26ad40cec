"""What lets `make test` end soon: rows of tables that only `make test-all` takes, and programs that XLA compiles quickly."""

import pytest

# As the Makefile has them, for processes that must not have other flags.
XLA_FLAGS = (
    "--xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1 --xla_backend_optimization_level=0 "
    "--xla_llvm_disable_expensive_passes=true"
)


def slow(*row):
    """A row of a table for `make test-all`."""
    return pytest.param(*row, marks=pytest.mark.slow)


def few_of(rows, few):
    """A table's rows, of which `make test` takes those in `few`."""
    return [row if row in few else slow(row) for row in rows]
