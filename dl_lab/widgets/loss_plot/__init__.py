"""LossPlot: the curves of runs while they train."""

from dl_lab.widgets.loss_plot.widget import LossPlot, compare

__all__ = ["LossPlot", "compare"]
