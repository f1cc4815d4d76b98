"""Real errors of real modules, and the sentence that each becomes."""

from __future__ import annotations

import weakref

import pytest
import torch
from torch import nn
from torch.nn import functional

from dl_lab.errors import InputError
from dl_lab.train.batches.structure import forward
from dl_lab.train.diagnosis.explain import (
    check_loss,
    check_metric,
    check_model,
    check_optimizer,
    explain,
)

ROWS = torch.zeros(4, 3)
IMAGES = torch.zeros(4, 1, 28, 28)
LABELS = torch.tensor([0, 1, 2, 1])


def sentence(model, inputs, loss=functional.mse_loss, targets=LABELS):
    """Do one step as a Trainer does, and return what it says."""
    outputs, where = None, "forward"
    wrong: Exception | None = None
    try:
        outputs = forward(model, inputs)
        where = "loss"
        value = loss(outputs, targets)
        check_loss(value, outputs, targets, loss)
        where = "backward"
        value.backward()
    except Exception as error:  # noqa: BLE001 - any of them
        wrong = error
    assert wrong is not None
    step = {"inputs": inputs, "outputs": outputs, "targets": targets}
    said = explain(wrong, model=model, loss=loss, where=where, **step)
    assert said is wrong or said.__cause__ is wrong
    return str(said)


class Calling(nn.Module):
    """A model whose forward is a function."""

    def __init__(self, function, **layers: nn.Module) -> None:
        super().__init__()
        self.function = function
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x):
        return self.function(self, x)


@pytest.mark.parametrize(
    ("layer", "inputs", "said"),
    [
        (
            nn.Linear(5, 2),
            ROWS,
            (
                "model = Linear(in_features=5, out_features=2, bias=True) takes 5 numbers in the "
                "last dimension, but its input, tensor [4, 3] float32, has 3. Make the two equal."
            ),
        ),
        (
            nn.Linear(784, 2),
            IMAGES,
            (
                "takes rows of numbers, but its input is tensor [4, 1, 28, 28] float32. Put "
                "nn.Flatten() before it: that makes [4, 784] of it."
            ),
        ),
        (
            nn.Linear(784, 2),
            torch.zeros(28, 28),
            "is tensor [28, 28] float32: a single example without the batch dimension.",
        ),
        (
            nn.Linear(3, 2),
            ROWS.to(torch.uint8),
            (
                "computes in float32, but its input is tensor [4, 3] uint8: whole numbers from 0 "
                "to 255. Convert the images: images.float() / 255."
            ),
        ),
        (
            nn.Linear(3, 2),
            ROWS.double(),
            "in float32, but its input is tensor [4, 3] float64. Convert the inputs: inputs.",
        ),
        (nn.Linear(3, 2), ROWS.long(), "its input is tensor [4, 3] int64. Convert the inputs"),
        (nn.Linear(3, 2).double(), ROWS, "Convert the inputs: inputs.to(torch.float64)."),
        (nn.Linear(3, 2), [[1.0]], "takes one tensor, but is given ["),
        (nn.Linear(3, 2), ROWS.numpy(), "takes one tensor, but is given numpy.ndarray [4, 3]"),
        (
            nn.Linear(3, 2),
            ROWS.to("meta"),
            "has its weights on cpu, but its input is on meta. The Trainer moves the model",
        ),
        (
            nn.Conv2d(3, 8, 3),
            torch.zeros(4, 28, 28, 3),
            (
                "takes [batch, 3, height, width], but its input is tensor [4, 28, 28, 3] float32, "
                "with the channels last. Turn it round: images.permute(0, 3, 1, 2)."
            ),
        ),
        (nn.Conv1d(3, 8, 3), torch.zeros(4, 9, 3), "Turn it round: images.permute(0, 2, 1)."),
        (
            nn.Conv2d(1, 8, 3),
            IMAGES[:, 0],
            (
                "its input, tensor [4, 28, 28] float32, has no dimension for the channel. Add it: "
                "images.unsqueeze(1)."
            ),
        ),
        (nn.Conv2d(3, 8, 3), IMAGES[:, 0], "has one dimension too few. Add that of the batch"),
        (
            nn.Conv2d(3, 8, 3),
            IMAGES,
            (
                "takes 3 channels, [batch, 3, height, width], but its input, tensor [4, 1, 28, 28] "
                "float32, has 1."
            ),
        ),
        (nn.Conv2d(1, 8, 3), IMAGES.flatten(1), "shape: inputs.reshape(-1, 1, 28, 28)."),
        (nn.Conv2d(1, 8, 3), torch.zeros(4, 10), "shape: inputs.reshape(-1, 1, height, width)."),
        (nn.Conv2d(1, 8, 5), IMAGES[..., :3], "smaller than the window that slides over it"),
        (nn.Conv2d(1, 8, 3), IMAGES.to(torch.uint8), "Convert the images: images.float() / 255."),
        (nn.MaxPool2d(2), IMAGES[..., :1], "smaller than the window that slides over it"),
        (
            nn.BatchNorm1d(3),
            ROWS[:1],
            "compares the rows of a batch while it trains, but its input is tensor [1, 3] float32",
        ),
        (nn.BatchNorm2d(3), torch.zeros(1, 3, 1, 1), "Use a larger batch_size; if only the last"),
        (
            nn.BatchNorm1d(3),
            torch.zeros(4, 3, 2, 2),
            "[4, 3, 2, 2] float32 has. Use nn.BatchNorm2d",
        ),
        (nn.BatchNorm2d(3), ROWS, "Use nn.BatchNorm1d."),
        (nn.BatchNorm1d(5), ROWS, "takes 5 channels, [batch, 5, …], but its input, tensor [4, 3]"),
        (nn.LayerNorm([5, 3]), ROWS, "whose shape ends in [5, 3], but its input is tensor [4, 3]"),
        (nn.Embedding(5, 2), ROWS, "takes whole numbers (int64) as indices"),
        (nn.Embedding(5, 2), torch.tensor([[1, 7]]), "indices 0 to 4, but its input has 1 to 7."),
        (nn.LSTM(5, 2), torch.zeros(4, 7, 3), "takes 5 numbers in the last dimension"),
        (nn.GroupNorm(2, 4), torch.zeros(4, 6, 2), "Its input is tensor [4, 6, 2] float32."),
        (
            nn.Unflatten(1, (2, 2)),
            ROWS,
            "raised RuntimeError: unflatten: Provided sizes [2, 2]",
        ),
    ],
    ids=str,
)
def test_a_layer_that_refuses_its_input_is_named_with_shapes(layer, inputs, said):
    # In a model, and as the model itself.
    with torch.no_grad():
        inside = nn.Sequential(nn.Identity(), nn.Sequential(layer))
    assert said in sentence(layer, inputs) or said in sentence(inside, (inputs,))
    text = sentence(inside, (inputs,))
    assert f"model[1][0] = {layer!r}" in text
    assert said.removeprefix("model = ") in text


