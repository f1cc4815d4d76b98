"""How large the gradients are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dl_lab.errors import InputError, shown, whole
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.history.logged import Logged
from dl_lab.train.steps.gradients import total_norm

if TYPE_CHECKING:
    from dl_lab.train.run import Training


class GradientNorms(Callback):
    """Record the Euclidean norm of the gradient, before clipping, as series ``gradient_norm``.

    Of what the optimizer updates: a part of the model that it does not have does not count.

    Parameters
    ----------
    every
        Steps from one measurement to the next: each costs about as much as ten readings of the
        loss. Those of an accelerator are recorded a little later: no step waits for them.
    layers
        Whether to record each module that has parameters of its own too, as
        ``gradient_norm/NAME``.

    Raises
    ------
    InputError
        `every` is not a number of steps.

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

    observes = True

    def __init__(self, every: int = 100, *, layers: bool = False) -> None:
        if not isinstance(layers, bool):
            raise InputError("yes_no", name="layers", given=shown(layers))
        self.every = whole("every", every, 1, 2**32 - 1)
        self.layers = layers
        self._logged: Logged | None = None

    def on_reset(self, trainer: Training) -> None:  # noqa: ARG002  # a hook's signature
        """Forget what was on its way."""
        self._logged = None

    def on_epoch_end(self, trainer: Training) -> None:  # noqa: ARG002  # as above
        """Record what is still on its way from an accelerator."""
        self._flush()

    def on_stop(self, trainer: Training) -> None:  # noqa: ARG002  # as above
        """Record what is still on its way from an accelerator."""
        self._flush()

    def state_dict(self) -> dict[str, Any]:
        """Record what is still on its way: the history goes into the same checkpoint."""
        self._flush()
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:  # noqa: ARG002  # as above
        """Forget what was on its way: the run is elsewhere."""
        self._logged = None

    def _flush(self) -> None:
        if self._logged is not None:
            self._logged.flush()

    def on_gradients(self, trainer: Training) -> None:
        """Measure, if it is time."""
        step = trainer.steps + 1
        if step % self.every:
            return
        model = trainer.model
        trained = {
            id(one): one for group in trainer.optimizer.param_groups for one in group["params"]
        }
        parts = {"gradient_norm": list(trained.values())}
        if self.layers:
            own = "(model)" if hasattr(model, "model") else "model"
            for name, module in model.named_modules():
                parameters = module.parameters(recurse=False)
                parts[f"gradient_norm/{name or own}"] = [
                    one for one in parameters if id(one) in trained
                ]
        norms: dict[str, object] = {
            name: norm
            for name, parameters in parts.items()
            if (norm := total_norm(parameters)) is not None
        }
        if self._logged is None or self._logged.history is not trainer.history:
            self._logged = Logged(trainer.history)
        self._logged.record(step, norms)
