"""Sequences: what `kerata.utils` has, under its older name."""

from kerata.utils import pad_sequences as pad_sequences