def test_the_layer_is_named_as_the_code_has_it():
    model = Calling(lambda self, x: self.body(x), body=nn.ModuleDict({"fc": nn.Linear(5, 1)}))
    model.function = lambda self, x: self.body["fc"](x)
    assert sentence(model, ROWS).startswith("model.body.fc = Linear(in_features=5, ")


def test_layers_that_pytorch_does_not_see_are_named_too():
    layers = [nn.Linear(5, 1)]
    model = Calling(lambda _, x: layers[0](x), other=nn.Linear(1, 1))
    assert sentence(model, ROWS).startswith("Linear(in_features=5, ")


def test_a_recurrent_layers_tuple():
    model = nn.Sequential(nn.LSTM(3, 2), nn.Linear(2, 1))
    said = sentence(model, torch.zeros(4, 5, 3))
    assert said.startswith("model[1] = Linear(in_features=2, out_features=1, bias=True) takes one")
    assert "is given (tensor [4, 5, 2] float32, (tensor [1, 5, 2] float32, tensor" in said
    assert "nn.LSTM, nn.GRU and nn.MultiheadAttention return a tuple" in said
    assert "LSTM(3, 2)" in sentence(nn.LSTM(3, 2), torch.zeros(4, 5, 2))


def test_attention_of_another_width():
    model = nn.TransformerEncoderLayer(8, 2)
    assert "but its input, tensor [4, 3, 6] float32, has 6" in sentence(model, torch.zeros(4, 3, 6))


class Two(nn.Module):
    def forward(self, image, position):
        return image + position


class Forgotten(nn.Module):
    pass


