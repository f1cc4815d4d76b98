"""Errors as sentences: what was given, what is allowed, what to do.

Every sentence has a key, so that a view can say it in its own language: the catalogues in
``js/shared/locales`` hold the same keys under ``error``, and a test compares them with this table.
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable

SENTENCES = {
    "choice": "{name} cannot be {given}. Choose one of: {allowed}.",
    "choice_near": "{name} cannot be {given}; did you mean {near}? Choose one of: {allowed}.",
    "whole": "{name} must be a whole number between {low} and {high}; {given} is not.",
    "number": "{name} must be a number between {low} and {high}; {given} is not.",
    "yes_no": "{name} must be true or false; {given} is neither.",
    "stale_network": "The network has changed since; look at the new one and edit that.",
    "some": "{name} cannot be empty. Keep at least one of: {allowed}.",
    "sizes": "{name} must be a list of whole numbers, such as (4, 2); {given} is not.",
    "too_many": "{name} can have at most {most} entries; {given} were given.",
    "unexpected": "Something went wrong in the kernel ({kind}: {detail}). "
    "The kernel's log tells more.",
    "step_failed": "A training step raised {kind}: {detail}. Mend that and start again; "
    "the weights are as they were.",
    "diverged": "Training diverged: in epoch {epoch} the loss or a weight became {value}. "
    "The weights of epoch {kept} are back. Try a smaller learning rate ({learning_rate} now), "
    "less regularization, or features of a smaller scale.",
    "shapes": "The outputs have the shape {output} and the targets {target}; they must be equal.",
    "no_batches": "The training data hold no batch. Give at least one (inputs, targets) pair.",
    "closed": "{name} is closed. Make a new one to go on.",
    "not_dense": "{name} needs an nn.Sequential of linear layers and activations, as "
    "dl_lab.nets.dense builds it; {given} is another network.",
    "parameters": "This network has {count} parameters; {given} were given.",
    "twice": "{name} has {given} twice. Give each at most once.",
}


class InputError(ValueError):
    """A value that cannot be used, told in one sentence.

    Parameters
    ----------
    key
        The sentence in `SENTENCES`.
    **params
        What goes into its placeholders; shown as text.

    Examples
    --------
    >>> str(InputError("number", name="noise", low=0, high=50, given=80))
    'noise must be a number between 0 and 50; 80 is not.'
    """

    def __init__(self, key: str, **params: object) -> None:
        self.key = key
        self.params = {name: str(value) for name, value in params.items()}
        super().__init__(SENTENCES[key].format_map(self.params))

    @classmethod
    def unknown(cls, name: str, given: object, allowed: Iterable[object]) -> InputError:
        """Say that `given` is none of `allowed`, and which of them is nearest."""
        choices = ["None" if choice is None else str(choice) for choice in allowed]
        near = difflib.get_close_matches(str(given), choices, n=1)
        listed = ", ".join(choices)
        if near:
            return cls("choice_near", name=name, given=repr(given), near=near[0], allowed=listed)
        return cls("choice", name=name, given=repr(given), allowed=listed)


def number(name: str, given: object, low: float, high: float) -> float:
    """Return `given` as a float if it is a number from `low` to `high`, or raise `InputError`."""
    if not isinstance(given, bool) and isinstance(given, numbers.Real):
        value = float(given)
        if low <= value <= high:
            return value
    raise InputError("number", name=name, low=low, high=high, given=repr(given))


def whole(name: str, given: object, low: int, high: int) -> int:
    """Return `given` as an int if it is a whole number from `low` to `high`, or raise."""
    if not isinstance(given, bool) and isinstance(given, numbers.Integral):
        value = int(given)
        if low <= value <= high:
            return value
    raise InputError("whole", name=name, low=low, high=high, given=repr(given))
