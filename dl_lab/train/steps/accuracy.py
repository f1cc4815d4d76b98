"""Which outputs are right: what they and the targets mean, and the share of those that agree."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from dl_lab.errors import InputError
from dl_lab.train.batches.structure import described
from dl_lab.train.steps.observed import Observed, which_count

IGNORED = -100
"""The class index that torch's losses ignore unless told otherwise."""

_CLOSE = 1e-3


class Reading(NamedTuple):
    """What outputs and targets mean.

    Attributes
    ----------
    dimension
        Of the outputs, along which the classes lie; None where each output is a yes or no.
    scores
        Whether the targets have a number for each class too, of which the largest counts.
    threshold
        Above which an output is a yes.
    ignored
        The target that does not count.
    guessed
        Whether the values of one batch told it, the threshold or the dimension, so that those of
        another may contradict.
    low
        The targets' no: 0 or -1.
    soft
        Whether targets may lie between 0 and 1.
    """

    dimension: int | None
    scores: bool = False
    threshold: float = 0.0
    ignored: int = IGNORED
    guessed: bool = False
    low: int = 0
    soft: bool = False


def accuracy(
    outputs: Tensor,
    targets: Tensor,
    *,
    k: int = 1,
    threshold: float | None = None,
    labels: bool | None = None,
    dim: int | None = None,
    ignore_index: int | None = None,
) -> Tensor:
    """Return the share of targets that the outputs get right.

    What is not given is read from the values. Where they can be read in two ways, a sentence asks
    which is meant; as a Trainer's metric, ``functools.partial(accuracy, labels=True)`` answers.

    Parameters
    ----------
    outputs
        [n, classes, …] scores, or [n, …, classes] where that fits the targets; [n], [n, 1] or
        [n, 1, …] for two classes, one number a target; the targets' shape for several labels.
    targets
        [n, …] class indices; 0 or 1, or -1 or 1, for two classes; of the outputs' shape, 0 and 1:
        one class a row where each row sums to 1, several labels otherwise.
    k
        Of the highest outputs, how many count as right.
    threshold
        Above which an output is a yes: 0 for logits, ½ for probabilities. None: ½ where all are
        in [0, 1].
    labels
        Whether each output is a yes or no of its own, or the highest of each row counts.
    dim
        Along which dimension of the outputs the classes lie.
    ignore_index
        The target that does not count; None for -100. Targets that are NaN do not count either.

    Returns
    -------
    Tensor
        0-d, float32, on the outputs' device; NaN where no target counts.

    Raises
    ------
    InputError
        Shapes that do not fit each other, targets that are not classes, or two possible readings.

    Examples
    --------
    >>> accuracy(torch.tensor([[2.0, 1.0], [0.0, 3.0]]), torch.tensor([0, 0]))
    tensor(0.5000)
    >>> accuracy(torch.tensor([0.2, 0.7]), torch.tensor([0, 0]))
    tensor(0.5000)
    >>> accuracy(torch.tensor([[0.1, 0.3, 0.6]]), torch.tensor([1]), k=2)
    tensor(1.)
    """
    return Classified(k, threshold, labels, dim, ignore_index)(outputs, targets)