@pytest.mark.parametrize(
    ("model", "inputs", "said"),
    [
        (Two(), ROWS, "Two.forward takes (image, position), but a batch gives it tensor [4, 3]"),
        (Two(), (ROWS, ROWS, ROWS), "too many positional arguments"),
        (Two(), {"image": ROWS, "place": ROWS}, "missing a required argument: 'position'"),
        (Forgotten(), ROWS, "model = Forgotten() has no forward method. Define it in the class"),
        (nn.Sequential(Forgotten()), ROWS, "model[0] = Forgotten() has no forward"),
    ],
)
def test_a_forward_that_does_not_fit_or_is_not_there(model, inputs, said):
    assert said in sentence(model, inputs)


def test_a_persons_own_forward_is_told_with_its_line():
    def function(_self, x):
        return x.foo

    said = sentence(Calling(function), ROWS)
    line = function.__code__.co_firstlineno + 1
    assert "AttributeError: 'Tensor' object has no attribute 'foo'" in said
    assert f"(function:{line}: return x.foo)" in said
    assert "Its input is tensor [4, 3] float32." in said


def compared(loss, outputs, targets):
    weight = torch.ones((), requires_grad=True)

    def scaled(_self, x):
        return x * weight if isinstance(x, torch.Tensor) else x

    return sentence(Calling(scaled), (outputs,), loss, targets)


SCORES = torch.randn(4, 3)
CE, BCE, LOGITS = nn.CrossEntropyLoss(), nn.BCELoss(), nn.BCEWithLogitsLoss()


@pytest.mark.parametrize(
    ("loss", "outputs", "targets", "said"),
    [
        (
            CE,
            SCORES,
            torch.rand(4),
            (
                "CrossEntropyLoss takes class indices as whole numbers (int64), but the "
                "targets are tensor [4] float32 (outputs: tensor [4, 3] float32). "
                "Convert them: targets.long()."
            ),
        ),
        (CE, SCORES, LABELS.int(), "but the targets are tensor [4] int32"),
        (CE, SCORES, LABELS.bool(), "but the targets are tensor [4] bool"),
        (CE, SCORES, LABELS[:, None], "have a dimension too many (outputs: tensor [4, 3] float32)"),
        (CE, SCORES, LABELS[:, None], "Remove it: targets.squeeze(1)."),
        (CE, SCORES, LABELS[:, None].float(), "Remove it: targets.squeeze(1).long()."),
        (CE, SCORES, functional.one_hot(LABELS), "Give class indices, targets.argmax(1), or"),
        (
            CE,
            SCORES,
            torch.tensor([0, 1, 2, 3]),
            (
                "The outputs, tensor [4, 3] float32, have the classes 0 to 2, but the "
                "targets, tensor [4] int64, hold 0 to 3. Number the classes from 0, or "
                "give the last layer as many"
            ),
        ),
        (CE, SCORES, torch.tensor([1, 1, -1, 2]), "hold -1 to 2."),
        (nn.NLLLoss(), SCORES, torch.tensor([-100, 1, 9, 2]), "hold 1 to 9."),
        (CE, SCORES[:, :1], LABELS, "needs a score for each class, but the outputs, tensor [4, 1]"),
        (CE, SCORES[:, 0], LABELS, "takes one score for each class, [batch, classes], but the"),
        (CE, SCORES, LABELS[:3], "have 4 rows and the targets, tensor [3] int64, have 3; Cross"),
        (CE, SCORES, torch.tensor(1), "have 4 rows and the targets, tensor [] int64, have 0"),
        (CE, SCORES, torch.rand(4, 2), "takes targets of the shape [4], one class index for each"),
        (
            CE,
            torch.randn(4, 7, 10),
            torch.zeros(4, 7, dtype=torch.long),
            (
                "have them last (targets: tensor [4, 7] int64). Swap the dimensions: "
                "outputs.transpose(1, 2)."
            ),
        ),
        (CE, (SCORES, SCORES), LABELS, "The model returned (tensor [4, 3] float32, tensor [4, 3]"),
        (nn.MSELoss(), {"logits": SCORES}, SCORES, "The model returned {'logits': tensor [4, 3]"),
        (CE, None, LABELS, "The model returned None, so CrossEntropyLoss has nothing to compare."),
        (CE, SCORES, ["cat", "dog"], "The targets are ['cat', 'dog'], but CrossEntropyLoss takes"),
        (CE, SCORES, LABELS.to("meta"), "on different devices. Move what the loss makes"),
        (LOGITS, SCORES[:, :1], LABELS[:, None], "takes targets as floating-point numbers like"),
        (BCE, torch.rand(4, 1), LABELS[:, None], "Convert them: targets.float()."),
        (LOGITS, SCORES[:, :1], torch.rand(4), "Give both one shape: targets.reshape(-1, 1)."),
        (BCE, torch.rand(4, 1), torch.rand(4), "BCELoss compares number by number, but the outp"),
        (BCE, torch.tensor([[3.0], [-2.0]]), torch.rand(2, 1), "reach from -2 to 3 (targets: ten"),
        (BCE, torch.rand(2, 1), torch.tensor([[-1.0], [1.0]]), "0 to 1, but tensor [2, 1] float32"),
        (nn.MSELoss(), SCORES[:, :1], torch.rand(4), "targets.reshape(-1, 1)."),
        (nn.MSELoss(), SCORES[:, 0], torch.rand(4, 1), "targets.reshape(-1)."),
        (nn.L1Loss(), SCORES, torch.rand(4, 2), "Let the last layer have as many outputs as a"),
        (functional.mse_loss, SCORES, torch.rand(5, 3), "tensor [5, 3] float32, have 5; mse_loss"),
        (functional.huber_loss, SCORES, torch.rand(4, 1), "huber_loss compares number by number"),
    ],
)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_a_loss_that_refuses_outputs_or_targets(loss, outputs, targets, said):
    assert said in compared(loss, outputs, targets)


