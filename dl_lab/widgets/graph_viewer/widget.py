"""GraphViewer: the graph of any network, live while it learns."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from time import monotonic
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
from dl_lab.train.not_finite import NotFinite, first_not_finite
from dl_lab.train.trainer import Trainer
from dl_lab.widgets.base.cell_messages import answer_widgets
from dl_lab.widgets.base.explainer import Explainer
from dl_lab.widgets.base.traits import Choice
from dl_lab.widgets.base.widget import Reply, handles, sentence, weakly
from dl_lab.widgets.graph_viewer.checks import (
    Arguments,
    batch_of,
    checked_model,
    checked_other,
    checked_rule,
    checked_trainer,
    furthest,
    told,
    ways,
)
from dl_lab.widgets.graph_viewer.live import SHARE, Live
from dl_lab.widgets.graph_viewer.message import described, differences
from dl_lab.widgets.graph_viewer.saved import boxes
from dl_lab.widgets.graph_viewer.settings import Cameras, Keys, Text
from dl_lab.widgets.graph_viewer.table import table
from dl_lab.widgets.layer_viewer import LayerViewer

if TYPE_CHECKING:
    from os import PathLike

    from torch import nn

_TWICE = 0.5
"""Seconds: a pass that takes less is timed a second time."""

COLOURS = ("nothing", "time", "memory", "parameters", "macs", "activations", "gradients")


def _trace(model: nn.Module, way: Arguments, *, timed: bool) -> Graph:
    inputs, named = copied(way)
    with one_look(model), untouched(model):
        return trace(model, inputs, named, timed=timed)


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
        become tensors, and all go to the model's device. None is a batch of the trainer's.
    trainer
        The Trainer of this model: colours then follow it, for at most a fiftieth of its time.
        Without a model its own is shown.
    other
        Another model to be shown beside it on the same `x`, or a Trainer, whose model is shown and
        followed.
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
        model: nn.Module | None = None,
        x: object = None,
        trainer: Trainer | None = None,
        *,
        other: nn.Module | Trainer | None = None,
        rule: Rule | None = None,
        **settings: Any,
    ) -> None:
        self._refuse({name: settings[name] for name in settings if name not in self._SETTINGS})
        if model is None and isinstance(trainer, Trainer):
            model = trainer.model
        self.model = checked_model(model)
        self.other, beside = checked_other(other)
        trainer = checked_trainer(trainer, self.model)
        self._trainers = (trainer, beside)
        followed = next((one for one in self._trainers if one is not None), None)
        self._x = batch_of(followed) if x is None and followed is not None else x
        self._rule = checked_rule(rule)
        self._arguments: list[Arguments | None] = [None, None]
        self.graphs: tuple[Graph, ...] = ()
        self.groups: tuple[Group, ...] = ()
        self._lives: list[Live | None] = [None, None]
        self._problems: list[Any] = [None, None]
        self._layers: LayerViewer | None = None
        super().__init__(trainer=trainer, **settings)
        if beside is not None and beside is not trainer:
            self._subscriptions += [
                beside.on_change(weakly(self._trained)),
                beside.while_waiting(answer_widgets),
            ]
        self._follow()

    @classmethod
    def compare(
        cls, a: nn.Module | Trainer, b: nn.Module | Trainer, x: object = None, **settings: Any
    ) -> GraphViewer:
        """Show two models or two runs side by side, on the same input.

        Parameters
        ----------
        a, b
            The models, or the Trainers of two runs: their models are shown, and followed.
        x
            What both are called with; None is a batch of the first Trainer's.
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
        if b is None:
            raise InputError("graph_other", given=shown(b))
        model, trainer = checked_other(a)
        if model is None:
            raise InputError("graph_other", given=shown(a))
        if trainer is not None:
            settings = {"trainer": trainer, **settings}
        return cls(model, x, other=b, **settings)

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
        layers = self.graphs[0].failure is None
        follows = any(one is not None for one in self._trainers)
        return {"graphs": metas, "trainer": follows, "layers": layers}, arrays

    def _between(self, compute: Callable[[], Reply]) -> Reply:
        """Compute at once: of each run only its own tracing stands between two steps."""
        return compute()

    def _trains(self) -> bool:
        return any(one is not None and one.state == "running" for one in self._trainers)

    def _traced(self, index: int, model: nn.Module) -> Graph:
        trainer = self._trainers[index]
        if trainer is None:
            return self._trace(index, model)
        return trainer.look(self._trace, index, model).result()

    def _trace(self, index: int, model: nn.Module) -> Graph:
        known = self._arguments[index]
        tried = ways(self._x, model) if known is None else [known]
        graphs = []
        # On the meta device nothing is computed that could take time.
        timed = not any(one.is_meta for one in model.parameters())
        for way in tried:
            began = monotonic()
            graphs.append(_trace(model, way, timed=timed))
            if graphs[-1].failure is None:
                # The first pass takes longer than those that follow.
                if timed and monotonic() - began < _TWICE:
                    graphs[-1] = _trace(model, way, timed=True)
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

    def compose(self, *, touched: bool) -> Message | None:
        """Trace again where that was asked for; else tell what training does."""
        if self._revision != self._composed:
            shown = super().compose(touched=touched)
            self._follow()
            return shown
        return self._news(touched=touched)

    # -- live

    def _follow(self) -> None:
        """Follow each trainer by the nodes of the graph that is shown."""
        models = (self.model, self.other)
        for index, (graph, trainer) in enumerate(zip(self.graphs, self._trainers, strict=False)):
            model, known = models[index], self._lives[index]
            if trainer is None or model is None or (known is not None and known.graph is graph):
                continue
            if known is not None:
                known.end()
            arguments = self._arguments[index]
            given = Given([], {}) if arguments is None else Given(*arguments)
            share = SHARE / self._trainers.count(trainer)
            self._lives[index] = Live(model, graph, trainer, given, share=share)

    def _news(self, *, touched: bool) -> Message | None:
        # Of a model that did not take what it was given there is nothing to follow.
        lives = [
            None if live is None or live.graph.failure is not None else live
            for live in self._lives[: len(self.graphs)]
        ]
        news = [
            None if live is None else self._news_of(index, live, touched)
            for index, live in enumerate(lives)
        ]
        problem = next((one for one in self._problems if one is not None), None)
        if problem is not None or any(one is not None for one in news):
            self.set_trait("problem", problem)
        if all(one is None for one in news):
            return None
        told: list[Reply | None] = []
        for new, live in zip(news, lives, strict=True):
            told.append(live.told() if new is None and live is not None else new)
        arrays = {
            f"{name}{index}": values
            for index, one in enumerate(told)
            if one is not None
            for name, values in one[1].items()
        }
        return Message("graph.live", {"graphs": [one and one[0] for one in told]}, arrays)

    def _news_of(self, index: int, live: Live, touched: bool) -> Reply | None:
        try:
            news = live.news(touched=touched)
        except InputError as error:
            self._problems[index] = sentence(error)
            return None
        if news is not None:
            self._problems[index] = None
        return news

    def _trained(self) -> None:
        """Look at where the trainer stands: the graph is the same."""
        self._channel.touch()

    def on_close(self) -> None:
        """Leave model and trainer as they are."""
        for live in self._lives:
            if live is not None:
                live.end()
        if self._layers is not None:
            self._layers.close()
        super().on_close()

    def find_nan(self, graph: int = 0) -> NotFinite | None:
        """Do the trainer's last steps again, and find where a number first was not finite.

        A page does so by itself once training has diverged, and marks the node. The run is
        afterwards where it was.

        Parameters
        ----------
        graph
            Whose trainer's: 0, or 1 for the graph beside.

        Returns
        -------
        NotFinite or None
            The step, whether forward or backward, and the operation; None where all is finite.

        Raises
        ------
        InputError
            There is no trainer, it trains at this moment, or its steps are a person's own.

        Examples
        --------
        >>> import torch
        >>> from torch import nn
        >>> import dl_lab
        >>> class Root(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.linear = nn.Linear(1, 1, bias=False)
        ...     def forward(self, x):
        ...         return self.linear(x).abs().sqrt()
        >>> model, data = Root(), (torch.tensor([[1.0], [0.0]]), torch.ones(2, 1))
        >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> trainer = dl_lab.Trainer(model, nn.MSELoss(), sgd, data, seed=0, device="cpu")
        >>> viewer = dl_lab.GraphViewer(model, data[0], trainer=trainer)
        >>> try:
        ...     trainer.fit(epochs=1)
        ... except dl_lab.errors.InputError as error:
        ...     print(error.key)
        diverged
        >>> found = viewer.find_nan()
        >>> found.step, found.where, found.operation.name
        (1, 'backward', 'sqrt')
        >>> viewer.close()
        """
        trainer = self._trainers[whole("graph", graph, 0, len(self.graphs) - 1)]
        if trainer is None:
            raise InputError("no_control", name=type(self).__name__, control="find_nan")
        found = first_not_finite(trainer)
        live = self._lives[graph]
        if found is not None and live is not None:
            live.take(found)
            self._channel.touch()
        return found

    def to_tensorboard(self, logdir: str | PathLike[str]) -> None:
        """Write the graph into an event file, for TensorBoard's graph page.

        Modules are its groups, and calls of one module after the first groups of their own; with
        each node stand its shape, parameters, multiply-adds and line of source.

        Parameters
        ----------
        logdir
            A run's folder, such as `dl_lab.runs.new` makes.

        Raises
        ------
        InputError
            It is not the path of a folder here, or nothing can be written there.

        Examples
        --------
        >>> import tempfile
        >>> import torch
        >>> import dl_lab
        >>> viewer = dl_lab.GraphViewer(dl_lab.nets.lenet5(), torch.rand(1, 1, 28, 28))
        >>> viewer.to_tensorboard(tempfile.mkdtemp())
        >>> viewer.close()
        """
        from dl_lab.train.events.event_log import write_graph

        write_graph(logdir, self.graphs[0], type(original(self.model)).__name__)

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
        return {"widget": self.layer_viewer(path).model_id}, {}

    def layer_viewer(self, module: str = "") -> LayerViewer:
        """Return a LayerViewer of the model on the same input, at a layer: what a click opens.

        There is one for each GraphViewer, which closes with it.

        Parameters
        ----------
        module
            The name of a layer, or of a module with layers in it.

        Raises
        ------
        InputError
            What a LayerViewer refuses: a model on the meta device, or no such layer in it.

        Examples
        --------
        >>> import torch
        >>> import dl_lab
        >>> viewer = dl_lab.GraphViewer(dl_lab.nets.lenet5(), torch.rand(2, 1, 28, 28))
        >>> layers = viewer.layer_viewer("conv1")
        >>> layers.goal["layer"]
        0
        >>> viewer.close()
        """
        if any(one.is_meta for one in self.model.parameters()):
            raise InputError("layers_on_meta")
        if self._layers is None or self._layers.comm is None:
            self._layers = LayerViewer(
                self.model, self._x, trainer=self._trainer, language=self.language
            )
        self._layers.show_layer(module)
        return self._layers

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
