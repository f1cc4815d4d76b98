"""Callbacks for `dl_lab.Trainer`, under a short name: ``from dl_lab.callbacks import Timer``."""

from dl_lab.train.callbacks import (
    Callback,
    CSVLogger,
    EarlyStopping,
    GradientNorms,
    LRSchedule,
    ModelCheckpoint,
    ReduceLROnPlateau,
    StopOnNaN,
    TensorBoard,
    Timer,
    WeightPath,
)

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
