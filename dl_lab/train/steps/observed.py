"""What a loss or a metric did with a batch, read from torch's own calls while it computed."""

from __future__ import annotations

import contextlib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd
from torch.overrides import TorchFunctionMode

from dl_lab.train.batches.structure import forward, rows, tensors


class Count(NamedTuple):
    """What a number stands for, so that those of several batches make the one of all.

    Attributes
    ----------
    of
        How many it is the mean of; a tensor where an accelerator has yet to count.
    total
        Whether it is not a mean but a sum: those of several batches are added up.
    """

    of: float | Tensor
    total: bool = False


_FUNCTIONAL = "torch.nn.functional"
# torch's functions that have a reduction, and the defaults of their arguments.
_LOSSES = {
    name: {key: one.default for key, one in inspect.signature(function).parameters.items()}
    for name, function in vars(nn.functional).items()
    if inspect.isfunction(function) and "reduction" in inspect.signature(function).parameters
}
_ELEMENTWISE = {
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "gaussian_nll_loss",
    "hinge_embedding_loss",
    "huber_loss",
    "kl_div",
    "l1_loss",
    "mse_loss",
    "poisson_nll_loss",
    "smooth_l1_loss",
    "soft_margin_loss",
}
_CLASSES = {"cross_entropy", "linear_cross_entropy", "nll_loss"}
_COPYING = {"clone", "contiguous", "detach", "double", "float", "half", "to", "type", "type_as"}
_SAME_VALUE = {
    "__float__",
    "clone",
    "contiguous",
    "cpu",
    "detach",
    "double",
    "float",
    "item",
    "neg",
    "reshape",
    "squeeze",
    "to",
    "view",
}
_SELECTING = {"__getitem__", "masked_select"}
# What a loss does with the outputs tells what they are.
_MEANS = {
    "binary_cross_entropy": "probabilities",
    "binary_cross_entropy_with_logits": "logits",
    "cross_entropy": "classes",
    "huber_loss": "targets",
    "l1_loss": "targets",
    "log_softmax": "classes",
    "logsigmoid": "logits",
    "mse_loss": "targets",
    "multi_margin_loss": "classes",
    "multilabel_soft_margin_loss": "logits",
    "nll_loss": "classes",
    "sigmoid": "logits",
    "smooth_l1_loss": "targets",
    "soft_margin_loss": "logits",
    "softmax": "classes",
}
_SUBTRACTING = {"sub", "__sub__", "rsub", "__rsub__", "subtract"}
_ADDING = {"add", "__add__", "__radd__", *_SUBTRACTING}
_DIVIDING = {"div", "divide", "__truediv__", "true_divide"}
_MULTIPLYING = {"mul", "multiply", "__mul__", "__rmul__"}
# What makes the outputs tells it too, where the loss does not.
_BOUNDED = (nn.Sigmoid, nn.Softmax, nn.Hardsigmoid)
_UNBOUNDED = (nn.Linear, nn.Bilinear, _ConvNd)
# They compute otherwise while anyone looks on.
_SHY = (nn.TransformerEncoder, nn.TransformerEncoderLayer, nn.MultiheadAttention)
_REDUCING = {
    *("mean", "nanmean", "sum", "nansum", "prod", "norm", "vector_norm", "logsumexp", "std", "var"),
    *("argmax", "argmin", "amax", "amin", "any", "all", "median", "count_nonzero"),
    *("cosine_similarity", "pairwise_distance"),
}
_PRODUCTS = {"matmul", "__matmul__", "mm", "bmm", "einsum", "tensordot"}


