"""Kerata: deep learning with the Keras API, compiled by XLA."""

__version__ = "0.1.0"