class Classified:
    """`accuracy` that reads outputs and targets once and keeps to that.

    Parameters
    ----------
    k, threshold, labels, dim, ignore_index
        As for `accuracy`.

    Attributes
    ----------
    seen
        What the loss did with the batch that comes next, which tells what the outputs are.
    checks
        Whether values may be read to see if a batch fits the ones before; an accelerator would
        be waited for.
    counted
        How many targets of the last batch counted.
    """

    def __init__(
        self,
        k: int = 1,
        threshold: float | None = None,
        labels: bool | None = None,
        dim: int | None = None,
        ignore_index: int | None = None,
    ) -> None:
        self.seen: Observed | None = None
        self.checks = True
        self.counted: Tensor | float = 0
        self.name = "accuracy" if k == 1 else f"top{k}"
        self._k = k
        self._threshold = threshold
        self._labels = labels
        self._dim = dim
        self._ignored = ignore_index
        self._reading: Reading | None = None

    @property
    def undecided(self) -> bool:
        """Whether it has yet to read."""
        return self._reading is None

    def forget(self) -> None:
        """Read anew: other data come."""
        self._reading = None

    def __call__(self, outputs: object, targets: object) -> Tensor:
        """Return the share on a batch."""
        outputs, targets = two_tensors(self.name, outputs, targets)
        first, checks = self._reading is None, self.checks and targets.is_cpu
        reading = self._kept(outputs, targets, anew=checks)
        if reading.dimension is None:
            right = (outputs > reading.threshold).reshape(-1) == (targets > 1 / 2).reshape(-1)
            return self._share(right, targets.reshape(-1), reading.ignored)
        wanted = _indices(outputs, targets, reading.dimension)
        if reading.scores and targets.shape == outputs.shape:
            wanted = targets.argmax(reading.dimension)
        elif wanted is None or reading.scores:
            raise misfit(self.name, outputs, targets)
        elif (first or checks) and not wanted.is_meta and wanted.numel():
            self._check_classes(outputs, targets, reading)
        if self._k == 1:
            right = outputs.argmax(reading.dimension) == wanted
        else:
            most = min(self._k, outputs.shape[reading.dimension])
            highest = outputs.topk(most, dim=reading.dimension).indices
            right = (highest == wanted.unsqueeze(reading.dimension)).any(reading.dimension)
        return self._share(right, wanted, reading.ignored)

    def _share(self, right: Tensor, targets: Tensor, ignored: int) -> Tensor:
        counted = which_count(targets, ignored)
        self.counted = counted.sum()
        return (right & counted).sum() / self.counted

    def _kept(self, outputs: Tensor, targets: Tensor, *, anew: bool) -> Reading:
        """Return how the first batch was read; a later one must not contradict what it told."""
        known, self.seen, seen = self._reading, None, self.seen
        if known is None:
            self._reading = known = self._read(outputs, targets, seen)
        elif anew and known.dimension is None:
            low, _ = self._values(outputs, targets, known.ignored, soft=known.soft)
            if low < known.low:
                raise self._asks("accuracy_values", outputs, targets)
            if known.guessed and not _within(outputs):
                raise self._asks("accuracy_border", outputs, targets)
        elif anew and known.guessed and known.dimension not in _ones(targets.float()):
            raise self._asks("accuracy_one_hot", outputs, targets)
        return known

    def _read(self, outputs: Tensor, targets: Tensor, seen: Observed | None) -> Reading:
        means = set() if seen is None else seen.means
        read = self._ignored if seen is None or self._ignored is not None else seen.ignored
        ignored = IGNORED if read is None else read
        told = self._k > 1 or self._dim is not None or self._labels is False
        classes = told or (self._labels is None and "classes" in means)
        soft = bool(means & _EACH) or bool(self._labels)
        if not classes and _one_number_each(outputs, targets):
            low, _ = self._values(outputs, targets, ignored, soft=soft)
            threshold, guessed = self._border(outputs, targets, low, seen)
            return Reading(None, False, threshold, ignored, guessed, low, soft)
        if outputs.shape != targets.shape:
            return Reading(self._dimension(outputs, targets, seen), ignored=ignored)
        if outputs.shape[1:].numel() == 1:
            raise misfit(self.name, outputs, targets)
        if classes and outputs.ndim == 2:  # noqa: PLR2004  # [n, classes]
            return Reading(1, scores=True, ignored=ignored)
        dimension = self._dim if seen is None or self._dim is not None else seen.classes(outputs)
        if classes and dimension is not None:
            return Reading(dimension % outputs.ndim, scores=True, ignored=ignored)
        low, ones = self._values(outputs, targets, ignored, soft=soft)
        if classes or (ones and self._labels is None):
            if means & _EACH and not classes:
                raise self._asks("accuracy_one_hot", outputs, targets)
            if len(ones) != 1:
                raise self._asks("accuracy_dimension", outputs, targets)
            return Reading(ones[0], scores=True, ignored=ignored, guessed=not classes)
        threshold, guessed = self._border(outputs, targets, low, seen)
        return Reading(None, False, threshold, ignored, guessed, low, soft)

    def _border(
        self, outputs: Tensor, targets: Tensor, low: int, seen: Observed | None
    ) -> tuple[float, bool]:
        """Return above which an output is a yes, and whether its values alone told that."""
        if self._threshold is not None:
            return self._threshold, False
        means = set() if seen is None else seen.means
        if "logits" in means and seen is not None and seen.bounded:
            raise self._asks("accuracy_border", outputs, targets)
        # Outputs that are to come close to the targets have their border between these.
        told = {"logits": 0.0, "probabilities": 1 / 2, "targets": (low + 1) / 2}
        for meaning, threshold in told.items():
            if meaning in means:
                return threshold, False
        if seen is not None and seen.bounded is not None:
            return 1 / 2 if seen.bounded else 0.0, False
        within = not outputs.is_meta and _within(outputs)
        return (1 / 2, True) if within else (0.0, False)

    def _values(
        self, outputs: Tensor, targets: Tensor, ignored: int, *, soft: bool
    ) -> tuple[int, list[int]]:
        """Return the targets' no, 0 or -1, and along which dimensions they sum to 1.

        Raises
        ------
        InputError
            Other values; numbers between 0 and 1 too, unless they are `soft` labels.
        """
        if targets.is_meta:
            return 0, []
        counted = which_count(targets, ignored)
        values = targets.where(counted, 0).float()
        low = -1 if bool((values < 0).any()) else 0
        hard = (values == low) | (values == 1) | ~counted
        fits = bool(hard.all())
        ones: list[int] = []
        if low == 0 and targets.ndim > 1 and bool(counted.all()):
            ones = _ones(values)
        if not fits:
            between = low == 0 and bool((values <= 1).all())
            if not (between and (ones or soft)):
                raise self._asks("accuracy_values", outputs, targets)
        return low, ones

    def _dimension(self, outputs: Tensor, targets: Tensor, seen: Observed | None) -> int:
        """Return along which dimension of the outputs the classes lie."""
        places = {1, outputs.ndim - 1} if self._dim is None else {self._dim % outputs.ndim}
        fits = [at for at in sorted(places) if _indices(outputs, targets, at) is not None]
        if not fits or outputs.ndim == 1 or (self._k > 1 and outputs.shape[fits[0]] == 1):
            raise misfit(self.name, outputs, targets)
        if len(fits) > 1:
            found = None if seen is None else seen.classes(outputs)
            if found is None:
                raise self._asks("accuracy_dimension", outputs, targets)
            return found
        return fits[0]

    def _check_classes(self, outputs: Tensor, targets: Tensor, reading: Reading) -> None:
        """Ask about targets that are not classes."""
        assert reading.dimension is not None  # noqa: S101  # mypy does not see it
        last = outputs.shape[reading.dimension] - 1
        low, high = targets.min(), targets.max()
        if not targets.is_floating_point() and low >= 0 and high <= last:
            return
        counted = targets.where(which_count(targets, reading.ignored), 0)
        if bool((counted != counted.round()).any()):
            raise self._asks("accuracy_values", outputs, targets)
        low, high = counted.min(), counted.max()
        if low < 0 or high > last:
            wrong = int(low if low < 0 else high)
            raise self._asks("accuracy_range", outputs, targets, last=last, wrong=wrong)

    def _asks(self, key: str, outputs: Tensor, targets: Tensor, **more: object) -> InputError:
        given = {"outputs": described(outputs), "targets": described(targets)}
        more = {**more, "more": "" if self._k == 1 else f"k={self._k}, "}
        return InputError(key, name=self.name, **given, **more)


