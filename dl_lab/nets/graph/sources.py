"""Which node holds a tensor's numbers: by the tensor itself, or by the memory it lives in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dl_lab.nets.graph.values import memory, physical

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor


class Sources:
    """Tensors and the nodes that made them.

    What a mode does not see still lives in memory that it has seen: what `torch.func.vmap` takes
    apart and puts together, a tensor that an autograd function is given, a `torch.from_numpy` of
    an array that torch made.

    Examples
    --------
    >>> import torch
    >>> x, sources = torch.zeros(4), Sources()
    >>> sources.put([x], 7)
    >>> sources.node(x), sources.node(torch.zeros(4)), sources.twin(x.detach()) is x
    (7, None, True)
    """

    def __init__(self) -> None:
        self._nodes: dict[int, int] = {}
        self._held: list[Tensor] = []  # an id is free again where its tensor is gone
        self._by_memory: dict[int, Tensor] = {}
        self._entered = 0
        self._written: dict[int, int] = {}

    def put(self, made: Iterable[Tensor], node: int, *, written: bool = False) -> None:
        """Note that tensors hold a node's numbers from now on; `written`: their views do, too."""
        for tensor in made:
            if id(tensor) not in self._nodes:
                self._held.append(tensor)
            self._nodes[id(tensor)] = node
            if written and (place := memory(tensor)) is not None:
                self._written[place] = node
            beneath = physical(tensor)
            if beneath is not tensor:
                self._nodes[id(beneath)] = node
                self._held.append(beneath)

    def node(self, tensor: Tensor) -> int | None:
        """Return the node whose numbers a tensor holds, if its object is known."""
        return self._nodes.get(id(tensor))

    def also(self, tensor: Tensor, node: int) -> int | None:
        """Return the node that has written into the memory of a tensor since its own did."""
        if not self._written or (place := memory(tensor)) is None:
            return None
        written = self._written.get(place, -1)
        return written if written > node else None

    def twin(self, tensor: Tensor) -> Tensor | None:
        """Return a known tensor that lives in the memory of one that is not known."""
        beneath = physical(tensor)
        if id(beneath) in self._nodes:
            return beneath
        if (place := memory(beneath)) is None:
            return None
        self._enter(self._held[self._entered :])
        self._entered = len(self._held)
        twin = self._by_memory.get(place)
        return twin if twin is not None and twin.dtype == beneath.dtype else None

    def _enter(self, held: Sequence[Tensor]) -> None:
        for tensor in held:
            if (place := memory(tensor)) is not None:
                self._by_memory[place] = tensor
