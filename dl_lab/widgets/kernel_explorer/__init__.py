"""KernelExplorer: what a kernel does to an image."""

from dl_lab.widgets.kernel_explorer.widget import KernelExplorer

__all__ = ["KernelExplorer"]
