"""What happens when training diverges."""

from __future__ import annotations

from dl_lab.errors import InputError, shown
from dl_lab.train.callbacks.base import Callback


class StopOnNaN(Callback):
    """Pause when the loss or a weight is no longer finite, with the last good weights put back.

    Every Trainer does so without being asked. Give it to switch that off:
    ``callbacks=[StopOnNaN(enabled=False)]`` records NaN and infinities and trains on, as a plain
    loop does.

    Parameters
    ----------
    enabled
        Whether to pause.

    Raises
    ------
    InputError
        `enabled` is neither true nor false.

    Examples
    --------
    >>> from dl_lab import Trainer
    >>> model = torch.nn.Linear(1, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=1e30)
    >>> data = (torch.ones(4, 1), torch.zeros(4, 1))
    >>> loss = torch.nn.functional.mse_loss
    >>> trainer = Trainer(model, loss, sgd, data, callbacks=[StopOnNaN(enabled=False)])
    >>> trainer.fit(epochs=5)
    >>> trainer.state, bool(trainer.history["train_loss"].values[-1] < 1e30)
    ('finished', False)
    """

    def __init__(self, enabled: bool = True) -> None:
        if not isinstance(enabled, bool):
            raise InputError("yes_no", name="enabled", given=shown(enabled))
        self.enabled = enabled
