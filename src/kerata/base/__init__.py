"""Argument checks, configuration, names and files: standard library and NumPy only."""
