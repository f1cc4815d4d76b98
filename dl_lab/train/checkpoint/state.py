"""The whole state of a run between two steps: in memory, and as plain values for a file."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from dl_lab.errors import InputError, whole
from dl_lab.kept.generators import CPU
from dl_lab.kept.objects import Kept
from dl_lab.kept.read import WRONG, read
from dl_lab.kept.written import written
from dl_lab.train.batches.random_stream import RandomStream
from dl_lab.train.checkpoint.plain_state import from_plain, to_plain

VERSION = 2

_MOST = 2**53


@dataclass
class Place:
    """All that steps change, and where the data stand.

    Attributes
    ----------
    epoch, steps
        How many are done.
    objects
        What model, loss, metrics, optimizer and callbacks hold.
    scaler, callbacks
        Their own ``state_dict()``.
    first, now
        Of the random stream.
    own, own_first
        Of a step of a person's own: its state now and at the beginning.
    feed
        Where the data stand; None where there are none yet.
    awaited
        Where data stand that are still to come, as it was written.
    """

    epoch: int
    steps: int
    objects: Kept
    scaler: dict[str, Any] | None
    callbacks: list[dict[str, Any]]
    first: tuple[Any, ...]
    now: tuple[Any, ...]
    own: dict[str, Any] | None
    own_first: dict[str, Any] | None
    feed: dict[str, Any] | None
    awaited: Mapping[str, Any] | None


def pack(
    place: Place, first: Kept, good: Kept | None, feed: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return plain values for a file.

    Parameters
    ----------
    place
        The present one.
    first, good
        What the objects held at the beginning, and when they were last good.
    feed
        Where the data stand, written.
    """
    weights: dict[str, Tensor] = {}
    objects = written(place.objects, weights)
    optimizers = {name: objects.pop(name) for name in [*objects] if _is_optimizer(name)}
    return {
        "version": VERSION,
        "epoch": place.epoch,
        "steps": place.steps,
        "model": _with_others_apart(place.objects, weights),
        "optimizer": optimizers.pop("optimizer", optimizers),
        "objects": objects,
        "first": _pack_kept(first),
        "good": None if good is None else _pack_kept(good),
        "scaler": place.scaler,
        "own": place.own,
        "own_first": place.own_first,
        "callbacks": place.callbacks,
        "random": {"first": list(place.first), "now": list(place.now)},
        "feed": feed,
    }


def _with_others_apart(kept: Kept, weights: dict[str, Tensor]) -> dict[str, Any]:
    """Return weights in two parts: what a module's ``state_dict()`` has, and all other buffers."""
    others = {
        f"{path}.{name}" if path else name
        for path, module in kept.roots["model"].named_modules()  # type: ignore[attr-defined]  # the model
        for name in module._non_persistent_buffers_set  # noqa: SLF001  # no public way
    }
    return {
        "state": {name: tensor for name, tensor in weights.items() if name not in others},
        "buffers": {name: tensor for name, tensor in weights.items() if name in others},
    }


def _pack_kept(kept: Kept) -> dict[str, Any]:
    weights: dict[str, Tensor] = {}
    return {"objects": written(kept, weights), "weights": weights}


def unpack(
    state: Mapping[str, Any],
    roots: Mapping[str, object],
    *,
    first: Kept,
    device: torch.device,
    stream: RandomStream,
) -> tuple[Place, Kept, Kept | None]:
    """Return what `pack` was given, of objects like those; nothing is touched.

    Parameters
    ----------
    state
        Of the right structure at its top.
    roots
        The objects.
    first
        What they held at their beginning.
    device, stream
        Where they compute, and draw.

    Raises
    ------
    InputError
        It is of others, or no such state.
    """

    def objects(saved: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Kept:
        check_weights(first.weights(roots["model"]), weights)  # type: ignore[arg-type]  # the model
        return read(saved, roots, weights=weights, first=first, device=device)

    for states in state["random"].values():
        stream.check(states)
    weights = {**state["model"]["state"], **state["model"]["buffers"]}
    optimizer = state["optimizer"]
    optimizers = {"optimizer": optimizer} if "optimizer" in roots else optimizer
    present = objects({**state["objects"], **optimizers}, weights)
    kept, good = state["first"], state["good"]
    place = Place(
        epoch=state["epoch"],
        steps=state["steps"],
        objects=present,
        scaler=state["scaler"],
        callbacks=copied(state["callbacks"]),
        first=stream.fitting(state["random"]["first"]),
        now=stream.fitting(state["random"]["now"]),
        own=copied(state["own"]),
        own_first=copied(state["own_first"]),
        feed=None,
        awaited=state["feed"],
    )
    return (
        place,
        objects(kept["objects"], kept["weights"]),
        None if good is None else objects(good["objects"], good["weights"]),
    )


def check_objects(state: Mapping[str, Any], roots: Mapping[str, object]) -> None:
    """Refuse a state that is not one of these objects; nothing is touched.

    Raises
    ------
    InputError
        What does not fit.
    """
    stream = RandomStream()
    unpack(state, roots, first=Kept(roots), device=CPU, stream=stream)


_NONE = type(None)
_MAPPING, _LIST = (Mapping,), (list, tuple)
# In this order: what a thing lies in comes before it.
_FIELDS: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(
        (
            *("model", "model.state", "model.buffers", "optimizer", "objects", "recorder"),
            *("history", "first", "first.objects", "first.weights", "random", "settings"),
            *("feed", "feed.first", "feed.loader"),
        ),
        _MAPPING,
    ),
    "good": (Mapping, _NONE),
    "good.objects": _MAPPING,
    "good.weights": _MAPPING,
    "scaler": (Mapping, _NONE),
    "own": (Mapping, _NONE),
    "own_first": (Mapping, _NONE),
    "callbacks": (list,),
    "random.first": _LIST,
    "random.now": _LIST,
    "feed.open": (bool,),
    "loss": (str, _NONE),
    "name": (str, _NONE),
}
_COUNTS = ("epoch", "steps", "good_epoch", "last_epoch")
SETTINGS = ("batch_size", "accumulate", "clip_norm", "precision", "keep", "record")
"""Settings of a Trainer that a file brings along; others in one are not obeyed."""


