"""Kerata beside its peers on the same work: each in its own process, taking turns, medians compared.

`python -m benchmarks --help` lists the options; `docs/benchmarks.md` is what a run writes.
"""
