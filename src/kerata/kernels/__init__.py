"""Kernels: the few operations that are slow in their straightforward form, each beside the plain form it equals."""
