"""How data flow through a training step: what each part holds, and how long each takes."""

from __future__ import annotations

import inspect
import textwrap
import time
from collections import deque
from collections.abc import Sized
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from dl_lab.errors import InputError, shortened
from dl_lab.train.batches.loaders import TensorBatches
from dl_lab.train.batches.structure import described
from dl_lab.train.callbacks.model_checkpoint import ModelCheckpoint
from dl_lab.train.steps.several import kind_of
from dl_lab.train.steps.stages import OF_EPOCHS, STAGES, StageClock
from dl_lab.train.trainer import Trainer
from dl_lab.train.watch.run import WatchedRun

BOXES = ("data", "queue", "batch", "model", "loss", "backward", "optimizer", "step", "save")

WINDOW = 3.0
"""Seconds that the times are the mean of."""

SLOW = 0.2
"""The share of waiting from which something should be done about it."""

_MOST_LINES = 24
_TOO_SHORT = 30  # steps of an epoch, below which beginning it anew takes its share
_EMPTY = 0.25  # of a queue


@dataclass(frozen=True)
class Times:
    """Seconds of a mean step of the last few seconds, by stage, and steps a second.

    Attributes
    ----------
    seconds
        By stage of `dl_lab.train.steps.stages.STAGES`; what comes once an epoch is spread over its
        steps. Empty until a step was measured.
    rate
        Steps a second, pauses not counted.
    """

    seconds: dict[str, float]
    rate: float

    @property
    def shares(self) -> dict[str, float]:
        """Of the whole, by stage."""
        whole = sum(self.seconds.values())
        return {stage: value / whole for stage, value in self.seconds.items()} if whole else {}

    @property
    def waiting(self) -> float | None:
        """The share in which the model waits for data; None until it was measured."""
        shares = self.shares
        return shares["wait"] + shares["begin"] if shares else None