def check_mapping(state: object) -> None:
    """Refuse what is no dictionary at all."""
    if not isinstance(state, Mapping):
        raise _wrong("state", state, "a dictionary")


def check_structure(state: object) -> None:
    """Refuse what is not a state of a run, as far as that shows at its top.

    Raises
    ------
    InputError
        What is wrong, by name.
    """
    if not isinstance(state, Mapping):
        raise _wrong("state", state, "a dictionary")
    if type(state.get("version")) is not int or state["version"] != VERSION:
        raise _wrong("version", state.get("version"), str(VERSION))
    for path, kinds in _FIELDS.items():
        within, _, name = path.rpartition(".")
        owner = state[within] if within else state
        if owner is not None and not isinstance(owner.get(name, ...), kinds):
            raise _wrong(path, owner.get(name, ...), _NAMES[kinds[0]])
    for name in _COUNTS:
        given = state.get(name, ...)
        if not (given is None and name == "last_epoch"):
            whole(name, given, 0, _MOST)
    for index, one in enumerate(state["callbacks"]):
        if not isinstance(one, Mapping) or not isinstance(one.get("state"), Mapping):
            raise _wrong(f"callbacks.{index}", one, "a callback's state")


def check_weights(own: Mapping[str, Tensor], weights: Mapping[str, Any]) -> None:
    """Refuse the weights of another model, by the names of what it has and has not.

    Buffers may have been nothing at first, or of another size: where they are read that shows.

    Raises
    ------
    InputError
        What differs.
    """
    for name in weights:
        if not isinstance(weights[name], Tensor):
            raise InputError("other_model", name=name, there=_told(weights[name]), here="a tensor")
    for name, tensor in own.items():
        there = weights.get(name)
        if isinstance(tensor, torch.nn.Parameter) and there is None:
            raise InputError(
                "other_model", name=name, there="missing", here=f"{list(tensor.shape)}"
            )


@contextlib.contextmanager
def or_structure() -> Iterator[None]:
    """Say in a sentence what a state of a wrong structure raises.

    Examples
    --------
    >>> with or_structure():
    ...     {}["epoch"]
    Traceback (most recent call last):
    dl_lab.errors.InputError: The state cannot be taken (KeyError: 'epoch'). Use what Trainer.save \
or state_dict made; nothing has changed.
    """
    try:
        yield
    except InputError:
        raise
    except WRONG as error:
        raise InputError("state_failed", kind=type(error).__name__, detail=error) from error


_NAMES: dict[type, str] = {
    Mapping: "a dictionary",
    list: "a list",
    str: "a text",
    bool: "true or false",
}


def _wrong(name: str, there: object, here: str) -> InputError:
    return InputError("state_structure", name=name, there=_told(there), here=here)


def _is_optimizer(name: str) -> bool:
    return name.partition("/")[0] == "optimizer"


def _told(value: object) -> str:
    if value is ...:
        return "missing"
    if isinstance(value, Tensor):
        return f"{list(value.shape)}"
    return "None" if value is None else type(value).__name__


def copied(value: Any) -> Any:  # noqa: ANN401  # whatever a state holds
    """Copy nested containers; tensors become copies on the CPU."""
    if isinstance(value, Tensor):
        return value.detach().to("cpu", copy=True)
    if isinstance(value, dict):
        return {key: copied(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)) and type(value) in {list, tuple}:
        return type(value)(copied(item) for item in value)
    return copy.deepcopy(value)


def plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state that ``torch.load(weights_only=True)`` reads again once it is saved."""
    result: dict[str, Any] = to_plain(state)
    return result


def arrays(state: Any) -> Any:  # noqa: ANN401  # whatever a person gives
    """Turn what `plain` made of numpy arrays back into those, in a copy of the containers."""
    return from_plain(state)
