"""Callbacks that let the training of other libraries be watched as a `dl_lab.Trainer` is."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from dl_lab.errors import InputError

if TYPE_CHECKING:
    from dl_lab.adapters.keras import KerasCallback
    from dl_lab.adapters.lightning import LightningCallback
    from dl_lab.adapters.skorch import SkorchCallback
    from dl_lab.adapters.transformers import TransformersCallback

__all__ = ["KerasCallback", "LightningCallback", "SkorchCallback", "TransformersCallback"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {__all__}.")
    library = name.removesuffix("Callback").lower()
    try:
        module = importlib.import_module(f"{__name__}.{library}")
    except ModuleNotFoundError as error:
        if error.name != library:
            raise
        raise InputError("library", name=library, command=f"pip install {library}") from error
    value: object = getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