class Observed(TorchFunctionMode):
    """Take note of what torch computes while it is entered: first the model, then the loss.

    A loss is the mean of as many numbers as torch divided by: the targets that are not
    ``ignore_index``, the elements, the words of a mask. So it is read there: from the call of
    torch's loss function, from ``mean``, or from ``sum`` and the division after it, where they
    take what still has a place for each row. Otherwise it is not known.

    Parameters
    ----------
    inputs, targets
        Of the batch.
    loss
        Which may tell the class index that it ignores.
    wanted
        Whether to take note at all.

    Attributes
    ----------
    rows
        How many the batch has: what a number counts for where `count` is not known.
    means
        What the loss takes the outputs for: of ``"logits"``, ``"probabilities"``, ``"classes"``
        and ``"targets"``, numbers as the targets are.
    bounded
        Whether the model's outputs are probabilities by the layer that made them; None where that
        does not tell.
    ignored
        The class index that the loss ignores.

    Examples
    --------
    >>> outputs, targets = torch.randn(4, 3), torch.tensor([0, 2, -100, -100])
    >>> with Observed(None, targets) as seen:
    ...     seen.made(outputs)
    ...     loss = nn.functional.cross_entropy(outputs, targets)
    >>> seen.count(loss), seen.means, seen.rows
    (Count(of=tensor(2), total=False), {'classes'}, 4)
    """

    def __init__(
        self, inputs: object, targets: object, loss: object = None, *, wanted: bool = True
    ) -> None:
        super().__init__()
        self.wanted = wanted
        self.rows = rows(targets, inputs)
        self.means: set[str] = set()
        self.bounded: bool | None = None
        ignored = getattr(loss, "ignore_index", None)
        self.ignored: int | None = ignored if isinstance(ignored, int) else None
        self._loss = loss
        self._at_loss = True
        self._targets = targets
        self._outputs: Tensor | None = None
        self._maker: tuple[nn.Module, Tensor] | None = None
        self._judging = False
        self._classes: tuple[int, int] | None = None
        # By the number's identity, with the number, so that nothing else gets its identity.
        self._counts: dict[int, tuple[object, Count]] = {}
        # Of a tensor in another type, which one it was.
        self._copies: dict[int, tuple[Tensor, Tensor]] = {}
        # Tensors with a place for each row, word or pixel.
        self._spread: dict[int, Tensor] = {}

    def forward(self, model: nn.Module, inputs: object, *, wanted: bool = False) -> Any:  # noqa: ANN401  # any model
        """Call the model and take note of its outputs; what comes next is a loss or a metric.

        Parameters
        ----------
        wanted
            Whether to find out what makes the outputs. A loss that the model computes itself, of
            targets among its inputs, is noted in any case.
        """
        within = self.wanted and _labels_within(inputs, self._targets)
        with contextlib.ExitStack() as stack:
            if within and _can_be_observed(model):
                stack.enter_context(self)
            if wanted and _can_be_observed(model):
                for module in model.modules():
                    if isinstance(module, (*_BOUNDED, *_UNBOUNDED)):
                        stack.callback(module.register_forward_hook(self._note_maker).remove)
            outputs = forward(model, inputs)
        self.made(outputs)
        return outputs

    def _note_maker(self, module: nn.Module, _: object, output: object) -> None:
        if isinstance(output, Tensor):
            self._maker = module, output

    def entered(self, function: object) -> contextlib.AbstractContextManager[object]:
        """Return what observes a loss or a metric; nothing where it may not be."""
        look = self.wanted and _can_be_observed(function)
        self._at_loss = function is self._loss
        return self if look else contextlib.nullcontext()

    def made(self, outputs: object) -> None:
        """Take note of the model's outputs; what follows is the loss or a metric."""
        self._judging = True
        batch = (*tensors(outputs), *tensors(self._targets))
        self._spread = {id(one): one for one in batch if one.ndim and not one.is_nested}
        if isinstance(outputs, Tensor):
            self._outputs = outputs
            if self._maker is not None and _same_memory(self._maker[1], outputs):
                self.bounded = isinstance(self._maker[0], _BOUNDED)
        self._maker = None

    def count(self, value: object) -> Count:
        """Return what a number that was computed here stands for; the rows where it is not read."""
        found = self._counts.get(id(value))
        return Count(self.rows) if found is None else found[1]

    def classes(self, outputs: Tensor) -> int | None:
        """Return along which dimension the loss took the classes to lie; None if it is not known.

        It may have been given the outputs transposed or flattened.
        """
        if self._classes is None or not _same_memory(outputs, self._outputs):
            return None
        places = zip(outputs.shape, outputs.stride(), strict=True)
        found = [at for at, place in enumerate(places) if place == self._classes]
        return found[0] if len(found) == 1 else None

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,  # noqa: ANN401  # torch's signature
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401  # as above
        """Compute, and take note."""
        del types
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if torch.compiler.is_compiling():
            # What follows would become a part of what torch.compile makes.
            return result
        name = getattr(func, "__name__", "")
        if getattr(func, "__module__", None) == _FUNCTIONAL and name in _LOSSES:
            self._note_loss(name, args, kwargs, result)
        elif self._judging:
            self._note(name, (*args, *kwargs.values()), result)
        if self._judging and self._at_loss and (name in _MEANS or name in _SUBTRACTING):
            self._note_meaning(name, args, kwargs)
        return result

    def _note_meaning(self, name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        given = [one for one in (*args, *kwargs.values()) if isinstance(one, Tensor)]
        if self._outputs is None or not given:
            return
        ours = [self._is(one, self._outputs) for one in given]
        if name in _SUBTRACTING:
            wanted = tensors(self._targets)[:1]
            if any(ours) and any(self._is(one, two) for one in given for two in wanted):
                self.means.add("targets")
        # A difference is the same the other way round.
        elif ours[0] or (_MEANS[name] == "targets" and any(ours)):
            self.means.add(_MEANS[name])
            at = 1
            if name.endswith("softmax"):
                at = kwargs.get("dim", next((one for one in args[1:] if isinstance(one, int)), 1))
            if _MEANS[name] == "classes" and given[0].ndim > 1:
                self._classes = given[0].shape[at], given[0].stride(at)

    def _is(self, one: Tensor, given: Tensor) -> bool:
        """Whether it is the given tensor, a view of it, or that in another type."""
        while id(one) in self._copies:
            one = self._copies[id(one)][1]
        return _same_memory(one, given)

    def _note_loss(
        self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], result: object
    ) -> None:
        defaults = _LOSSES[name]
        asked = {**defaults, **dict(zip(defaults, args, strict=False)), **kwargs}
        if asked.get("size_average") is not None or asked.get("reduce") is not None:
            return
        if name in _CLASSES and self._at_loss and not asked["target"].is_floating_point():
            self.ignored = asked["ignore_index"]
        reduction = asked["reduction"]
        if reduction == "sum":
            self._know(result, Count(1, total=True))
        elif reduction == "none":
            self._note(name, asked.values(), result)
        elif name in _CLASSES:
            self._know(result, Count(_counted_classes(asked)))
        elif reduction == "batchmean":
            self._know(result, Count(len(asked["input"])))
        elif name in _ELEMENTWISE and (count := _counted_elements(name, asked)) is not None:
            self._know(result, Count(count))

    def _note(self, name: str, args: Iterable[object], result: object) -> None:
        """Follow what has a place for each row, and the numbers that are made of it."""
        args = list(args)
        given = [one for one in args if isinstance(one, (Tensor, int, float))]
        if isinstance(result, Tensor) and result.ndim:
            if any(self._keeps_rows(name, one, args, result) for one in given):
                self._spread[id(result)] = result
            if name in _COPYING and isinstance(args[0], Tensor) and result is not args[0]:
                self._copies[id(result)] = result, args[0]
        elif given and isinstance(result, (Tensor, float)):
            first = given[0]
            if isinstance(first, Tensor) and id(first) in self._spread:
                if name == "mean":
                    self._know(result, Count(first.numel()))
                elif name == "nanmean":
                    self._know(result, Count((~first.isnan()).sum()))
                elif name in {"sum", "nansum"}:
                    self._know(result, Count(1, total=True))
            elif (count := self._carried(name, given)) is not None:
                self._know(result, count)

    def _carried(self, name: str, given: list[Tensor | float]) -> Count | None:
        """Return what a number stands for that was made of others; None where that is not told."""
        known = [self._counts[id(one)][1] for one in given if id(one) in self._counts]
        if not known or any(isinstance(one, Tensor) and one.ndim for one in given):
            return None
        first, last = known[0], given[-1]
        divided = name in _DIVIDING and given[0] is not last and id(given[0]) in self._counts
        if divided and first.total and len(given) > 1:
            # What a sum is divided by is how many it is the mean of, unless a number that may be
            # anything, or a weight that is learnt through.
            told = isinstance(last, Tensor) or id(last) in self._counts
            return Count(last) if told and not getattr(last, "requires_grad", False) else None
        if name in _SAME_VALUE or name in _MULTIPLYING or divided:
            return first if len(known) == 1 else None
        if name in _ADDING:
            if not any(count.total for count in known):
                # What is added to a mean over the batch is most often the same for each batch.
                return first
            return first if len(known) == len(given) and all(one.total for one in known) else None
        return None

    def _keeps_rows(self, name: str, one: object, args: list[object], result: Tensor) -> bool:
        if not isinstance(one, Tensor) or id(one) not in self._spread:
            return False
        over = {
            at
            for given in args
            for at in (given if isinstance(given, (tuple, list)) else [given])
            if type(at) is int
        }
        if name in _REDUCING and over & {0, -one.ndim}:
            return False
        if name in _SELECTING or one.numel() == result.numel():
            return True
        kept = len(one) == len(result) == self.rows and one.ndim > result.ndim
        return kept and name not in _PRODUCTS

    def _know(self, result: object, count: Count) -> None:
        self._counts[id(result)] = (result, count)