class Flow:
    """What flows through the steps of a run, and what each of its stations holds.

    Parameters
    ----------
    run
        A Trainer or a watched run.
    loader
        What a watched loop goes through; a Trainer's is known.
    checkpoint
        The file in which the loop saves; what a Trainer saved is known.

    Raises
    ------
    InputError
        It is not a run, or a watched one without model or optimizer.

    Examples
    --------
    >>> from dl_lab.train.trainer import Trainer
    >>> model = nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = Trainer(model, nn.MSELoss(), sgd, (torch.rand(64, 2), torch.rand(64, 1)))
    >>> flow = Flow(trainer)
    >>> flow.open()
    >>> trainer.fit(20)
    >>> sorted(flow.times().shares)[:3], flow.stations()["step"]["steps"]
    (['backward', 'begin', 'end'], 20)
    >>> flow.close()
    """

    def __init__(self, run: object, loader: object = None, checkpoint: object = None) -> None:
        if isinstance(run, Trainer):
            self._watched = None
            self.clock: StageClock = run.stages
        elif isinstance(run, WatchedRun):
            self._watched = run.stages(loader)
            self.clock = self._watched.clock
        else:
            raise InputError("not_run", given=described(run))
        self.run: Trainer | WatchedRun = run
        self._checkpoint = None if checkpoint is None else Path(str(checkpoint)).expanduser()
        self._marks: deque[tuple[float, dict[str, float], int, int]] = deque([self._mark()])
        self._times = Times({}, 0.0)
        self._batch = {"inputs": "", "targets": ""}

    def open(self) -> None:
        """Measure from now on."""
        (self._watched or self.clock).open()

    def close(self) -> None:
        """Measure no more."""
        (self._watched or self.clock).close()

    def again(self) -> None:
        """Count no pause into the times: to be called when the run goes on."""
        self._marks.clear()
        self._marks.append(self._mark())
        if self._watched is not None:
            self._watched.again()

    # -- times

    def times(self) -> Times:
        """Return the times of the last few seconds; while nothing is measured, those before."""
        clock, marks = self.clock, self._marks
        mark = self._mark()
        now = mark[0]
        while len(marks) > 1 and now - marks[1][0] > WINDOW:
            marks.popleft()
        _, seconds, measured, steps = marks[0]
        if clock.measured > measured:
            done, counted = clock.measured - measured, max(1, clock.steps - steps)
            mean = {
                stage: (mark[1][stage] - seconds[stage]) / (counted if stage in OF_EPOCHS else done)
                for stage in STAGES
            }
            whole = sum(mean.values())
            self._times = Times(mean, 1 / whole if whole else 0.0)
            if marks[-1][3] < clock.steps:
                marks.append(mark)
        return self._times

    def _mark(self) -> tuple[float, dict[str, float], int, int]:
        clock = self.clock
        return monotonic(), dict(clock.seconds), clock.measured, clock.steps

    # -- stations

    @property
    def loader(self) -> object:
        """What batches are taken from; None where that is not known."""
        if self._watched is not None:
            return self._watched.loader
        assert isinstance(self.run, Trainer)  # noqa: S101  # as __init__ saw
        return self.run.feed.loader

    def stations(self) -> dict[str, dict[str, Any]]:
        """Return what each of `BOXES` holds now, as plain values; None for what is not known."""
        run = self.run
        model = run.model
        optimizer = run.optimizer
        assert model is not None  # noqa: S101  # as __init__ saw
        series = next((one for one in run.history.values() if "loss" in one.name), None)
        loss = float(series.values[-1]) if series is not None and len(series.values) else None
        return {
            "data": self._data(),
            "queue": dict(zip(("ready", "room", "workers"), self._queue(), strict=True)),
            "batch": self._shapes(),
            "model": {
                "name": type(model).__name__,
                "numbers": sum(one.numel() for one in model.parameters()),
            },
            "loss": {"name": self._loss_name(), "value": loss},
            "backward": {"tensors": sum(1 for one in model.parameters() if one.requires_grad)},
            "optimizer": {
                "name": "" if optimizer is None else kind_of(optimizer),
                "rate": run.learning_rate,
            },
            "step": {"steps": run.steps, "epoch": run.epoch},
            "save": self._saved(),
        }

    def _data(self) -> dict[str, Any]:
        loader = self.loader
        source = loader.dataset if isinstance(loader, DataLoader) else loader
        if isinstance(loader, TensorBatches):
            return {"name": "Tensor", "rows": loader.rows}
        rows = len(source) if isinstance(source, Sized) else None
        return {"name": "" if source is None else type(source).__name__, "rows": rows}

    def _queue(self) -> tuple[int | None, int | None, int | None]:
        loader = self.loader
        if self._watched is not None:
            if not isinstance(loader, DataLoader):
                return None, None, None
            found = queued(self._watched.iterator)
            return (*(found or (0, 1)), loader.num_workers)
        assert isinstance(self.run, Trainer)  # noqa: S101  # as __init__ saw
        feed = self.run.feed
        found = queued(feed.iterator)
        workers = loader.num_workers if isinstance(loader, DataLoader) else 0
        # The Trainer fetches a step's batch as soon as the step before is done.
        own = 0 if feed.batch is None else 1
        return (own, 1, workers) if found is None else (own + found[0], 1 + found[1], workers)

    def _shapes(self) -> dict[str, Any]:
        if self._watched is not None:
            return {"inputs": self._watched.batch, "targets": ""}
        assert isinstance(self.run, Trainer)  # noqa: S101  # as __init__ saw
        batch = self.clock.batch or self.run.feed.batch
        if isinstance(batch, tuple):
            inputs, targets = batch
            self._batch = {"inputs": described(inputs), "targets": described(targets)}
        return self._batch

    def _loss_name(self) -> str:
        loss = self.run.loss if isinstance(self.run, Trainer) else None
        if loss is None:
            return ""
        return str(getattr(loss, "__name__", type(loss).__name__))

    def _saved(self) -> dict[str, Any]:
        """Return the file written last and its age in seconds, and the checkpoints in memory."""
        run, known = self.run, []
        if self._checkpoint is not None:
            known.append(str(self._checkpoint))
        if isinstance(run, Trainer):
            known += [str(run.saved[0])] if run.saved is not None else []
            known += [str(one.last) for one in run.callbacks if isinstance(one, ModelCheckpoint)]
        times = {path: Path(path).stat().st_mtime for path in known if Path(path).is_file()}
        path = max(times, key=times.__getitem__) if times else None
        return {
            "path": path,
            "age": None if path is None else max(0.0, time.time() - times[path]),
            "kept": len(run.checkpoints) if isinstance(run, Trainer) else None,
        }

    def advice(self, times: Times) -> str | None:
        """Return what to do about waiting, as a key: None where there is nothing to do.

        ``"workers"``: let worker processes prepare batches. ``"more_workers"``: there are some, and
        the queue is empty. ``"persistent"``: each epoch begins its workers anew. ``"iterable"``:
        an iterable of one's own is slow. ``"larger"``: batches cut from tensors are so small that
        cutting them takes as long as the step.
        """
        waiting = times.waiting
        if waiting is None or waiting < SLOW:
            return None
        loader = self.loader
        if isinstance(loader, TensorBatches):
            return "larger"
        if not isinstance(loader, DataLoader):
            return "iterable"
        if loader.num_workers == 0:
            return "workers"
        begins = times.seconds["begin"] > times.seconds["wait"]
        if begins and not loader.persistent_workers:
            return "persistent"
        return "more_workers"

    # -- code

    def codes(self) -> dict[str, str]:
        """Return the code that does what each of `BOXES` is, with the person's own parts."""
        run, loader = self.run, self.loader
        trained = isinstance(run, Trainer)
        where = str(run.device).split(" ")[0]
        if isinstance(loader, DataLoader):
            settings = f"batch_size={loader.batch_size}, num_workers={loader.num_workers}"
            data = f"train = DataLoader({type(loader.dataset).__name__}(…), {settings})"
            data = _with_source(data, loader.dataset, "__getitem__", "__iter__")
        elif isinstance(loader, TensorBatches):
            kinds = "".join(f"\n# {described(one)}" for one in loader.tensors)
            data = f"train = TensorDataset(inputs, targets){kinds}"
        else:
            data = f"train = {type(loader).__name__}(…)" if loader is not None else "train = …"
        loss = run.loss if isinstance(run, Trainer) else None
        called = self._loss_name() or "loss_function"
        save = 'trainer.save("run.pt")' if trained else 'torch.save(model.state_dict(), "run.pt")'
        optimizer = run.optimizer
        return {
            "data": data,
            "queue": "batches = iter(train)\nbatch = next(batches)  # waits if the queue is empty",
            "batch": f"inputs, targets = batch\ninputs, targets = inputs.to({where!r}), "
            f"targets.to({where!r})",
            "model": _with_source("outputs = model(inputs)", run.model, "forward"),
            "loss": _with_source(
                f"loss = {called}(outputs, targets)",
                loss,
                "forward" if isinstance(loss, nn.Module) else "__call__",
            ),
            "backward": "loss.backward()  # fills .grad of each parameter",
            "optimizer": "optimizer.step()\noptimizer.zero_grad()"
            + ("" if optimizer is None else f"\n\n# {_settings(optimizer)}"),
            "step": "step += 1" if trained else "run.log(loss=loss)",
            "save": save,
        }


