"""Kernels and the images they filter."""
