"""Training of any module, in a thread, with pause, step, reset and rewind."""

from __future__ import annotations

import contextlib
import inspect
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast

from torch import nn

from dl_lab import paths
from dl_lab.errors import InputError, number, refuse_unknown, shown, whole
from dl_lab.probe.modules import original
from dl_lab.train.batches.random_stream import RandomStream
from dl_lab.train.callbacks.base import Callback
from dl_lab.train.callbacks.dispatch import Hooks, listed
from dl_lab.train.checkpoint.rebuild import loss_name, make_loss, make_optimizer
from dl_lab.train.checkpoint.state import (
    SETTINGS,
    check_objects,
    check_structure,
    or_structure,
    plain,
)
from dl_lab.train.claims.claimant import TrainerClaimant
from dl_lab.train.claims.registry import CLAIMS
from dl_lab.train.control import MOST, Control
from dl_lab.train.device import described, move, resolve
from dl_lab.train.diagnosis.explain import check_model, check_optimizer
from dl_lab.train.learning_rate import learning_rate
from dl_lab.train.loop import Loop
from dl_lab.train.run import CONTROLS, Progress
from dl_lab.train.run_state import RunState, Snapshot
from dl_lab.train.steps.metrics import resolve as resolve_metrics
from dl_lab.train.steps.own import OwnSteps, check_function
from dl_lab.train.steps.precision import Precision
from dl_lab.train.steps.several import Models, as_one, parts_of

if TYPE_CHECKING:
    import os
    from concurrent.futures import Future

    import torch
    from torch import Tensor
    from torch.optim import Optimizer

    from dl_lab.train.batches.epoch import Feed
    from dl_lab.train.history.history import History
    from dl_lab.train.steps.evaluate import Data, Loss
    from dl_lab.train.steps.metrics import Metrics
    from dl_lab.train.steps.own import Numbers
    from dl_lab.train.steps.stages import StageClock
    from dl_lab.train.steps.upcoming import Upcoming
    from dl_lab.train.trial import Trial


RECORDS = ("step", "epoch")

# What a step of one's own does by itself.
_OWN_BUSINESS = ("loss", "metrics", "accumulate", "clip_norm", "precision")

_Result = TypeVar("_Result")
_Parameters = ParamSpec("_Parameters")