_EACH = {"logits", "probabilities"}


def _one_number_each(outputs: Tensor, targets: Tensor) -> bool:
    """Whether there is one output for each target and no dimension for classes."""
    if outputs.ndim == 1 or outputs.shape[1] == 1:
        return _without_ones(outputs) == _without_ones(targets)
    return outputs.shape[-1] == 1 and targets.shape == outputs.shape[:-1]


def _ones(values: Tensor) -> list[int]:
    """Return along which of the dimensions that may hold classes the values sum to 1."""
    places = sorted({1, values.ndim - 1})
    return [at for at in places if bool(((values.sum(at) - 1).abs() < _CLOSE).all())]


def _within(outputs: Tensor) -> bool:
    """Whether they may be probabilities."""
    return bool(((outputs >= 0) & (outputs <= 1)).all())


def _without_ones(tensor: Tensor) -> list[int]:
    return [size for size in tensor.shape[1:] if size != 1] + list(tensor.shape[:1])


def _indices(outputs: Tensor, targets: Tensor, dimension: int) -> Tensor | None:
    """Return class indices in the shape of the outputs without their classes, or None."""
    if targets.ndim == outputs.ndim > 1 and targets.shape[1] == 1:
        targets = targets.squeeze(1)
    wanted = outputs.shape[:dimension] + outputs.shape[dimension + 1 :]
    return targets if targets.shape == wanted else None


def two_tensors(name: str, outputs: object, targets: object) -> tuple[Tensor, Tensor]:
    """Return outputs and targets without their gradients, or say that they are not two tensors."""
    if not isinstance(outputs, Tensor) or not isinstance(targets, Tensor) or outputs.ndim == 0:
        raise misfit(name, outputs, targets)
    return outputs.detach(), targets.detach()


def misfit(name: str, outputs: object, targets: object) -> InputError:
    """Return the sentence for outputs and targets that a metric cannot compare."""
    return InputError(
        "metric_shapes", name=name, outputs=described(outputs), targets=described(targets)
    )
