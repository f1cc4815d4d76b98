"""`dl_lab.watch`: one's own training loop, with the plot of a Trainer."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from dl_lab.train.watch.run import WatchedRun

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import nn
    from torch.optim import Optimizer

    from dl_lab.train.learning_rate import Rate


def watch(
    model: nn.Module | None = None,
    optimizer: Optimizer | Rate | None = None,
    *,
    schedulers: object | Iterable[object] = (),
    name: str | None = None,
    epochs: int | None = None,
    steps: int | None = None,
    plot: bool = True,
) -> WatchedRun:
    """Watch a training loop of your own: a live plot, with Pause, Step and Stop.

    Parameters
    ----------
    model
        The model that is trained; tells the device.
    optimizer
        Its learning rate is recorded, and can be set from the plot.
    schedulers
        The optimizer's learning rate schedulers, one or several: they then go on from a rate that
        is set from the plot. One that is not given here may undo that with its next step, as
        LambdaLR does, which computes each rate from the first.
    name
        Of the run, in the plot's legend.
    epochs, steps
        How many there will be, for the progress bar and the time left.
    plot
        Whether to show a `LossPlot` at once; only done in a notebook.

    Returns
    -------
    WatchedRun
        A context manager; call its `log` once a step.

    Notes
    -----
    Without a ``with`` block the run begins with its first `log`, and it counts as running, in the
    plot too, until you call its `end`.

    Examples
    --------
    >>> import dl_lab
    >>> import torch
    >>> model = torch.nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> x = torch.linspace(-1, 1, 64)[:, None]
    >>> with dl_lab.watch(model, optimizer, steps=100) as run:
    ...     for _ in range(100):
    ...         loss = (model(x) - 2 * x).square().mean()
    ...         optimizer.zero_grad()
    ...         loss.backward()
    ...         optimizer.step()
    ...         run.log(loss=loss)
    >>> run.state, len(run.history["loss"])
    ('finished', 100)
    """
    run = WatchedRun(model, optimizer, schedulers=schedulers, name=name, epochs=epochs, steps=steps)
    if plot and _in_notebook():
        from IPython.display import display

        from dl_lab.widgets.loss_plot import LossPlot

        display(LossPlot(run))  # type: ignore[no-untyped-call]  # IPython has no types here
    return run


def _in_notebook() -> bool:
    # Where IPython was not imported there is no notebook either.
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")
