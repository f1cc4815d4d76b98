"""The step, and the operation in it, in which a run's numbers stopped being finite."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dl_lab.errors import InputError
from dl_lab.kept.objects import Kept
from dl_lab.probe.flow.origin import origin
from dl_lab.probe.flow.passes import hear
from dl_lab.probe.looks.turns import CalledOff
from dl_lab.probe.modules import original

if TYPE_CHECKING:
    from dl_lab.nets.graph.nodes import Graph, Node
    from dl_lab.probe.flow.passes import Heard
    from dl_lab.train.steps.upcoming import Upcoming
    from dl_lab.train.trainer import Trainer
    from dl_lab.train.trial import Trial

Where = Literal["forward", "loss", "backward", "update"]


@dataclass(frozen=True)
class NotFinite:
    """Where a number that is not finite came up first.

    Attributes
    ----------
    step
        The number of the step, as in the History.
    where
        ``"forward"``; ``"loss"`` where all that the model computed was finite; ``"backward"``; or
        ``"update"`` where the gradients were finite, too, and the optimizer made the weight so.
    kind
        ``"nan"``, or ``"inf"`` where there was no NaN.
    heard
        What that step's passes showed.
    node
        The operation's index in its graph, or the weight's; of a loss that of the model's output.
    infinite
        Of a NaN made forward: the first node that it depends on where a number was infinite.
    """

    step: int
    where: Where
    kind: Literal["nan", "inf"]
    heard: Heard
    node: int
    infinite: int | None = None

    @property
    def graph(self) -> Graph:
        """The graph of that step's forward pass."""
        return self.heard.graph

    @property
    def operation(self) -> Node:
        """The node itself."""
        return self.graph.nodes[self.node]

    def __str__(self) -> str:
        """Say it."""
        return str(self.sentence)

    @property
    def sentence(self) -> InputError:
        """What happened, for people, in both languages."""
        return told(self.graph, self.node, self.where, self.kind, self.step)


def told(graph: Graph, index: int, where: Where, kind: str, step: int) -> InputError:
    """Return a sentence for a node that is not finite.

    Examples
    --------
    >>> import torch
    >>> from dl_lab.nets.graph.trace import trace
    >>> graph = trace(torch.nn.Sequential(torch.nn.ReLU()), [torch.ones(1)])
    >>> print(told(graph, 1, "forward", "nan", 3))
    Step 3: the first NaN came up in the forward pass, in relu of 0.
    """
    node = graph.nodes[index]
    whole = graph.modules.get("")
    line = "" if node.line is None else node.line.text
    return InputError(
        f"not_finite_{where}",
        step=step,
        kind="NaN" if kind == "nan" else "∞",
        operation=node.name,
        place=node.module or ("forward" if whole is None else whole.class_name),
        line=f" (`{line}`)" if line else "",
    )


def first_not_finite(trainer: Trainer, *, gives_way: bool = False) -> NotFinite | None:
    """Do a run's last steps again until a number is not finite, and find out where it came up.

    The steps are the same as they were: weights, data and random numbers come from the last
    checkpoint whose weights are finite. Afterwards the run is where it was.

    Parameters
    ----------
    trainer
        At rest.
    gives_way
        Whether it ends where somebody wants the trainer meanwhile.

    Returns
    -------
    NotFinite or None
        None where all steps done until now give finite numbers.

    Raises
    ------
    InputError
        It trains at this moment, its steps are a person's own, or no state is kept to go back to.
    CalledOff
        It gave way.

    Examples
    --------
    >>> from torch import nn
    >>> from dl_lab import Trainer
    >>> class Root(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.linear = nn.Linear(1, 1, bias=False)
    ...     def forward(self, x):
    ...         return self.linear(x).abs().sqrt()
    >>> sgd, data = torch.optim.SGD, (torch.tensor([[1.0], [0.0]]), torch.zeros(2, 1))
    >>> model = Root()
    >>> trainer = Trainer(model, nn.MSELoss(), sgd(model.parameters(), lr=0.1), data, seed=0)
    >>> try:
    ...     trainer.fit(epochs=3)
    ... except InputError as error:
    ...     print(error.key)
    diverged
    >>> found = first_not_finite(trainer)
    >>> found.step, found.where, found.operation.name
    (1, 'backward', 'sqrt')
    """
    last = trainer.steps
    with trainer.trial() as trial:
        begin = _last_good(trainer)
        trial.go_to(begin)
        rates = _rates(trainer)
        for step in range(begin + 1, last + 1):
            if gives_way and trainer.is_wanted:
                raise CalledOff
            if rates.get(step, trial.learning_rate) != trial.learning_rate:
                trial.learning_rate = rates[step]
            found = _tried(trainer, trial, step)
            if found is not None:
                return found
    return None


def _rates(trainer: Trainer) -> dict[int, float]:
    """Return the learning rates that were set on the way, by a person or a schedule."""
    history = trainer.history
    if "learning_rate" not in history or trainer.settings["record"] != "step":
        return {}
    series = history["learning_rate"]
    return {int(step): float(rate) for step, rate in zip(series.steps, series.values, strict=True)}


def _last_good(trainer: Trainer) -> int:
    for step in reversed(trainer.checkpoints):
        if step <= trainer.steps and _finite(trainer.weights_at(step).values()):
            return step
    raise InputError("no_checkpoint", given=trainer.steps, allowed="")


def _finite(tensors: object) -> bool:
    return all(bool(one.isfinite().all()) for one in tensors if one.is_floating_point())  # type: ignore[attr-defined]  # tensors


def _tried(trainer: Trainer, trial: Trial, step: int) -> NotFinite | None:
    model = trainer.model
    batches = trial.upcoming()
    before = Kept({"model": model, "loss": trainer.loss})
    random = trial.random
    loss = trial.step()
    wrong = [name for name, one in model.named_parameters() if not _finite([one])]
    if math.isfinite(loss) and not wrong:
        return None
    before.put_back()
    trial.random = random
    with trial.drawing():
        seen = [_looked(trainer, rows, step) for rows in batches]
    found = next((one for one in seen if isinstance(one, NotFinite)), None)
    if found is not None:
        return found
    return _updated(seen[0], wrong, step)


def _looked(trainer: Trainer, rows: Upcoming, step: int) -> NotFinite | Heard:
    heard = hear(original(trainer.model), rows, 0, rows.count)
    graph = heard.graph
    if graph.failure is not None:
        raise graph.failure.error
    found = origin(heard)
    if found is not None:
        where: Where = "backward" if found.backward else "forward"
        return NotFinite(step, where, found.kind, heard, found.node, found.infinite)
    loss = heard.loss
    if loss is not None and not bool(loss.isfinite().all()):
        kind: Literal["nan", "inf"] = "nan" if bool(loss.isnan().any()) else "inf"
        return NotFinite(step, "loss", kind, heard, graph.outputs[0])
    return heard


def _updated(heard: NotFinite | Heard, wrong: list[str], step: int) -> NotFinite | None:
    """Say which weight an update made infinite."""
    if isinstance(heard, NotFinite):
        return heard
    names = {name.replace("_orig_mod.", "") for name in wrong}
    for index, node in enumerate(heard.graph.nodes):
        name = f"{node.module}.{node.name}" if node.module else node.name
        if node.kind == "parameter" and name in names:
            return NotFinite(step, "update", "inf", heard, index)
    return None
