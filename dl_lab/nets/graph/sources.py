"""Which node holds a tensor's numbers: by the tensor itself, or by the memory it lives in."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING

from torch.multiprocessing.reductions import StorageWeakRef

from dl_lab.nets.graph.values import memory, physical

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor


class Sources:
    """Tensors and the nodes that made them, none kept longer than by those who use it.

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
        # An id comes again when its tensor is gone, so each goes with its own.
        self._nodes: dict[int, tuple[int, weakref.ref[Tensor]]] = {}
        self._known: list[weakref.ref[Tensor]] = []
        self._by_memory: dict[int, weakref.ref[Tensor]] = {}
        # The address of memory does not come again as long as somebody asks whether it is gone.
        self._written: dict[int, tuple[int, StorageWeakRef]] = {}

    def put(self, made: Iterable[Tensor], node: int, *, written: bool = False) -> None:
        """Note that tensors hold a node's numbers from now on; `written`: their views do, too."""
        for tensor in made:
            self._put(tensor, node)
            if written and (place := memory(tensor)) is not None:
                self._written[place] = (node, StorageWeakRef(tensor.untyped_storage()))
            beneath = physical(tensor)
            if beneath is not tensor:
                self._put(beneath, node)

    def _put(self, tensor: Tensor, node: int) -> None:
        reference = weakref.ref(tensor)
        self._nodes[id(tensor)] = (node, reference)
        self._known.append(reference)

    def node(self, tensor: Tensor) -> int | None:
        """Return the node whose numbers a tensor holds, if its object is known."""
        found = self._nodes.get(id(tensor))
        return None if found is None or found[1]() is not tensor else found[0]

    def also(self, tensor: Tensor, node: int) -> int | None:
        """Return the node that has written into the memory of a tensor since its own did."""
        if not self._written or (place := memory(tensor)) is None:
            return None
        written, storage = self._written.get(place, (-1, None))
        return written if written > node and storage is not None and not storage.expired() else None

    def twin(self, tensor: Tensor) -> Tensor | None:
        """Return a known tensor that lives in the memory of one that is not known."""
        beneath = physical(tensor)
        if self.node(beneath) is not None:
            return beneath
        if (place := memory(beneath)) is None:
            return None
        self._enter()
        reference = self._by_memory.get(place)
        twin = None if reference is None else reference()
        same = twin is not None and memory(twin) == place and twin.dtype == beneath.dtype
        return twin if same else None

    def _enter(self) -> None:
        for reference in self._known:
            known = reference()
            if known is not None and (place := memory(known)) is not None:
                self._by_memory[place] = reference
        self._known.clear()
