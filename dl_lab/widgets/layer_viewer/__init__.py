"""LayerViewer: every layer of a network, live."""

from dl_lab.widgets.layer_viewer.widget import LayerViewer

__all__ = ["LayerViewer"]
