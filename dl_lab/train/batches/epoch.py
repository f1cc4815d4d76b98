"""The training data as steps take them: split, on the device, one group of batches ahead."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from dl_lab.errors import InputError, whole
from dl_lab.train.batches.carry_over import Batches
from dl_lab.train.batches.loader_state import (
    loader_state,
    read_loader,
    restore_loader,
    set_epoch,
    write_loader,
)
from dl_lab.train.batches.loaders import TensorBatches, as_loader, check_data
from dl_lab.train.batches.structure import split, to_device

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dl_lab.train.batches.random_stream import RandomStream
    from dl_lab.train.steps.evaluate import Batch, Data

_PAIR = 2
# What tells where an epoch stands, as long as its iterator lives.
_EPOCH = (
    *("open", "batch", "more", "first_state"),
    *("_fetched", "_began", "_before", "_iterator", "_epoch"),
)
_END = object()


class Feed:
    """An epoch's batches in groups, one group a step.

    The next group is fetched as soon as a step is done, so that the last step knows that it is.

    Parameters
    ----------
    data
        As the Trainer takes them; None: to be given later.
    batch_size, accumulate, device
        As for the Trainer.
    stream
        Where a loader draws from.
    whole
        Whether a batch stays as it is, for a step of a person's own: it stands for inputs and
        targets then.
    """

    def __init__(
        self,
        data: Data | None,
        *,
        batch_size: int | None,
        accumulate: int,
        device: torch.device,
        stream: RandomStream,
        whole: bool = False,
    ) -> None:
        if data is not None:
            check_data(data, "train", whole=batch_size is None)
        self.data = data
        self.loader: Iterable[Any] = (
            () if data is None else as_loader(data, batch_size, shuffle=True)
        )
        self.whole = isinstance(self.loader, TensorBatches) and batch_size is None
        """Whether the data come all at once, as they were given."""
        self.batch: Batch | None = None
        """The first batch of the next group; None between epochs and after an epoch's last."""
        self.more: list[Batch] = []
        """The others of that group."""
        self.open = False
        """Whether an epoch has begun and not yet ended."""
        self._accumulate = accumulate
        self._device = device
        self._on_cpu = device.type == "cpu"
        self._stream = stream
        self._whole = whole
        self._lone = isinstance(data, Tensor)
        self._iterator: Iterator[Any] = iter(())
        # A loader's workers end at once with their iterator (which the loader itself has, where
        # they persist), but take seconds to when it goes as a part of a cycle: so it never does.
        self._held: list[object] = [data]
        weakref.finalize(self, self._held.clear)
        self._fetched = self._epoch = 0
        self._began: dict[str, Any] = {}
        self._before = stream.state
        self.first_state = loader_state(self.loader)

    @property
    def iterator(self) -> Iterator[Any]:
        """Where the batches of this epoch come from; an empty one between epochs."""
        return self._iterator

    @property
    def steps(self) -> int | None:
        """Steps of an epoch; None where the data do not know."""
        try:
            return -(-len(self.loader) // self._accumulate) or None  # type: ignore[arg-type]  # asks
        except (TypeError, NotImplementedError):
            return None

    @property
    def taken(self) -> int:
        """Batches of this epoch that steps have taken."""
        return self._fetched - (0 if self.batch is None else 1 + len(self.more))

    @property
    def draws(self) -> bool:
        """Whether batches may draw from global generators as they are fetched."""
        return not isinstance(self.loader, (Batches, TensorBatches))

    @property
    def single(self) -> bool:
        """Whether the data have a single iterator: to begin it anew ends the one that was begun."""
        persists = isinstance(self.loader, DataLoader) and self.loader.persistent_workers
        return persists or self._iterator is self.loader

    def begin(self, epoch: int) -> None:
        """Open an epoch and fetch its first group.

        Parameters
        ----------
        epoch
            Which one, for samplers that want to know it.

        Raises
        ------
        InputError
            No data or no batch.
        """
        if self.data is None:
            raise InputError("data_needed")
        self._begin(epoch)
        # Batches draw from a generator of their own, other loaders from the global one.
        if isinstance(self.loader, Batches):
            self._iterate(self.loader)
            self.fetch(self._stream.state)
        else:
            with self._stream:
                self._iterate(self.loader)
                self.fetch(self._stream.now())
        if self.batch is None:
            self.drop()
            raise InputError("no_batches")

    def _iterate(self, batches: Iterable[Any]) -> None:
        self._iterator = iter(batches)
        self._held[1:] = [self._iterator]

    def _begin(self, epoch: int) -> None:
        self._began = {"random": self._stream.state, "loader": loader_state(self.loader)}
        set_epoch(self.loader, epoch)
        self._fetched, self._epoch = 0, epoch
        self.open = True

    def fetch(self, random: tuple[Any, ...]) -> None:
        """Fetch the next group.

        Parameters
        ----------
        random
            Where the stream stands.
        """
        self._before = random
        # A loader that raises has no next group.
        self.batch = None
        self.batch = self._next()
        if self._accumulate > 1:
            self.more = []
            while self.batch is not None and len(self.more) < self._accumulate - 1:
                following = self._next()
                if following is None:
                    break
                self.more.append(following)

    def _next(self) -> Batch | None:
        batch: Any = next(self._iterator, _END)
        if batch is _END:
            return None
        self._fetched += 1
        if self._whole:
            # A tensor's batches are tensors too.
            moved = to_device(batch[0] if self._lone else batch, self._device)
            return moved, moved
        inputs, targets = (
            batch if type(batch) in {tuple, list} and len(batch) == _PAIR else split(batch)
        )
        if (
            self._on_cpu
            and type(inputs) is Tensor
            and inputs.is_cpu
            and type(targets) is Tensor
            and targets.is_cpu
        ):
            return inputs, targets
        moved = to_device(inputs, self._device)
        return moved, moved if targets is inputs else to_device(targets, self._device)

    def drop(self) -> None:
        """Leave the epoch and its iterator: the next step begins another."""
        self.leave()
        self.release()

    def release(self) -> None:
        """Let go of the iterator, with its worker processes: no step follows."""
        self._iterate(())

    def leave(self) -> None:
        """Leave the epoch: the next step begins another."""
        self.open = False
        self.batch = None
        self.more = []

    def restart(self) -> None:
        """Go back to where the data were at first."""
        self.drop()
        restore_loader(self.loader, self.first_state)

    @contextlib.contextmanager
    def or_as_before(self) -> Iterator[None]:
        """Come back to the very same batches where an exception ends the block.

        Nothing is read for that, since the data may be what failed or hangs, unless the data have a
        single iterator: then the epoch is read again, and left where someone interrupted.
        """
        epoch = {name: getattr(self, name) for name in _EPOCH}
        state, place = loader_state(self.loader), self.state_dict() if self.single else None
        try:
            yield
        except BaseException as error:
            self._iterate(epoch["_iterator"])
            for name, value in epoch.items():
                setattr(self, name, value)
            restore_loader(self.loader, state)
            if place is not None:
                self.drop()
                if isinstance(error, Exception):
                    self.load_state_dict(place, self._epoch)
            raise

    def state_dict(self) -> dict[str, Any]:
        """Return where the data stand, and how to come here again from the epoch's beginning."""
        if not self.open:
            return {
                "open": False,
                "first": self.first_state,
                "loader": loader_state(self.loader),
            }
        return {
            "open": True,
            "first": self.first_state,
            "loader": self._began["loader"],
            "random": self._began["random"],
            "passed": self.taken,
            "before": self._before,
        }

    def written(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `state_dict` returned as plain values for a file."""
        loaders = {name: write_loader(self.loader, state[name]) for name in ("first", "loader")}
        streams = {name: list(state[name]) for name in ("random", "before") if name in state}
        return {**state, **loaders, **streams}

    def read(self, saved: Mapping[str, Any]) -> dict[str, Any]:
        """Return what `written` made of the state of such data; nothing is touched.

        Raises
        ------
        InputError
            It is none.
        """
        state = {
            "open": saved["open"],
            "first": read_loader(self.loader, saved["first"], self._device),
            "loader": read_loader(self.loader, saved["loader"], self._device),
        }
        if state["open"]:
            for name in ("random", "before"):
                self._stream.check(saved[name])
                state[name] = self._stream.fitting(saved[name])
            state["passed"] = whole("passed", saved["passed"], 0, 2**53)
        return state

    def load_state_dict(self, state: Mapping[str, Any], epoch: int) -> None:
        """Come back to there: an epoch that had begun is begun again, what was used is skipped.

        The stream is left anywhere.
        """
        self.drop()
        self.first_state = state["first"]
        restore_loader(self.loader, state["loader"])
        if not state["open"]:
            return
        stream = self._stream
        stream.state = state["random"]
        self._begin(epoch)
        with stream:
            self._iterate(self.loader)
            for _ in range(state["passed"]):
                if next(self._iterator, None) is None:
                    break
        self._fetched = state["passed"]
        # Other draws came between the batches: a loader that draws one at a time needs this.
        stream.state = state["before"]
        with stream:
            self.fetch(stream.state)
