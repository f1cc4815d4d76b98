"""TensorBoard's event files of a Trainer's run."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from dl_lab import paths
from dl_lab.errors import whole
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.steps.gradients import gradient_of
from dl_lab.train.steps.several import Models, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from os import PathLike

    from torch import nn

    from dl_lab.train.run import Training

_MOST_TEXT = 20_000
_MOST_IMAGES = 1000
_RGB = (1, 3)


class TensorBoard(Callback):
    """Write a run into a folder for TensorBoard: `Trainer` makes one of its `logdir`.

    All series of the history, complete; histograms of weights and gradients; the model's graph, its
    text and the settings; a few of the first inputs where they are images; and what is added to
    `log`. In TensorBoard's table of runs a finished one is a success. A thread of its own writes
    once a second, and everything when a run pauses or ends. What each kind may cost stands at
    `dl_lab.train.events.event_writer.EventWriter`.

    Parameters
    ----------
    logdir
        A folder of this run alone, such as `dl_lab.runs.new` makes. TensorBoard shows the newest
        run of a folder; a Trainer loaded from a checkpoint goes on in it.
    histograms
        Whether to sample weights and gradients, 1/8 s apart at first and soon every 2 s or less
        often. Gradients are those the optimizer used, clipped ones where they are clipped; of
        sparse ones the values that they hold.
    graph
        Whether to trace the model, once.
    images
        How many of the first inputs to show, if they are images [n, c, h, w] with c 1 or 3.
    hparams
        More settings for the table of runs, beside those of the optimizer.

    Attributes
    ----------
    log
        An `EventLog`: `add_image`, `add_text`, `add_embedding` and more for one's own.

    Raises
    ------
    InputError
        `logdir` is not the path of a folder here, or `images` is not a number of images.

    Examples
    --------
    >>> import dl_lab, tempfile
    >>> model = torch.nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> data, loss = (torch.ones(4, 2), torch.ones(4, 1)), torch.nn.functional.mse_loss
    >>> board = TensorBoard(dl_lab.runs.new("line", root=tempfile.mkdtemp()))
    >>> trainer = dl_lab.Trainer(model, loss, sgd, data, callbacks=[board])
    >>> trainer.fit(epochs=10)
    >>> board.log.add_text("notes", "It is a line.")
    >>> board.log.problem is None
    True
    """

    observes = True

    def __init__(
        self,
        logdir: str | PathLike[str],
        *,
        histograms: bool = True,
        graph: bool = True,
        images: int = 8,
        hparams: Mapping[str, object] | None = None,
    ) -> None:
        from dl_lab.train.events.event_log import EventLog

        self.log = EventLog(paths.folder("logdir", logdir), self._step)
        self._graph = graph
        self._images = whole("images", images, 0, _MOST_IMAGES)
        self._hparams = dict(hparams or {})
        self._trainer: Training | None = None
        self._capture: torch.utils.hooks.RemovableHandle | None = None
        self._captured = False
        self._ended = False
        self._names: tuple[str, ...] = ()
        self._continued: tuple[str, int] | None = None
        self._budget = self.log.budgets["histograms"]
        if histograms:
            # Only so that without them nothing is called at each step.
            vars(self)["on_step_end"] = self._sample

    def _step(self) -> int:
        return 0 if self._trainer is None else self._trainer.steps

    def on_start(self, trainer: Training) -> None:
        """Begin to write."""
        self._trainer = trainer
        self.log.note = trainer.note
        folder, written = self._continued or ("", -1)
        same = folder == str(paths.real(self.log.folder))
        if self.log.begin(trainer.history, written if same else -1):
            self._names = ()
            self._captured = self._ended = False
            with self._attempt("settings"):
                self._describe(trainer)
        if not self._captured and (self._graph or self._images):
            with self._attempt("graph and inputs"):
                self._listen(trainer)

    def on_stop(self, trainer: Training) -> None:
        """Write all that is left."""
        self._release()
        with self._attempt("layout"):
            self._lay_out(trainer)
        if trainer.ending == "finished" and not self._ended:
            # TensorBoard reads a run's first end only: none is written that may be undone.
            self._ended = True
            with self._attempt("end"):
                self.log.add_end()
        self.log.end()

    def on_epoch_end(self, trainer: Training) -> None:
        """See whether there are new curves."""
        with self._attempt("layout"):
            self._lay_out(trainer)

    @contextlib.contextmanager
    def _attempt(self, name: str) -> Iterator[None]:
        """Do what may fail, whatever a model is, and note it: training goes on."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # whatever people's models raise
            self.log.failed(name, error)

    def state_dict(self) -> dict[str, Any]:
        """Return where the run is written, and how far."""
        return {"folder": str(paths.real(self.log.folder)), "written": self.log.written}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take back what `state_dict` returned: the same folder is gone on with."""
        self._continued = (str(state["folder"]), int(state["written"]))

    def _listen(self, trainer: Training) -> None:
        """Have the model's first inputs shown to `_first_inputs`."""
        model = trainer.model
        if isinstance(model, Models):
            self._graph = False
            self.log.add_text("graph", "There is no graph: the run has several models.", 0)
            return
        self._capture = model.register_forward_pre_hook(self._first_inputs, with_kwargs=True)

    def _describe(self, trainer: Training) -> None:
        settings: dict[str, object] = {}
        for part, optimizer in parts_of(trainer.optimizer).items():
            before = f"{part}/" if part else ""
            settings[f"{before}optimizer"] = type(optimizer).__name__
            settings |= {
                f"{before}{name}": value
                for name, value in optimizer.param_groups[0].items()
                if name not in {"params", "param_names", "initial_lr"}
            }
        if trainer.loss is not None:
            settings["loss"] = getattr(trainer.loss, "__name__", type(trainer.loss).__name__)
        settings |= {
            "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
            **self._hparams,
        }
        self.log.add_hparams(settings)
        rows = "".join(
            f"| {name} | {value} |\n" for name, value in settings.items() if value is not None
        )
        self.log.add_text("settings", f"| | |\n|---|---|\n{rows}", 0)
        self.log.add_text("model", f"```\n{str(trainer.model)[:_MOST_TEXT]}\n```", 0)

    def _lay_out(self, trainer: Training) -> None:
        """Have train and validation of the same quantity in one chart."""
        from dl_lab.train.events.event_writer import tag_of

        names = trainer.history.names
        if names == self._names:
            return
        self._names = names
        charts: dict[str, list[str]] = {}
        for tag in map(tag_of, names):
            charts.setdefault(tag.partition("/")[0], []).append(tag)
        self.log.add_layout({title: {title: tags} for title, tags in charts.items()})

    def _sample(self, trainer: Training) -> None:
        """Copy weights and gradients, if it is time; the writing thread counts them."""
        if time.monotonic() < self._budget.due:
            return
        from dl_lab.train.events.summaries import histogram, sample

        began = time.perf_counter()
        # Those that a step of one's own leaves may be of another loss than it used.
        groups = () if trainer.loss is None else trainer.optimizer.param_groups
        trained = {id(one) for group in groups for one in group["params"]}
        parts: list[tuple[str, Tensor]] = []
        for name, parameter in trainer.model.named_parameters():
            with self._attempt("histograms"):
                parts.append((f"weights/{name}", sample(parameter)))
                gradient = gradient_of(parameter) if id(parameter) in trained else None
                if gradient is not None:
                    parts.append((f"gradients/{name}", sample(gradient)))
        self.log.submit(
            "histograms",
            "histograms",
            lambda: [histogram(tag, values) for tag, values in parts],
            step=trainer.steps,
            size=sum(values.nbytes for _, values in parts),
            spent=time.perf_counter() - began,
        )

    def _first_inputs(
        self, model: nn.Module, inputs: tuple[object, ...], more: dict[str, object]
    ) -> None:
        """Look at the first inputs that the model is given, and change nothing."""
        self._release()
        self._captured = True
        if self._graph:
            self._graph = False  # a run has one
            with self._attempt("graph"), torch.no_grad():
                self.log.add_graph(model, inputs, more)
        with self._attempt("inputs"), torch.no_grad():
            self._show(inputs[0] if inputs else None)

    def _show(self, first: object) -> None:
        """Add the first inputs as images, if that is what they are."""
        if self._images and isinstance(first, Tensor) and _are_images(first):
            pixels = first[: self._images].detach().float()
            low, high = pixels.aminmax()
            if low < 0 or high > 1:
                pixels = (pixels - low) / (high - low).clamp(min=1e-12)
            self.log.add_image("inputs", pixels)

    def _release(self) -> None:
        if self._capture is not None:
            self._capture.remove()
            self._capture = None


def _are_images(inputs: Tensor) -> bool:
    return (
        inputs.ndim == 4  # noqa: PLR2004
        and inputs.shape[1] in _RGB
        and min(inputs.shape[2:]) > 1
        and len(inputs) > 0
        and not inputs.is_complex()
    )
