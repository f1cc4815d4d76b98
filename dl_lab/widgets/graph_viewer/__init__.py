"""GraphViewer: the graph of any network, live while it learns."""

from dl_lab.widgets.graph_viewer.widget import GraphViewer

__all__ = ["GraphViewer"]
