"""How large the gradients are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.utils import get_total_norm

from dl_lab.errors import InputError, whole
from dl_lab.train.callbacks.base import Callback

if TYPE_CHECKING:
    from dl_lab.train.trainer import Trainer


class GradientNorms(Callback):
    """Record the Euclidean norm of the gradient, before clipping, as series ``gradient_norm``.

    Parameters
    ----------
    every
        Steps from one measurement to the next: each costs about as much as ten readings of the
        loss, and on an accelerator it waits for the device.
    layers
        Whether to record each module that has parameters of its own too, as
        ``gradient_norm/NAME``.

    Raises
    ------
    InputError
        `every` is no number of steps.

    Examples
    --------
    >>> from dl_lab import Trainer
    >>> model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Tanh(), torch.nn.Linear(3, 1))
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> data, loss = (torch.ones(4, 2), torch.ones(4, 1)), torch.nn.functional.mse_loss
    >>> norms = GradientNorms(every=5, layers=True)
    >>> trainer = Trainer(model, loss, sgd, data, callbacks=[norms])
    >>> trainer.fit(epochs=10)
    >>> trainer.history["gradient_norm"].steps
    array([ 5, 10], dtype=uint32)
    >>> [name for name in trainer.history if name.startswith("gradient_norm/")]
    ['gradient_norm/0', 'gradient_norm/2']
    """

    def __init__(self, every: int = 100, *, layers: bool = False) -> None:
        if not isinstance(layers, bool):
            raise InputError("yes_no", name="layers", given=repr(layers))
        self.every = whole("every", every, 1, 2**32 - 1)
        self.layers = layers

    def on_gradients(self, trainer: Trainer) -> None:
        """Measure, if it is time."""
        step = trainer.steps + 1
        if step % self.every:
            return
        parts = {"gradient_norm": list(trainer.model.parameters())}
        if self.layers:
            for name, module in trainer.model.named_modules():
                parts[f"gradient_norm/{name or 'model'}"] = list(module.parameters(recurse=False))
        norms = {}
        for name, parameters in parts.items():
            gradients = [item.grad for item in parameters if item.grad is not None]
            if gradients:
                norms[name] = float(get_total_norm(gradients))
        trainer.history.append(step, **norms)