def test_a_loss_inside_a_function_is_found():
    def my_loss(outputs, targets):
        return 2 * functional.cross_entropy(outputs[0], targets)

    said = sentence(Calling(lambda _, x: (x, x)), (SCORES,), my_loss, LABELS.float())
    assert said.startswith("my_loss takes class indices as whole numbers (int64), but the targets")


def test_a_loss_of_ones_own_is_told_with_its_line():
    def my_loss(outputs, targets):
        return outputs.logits - targets

    said = sentence(nn.Linear(3, 1), ROWS, my_loss)
    assert said.startswith("my_loss raised AttributeError: ")
    assert "return outputs.logits - targets)" in said
    assert "the outputs, tensor [4, 1] float32, and the targets, tensor [4] int64." in said


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (nn.MSELoss(reduction="none"), "returned tensor [4, 1] float32, but training needs one"),
        (lambda outputs, _: outputs.sum().item(), "The loss returned 0.0, but must return a tens"),
        (lambda *_: None, "The loss returned None"),
        (lambda outputs, _: outputs.detach().mean(), "flow from the loss back to the outputs"),
    ],
)
def test_a_loss_from_which_nothing_can_be_learnt(loss, said):
    model = nn.Linear(3, 1)
    nn.init.zeros_(model.bias)
    assert said in sentence(model, ROWS, loss, torch.zeros(4, 1))


def test_a_model_without_gradients():
    model = Calling(lambda self, x: self.fc(x).detach(), fc=nn.Linear(3, 1))
    said = sentence(model, ROWS, nn.MSELoss(), torch.zeros(4, 1))
    assert said.startswith("No gradient can flow from the outputs back to the parameters.")


def test_backward_twice_and_in_place():
    weight = torch.ones(3, requires_grad=True)
    carried = (weight * 2).square()
    model = Calling(lambda _, x: (x * carried).sum())
    carried.sum().backward()
    said = sentence(model, ROWS, lambda outputs, _: outputs)
    assert said.startswith("The model or the loss keeps a tensor of the step before")

    def function(self, x):
        hidden = self.fc(x).sigmoid()
        hidden += 1
        return hidden

    said = sentence(Calling(function, fc=nn.Linear(3, 1)), ROWS, lambda outputs, _: outputs.sum())
    assert said.startswith("A tensor that the gradients need was changed in place.")


def test_memory_that_runs_out():
    model = Calling(lambda self, x: self.fc(x) + torch.empty(10**15), fc=nn.Linear(3, 1))
    said = sentence(model, ROWS)
    assert said.startswith("The memory of cpu is full. Use a smaller batch (it has 4 rows) with")


def test_what_fills_the_memory_is_let_go():
    large = []

    def function(_self, x):
        activation = x * 2
        large.append(weakref.ref(activation))
        return activation, torch.empty(10**15)

    model = Calling(function, fc=nn.Linear(3, 1))
    try:
        model(ROWS)
    except RuntimeError as error:
        wrong = error
    assert large[0]() is not None
    said = explain(wrong, model=model, loss=None, inputs=ROWS, where="forward")
    assert said.__cause__ is wrong
    assert large[0]() is None


