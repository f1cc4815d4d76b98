"""Deep learning in the notebook: widgets that train real PyTorch."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from dl_lab.version import __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from dl_lab import adapters, callbacks, data, nets, runs, train
    from dl_lab.tensorboard import TensorBoard
    from dl_lab.train.history.history import History
    from dl_lab.train.steps.accuracy import accuracy
    from dl_lab.train.trainer import Trainer
    from dl_lab.widgets.activation_explorer import ActivationExplorer
    from dl_lab.widgets.backprop import Backprop
    from dl_lab.widgets.bias_variance import BiasVariance
    from dl_lab.widgets.convolution_explorer import ConvolutionExplorer
    from dl_lab.widgets.cost_explorer import CostExplorer
    from dl_lab.widgets.data_flow import DataFlow
    from dl_lab.widgets.graph_viewer import GraphViewer
    from dl_lab.widgets.kernel_explorer import KernelExplorer
    from dl_lab.widgets.layer_viewer import LayerViewer
    from dl_lab.widgets.learning_rate_finder import LearningRateFinder, lr_find
    from dl_lab.widgets.loss_landscape import LossLandscape
    from dl_lab.widgets.loss_plot import LossPlot, compare
    from dl_lab.widgets.optimizer_race import OptimizerRace
    from dl_lab.widgets.playground import Playground
    from dl_lab.widgets.training_choices import TrainingChoices
    from dl_lab.widgets.universal_approximation import UniversalApproximation
    from dl_lab.widgets.watch import watch

# The public API: name → module that holds it, imported when the name is first used. The Jupyter
# server imports this package too, and must load neither torch nor anywidget by doing so.
_EXPORTS = {
    "ActivationExplorer": "dl_lab.widgets.activation_explorer",
    "Backprop": "dl_lab.widgets.backprop",
    "BiasVariance": "dl_lab.widgets.bias_variance",
    "ConvolutionExplorer": "dl_lab.widgets.convolution_explorer",
    "CostExplorer": "dl_lab.widgets.cost_explorer",
    "DataFlow": "dl_lab.widgets.data_flow",
    "GraphViewer": "dl_lab.widgets.graph_viewer",
    "History": "dl_lab.train.history.history",
    "KernelExplorer": "dl_lab.widgets.kernel_explorer",
    "LayerViewer": "dl_lab.widgets.layer_viewer",
    "LearningRateFinder": "dl_lab.widgets.learning_rate_finder",
    "LossLandscape": "dl_lab.widgets.loss_landscape",
    "LossPlot": "dl_lab.widgets.loss_plot",
    "OptimizerRace": "dl_lab.widgets.optimizer_race",
    "Playground": "dl_lab.widgets.playground",
    "TensorBoard": "dl_lab.tensorboard",
    "Trainer": "dl_lab.train.trainer",
    "UniversalApproximation": "dl_lab.widgets.universal_approximation",
    "TrainingChoices": "dl_lab.widgets.training_choices",
    "accuracy": "dl_lab.train.steps.accuracy",
    "compare": "dl_lab.widgets.loss_plot",
    "lr_find": "dl_lab.widgets.learning_rate_finder",
    "watch": "dl_lab.widgets.watch",
}
_SUBMODULES = ("adapters", "callbacks", "data", "nets", "runs", "train")

__all__ = [
    "ActivationExplorer",
    "Backprop",
    "BiasVariance",
    "ConvolutionExplorer",
    "CostExplorer",
    "DataFlow",
    "GraphViewer",
    "History",
    "KernelExplorer",
    "LayerViewer",
    "LearningRateFinder",
    "LossLandscape",
    "LossPlot",
    "OptimizerRace",
    "Playground",
    "TensorBoard",
    "Trainer",
    "TrainingChoices",
    "UniversalApproximation",
    "__version__",
    "accuracy",
    "adapters",
    "callbacks",
    "compare",
    "data",
    "lr_find",
    "nets",
    "runs",
    "train",
    "watch",
]


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return importlib.import_module(f"dl_lab.{name}")
    if name in _EXPORTS:
        value: object = getattr(importlib.import_module(_EXPORTS[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(_unknown(name))


def _unknown(name: str) -> str:
    import difflib

    public = {known.lower(): known for known in __all__ if not known.startswith("_")}
    near = difflib.get_close_matches(name.lower(), public, n=1)
    hint = f"did you mean {public[near[0]]!r}?" if near else f"it has {', '.join(public.values())}."
    return f"module 'dl_lab' has no attribute {name!r}; {hint}"


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Add the magic ``%tensorboard``: what ``%load_ext dl_lab`` calls."""
    from dl_lab.magic import register

    register(shell)


def _jupyter_labextension_paths() -> list[dict[str, str]]:
    return [{"src": "labextension", "dest": "dl-lab"}]


def _jupyter_server_extension_points() -> list[dict[str, object]]:
    from dl_lab.server.app import DeepLearningApp

    return [{"module": "dl_lab.server.app", "app": DeepLearningApp}]