def _can_be_observed(part: object) -> bool:
    """Whether a model or a loss computes the same while it is looked at.

    What ``torch.compile`` made would be compiled once more for that.
    """
    if isinstance(part, nn.Module):
        return not any(
            isinstance(module, _SHY)
            or "_orig_mod" in module._modules  # noqa: SLF001
            or module._compiled_call_impl is not None  # noqa: SLF001
            for module in part.modules()
        )
    return not hasattr(part, "_torchdynamo_orig_callable")


def _labels_within(inputs: object, targets: object) -> bool:
    """Whether the model is given the targets too, so that it may compute the loss itself.

    Examples
    --------
    >>> batch = {"x": torch.ones(2), "labels": torch.ones(2)}
    >>> _labels_within(batch, batch), _labels_within(torch.ones(2), torch.ones(2))
    (True, False)
    """
    if inputs is targets:
        return not isinstance(inputs, Tensor)
    given = {id(one) for one in tensors(inputs)}
    return any(id(one) in given for one in tensors(targets))


def together(values: list[float], counts: list[Count]) -> float:
    """Return the number of all batches from those of each; a batch that counts for 0 has none.

    Examples
    --------
    >>> together([1.0, 4.0, math.nan], [Count(2), Count(1), Count(0)])
    2.0
    """
    if counts and all(count.total for count in counts):
        return sum(values)
    kept = [(value, float(count.of)) for value, count in zip(values, counts, strict=True)]
    kept = [(value, weight) for value, weight in kept if weight]
    weights = sum(weight for _, weight in kept)
    return sum(value * weight for value, weight in kept) / weights if weights else math.nan