def test_a_gpus_failed_check_whenever_it_shows():
    # As CUDA says it, from whichever call comes next.
    error = RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be")
    said = explain(error, model=nn.Linear(1, 1), loss=None, where="update")
    assert str(said).startswith("The GPU met an index that is out of range")


def test_a_metric_that_raises():
    def far(outputs, targets):
        return (outputs - targets).maximal()

    try:
        far(SCORES, SCORES)
    except AttributeError as error:
        said = explain(
            error, model=nn.ReLU(), loss=None, outputs=SCORES, targets=SCORES, where="metric"
        )
    assert "far raised AttributeError: " in str(said)
    assert "the outputs, tensor [4, 3] float32" in str(said)
    check_metric("far", 1)
    check_metric("far", torch.ones(1))
    with pytest.raises(InputError, match=r"The metric far returned tensor \[4\] int64"):
        check_metric("far", LABELS)
    with pytest.raises(InputError, match="The metric far returned None"):
        check_metric("far", None)


def test_our_own_sentences_stay_and_others_fall_back():
    own = InputError("no_batches")
    assert explain(own, model=nn.ReLU(), loss=None, where="loss") is own
    said = explain(KeyError("x"), model=nn.ReLU(), loss=None, where="update")
    assert str(said).startswith("A training step raised KeyError: 'x'. Fix it and start again")


class Hidden(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = [nn.Linear(2, 2)]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential, "model must be a network, and Sequential is a class. Make one of it: Seq"),
        ("net", "model must be an nn.Module, such as nn.Sequential(…); got 'net'."),
        (nn.Sequential(nn.ReLU()), "Sequential has no parameters, so there is nothing to train."),
        (Hidden(), "Hidden has no parameters that PyTorch can see: self.layers holds layers in a"),
        (nn.Linear(1, 1).requires_grad_(False), "Every parameter of Linear is frozen"),
        (
            nn.Sequential(nn.LazyLinear(2)),
            "model[0] = LazyLinear(in_features=0, out_features=2, bias=True) does not know its",
        ),
    ],
    ids=str,
)
def test_models_that_cannot_be_trained(model, said):
    with pytest.raises(InputError) as error:
        check_model(model)
    assert said in str(error.value)


def test_optimizers_that_leave_the_model_as_it_is():
    model, other = nn.Linear(2, 1), nn.Linear(2, 1)
    both = [*model.parameters(), *other.parameters()]
    check_optimizer(model, torch.optim.SGD(both))
    check_optimizer(model, torch.optim.Adam([model.bias]))
    with pytest.raises(InputError) as error:
        check_optimizer(model, torch.optim.Adam(other.parameters()))
    assert "The optimizer (Adam) updates 2 parameters, and none of them belongs to this Lin" in str(
        error.value
    )
    with pytest.raises(InputError, match=r"Adam is a class\. Make one of it: torch\.optim\.Adam"):
        check_optimizer(model, torch.optim.Adam)
    with pytest.raises(InputError, match=r"got 0\.1"):
        check_optimizer(model, 0.1)


class Attention(nn.Module):
    """Scores of a person's own, whose matrices do not fit."""

    def __init__(self) -> None:
        super().__init__()
        self.queries, self.keys = nn.Linear(3, 8), nn.Linear(3, 6)
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        scores = self.queries(x) @ self.keys(x).T
        return scores.softmax(-1)


def test_the_operation_its_shapes_and_the_line_in_a_layer_of_ones_own():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), Attention())
    with torch.no_grad():
        model[0].weight.normal_()
    said = sentence(model, torch.randn(4, 3))
    assert said.startswith("model[2] = Attention raised RuntimeError in matmul, ")
    assert "which was given [4, 8], [6, 4]: mat1 and mat2" in said
    assert "scores = self.queries(x) @ self.keys(x).T" in said
    assert "Its input is tensor [4, 3] float32" in said
    # It was followed once more, and nothing shows that: one pass alone has counted.
    assert model[2].calls == 1
    assert int(model[1].num_batches_tracked) == 1


class Whimsical(nn.Module):
    """Raises another error each time."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        Whimsical.count += 1
        return self.linear(x) @ torch.ones(Whimsical.count, 5)

    count = 3


def test_an_error_that_does_not_come_again_is_told_without_its_operation():
    said = sentence(Whimsical(), ROWS)
    assert "raised RuntimeError: mat1 and mat2" in said
