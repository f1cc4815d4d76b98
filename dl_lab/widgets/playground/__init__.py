"""Playground: TensorFlow Playground on a real PyTorch module."""

from dl_lab.widgets.playground.widget import Playground

__all__ = ["Playground"]