class Trainer:
    """Train a module in a background thread that takes commands between two steps.

    For a training step of your own, of several models or without a loss of this form: `of`.

    Parameters
    ----------
    model
        Any module, with several inputs or outputs too. Trained in place.
    loss
        ``loss(model(inputs), targets)`` gives one number, as a rule a mean over the batch. A
        function or a module.
    optimizer
        Any torch optimizer over the model's parameters.
    train
        A DataLoader, a Dataset, a tuple of tensors ``(inputs, …, targets)``, or any other iterable
        of batches that starts again each time. A batch is ``(inputs, targets)``, ``(first,
        second, …, targets)``, a mapping from the names of the model's arguments, or one tensor.
        None: `set_data` will give them.
    validation
        Likewise, measured before training and after each epoch as ``validation_loss``; or a
        mapping from names to such data, each measured and recorded under its name.
    metrics
        What to measure beside the loss; one that fails is NaN, as `notes` tells, and training
        goes on: ``"accuracy"`` and other names of
        `dl_lab.train.steps.metrics.NAMES`, or functions ``metric(outputs, targets)``. Recorded as
        ``train_accuracy`` and ``validation_accuracy``. `dl_lab.accuracy` tells how outputs and
        targets are read, and how to say what they are.
    callbacks
        `dl_lab.train.callbacks.Callback` objects.
    device
        ``"auto"``: the accelerator on which the model lies, else CUDA, else MPS, else the CPU; or
        as torch names it. The model is moved there.
    seed
        Of all that training draws from the global generators of torch, Python and numpy (dropout,
        shuffling, augmentation), whose own states stay as they are. None begins where those
        generators stand.
    logdir
        The folder to write TensorBoard event files into; ``~`` is your home.
    batch_size
        Rows in a batch that is cut from tensors or a Dataset, shuffled anew each epoch. None for
        all at once, as they were given, validation tensors too: a graph with its edges and masks.
    accumulate
        Batches in a step: loss and gradient are those of one batch of all of them, as the notes
        tell.
    clip_norm
        The largest norm of the gradient.
    precision
        ``"fp32"``, ``"bf16"`` or ``"fp16"`` (on CUDA).
    keep
        How many earlier states `rewind` can go back to, beside the beginning.
    record
        ``"step"``: the history counts steps and holds ``train_loss`` of each. ``"epoch"``: it
        counts epochs and holds that of the epoch's batches together. Where `validation` measures a
        ``train_loss`` or another such name itself, what the batches give is called ``batch_loss``
        by step and left out by epoch.
    name
        What to call the run.

    Raises
    ------
    InputError
        What cannot be trained, as far as that shows before the first step.

    Notes
    -----
    `reset`, `rewind`, `save`, `load`, trials such as `dl_lab.lr_find`, and divergence bring back
    all that steps change: parameters and buffers of the model and of the loss, whatever attributes
    of your own classes hold, counters and carried hidden states among them, the optimizer's memory
    and groups, schedulers, samplers and generators. Two things stay as they are: a callback's
    plain attributes, which come back by its `state_dict` alone, and objects of other libraries
    without a ``state_dict``. A generator that has begun, held as an attribute, cannot be put back:
    what would need that is refused before anything is touched. Samplers and data sets with a
    ``set_epoch`` are told each epoch.

    States: ``idle``, ``running``, ``paused``, ``finished``, ``failed``. A step that raises leaves
    ``failed``; a loss that is not finite leaves ``paused`` with the weights of the last good
    epoch put back. `message` tells either in a sentence.

    What several batches give together, of validation data, an epoch or an accumulated step, is what
    one batch of all of them would give: a mean has the weight of what torch divided by, such as the
    targets that are not ``ignore_index``, their class weights or the words of a mask, and a sum is
    added up. That is read from torch's calls while loss and metric compute. Where it is not read,
    as for a number that numpy computes, a median or the mean of means by feature, a batch has the
    weight of its rows; that is exact where all batches have equally many, and for what is a mean
    over the rows. Of a sum of two means with different weights, it is that of the first. A
    contrastive loss, which compares the rows of a batch with each other, and batch normalization
    know nothing of the other batches.

    A model, or what two models share, is trained by one run at a time: another is refused in a
    sentence, unless it takes the place of one that its cell started when it ran before, and that
    no variable leads to any more; that one is paused. Keep runs that are to go on in variables,
    each with a model of its own.

    Examples
    --------
    >>> import torch
    >>> points = torch.rand(64, 2)
    >>> model = torch.nn.Linear(2, 1)
    >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> trainer = Trainer(model, torch.nn.MSELoss(), sgd, (points, points.sum(1, keepdim=True)))
    >>> trainer.fit(epochs=20)
    >>> trainer.state, trainer.epoch, len(trainer.history["train_loss"])
    ('finished', 20, 20)
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Loss | OwnSteps,
        optimizer: Optimizer,
        train: Data | None,
        validation: Data | Mapping[str, Data] | None = None,
        *,
        metrics: Metrics = (),
        callbacks: Callback | Iterable[Callback] | None = (),
        device: str | torch.device = "auto",
        seed: int | None = None,
        logdir: str | os.PathLike[str] | None = None,
        batch_size: int | None = 64,
        accumulate: int = 1,
        clip_norm: float | None = None,
        precision: str = "fp32",
        keep: int = 20,
        record: str = "step",
        name: str | None = None,
        **unknown: object,
    ) -> None:
        refuse_unknown(type(self), unknown, [*inspect.signature(Trainer).parameters][:-1])
        if record not in RECORDS:
            raise InputError.unknown("record", record, RECORDS)
        own = isinstance(loss, OwnSteps)  # of `Trainer.of`
        if not own:
            _check(model, loss, optimizer)
        where = resolve(device, model)
        self.loss = None if own else loss
        self.name = name
        self.settings = {
            "batch_size": None if batch_size is None else whole("batch_size", batch_size, 1, MOST),
            "accumulate": whole("accumulate", accumulate, 1, MOST),
            "clip_norm": None if clip_norm is None else number("clip_norm", clip_norm, 1e-9, 1e9),
            "precision": precision,
            "keep": whole("keep", keep, 0, 10_000),
            "record": record,
        }
        given = listed(callbacks)
        if logdir is not None:
            from dl_lab.train.callbacks.tensorboard import TensorBoard

            given.append(TensorBoard(logdir))
        mixed = Precision(precision, where)
        seed = None if seed is None else whole("seed", seed, 0, 2**63 - 1)
        self.claimant = TrainerClaimant(self, model, optimizer)
        CLAIMS.make_room(self.claimant)
        with CLAIMS.beside(self.claimant):
            move(model, optimizer, where)
            if isinstance(loss, nn.Module):
                loss.to(where)
            self._state = RunState(
                model,
                loss,
                optimizer,
                train,
                validation,
                metrics=resolve_metrics(metrics),
                device=where,
                precision=mixed,
                record=record,
                stream=RandomStream(seed, where),
                hooks=Hooks(given, self),
                batch_size=batch_size,
                accumulate=accumulate,
                clip_norm=clip_norm,
                keep=keep,
            )
        self.saved: tuple[str, float] | None = None
        """The file that `save` wrote last, and when, as `time.time` tells it."""
        self._loop = Loop(self._state)
        self._control = Control(self._loop, self.claimant)
        self._worker = self._control.worker
        self.claimant.worker = self._worker
        self.claimant.parts = (
            self._state,
            self._state.hooks,
            self._loop,
            self._control,
            self._worker,
        )
        CLAIMS.retire(self.claimant)

    def __setattr__(self, name: str, value: object) -> None:
        # What would be kept and change nothing.
        if "_worker" in self.__dict__:
            if name in {"lr", "rate"}:
                raise InputError("trainer_rate", name=name)
            if name in _GIVEN:
                raise InputError("trainer_fixed", name=name)
        super().__setattr__(name, value)

    @classmethod
    def of(
        cls,
        step: Callable[[Any], Numbers],
        models: nn.Module | Sequence[nn.Module] | Mapping[str, nn.Module],
        optimizers: Optimizer | Sequence[Optimizer] | Mapping[str, Optimizer],
        train: Data | None,
        validation: Callable[[], Numbers] | None = None,
        *,
        callbacks: Callback | Iterable[Callback] | None = (),
        device: str | torch.device = "auto",
        seed: int | None = None,
        logdir: str | os.PathLike[str] | None = None,
        batch_size: int | None = 64,
        keep: int = 20,
        record: str = "step",
        name: str | None = None,
        **unknown: object,
    ) -> Trainer:
        """Make a Trainer of a training step of your own, for any models and optimizers.

        All else is a Trainer's: play, pause, step, rewind, reset, save and load, the seed, the
        history, callbacks and viewers. The step is called as it is, so that the numbers are those
        of a plain loop that calls it.

        Parameters
        ----------
        step
            ``step(batch)`` does all of a step: forward, backward, updates. It returns what it
            measured: one number (``train_loss``), or a mapping from names to numbers, each a series
            of that name. What it leaves out of a mapping is not recorded for that step.
        models
            All that are trained or used: one, several in a sequence or by name. Their training
            flags are the step's own business.
        optimizers
            Likewise.
        train
            What an epoch goes through, as for the constructor; a batch is handed on as the data
            give it, on the device. A step that needs no data has ``range(100)``: 100 steps an
            epoch, each given its number.
        validation
            ``validation()`` measures something before training and after each epoch and returns it
            as a step does; ``validation_`` is put before names that do not say of which data they
            are. It is called in evaluation mode, without gradients, and leaves no trace.
        callbacks, device, seed, logdir, batch_size, keep, record, name
            As for the constructor. The seed sets torch's generators as ``torch.manual_seed`` does,
            for the steps alone. By epoch, `record` takes the mean over steps.

        Raises
        ------
        InputError
            What cannot be trained, as far as that shows before the first step.

        Notes
        -----
        What belongs to a run's state is kept and put back by itself for models, optimizers,
        gradients, random numbers and data. A step that remembers something else (a running mean, a
        target network outside of `models`, an environment) is an object with ``state_dict`` and
        ``load_state_dict``, or a method of one; these are called for the rest.

        `learning_rate` is the first optimizer's; setting it changes all in proportion.
        ``tune("NAME", lr=…)`` sets one optimizer.

        A step of one's own has no loss that could be measured without training, so the learning
        rate finder and `trial` refuse it, and no callback can look between its gradients and its
        update.

        Examples
        --------
        >>> import torch
        >>> from torch import nn
        >>> from dl_lab import Trainer
        >>> generator, critic = nn.Linear(2, 1), nn.Linear(1, 1)
        >>> forge = torch.optim.Adam(generator.parameters(), lr=0.01)
        >>> judge = torch.optim.Adam(critic.parameters(), lr=0.01)
        >>> def step(real):
        ...     fake = generator(torch.randn(len(real), 2))
        ...     judge.zero_grad()
        ...     judged = nn.functional.softplus(-critic(real)).mean()
        ...     judged = judged + nn.functional.softplus(critic(fake.detach())).mean()
        ...     judged.backward()
        ...     judge.step()
        ...     forge.zero_grad()
        ...     forged = nn.functional.softplus(-critic(fake)).mean()
        ...     forged.backward()
        ...     forge.step()
        ...     return {"critic_loss": judged, "generator_loss": forged}
        >>> trainer = Trainer.of(
        ...     step,
        ...     {"generator": generator, "critic": critic},
        ...     {"forge": forge, "judge": judge},
        ...     torch.randn(256, 1) + 3,
        ...     seed=0,
        ... )
        >>> trainer.fit(epochs=2)
        >>> len(trainer.history["critic_loss"]), trainer.checkpoints
        (8, (0, 4, 8))
        >>> trainer.tune("judge", lr=0.001)
        >>> trainer.learning_rate, judge.param_groups[0]["lr"]
        (0.01, 0.001)
        """
        for setting in unknown:
            if setting in _OWN_BUSINESS:
                raise InputError("own_setting", name=setting)
        refuse_unknown(cls, unknown, [*inspect.signature(Trainer.of).parameters][:-1])
        check_function("step", step)
        optimizer = as_one(optimizers)
        several = Models(models, parts_of(optimizer).values())
        return cls(
            several,
            OwnSteps(step, several),
            optimizer,
            train,
            validation,
            callbacks=callbacks,
            device=device,
            seed=seed,
            logdir=logdir,
            batch_size=batch_size,
            keep=keep,
            record=record,
            name=name,
        )

    @property
    def model(self) -> nn.Module:
        """The module that is trained; where there are several, one that holds them by name."""
        model = self._state.model
        return model.shown if isinstance(model, Models) else model

    @property
    def models(self) -> dict[str, nn.Module]:
        """The modules that are trained, by name; one alone is ``"model"``."""
        model = self._state.model
        return dict(model.by_name) if isinstance(model, Models) else {"model": model}

    @property
    def optimizer(self) -> Optimizer:
        """The optimizer, or all as one; change its settings by `tune`, or by `call`."""
        return self._state.optimizer

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """The optimizers by name, as `tune` knows them; one alone is ``"optimizer"``."""
        parts = parts_of(self._state.optimizer)
        return dict(parts) if len(parts) > 1 else {"optimizer": self._state.optimizer}

    @property
    def epoch(self) -> int:
        """Epochs done."""
        return self._state.epoch

    @property
    def steps(self) -> int:
        """Steps done: updates of the weights."""
        return self._state.steps

    @property
    def learning_rate(self) -> float:
        """Of the optimizer's first group; set it between two steps, in proportion in all groups."""
        return learning_rate(self.optimizer)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self.tune(lr=rate)

    def tune(self, optimizer: str | None = None, /, **settings: object) -> None:
        """Change settings of the optimizer between two steps, in all its groups.

        Parameters
        ----------
        optimizer
            The name of one where there are several; None for all.
        **settings
            By their names in ``optimizer.param_groups``: ``lr``, ``momentum``, ``weight_decay``…
            The groups' learning rates keep their proportions.

        Raises
        ------
        InputError
            A setting that the optimizer does not have, or a value it cannot be.

        Examples
        --------
        >>> import torch
        >>> from dl_lab import Trainer
        >>> model = torch.nn.Linear(2, 1)
        >>> adam = torch.optim.Adam(model.parameters(), lr=0.1)
        >>> trainer = Trainer(model, torch.nn.MSELoss(), adam, (torch.rand(9, 2), torch.rand(9, 1)))
        >>> trainer.tune(lr=0.01, betas=(0.8, 0.99))
        >>> trainer.learning_rate, adam.param_groups[0]["betas"]
        (0.01, (0.8, 0.99))
        """
        self._control.tune(settings, optimizer)

    @property
    def progress(self) -> Progress:
        """How far it is."""
        return self._state.progress()

    @property
    def stages(self) -> StageClock:
        """How long each stage of the steps takes, measured between its `open` and `close`."""
        return self._state.clock

    @property
    def feed(self) -> Feed:
        """The training data as the steps take them: for looking at, not for taking from."""
        return self._state.feed

    @property
    def state(self) -> str:
        """``"idle"``, ``"running"``, ``"paused"``, ``"finished"`` or ``"failed"``."""
        return self._worker.state.value

    @property
    def ending(self) -> str | None:
        """The state that the run is about to end in, as ``on_stop`` may want to know, or None."""
        ending = self._worker.ending
        return None if ending is None else ending.value

    @property
    def message(self) -> InputError | None:
        """Why it paused or ended by itself or failed, as a sentence; otherwise None."""
        return self._control.message

    @property
    def notes(self) -> tuple[InputError, ...]:
        """What went wrong with those who only look on, such as a metric; training goes on."""
        return self._state.notes.told

    def note(self, problem: InputError, about: str = "") -> None:
        """Tell of a problem that training does not depend on: once, in `notes` and in the log.

        Parameters
        ----------
        problem
            A sentence.
        about
            What it is about; each kind of problem is told once about each thing.
        """
        self._state.notes.add(problem, about)

    @property
    def pace(self) -> float | None:
        """The most epochs a second; None for as many as it can."""
        return self._worker.pace

    @pace.setter
    def pace(self, pace: float | None) -> None:
        self._worker.pace = None if pace is None else number("pace", pace, 1e-3, 1e6)

    def start(self, epochs: int | None = None) -> None:
        """Train on from where it is, and return at once.

        Parameters
        ----------
        epochs
            How many more; an epoch begun counts as the first. None for until paused.

        Raises
        ------
        InputError
            Another run trains the model, or a part of it. Only a run of the same cell, run
            earlier, or one that no variable leads to any more, is paused instead:
            `dl_lab.train.claims.registry.Claims` tells the rule.
        """
        self._control.start(epochs)

    def pause(self, *, note: InputError | None = None, wait: bool = True) -> None:
        """Stop after the step that is running, and return when it has.

        Parameters
        ----------
        note
            Why, for `message`.
        wait
            False: return at once.
        """
        self._control.pause(note, wait=wait)

    def resume(self) -> None:
        """Go on with a paused run, up to the epoch it was to end with; a finished one stays so.

        Raises
        ------
        InputError
            Another run trains the model now, as for `start`.
        """
        self._control.resume()

    def stop(self, *, note: InputError | None = None) -> None:
        """End the run after the step that is running: state ``finished``.

        Parameters
        ----------
        note
            Why, for `message`.
        """
        self._control.stop(note)

    def step(self, n: int = 1) -> None:
        """Train on `n` batches, then be paused; returns when done.

        Raises
        ------
        InputError
            Training failed or diverged, as `message` tells; or another run trains the model, as
            for `start`.
        """
        self._control.step(n)

    def fit(self, epochs: int) -> None:
        """Train `epochs` more epochs and return when done.

        Ctrl-C or Kernel → Interrupt pauses after the step that is running, and keeps the model;
        pressed again meanwhile, it changes nothing. A step that takes longer than 1.5 s then is
        not waited for: the run pauses when it ends.

        Raises
        ------
        InputError
            Training failed or diverged, as `message` tells; or another run trains the model, as
            for `start`; or the step did not end in time after an interrupt.
        """
        self._control.fit(epochs)

    async def wait(self) -> str:
        """Wait until it runs no longer, without blocking the kernel; return the state."""
        await self._control.wait()
        return self.state

    def reset(self, *, from_here: bool = False) -> None:
        """Go back to the beginning: weights, optimizer state, random order; history empty.

        Of a loaded run that is the beginning of the one that was saved. The optimizer's settings
        stay as they are now.

        Parameters
        ----------
        from_here
            Keep the present weights, and make them the beginning from now on.

        Raises
        ------
        InputError
            Another run trains the model, as for `start`.
        """
        self._control.reset(from_here=from_here)

    def rewind(self, step: int) -> None:
        """Go back to the end of an earlier epoch, and be paused there.

        Weights, optimizer with its settings, random order and callbacks are as they were; what
        was recorded later is dropped.

        Parameters
        ----------
        step
            One of `checkpoints`.

        Raises
        ------
        InputError
            There is no state of that step; or another run trains the model, as for `start`.
        """
        self._control.rewind(step)

    def call(
        self,
        function: Callable[_Parameters, _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> Future[_Result]:
        """Run `function` between two steps; the future holds its result or what it raised.

        The place for changes to the model or the optimizer while training runs. Within the
        function other methods of the trainer may be called.
        """
        return self._control.call(function, *args, **kwargs)

    def look(
        self,
        function: Callable[_Parameters, _Result],
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> Future[_Result]:
        """Run `function` between two steps as `call` does; it must leave everything as it is.

        One that takes long ends early while the trainer `is_wanted`, and is tried again later.
        """
        return self._worker.look(lambda: function(*args, **kwargs))

    @property
    def is_wanted(self) -> bool:
        """Whether someone waits for the end of a look: to pause, start or change something.

        Examples
        --------
        >>> import torch
        >>> from dl_lab import Trainer
        >>> model = torch.nn.Linear(2, 1)
        >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> trainer = Trainer(model, torch.nn.MSELoss(), sgd, (torch.rand(9, 2), torch.rand(9, 1)))
        >>> trainer.look(lambda: trainer.is_wanted).result()
        False
        """
        return self._worker.wanted

    def while_waiting(self, poll: Callable[[], None]) -> Callable[[], None]:
        """Call `poll` about every 50 ms while `fit` or `step` block; return what ends that.

        Code that blocks the kernel in a way of its own calls `poll` of the trainer for the same.
        """
        return self._control.polls.add(poll)

    def poll(self) -> None:
        """Call what `while_waiting` was given: views stay alive while a cell waits.

        What one of them raises goes to the log `dl_lab`.

        Examples
        --------
        >>> import torch
        >>> from dl_lab import Trainer
        >>> model = torch.nn.Linear(2, 1)
        >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> trainer = Trainer(model, torch.nn.MSELoss(), sgd, (torch.rand(9, 2), torch.rand(9, 1)))
        >>> unsubscribe = trainer.while_waiting(lambda: print("a view is served"))
        >>> trainer.poll()
        a view is served
        """
        self._control.polls.tell()

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call `callback` after each change of `state`; return a function that ends that.

        It runs in whichever thread changed the state and must not wait: it only takes note.
        """
        return self._worker.on_change(callback)

    def attend(self) -> None:
        """Take note that someone looks on who could pause it."""
        self._control.attend()

    def abandon(self, note: InputError) -> None:
        """Pause because nobody can do that any more, unless a cell waits for the end; at once.

        Parameters
        ----------
        note
            Why, for `message`.
        """
        self._control.abandon(note)

    def close(self) -> None:
        """End the thread and the loader's processes for good; the model and the history stay."""
        self._control.close()

    @property
    def history(self) -> History:
        """All that was recorded."""
        return self._state.history

    @property
    def callbacks(self) -> tuple[Callback, ...]:
        """The callbacks, in the order in which they are called."""
        return self._state.hooks.callbacks

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of what is measured beside the loss."""
        return tuple(self._state.metrics)

    @property
    def device(self) -> str:
        """Where it computes, for people: ``"cpu"``, ``"cuda:0 NVIDIA H200"``."""
        return described(self._state.device)

    @property
    def controls(self) -> tuple[str, ...]:
        """What a view may offer to do with it."""
        return CONTROLS

    @property
    def checkpoints(self) -> tuple[int, ...]:
        """The steps that `rewind` can go back to."""
        return self._state.checkpoints.steps

    @property
    def kept_epochs(self) -> tuple[int, ...]:
        """How many epochs were done at each of `checkpoints`."""
        return self._state.checkpoints.epochs

    def weights_at(self, step: int, model: nn.Module | None = None) -> dict[str, Tensor]:
        """Return parameters and buffers as they were at one of `checkpoints`, by their names.

        They are not copied: leave them as they are.

        Parameters
        ----------
        step
            Of the checkpoint.
        model
            One of `models`; None for `model`.

        Raises
        ------
        InputError
            There is no state of that step.
        """
        named = self._state.weights_at(step)
        several = self._state.model
        wanted = self.model if model is None else model
        if not isinstance(several, Models) or wanted is several:
            return named
        start = next(
            f"{name}." for name, one in several.by_name.items() if original(one) is original(wanted)
        )
        return {
            name.removeprefix(start): value
            for name, value in named.items()
            if name.startswith(start)
        }

    @property
    def train(self) -> Data:
        """The training data; `set_data` changes them."""
        return self._state.train

    @property
    def validation(self) -> Data | Mapping[str, Data] | None:
        """The data measured after each epoch; `set_data` changes them."""
        return self._state.validation

    def trial(self) -> contextlib.AbstractContextManager[Trial]:
        """Try steps that leave no trace: ``with trainer.trial() as trial: trial.step()``.

        Raises
        ------
        InputError
            On entering, if the trainer runs, or another one that trains the model.
        """
        return self._control.trial()

    def state_dict(self) -> dict[str, Any]:
        """Copy the state between two steps, from which a run goes on as if nothing had been.

        Returns
        -------
        dict
            Tensors on the CPU and plain values: model, optimizer, scaler, callbacks, random
            states, place in the data, counts, history, the beginning, and what `load` needs.
        """
        return self._worker.call(self._written).result()

    def _written(self) -> dict[str, Any]:
        return plain(
            {
                **self._state.state_dict(),
                "loss": loss_name(self.loss),
                "settings": self.settings,
                "name": self.name,
            }
        )

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take back what `state_dict` returned, and be paused there.

        Raises
        ------
        InputError
            It is of another model or another optimizer; or another run trains the model, as for
            `start`. Then nothing has changed.
        """
        self._control.load(state)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a file, atomically.

        It holds the beginning too, for `reset`, and in mid-epoch the weights that the epoch began
        with, to go back to should it diverge: two and three times the weights.

        Parameters
        ----------
        path
            Of the file; its folder is made where it is missing. ``~`` is your home.

        Raises
        ------
        InputError
            `path` is not the path of a file here, or cannot be written.
        """
        from dl_lab.train.checkpoint.file import save_state

        # Before the copy, which takes its time.
        file = paths.file("path", path)
        save_state(file, self.state_dict())
        self.saved = str(file), time.time()

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        model: nn.Module,
        loss: Loss | None = None,
        optimizer: Optimizer | None = None,
        train: Data | None = None,
        validation: Data | Mapping[str, Data] | None = None,
        *,
        step: Callable[[Any], Numbers] | None = None,
        **settings: Any,  # noqa: ANN401  # those of the constructor
    ) -> Trainer:
        """Make a Trainer that goes on where a saved one stood.

        Parameters
        ----------
        path
            What `save` wrote.
        model
            Of the same layers; its weights are those of the file then.
        loss, optimizer
            None for the file's own: an optimizer of ``torch.optim``, a loss of ``torch.nn`` with
            its default settings or of ``torch.nn.functional``.
        train, validation
            The same data again, or None for `set_data` to give them.
        step
            Of a run that `of` made; `model` and `optimizer` are as given there.
        **settings
            As for the constructor; what is left out is as it was when the file was written,
            except for callbacks, metrics, device and seed.

        Raises
        ------
        InputError
            A file that is none, another model, a loss or an optimizer that has to be given.

        Examples
        --------
        >>> import pathlib, tempfile, torch
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "run.pt"
        >>> data = torch.rand(64, 2), torch.rand(64, 1)
        >>> model = torch.nn.Linear(2, 1)
        >>> adam = torch.optim.Adam(model.parameters())
        >>> trainer = Trainer(model, torch.nn.MSELoss(), adam, data, batch_size=8)
        >>> trainer.step(5)
        >>> trainer.save(path)
        >>> again = Trainer.load(path, torch.nn.Linear(2, 1), train=data)
        >>> again.steps, again.state, bool((again.model.weight == model.weight).all())
        (5, 'paused', True)
        """
        from dl_lab.train.checkpoint.file import load_state

        state = load_state(path)
        check_structure(state)
        given = state["settings"]
        kept: dict[str, Any] = {name: given[name] for name in SETTINGS if name in given}
        kept["name"] = state["name"]
        if step is not None:
            if optimizer is None:
                raise InputError("own_step_state")
            known = ("batch_size", "keep", "record", "name")
            own: dict[str, Any] = {key: kept[key] for key in known if key in kept}
            measure: Any = validation
            trainer = cls.of(step, model, optimizer, train, measure, **{**own, **settings})
            trainer.load_state_dict(state)
            return trainer
        if state.get("own") is not None:
            raise InputError("own_step_state")
        check_model(model)
        with or_structure():
            loss = loss if loss is not None else make_loss(state)
            optimizer = optimizer if optimizer is not None else make_optimizer(model, loss, state)
            check_optimizer(model, optimizer)
            check_objects(state, {"model": model, "loss": loss, "optimizer": optimizer})
        trainer = cls(model, loss, optimizer, train, validation, **{**kept, **settings})
        trainer.load_state_dict(state)
        return trainer

    def set_data(self, train: Data, validation: Data | Mapping[str, Data] | None = None) -> None:
        """Go on with other data: a new epoch begins, weights and history stay."""
        self._worker.call(self._state.take, train, validation).result()

    def evaluate(self) -> dict[str, float]:
        """Measure the validation data now; nothing is recorded."""
        return self._worker.call(self._state.losses).result()

    def upcoming(self) -> Upcoming | None:
        """Return the batch of the next step, for looks at the network on the trainer's own data.

        Between two steps: from what `look` calls. It is None between two epochs, while nothing has
        been trained yet, and where steps are a person's own, whose loss nobody knows.

        Examples
        --------
        >>> import torch
        >>> from dl_lab import Trainer
        >>> model = torch.nn.Linear(2, 1)
        >>> sgd = torch.optim.SGD(model.parameters(), lr=0.1)
        >>> data = torch.rand(9, 2), torch.rand(9, 1)
        >>> trainer = Trainer(model, torch.nn.MSELoss(), sgd, data, batch_size=3)
        >>> trainer.step()
        >>> trainer.look(trainer.upcoming).result().count
        3
        """
        return self._state.upcoming()

    def snapshot(self) -> Future[Snapshot]:
        """Copy all parameters between two steps."""
        return self._worker.call(self._state.snapshot)


def _check(model: object, loss: object, optimizer: object) -> None:
    """Refuse what cannot be trained with a loss."""
    check_model(model)
    check_optimizer(cast("nn.Module", model), optimizer)
    if inspect.isclass(loss):
        raise InputError("loss_class", given=loss.__name__)
    if not callable(loss):
        raise InputError("no_loss", given=shown(loss))


_GIVEN = inspect.signature(Trainer).parameters.keys() - {"name", "unknown"}
