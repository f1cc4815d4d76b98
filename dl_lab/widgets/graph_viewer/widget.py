"""GraphViewer: the graph of any network, live while it learns."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import TYPE_CHECKING, Any

from torch import Tensor  # noqa: TC002

from dl_lab.errors import InputError, shown, whole
from dl_lab.nets.graph.export import to_json
from dl_lab.nets.graph.fold import Group, Rule, fold
from dl_lab.nets.graph.nodes import Graph
from dl_lab.nets.graph.summary import rows, totals
from dl_lab.nets.graph.trace import copied, trace
from dl_lab.pictures.graph import picture
from dl_lab.probe.flow.passes import Given
from dl_lab.probe.looks.turns import one_look
from dl_lab.probe.modules import original
from dl_lab.probe.untouched import untouched
from dl_lab.protocol import Array, Message
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Choice
from dl_lab.widgets.base.widget import Reply, handles, sentence
from dl_lab.widgets.graph_viewer.checks import (
    Arguments,
    checked_model,
    checked_rule,
    checked_trainer,
    furthest,
    told,
    ways,
)
from dl_lab.widgets.graph_viewer.live import Live
from dl_lab.widgets.graph_viewer.message import described, differences
from dl_lab.widgets.graph_viewer.saved import boxes
from dl_lab.widgets.graph_viewer.settings import Cameras, Keys, Text
from dl_lab.widgets.graph_viewer.table import table

if TYPE_CHECKING:
    from torch import nn

COLOURS = ("nothing", "time", "memory", "parameters", "macs", "activations", "gradients")


class GraphViewer(Explainer):
    """See what a network does to its input: the graph of one real forward pass.

    Operations are grouped by module. Parts that repeat are drawn once, as ×12, a loop over time as
    one cell with an arrow back. Click a box for its shapes, dtype, parameters, multiply-adds, time,
    memory and line of source; click again to open it. With a trainer activations and gradients
    show on the graph while the network learns. The network itself stays exactly as it is.

    Parameters
    ----------
    model
        Any module, on the meta device too, where it takes up no memory. What `torch.compile` made
        of it runs uncompiled.
    x
        What it is called with: a tensor, several in a tuple, a dictionary by the names of
        ``forward``'s arguments, or whatever else it takes; it is tried as it is first. Arrays
        become tensors, and all go to the model's device.
    trainer
        The Trainer of this model: colours then follow it, for at most a fiftieth of its time.
    other
        Another model, to be shown beside it on the same `x`.
    rule
        What stays closed at first: a function that is told of a group (`dl_lab.nets.graph.fold`)
        and says whether it is; or a list of regular expressions for names of modules and classes,
        and of classes. None closes torch's own layers and what has no parts.
    colour
        What the colours of boxes tell: ``"nothing"``, ``"time"``, ``"memory"`` (of the outputs),
        ``"parameters"``, ``"macs"`` (multiply-adds), or, with a trainer, ``"activations"`` and
        ``"gradients"``.
    direction
        ``"down"``, ``"right"``, or ``"auto"`` for what fits better.
    opened
        The groups that are open, by their keys; None opens what fits.
    chosen
        The node or group that is looked at; None for none.
    search
        A regular expression: what it does not find becomes pale.
    cameras
        For each graph x, y and zoom of what is looked at; None for all of it.
    language
        ``"en"`` or ``"es"``; None is the page's.

    Raises
    ------
    InputError
        If a value is not allowed, or `x` holds no tensor and the model does not take it. A model
        that raises an exception on tensors is shown as far as it came.

    References
    ----------
    .. [1] K. Wongsuphasawat et al., "Visualizing Dataflow Graphs of Deep Learning Models in
       TensorFlow", 2018

    Examples
    --------
    >>> import torch
    >>> import dl_lab
    >>> model = dl_lab.nets.lenet5()
    >>> viewer = dl_lab.GraphViewer(model, torch.rand(1, 1, 28, 28))
    >>> viewer
    GraphViewer(Sequential, 12 operations, 61,706 parameters)
    >>> viewer.close()
    """

    colour = Choice(COLOURS, group="drawn")
    direction = Choice(("auto", "down", "right"), group="drawn")
    opened = Keys(group="drawn")
    chosen = Text(None, optional=True, group="drawn")
    search = Text(group="drawn")
    cameras = Cameras((), group="drawn")

    def __init__(
        self,
        model: nn.Module,
        x: object,
        trainer: Trainer | None = None,
        *,
        other: nn.Module | None = None,
        rule: Rule | None = None,
        **settings: Any,
    ) -> None:
        self._refuse({name: settings[name] for name in settings if name not in self._SETTINGS})
        self.model = checked_model(model)
        self.other = None if other is None else checked_model(other)
        self._x = x
        self._rule = checked_rule(rule)
        self._arguments: list[Arguments | None] = [None, None]
        self.graphs: tuple[Graph, ...] = ()
        self.groups: tuple[Group, ...] = ()
        self._live: Live | None = None
        self._complained = False
        super().__init__(trainer=checked_trainer(trainer, model), **settings)

    @classmethod
    def compare(cls, a: nn.Module, b: nn.Module, x: object, **settings: Any) -> GraphViewer:
        """Show two models side by side, on the same input.

        Parameters
        ----------
        a, b
            The models.
        x
            What both are called with.
        **settings
            As for the class.

        Examples
        --------
        >>> import torch
        >>> from torch import nn
        >>> import dl_lab
        >>> plain = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> normed = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 2))
        >>> both = dl_lab.GraphViewer.compare(plain, normed, torch.rand(3, 4))
        >>> len(both.graphs)
        2
        >>> both.close()
        """
        return cls(a, x, other=b, **settings)

    # -- the graphs

    def compute(self) -> tuple[dict[str, Any], Mapping[str, Array | Tensor]]:
        """Trace the models, each once, and return what is drawn."""
        models = [self.model] if self.other is None else [self.model, self.other]
        graphs, groups, metas = [], [], []
        arrays: dict[str, Array | Tensor] = {}
        for index, model in enumerate(models):
            graph = self._traced(index, model)
            root = self._folded(graph)
            failure = told(graph, self._x)
            if failure is not None and failure.key == "graph_no_tensor":
                raise failure
            meta, drawn = described(graph, root, type(original(model)).__name__, failure)
            metas.append(meta)
            arrays |= {f"{name}{index}": values for name, values in drawn.items()}
            graphs.append(graph)
            groups.append(root)
        self.graphs, self.groups = tuple(graphs), tuple(groups)
        if len(graphs) > 1:
            arrays |= differences(graphs[0], graphs[1])
        self._follow()
        layers = self.graphs[0].failure is None
        return {"graphs": metas, "trainer": self._trainer is not None, "layers": layers}, arrays

    def _computed(self) -> Reply:
        # The first time, too, between two steps.
        if self._ready or self._trainer is None:
            return super()._computed()
        return self._trainer.look(super()._computed).result()

    def _follow(self) -> None:
        """Follow the training on the graph as it is now."""
        if self._live is not None:
            self._live.end()
            self._live = None
        arguments = self._arguments[0]
        if self._trainer is not None and arguments is not None:
            self._live = Live(self.model, self.graphs[0], self._trainer, Given(*arguments))

    def _traced(self, index: int, model: nn.Module) -> Graph:
        known = self._arguments[index]
        tried = ways(self._x, model) if known is None else [known]
        graphs = []
        for way in tried:
            inputs, named = copied(way)
            with one_look(model), untouched(model):
                graphs.append(trace(model, inputs, named, timed=True))
            if graphs[-1].failure is None:
                break
        best = furthest(graphs)
        if graphs[best].failure is None:
            self._arguments[index] = tried[best]
        return graphs[best]

    def _folded(self, graph: Graph) -> Group:
        try:
            return fold(graph, self._rule)
        except Exception as error:
            if not callable(self._rule):
                raise
            kind = type(error).__name__
            raise InputError("graph_rule_failed", kind=kind, detail=error) from error

    # -- settings

    def _apply(self, changed: AbstractSet[str]) -> None:
        """Trace nothing anew: settings say only how the page shows it."""
        if changed & {"language", "colour"}:
            self._update_picture()

    def _trained(self) -> None:
        """Tell what the trainer has done: its graph is the same."""
        self._channel.touch()

    def compose(self, *, touched: bool) -> Message | None:
        """Trace again where that was asked for; else tell what training does."""
        if self._revision != self._composed:
            return super().compose(touched=touched)
        if self._live is None:
            return None
        try:
            news = self._live.news(touched=touched)
        except Exception as error:  # noqa: BLE001 - the page must hear of it, and go on
            self._complained = True
            self.set_trait("problem", sentence(error))
            if not isinstance(error, InputError):
                self.on_stream_failed(error)
            return None
        if news is not None and self._complained:
            self._complained = False
            self.set_trait("problem", None)
        return None if news is None else Message("graph.live", *news)

    def call_off(self) -> None:
        """End at once what is looked at while it trains."""
        if self._ready and self._live is not None:
            self._live.end()

    # -- for the views

    @handles("graph.summary")
    def _summary(self, message: Message) -> Reply:  # noqa: ARG002 - it has no arguments
        (graph, root) = self.graphs[0], self.groups[0]
        return table(graph, root, rows(graph), totals(graph)), {}

    @handles("graph.json")
    def _json(self, message: Message) -> Reply:
        index = whole("graph", message.meta.get("graph"), 0, len(self.graphs) - 1)
        return {"text": json.dumps(to_json(self.graphs[index]), indent=1)}, {}

    @handles("layer.open", waits=True)
    def _open_layer(self, message: Message) -> Reply:
        path = message.meta.get("module")
        if not isinstance(path, str) or path not in self.graphs[0].modules:
            raise InputError("graph_no_module", given=shown(path))
        return {"code": self._layer_code(path)}, {}

    def _layer_code(self, path: str) -> str:
        """Return the cell that shows a layer, with the names that a person most likely has."""
        return f"dl_lab.LayerViewer(model, x)  # {path}" if path else "dl_lab.LayerViewer(model, x)"

    def picture(self) -> str:
        """Return the graph's outermost groups as an SVG document."""
        say = self.words()
        name = type(original(self.model)).__name__
        drawn = boxes(self.graphs[0], self.groups[0], say)
        return picture(say["picture"].format(name=name), drawn, say["saved_more"], self._mark)

    def __repr__(self) -> str:
        """Tell the model, and how large it is."""
        if not self._ready:
            return super().__repr__()
        graph = self.graphs[0]
        operations = sum(node.kind == "operation" for node in graph.nodes)
        names = " and ".join(
            type(original(one)).__name__ for one in (self.model, self.other) if one is not None
        )
        failed = "" if graph.failure is None else ", ended by an error"
        parameters = graph.modules[""].parameters
        many = "" if operations == 1 else "s"
        return (
            f"GraphViewer({names}, {operations} operation{many}, {parameters:,} parameters{failed})"
        )
