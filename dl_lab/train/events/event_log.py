"""What people put into a run's event files beside its curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tensorboard.compat.proto.event_pb2 import Event
from torch.utils.tensorboard import summary

from dl_lab import paths
from dl_lab.errors import InputError, number, shown, whole
from dl_lab.nets.graph.trace import copied, trace
from dl_lab.probe.modules import original
from dl_lab.probe.untouched import untouched
from dl_lab.train.events import summaries
from dl_lab.train.events.event_writer import EventWriter
from dl_lab.train.events.projector import write_embedding

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from os import PathLike

    from matplotlib.figure import Figure
    from torch import Tensor, nn

    from dl_lab.nets.graph.nodes import Graph

_MOST_STEPS = 2**32 - 1
_MOST_RATE = 768_000


class EventLog(EventWriter):
    """The event files of one run; `EventWriter` tells when they are written and what may wait.

    What is added is copied at once and turned into records by the writing thread. Without a `step`
    it belongs to the step at which the run stands.

    Parameters
    ----------
    folder
        Made by the first write.
    step
        Tells the step at which the run stands.

    Examples
    --------
    >>> import tempfile
    >>> log = EventLog(tempfile.mkdtemp())
    >>> log.add_scalar("accuracy/rotated", 0.75, step=10)
    >>> log.add_text("notes", "Rotated by **10 degrees**.")
    >>> log.add_image("digits", torch.rand(4, 1, 8, 8))
    >>> log.problem is None
    True
    """

    def __init__(self, folder: str | PathLike[str], step: Callable[[], int] = lambda: 0) -> None:
        super().__init__(folder)
        self.step = step

    def _add(
        self,
        kind: str,
        tag: str,
        make: Callable[[], Any],
        step: int | None,
        size: int = 0,
    ) -> None:
        at = self.step() if step is None else whole("step", step, 0, _MOST_STEPS)
        self.submit(kind, tag, make, step=at, size=size)

    def add_scalar(self, tag: str, value: float, step: int | None = None) -> None:
        """Add one number; series of the History are written anyway."""
        try:
            exact = float(value)
        except (TypeError, ValueError, OverflowError):
            raise InputError("not_one_number", name=tag, given=shown(value)) from None
        self._add("numbers", tag, lambda: summary.scalar(tag, exact), step)

    def add_text(self, tag: str, text: str, step: int | None = None) -> None:
        """Add a text in Markdown."""
        self._add("texts", tag, lambda: summary.text(tag, text), step, len(text))

    def add_image(self, tag: str, pixels: Tensor | object, step: int | None = None) -> None:
        """Add an image, or several as one sheet.

        Parameters
        ----------
        tag
            Its title.
        pixels
            A tensor or array [h, w], [c, h, w] or [n, c, h, w] with 1 or 3 channels (or 4, with
            opacity, if it is one image): bytes, or other numbers from 0 to 1.
        step
            To which it belongs.

        Raises
        ------
        InputError
            Another shape, or no numbers.
        """
        array = summaries.as_image(tag, pixels)
        self._add("pictures", tag, lambda: summaries.image(tag, array), step, array.nbytes)

    def add_figure(self, tag: str, figure: Figure, step: int | None = None) -> None:
        """Add a matplotlib figure, drawn at once: figures are no matter for threads."""
        from io import BytesIO

        from PIL import Image

        buffer = BytesIO()
        figure.savefig(buffer, format="png")
        self.add_image(tag, np.asarray(Image.open(buffer)).transpose(2, 0, 1), step)

    def add_audio(
        self, tag: str, sound: Tensor | object, rate: int = 44_100, step: int | None = None
    ) -> None:
        """Add a sound: one channel [samples] from -1 to 1, at `rate` samples a second."""
        array = summaries.as_array(tag, sound).astype("f4").squeeze()
        if array.ndim != 1 or not array.size:
            raise InputError("event_shape", name=tag, allowed="[samples]", given=list(array.shape))
        array = np.nan_to_num(array, nan=0.0).clip(-1, 1)
        rate = whole("rate", rate, 1, _MOST_RATE)
        self._add("pictures", tag, lambda: summary.audio(tag, array, rate), step, array.nbytes)

    def add_histogram(self, tag: str, values: Tensor | object, step: int | None = None) -> None:
        """Add the distribution of numbers of any shape; of many, a sample of 65,536 is counted."""
        from torch import as_tensor

        part = summaries.sample(as_tensor(summaries.as_array(tag, values)))
        self._add("pictures", tag, lambda: summaries.histogram(tag, part), step, part.nbytes)

    def add_pr_curve(
        self,
        tag: str,
        labels: Tensor | object,
        probabilities: Tensor | object,
        step: int | None = None,
    ) -> None:
        """Add precision and recall of a binary classifier at 127 thresholds.

        Parameters
        ----------
        tag
            Its title.
        labels
            [n], true or 1 for the positive class.
        probabilities
            [n], of the positive class, 0 to 1.
        step
            To which it belongs.

        Raises
        ------
        InputError
            Another shape, unequal lengths, no probabilities.
        """
        truth = summaries.as_array("labels", labels).reshape(-1).astype(bool)
        given = summaries.as_array("probabilities", probabilities).reshape(-1).astype("f8")
        if len(truth) != len(given):
            raise InputError(
                "as_many", name="labels", count=len(given), each="probability", given=len(truth)
            )
        for end in (given.min(initial=1), given.max(initial=0)):
            number("probabilities", float(end), 0, 1)
        self._add(
            "pictures", tag, lambda: summary.pr_curve(tag, truth, given), step, 9 * len(given)
        )

    def add_embedding(
        self,
        tag: str,
        points: Tensor | object,
        *,
        labels: Sequence[object] | None = None,
        header: Sequence[str] | None = None,
        images: Tensor | object | None = None,
        step: int | None = None,
    ) -> None:
        """Add points of many dimensions for the projector.

        Parameters
        ----------
        tag
            Its title.
        points
            [n, d].
        labels
            One for each point; with `header`, a row of several for each.
        header
            The names of the labels in a row.
        images
            [n, c, h, w], one for each point, as in `add_image`.
        step
            To which they belong.

        Raises
        ------
        InputError
            Other shapes, or not one label and image for each point.
        """
        array = summaries.as_array("points", points)
        if array.ndim != 2 or not array.size:  # noqa: PLR2004
            raise InputError(
                "event_shape",
                name="points",
                allowed="[points, dimensions]",
                given=list(array.shape),
            )
        sheet = None if images is None else summaries.as_image("images", images)
        rows: list[list[object]] | None = None
        if labels is not None:
            rows = [list(row) if header else [row] for row in labels]  # type: ignore[call-overload]  # as documented
        for name, part in (("labels", rows), ("images", sheet)):
            if part is not None and len(part) != len(array):
                raise InputError(
                    "as_many", name=name, count=len(array), each="point", given=len(part)
                )
        wide = [] if header is None or rows is None else [r for r in rows if len(r) != len(header)]
        if header and wide:
            raise InputError(
                "as_many",
                name=f"labels {wide[0]}",
                count=len(header),
                each="column",
                given=len(wide[0]),
            )
        at = self.step() if step is None else whole("step", step, 0, _MOST_STEPS)

        def write() -> None:
            write_embedding(self.folder, tag, at, array, rows, header, sheet)

        size = array.nbytes + (0 if sheet is None else sheet.nbytes)
        self._add("pictures", tag, write, at, size)

    def add_hparams(
        self, settings: Mapping[str, object], metrics: Sequence[str] = (), *, done: bool = False
    ) -> None:
        """Add the run's settings, for TensorBoard's table of runs.

        Parameters
        ----------
        settings
            Numbers, texts and truth values; anything else is shown as text.
        metrics
            Tags of the curves whose last values stand in the table. By default, all curves of all
            runs: right unless there are very many.
        done
            Whether the run has come to its good end.
        """
        plain = {
            name: value if isinstance(value, (bool, int, float, str)) else str(value)
            for name, value in settings.items()
            if value is not None
        }
        experiment, start, end = summaries.hparams(plain, metrics)
        made = [*([experiment] if metrics else []), start, *([end] if done else [])]
        self._add("texts", "hparams", lambda: made, 0)

    def add_end(self) -> None:
        """Note that the run has come to its good end, for the table of runs."""
        _, _, end = summaries.hparams({})
        self._add("texts", "hparams", lambda: end, None)

    def add_graph(
        self,
        model: nn.Module,
        inputs: Sequence[object],
        named: Mapping[str, object] | None = None,
    ) -> None:
        """Add the graph of a model: the operations of one forward pass, in groups by module.

        The model runs once, in evaluation mode, here and now. Where it raises an exception, the
        graph ends there, and a text `graph` tells why.

        Parameters
        ----------
        model
            Left as it is.
        inputs, named
            The arguments of its ``forward``; it is given copies of the tensors.
        """
        given, also = copied(list(inputs)), copied(dict(named or {}))
        # With gradients: some models need them to compute what they return.
        try:
            with untouched(model, "eval"), torch.enable_grad():
                traced = trace(model, given, also)
        except InputError as error:
            # It holds what no look could put back.
            self.add_text("graph", str(error), 0)
            return
        self.add_traced(traced, type(original(model)).__name__)

    def add_traced(self, traced: Graph, name: str) -> None:
        """Add a graph that was traced before, as a `GraphViewer` has it.

        Parameters
        ----------
        traced
            From `dl_lab.nets.graph.trace.trace`. Where the model raised an exception, the graph
            ends there, and a text `graph` tells why.
        name
            Of the outermost group.
        """
        if (failure := traced.failure) is not None:
            place = " in ".join(filter(None, [failure.name, failure.module or "forward"]))
            note = f"The model could not be traced to its end ({type(failure.error).__name__}"
            self.add_text("graph", f"{note} at {place}).\n\n```\n{failure.error}\n```", 0)

        def make() -> Any:  # noqa: ANN401  # protobuf has no types here
            return Event(graph_def=summaries.graph(traced, name).SerializeToString())

        self._add("texts", "graph", make, None)

    def add_layout(self, charts: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Add charts of several curves each, for TensorBoard's custom scalars.

        Parameters
        ----------
        charts
            Categories, in these titles, in these tags.

        Examples
        --------
        >>> import tempfile
        >>> log = EventLog(tempfile.mkdtemp())
        >>> log.add_layout({"losses": {"loss": ["loss/train", "loss/validation"]}})
        """
        layout = {
            category: {title: ["Multiline", list(tags)] for title, tags in titles.items()}
            for category, titles in charts.items()
        }
        self._add("texts", "layout", lambda: summary.custom_scalars(layout), 0)


def write_graph(logdir: str | PathLike[str], traced: Graph, name: str) -> None:
    """Write a traced graph into an event file of its own; returns when it is there.

    Parameters
    ----------
    logdir
        The run's folder.
    traced, name
        As for `EventLog.add_traced`.

    Raises
    ------
    InputError
        It is not the path of a folder here, or nothing can be written there.

    Examples
    --------
    >>> import tempfile
    >>> from torch import nn
    >>> write_graph(tempfile.mkdtemp(), trace(nn.ReLU(), [torch.ones(2)]), "ReLU")
    """
    log = EventLog(paths.folder("logdir", logdir))
    log.add_traced(traced, name)
    log.end()
    if log.problem is not None:
        raise log.problem
