"""What may happen along a training run: stop early, save, change the learning rate, record."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dl_lab.train.callbacks.base import Callback
    from dl_lab.train.callbacks.csv_logger import CSVLogger
    from dl_lab.train.callbacks.early_stopping import EarlyStopping
    from dl_lab.train.callbacks.gradient_norms import GradientNorms
    from dl_lab.train.callbacks.model_checkpoint import ModelCheckpoint
    from dl_lab.train.callbacks.schedule import LRSchedule, ReduceLROnPlateau
    from dl_lab.train.callbacks.stop_on_nan import StopOnNaN
    from dl_lab.train.callbacks.tensorboard import TensorBoard
    from dl_lab.train.callbacks.timer import Timer
    from dl_lab.train.callbacks.weight_path import WeightPath

# Imported when first used: the Trainer needs the base class alone.
_MODULES = {
    "CSVLogger": "csv_logger",
    "Callback": "base",
    "EarlyStopping": "early_stopping",
    "GradientNorms": "gradient_norms",
    "LRSchedule": "schedule",
    "ModelCheckpoint": "model_checkpoint",
    "ReduceLROnPlateau": "schedule",
    "StopOnNaN": "stop_on_nan",
    "TensorBoard": "tensorboard",
    "Timer": "timer",
    "WeightPath": "weight_path",
}

__all__ = [
    "CSVLogger",
    "Callback",
    "EarlyStopping",
    "GradientNorms",
    "LRSchedule",
    "ModelCheckpoint",
    "ReduceLROnPlateau",
    "StopOnNaN",
    "TensorBoard",
    "Timer",
    "WeightPath",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