def queued(iterator: object) -> tuple[int, int] | None:
    """Return how many batches a DataLoader's workers have ready, and how many at most.

    None where there are no workers, or the system does not tell how full a queue is.
    """
    inner: Any = getattr(iterator, "_inner", iterator)
    tasks, queue = getattr(inner, "_task_info", None), getattr(inner, "_data_queue", None)
    if tasks is None or queue is None:
        return None
    try:
        waiting = queue.qsize()
        results = getattr(inner, "_worker_result_queue", queue)
        if results is not queue:
            waiting += results.qsize()
    except (NotImplementedError, OSError, ValueError):  # macOS; one that is being closed
        return None
    # Those that came before their turn.
    early = sum(len(task) > 1 for task in list(tasks.values()))
    room = inner._num_workers * inner._prefetch_factor  # noqa: SLF001  # torch has no public name
    return min(waiting + early, room), room


def _settings(optimizer: torch.optim.Optimizer) -> str:
    group = optimizer.param_groups[0]
    told = [
        f"{name}={value!r}"
        for name, value in group.items()
        if name != "params" and isinstance(value, (int, float, tuple)) and value
    ]
    return f"{kind_of(optimizer)}({', '.join(told)})"


def _with_source(line: str, given: object, *methods: str) -> str:
    """Add the source of what a person wrote to the line that calls it."""
    code = given if inspect.isfunction(given) else None
    if code is None and given is not None:
        kind = type(given)
        if kind.__module__.startswith(("torch.", "dl_lab.")):
            listed = str(given) if isinstance(given, nn.Module) else ""
            return line + _cut(listed, "\n\n# ", "\n# ")
        code = next((getattr(kind, name, None) for name in methods if hasattr(kind, name)), None)
    if code is None or str(getattr(code, "__module__", "")).startswith("torch."):
        return line
    try:
        source = textwrap.dedent(inspect.getsource(code))
    except (OSError, TypeError):
        return line
    return line + _cut(source, "\n\n", "\n")


def _cut(text: str, first: str, between: str) -> str:
    lines = text.rstrip().splitlines()
    if not lines:
        return ""
    if len(lines) > _MOST_LINES:
        lines = [*lines[:_MOST_LINES], "…"]
    return first + between.join(shortened(line) for line in lines)