def which_count(targets: Tensor, ignored: int | None) -> Tensor:
    """Return which of the targets are not the one that is ignored, and not NaN.

    Examples
    --------
    >>> which_count(torch.tensor([0, -100, 2]), -100)
    tensor([ True, False,  True])
    >>> which_count(torch.tensor([156], dtype=torch.uint8), -100)
    tensor([True])
    """
    if targets.is_floating_point():
        return (targets != ignored) & ~targets.isnan()
    # Compared with a number that its type does not have, it would be with another one.
    limits = None if targets.dtype == torch.bool else torch.iinfo(targets.dtype)
    if ignored is None or limits is None or not limits.min <= ignored <= limits.max:
        return torch.ones_like(targets, dtype=torch.bool)
    return targets != ignored


def _counted_classes(asked: Mapping[str, Any]) -> float | Tensor:
    targets, weight = asked["target"], asked["weight"]
    if targets.is_floating_point():
        # Probabilities of the classes.
        return int(targets.numel()) // int(targets.shape[min(1, targets.ndim - 1)])
    counted = which_count(targets, asked["ignore_index"])
    if weight is None:
        return counted.sum()
    return (weight[targets.where(counted, 0).long()] * counted).sum()  # type: ignore[no-any-return]  # a tensor


def _counted_elements(name: str, asked: Mapping[str, Any]) -> float | Tensor | None:
    weight = asked.get("weight")
    if weight is not None and not name.startswith("binary"):
        return weight.sum()  # type: ignore[no-any-return]  # a tensor
    shapes = [one.shape for key in ("input", "target") if isinstance(one := asked.get(key), Tensor)]
    return math.prod(torch.broadcast_shapes(*shapes)) if shapes else None  # type: ignore[no-untyped-call]  # torch has no types here


def _same_memory(one: Tensor, other: Tensor | None) -> bool:
    """Whether they are views of the same numbers, flattened or transposed maybe."""
    if other is None:
        return False
    if one is other:
        return True
    if torch.strided is not one.layout or torch.strided is not other.layout:
        return False
    if one.is_nested or other.is_nested:
        return False
    try:
        return bool(one.untyped_storage()._cdata == other.untyped_storage()._cdata)  # noqa: SLF001
    except (RuntimeError, NotImplementedError):
        # Those that torch.func wraps have none.
        return False
