"""The fast path: small dense networks trained by hand, with autograd's results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.modules.module import _has_any_global_hook
from torch.optim import optimizer as torch_optimizer

from dl_lab.probe.dense_layers import DenseNet, dense_net
from dl_lab.train.batches.carry_over import Batches
from dl_lab.train.dense.loss import half_squared_error
from dl_lab.train.dense.passes import MOST_PRODUCTS, DensePass, Layer
from dl_lab.train.dense.sgd import RegularizedSGD
from dl_lab.train.dense.update import DenseUpdate
from dl_lab.train.steps.autograd import AutogradSteps
from dl_lab.train.steps.observed import Count

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from dl_lab.train.steps.evaluate import Batch, Data, Loss
    from dl_lab.train.steps.stages import StageClock

Floats = npt.NDArray[np.float32]

_MOST_KEPT = 8192

_MODULE_HOOKS = (
    "_forward_hooks",
    "_forward_pre_hooks",
    "_backward_hooks",
    "_backward_pre_hooks",
)


class DenseSteps:
    """Forward, backward and update of a plain dense network, about ten times as fast.

    Eager PyTorch spends microseconds on each operation whatever its size. Here all parameters
    become views of one flat buffer, which numpy sees too, and the few operations of a step run
    on it feature-major and without allocation. The modules, their Parameters and the optimizer
    stay the same objects; after each step ``p.grad`` holds the gradient.

    Use `match` to make one, and `fits` to ask whether it still may be used.
    """

    draws = False
    own = False
    unlabelled = False
    timing: StageClock | None = None
    """A step is one piece: what does it measures it."""

    @classmethod
    def match(cls, model: nn.Module, loss: Loss, optimizer: Optimizer) -> DenseSteps | None:
        """Take over the training of `model` if the fast path computes the very same.

        That is: a dense network as `dense_net` recognizes it, float32 on the CPU, every parameter
        trained; `half_squared_error`; a `RegularizedSGD` over exactly its parameters with one
        setting for all; no hook anywhere.
        """
        if loss is not half_squared_error or type(optimizer) is not RegularizedSGD:
            return None
        net = dense_net(model)
        if net is None or not _trainable(net, optimizer):
            return None
        steps = cls(model, net, optimizer)
        return steps if steps.fits() else None

    def __init__(self, model: nn.Module, net: DenseNet, optimizer: RegularizedSGD) -> None:
        self._model = model
        self._net = net
        self._optimizer = optimizer
        self._autograd = AutogradSteps(model, half_squared_error, optimizer)
        self._modules = list(model.modules())
        self._kinds = [type(module) for module in self._modules]
        self.parameters = [
            parameter
            for layer in net.layers
            for parameter in (layer.linear.weight, layer.linear.bias)
        ]
        self._flat = torch.cat([parameter.detach().flatten() for parameter in self.parameters])
        gradients = torch.zeros_like(self._flat)
        self._gradients: list[Tensor] = []
        self._slices: list[slice] = []
        start = 0
        for parameter in self.parameters:
            part = slice(start, start + parameter.numel())
            start = part.stop
            parameter.data = self._flat[part].view_as(parameter)
            self._gradients.append(gradients[part].view_as(parameter))
            self._slices.append(part)
        self._addresses = [parameter.data_ptr() for parameter in self.parameters]
        self._numbers: Floats = self._flat.numpy()
        self._update = DenseUpdate(
            optimizer, self.parameters, self._slices, self._numbers, gradients.numpy()
        )
        self._layers = [
            Layer(
                layer.linear.weight.detach().numpy(),
                layer.linear.bias.detach().numpy(),
                self._gradients[2 * index].numpy(),
                self._gradients[2 * index + 1].numpy(),
                layer.activation,
            )
            for index, layer in enumerate(net.layers)
        ]
        self._passes: dict[int, DensePass] = {}
        self._known: dict[int, tuple[Tensor, Tensor, int, list[_Columns]]] = {}
        self._train: Data | None = None
        self._repeats = False
        self.measured: list[Tensor | float] = []
        """None: who asks for metrics gets autograd."""
        self._rows = 0

    def fits(self) -> bool:
        """Whether nothing has changed that the fast path relies on. Takes microseconds."""
        modules = list(self._model.modules())
        return (
            len(modules) == len(self._modules)
            and all(map(_same, modules, self._modules))
            and list(map(type, modules)) == self._kinds
            and not any(map(_hooked, modules))
            and not _has_any_global_hook()  # type: ignore[no-untyped-call]  # torch has no types here
            and not _watched(self._optimizer)
            and self._parameters_fit()
            and self._update.fits()
        )

    def _parameters_fit(self) -> bool:
        parameters = [
            parameter
            for layer in self._net.layers
            for parameter in (layer.linear.weight, layer.linear.bias)
        ]
        return all(
            parameter is known
            and parameter.requires_grad
            and parameter.data_ptr() == address
            and not parameter._backward_hooks  # noqa: SLF001  # there is no public way to ask
            and not getattr(parameter, "_post_accumulate_grad_hooks", None)
            for parameter, known, address in zip(
                parameters, self.parameters, self._addresses, strict=True
            )
        )

    def tensors(self) -> list[Tensor] | None:
        """Return all that a step changes in the model."""
        return list(self.parameters)

    def attach(self, train: Data) -> None:
        """Let ``p.grad`` and the optimizer's state show what the steps compute.

        Parameters
        ----------
        train
            Where the steps' batches will come from.
        """
        if train is not self._train:
            self._train = train
            self._known.clear()
        # The same tensors each epoch are worth keeping feature-major.
        self._repeats = isinstance(train, Batches) and not train.shuffle
        for parameter, gradient in zip(self.parameters, self._gradients, strict=True):
            if parameter.grad is not gradient:
                parameter.grad = gradient
        self._update.attach()

    def finite(self) -> bool:
        """Whether every parameter is a finite number."""
        return bool(np.isfinite(self._numbers).all())

    def step(self, inputs: Tensor, targets: Tensor, *, measure: bool) -> float | None:
        """Do one update; return the loss before it if `measure` asks for it."""
        self._rows = len(targets)
        blocks = self._columns(inputs, targets, keep=self._repeats)
        if blocks is None or len(blocks) != 1:
            return self._autograd_step(inputs, targets, measure=measure)
        block = blocks[0]
        loss = block.run.backward(block.features, block.targets, measure=measure)
        self._update.step()
        return loss

    def step_group(self, batches: list[Batch]) -> float:
        """Do one update by the mean loss over the rows of all batches; return it."""
        self._rows = sum(len(targets) for _, targets in batches)
        loss = float(self._autograd.step_group(batches))
        self._put_gradients_back()
        return loss

    def _autograd_step(self, inputs: Tensor, targets: Tensor, *, measure: bool) -> float | None:
        loss = float(self._autograd.step(inputs, targets, measure=measure))
        self._put_gradients_back()
        return loss

    def _put_gradients_back(self) -> None:
        # zero_grad has taken the gradients off.
        for parameter, gradient in zip(self.parameters, self._gradients, strict=True):
            if parameter.grad is not None:
                gradient.copy_(parameter.grad)
            parameter.grad = gradient

    @property
    def counts(self) -> list[Count]:
        """What the last step's loss is the mean of."""
        return [Count(self._rows)]

    def evaluate(self, data: Data) -> float:
        """Return the mean loss on `data`, leaving no trace."""
        if isinstance(data, tuple) and len(data) == 2:  # noqa: PLR2004  # inputs and targets
            inputs, targets = data
            if isinstance(inputs, Tensor) and isinstance(targets, Tensor):
                blocks = self._columns(inputs, targets, keep=True)
                if blocks:
                    with np.errstate(all="ignore"):
                        total = sum(
                            block.run.loss(block.features, block.targets) for block in blocks
                        )
                    return total / len(targets)
        return self._autograd.evaluate(data)

    def measure(self, data: Data) -> dict[str, float]:
        """Return the mean ``loss`` on `data`, leaving no trace."""
        return {"loss": self.evaluate(data)}

    def _columns(self, inputs: Tensor, targets: Tensor, *, keep: bool) -> list[_Columns] | None:
        """Features and targets as the passes take them; None for what autograd had better see."""
        known = self._known.get(id(inputs))
        # In-place changes move a tensor's version on.
        version = inputs._version + targets._version  # noqa: SLF001
        if known is not None and known[1] is targets and known[2] == version:
            return known[3]
        blocks = self._cut(inputs, targets)
        if keep and blocks is not None:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            self._known[id(inputs)] = (inputs, targets, version, blocks)
        return blocks

    def _cut(self, inputs: Tensor, targets: Tensor) -> list[_Columns] | None:
        usual = all(
            tensor.dtype == torch.float32
            and tensor.device.type == "cpu"
            and not tensor.requires_grad
            for tensor in (inputs, targets)
        )
        if not usual or targets.shape != inputs.shape[:1] or not len(targets):
            return None
        features = self._net.features(inputs)
        first = self._layers[0].weight
        if features.dim() != 2 or features.shape[1] != first.shape[1]:  # noqa: PLR2004  # [n, k]
            return None
        columns = features.detach().numpy().T
        row = targets.detach().numpy()
        most = max(1, MOST_PRODUCTS // max(layer.weight.size for layer in self._layers))
        return [
            _Columns(
                self._pass(min(most, len(row) - start)),
                np.array(columns[:, start : start + most], order="C"),
                np.array(row[None, start : start + most], order="C"),
            )
            for start in range(0, len(row), most)
        ]

    def _pass(self, width: int) -> DensePass:
        if width not in self._passes:
            self._passes[width] = DensePass(self._layers, width)
        return self._passes[width]


class _Columns:
    """A batch, feature-major, and the buffers of its width."""

    __slots__ = ("features", "run", "targets")

    def __init__(self, run: DensePass, features: Floats, targets: Floats) -> None:
        self.run = run
        self.features = features
        self.targets = targets


def _trainable(net: DenseNet, optimizer: RegularizedSGD) -> bool:
    parameters = [
        parameter for layer in net.layers for parameter in (layer.linear.weight, layer.linear.bias)
    ]
    given = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return (
        len(set(parameters)) == len(parameters) == len(given)
        and set(parameters) == set(given)
        and max(layer.linear.weight.numel() for layer in net.layers) <= MOST_PRODUCTS
        and all(
            type(parameter) is nn.Parameter
            and parameter.dtype == torch.float32
            and parameter.device.type == "cpu"
            and parameter.is_contiguous()
            for parameter in parameters
        )
    )


def _same(one: object, other: object) -> bool:
    return one is other


def _hooked(module: nn.Module) -> bool:
    inside: dict[str, Any] = vars(module)
    return "forward" in inside or any(inside[name] for name in _MODULE_HOOKS)


def _watched(optimizer: Optimizer) -> bool:
    # A learning-rate scheduler replaces `step` on the instance.
    return bool(
        "step" in vars(optimizer)
        or optimizer._optimizer_step_pre_hooks  # noqa: SLF001
        or optimizer._optimizer_step_post_hooks  # noqa: SLF001
        or torch_optimizer._global_optimizer_pre_hooks  # noqa: SLF001
        or torch_optimizer._global_optimizer_post_hooks  # noqa: SLF001
    )
