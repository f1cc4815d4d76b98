"""What takes a while: goes on pass by pass, with the weights with which it began."""

from __future__ import annotations

from collections.abc import Mapping
from time import monotonic
from typing import Generic, TypeVar

from torch import Tensor  # noqa: TC002

from dl_lab.errors import InputError
from dl_lab.probe.looks.passes import Pass, Passes
from dl_lab.probe.modules import original
from dl_lab.probe.untouched import weights_of
from dl_lab.widgets.layer_viewer.look import Look

_Result = TypeVar("_Result")


class Job(Generic[_Result]):
    """A computation in several passes at the network of a `Look`; all within its `aside`.

    Parameters
    ----------
    look
        Where.
    key
        What it is about; another is another job.
    passes
        What to compute.
    copy
        Whether the weights are copied, should the first passes not be all: they change meanwhile.
    """

    def __init__(self, look: Look, key: object, passes: Passes[_Result], *, copy: bool) -> None:
        self._look = look
        self.key = key
        self._passes = passes
        self._copy = copy
        self._weights: Mapping[str, Tensor] | None = None
        self.state = look.state()
        """Of the network when it began."""
        self.seconds = 0.0
        """That it took so far."""
        self.result: _Result | None = None
        self.problem: InputError | None = None
        self.next: Pass | None = None
        """What comes next; None when it is over."""
        try:
            self._send(None)
        except InputError as error:
            self.problem = error

    @property
    def outdated(self) -> bool:
        """Whether the weights are others now, and it has no copy of those it began with."""
        return self._weights is None and self._look.state() != self.state

    def advance(self, until: float) -> None:
        """Compute the next pass, and more if there is time; one that is called off comes again."""
        began = monotonic()
        try:
            with weights_of(original(self._look.model), self._weights):
                self._pass()
                while self.next is not None and monotonic() < until:
                    self._pass()
            if self.next is not None and self._copy and self._weights is None:
                self._weights = self._look.weights()
        except InputError as error:
            self.problem, self.next = error, None
        finally:
            self.seconds += monotonic() - began

    def _pass(self) -> None:
        assert self.next is not None  # noqa: S101  # else nobody calls it
        self._send(self.next.compute())

    def _send(self, found: object) -> None:
        try:
            self.next = self._passes.send(found)
        except StopIteration as end:
            self.result, self.next = end.value, None
