"""Why a loss refused the model's outputs or the targets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from dl_lab.errors import InputError
from dl_lab.train.batches.structure import described, kind_of
from dl_lab.train.diagnosis.place import detail_of, frames

_MODULES = {
    "CrossEntropyLoss": "cross_entropy",
    "NLLLoss": "nll_loss",
    "BCELoss": "binary_cross_entropy",
    "BCEWithLogitsLoss": "binary_cross_entropy_with_logits",
    "MSELoss": "mse_loss",
    "L1Loss": "l1_loss",
    "SmoothL1Loss": "smooth_l1_loss",
    "HuberLoss": "huber_loss",
}
_PAIRWISE = ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss")


@dataclass(frozen=True)
class Compared:
    """What was compared by which loss.

    Attributes
    ----------
    loss
        As people call it: the module's class, or the function's name.
    function
        The function of ``torch.nn.functional`` that computes it; empty for others.
    outputs, targets
        What that function was given.
    ignored
        The class index that does not count.
    """

    loss: str
    function: str
    outputs: Tensor
    targets: Tensor
    ignored: int = -100

    def refuse(self, key: str, **params: object) -> InputError:
        """Return a sentence about the two."""
        outputs, targets = described(self.outputs), described(self.targets)
        return InputError(key, loss=self.loss, outputs=outputs, targets=targets, **params)


def loss_name(loss: object) -> str:
    """Return what people call a loss.

    Examples
    --------
    >>> loss_name(torch.nn.MSELoss()), loss_name(torch.nn.functional.mse_loss)
    ('MSELoss', 'mse_loss')
    """
    return str(getattr(loss, "__name__", type(loss).__name__))


def check_pairwise(loss: object, outputs: object, targets: object) -> None:
    """Refuse shapes that a regression loss would spread over each other and average wrongly.

    Raises
    ------
    InputError
        MSELoss, L1Loss and the like with outputs and targets of different shapes.

    Examples
    --------
    >>> try:
    ...     check_pairwise(torch.nn.MSELoss(), torch.ones(4, 1), torch.ones(4))
    ... except InputError as error:
    ...     print(error.params["how"])
    targets.reshape(-1, 1)
    """
    if isinstance(outputs, Tensor) and isinstance(targets, Tensor):
        name = loss_name(loss)
        torchs = str(getattr(loss, "__module__", "")).startswith("torch.nn.")
        pairwise = torchs and _MODULES.get(name, name) in _PAIRWISE
        if pairwise and outputs.shape != targets.shape:
            raise _unequal(Compared(name, "", outputs, targets))


def explain_loss(
    error: BaseException, loss: object, outputs: object, targets: object
) -> InputError:
    """Return the sentence for an error that ``loss(outputs, targets)`` raised."""
    name, ignored = loss_name(loss), getattr(loss, "ignore_index", -100)
    function = _MODULES.get(name, name)
    for frame, _ in frames(error):
        if frame.f_globals.get("__name__") == "torch.nn.functional" and "target" in frame.f_locals:
            function = frame.f_code.co_name
            outputs, targets = frame.f_locals.get("input"), frame.f_locals["target"]
            ignored = frame.f_locals.get("ignore_index", ignored)
            break
    if outputs is None:
        return InputError("outputs_none", loss=name)
    known = function in _CHECKS
    if known and not isinstance(outputs, Tensor):
        return InputError("outputs_kind", loss=name, given=described(outputs))
    if known and not isinstance(targets, Tensor):
        return InputError("targets_kind", loss=name, given=described(targets))
    if isinstance(outputs, Tensor) and isinstance(targets, Tensor):
        compared = Compared(name, function, outputs, targets, ignored)
        sentence = _devices(compared)
        if sentence is None and known:
            sentence = _CHECKS[function](compared)
        if sentence is not None:
            return sentence
    return InputError(
        "loss_failed",
        loss=name,
        kind=type(error).__name__,
        detail=detail_of(error),
        outputs=described(outputs),
        targets=described(targets),
    )


def _devices(compared: Compared) -> InputError | None:
    if compared.outputs.device == compared.targets.device:
        return None
    return compared.refuse("loss_devices", device=compared.outputs.device)


def _classes(compared: Compared) -> InputError | None:  # noqa: PLR0911  # one return a cause
    outputs, targets = compared.outputs, compared.targets
    if outputs.ndim < 2:  # noqa: PLR2004  # [batch, classes]
        return compared.refuse("class_scores")
    whole = not targets.is_floating_point()
    if whole and targets.shape == outputs.shape:
        return compared.refuse("class_one_hot")
    wanted = outputs.shape[:1] + outputs.shape[2:]
    extra = targets.ndim == outputs.ndim and targets.shape[1] == 1
    if targets.shape != wanted and targets.shape == outputs.shape[:-1]:
        return compared.refuse("class_dimension", how=f"outputs.transpose(1, {outputs.ndim - 1})")
    if extra and targets.squeeze(1).shape == wanted:
        how = "targets.squeeze(1)" + ("" if kind_of(targets) == "int64" else ".long()")
        return compared.refuse("class_extra", wanted=list(wanted), how=how)
    if targets.shape[:1] != outputs.shape[:1]:
        count = targets.shape[0] if targets.ndim else 0
        return compared.refuse("rows_unequal", rows=len(outputs), count=count)
    if targets.shape != wanted:
        return compared.refuse("class_shape", wanted=list(wanted))
    if kind_of(targets) not in {"int64", "uint8"}:
        return compared.refuse("class_kind")
    return _class_range(compared)


def _class_range(compared: Compared) -> InputError | None:
    targets, count = compared.targets, compared.outputs.shape[1]
    if targets.device.type != "cpu":
        return None
    counted = targets[targets != compared.ignored]
    if not counted.numel():
        return None
    low, high = int(counted.min()), int(counted.max())
    if low >= 0 and high < count:
        return None
    if count == 1:
        return compared.refuse("one_score", low=low, high=high)
    return compared.refuse("class_range", low=low, high=high, last=count - 1)


def _binary(compared: Compared) -> InputError | None:
    outputs, targets = compared.outputs, compared.targets
    if outputs.shape != targets.shape:
        return _unequal(compared)
    if not targets.is_floating_point():
        return compared.refuse("float_targets")
    if compared.function == "binary_cross_entropy" and outputs.device.type == "cpu":
        low, high = outputs.min().item(), outputs.max().item()
        if not (low >= 0 and high <= 1):
            return compared.refuse("not_probabilities", low=f"{low:.3g}", high=f"{high:.3g}")
        low, high = targets.min().item(), targets.max().item()
        if not (low >= 0 and high <= 1):
            return compared.refuse("targets_range", low=f"{low:.3g}", high=f"{high:.3g}")
    return None


def _numbers(compared: Compared) -> InputError | None:
    if compared.outputs.shape != compared.targets.shape:
        return _unequal(compared)
    if not compared.targets.is_floating_point():
        return compared.refuse("float_targets")
    return None


def _unequal(compared: Compared) -> InputError:
    outputs, targets = compared.outputs, compared.targets
    if outputs.numel() == targets.numel():
        batched = outputs.shape[:1] == targets.shape[:1]
        shape = (-1, *outputs.shape[1:]) if batched else outputs.shape
        how = f"targets.reshape({', '.join(map(str, shape))})"
        return compared.refuse("shapes_reshape", how=how)
    if outputs.ndim and targets.ndim and outputs.shape[0] != targets.shape[0]:
        return compared.refuse("rows_unequal", rows=outputs.shape[0], count=targets.shape[0])
    return compared.refuse("shapes_unequal")


_CHECKS: dict[str, Callable[[Compared], InputError | None]] = {
    "cross_entropy": _classes,
    "nll_loss": _classes,
    "binary_cross_entropy": _binary,
    "binary_cross_entropy_with_logits": _binary,
    **dict.fromkeys(_PAIRWISE, _numbers),
}
