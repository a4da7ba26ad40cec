"""Data on its way to a program: arrays, frames, generators, data sets."""
