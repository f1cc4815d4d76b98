"""Bad input through a whole Trainer: a sentence, and nothing is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from dl_lab.errors import InputError
from dl_lab.train.trainer import Trainer

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS, ONE, LABELS = torch.randn(12, 6), torch.rand(12, 1), torch.arange(12) % 3
IMAGES = torch.randn(12, 1, 8, 8)


@pytest.fixture(autouse=True)
def no_thread_is_left():
    threads = set(threading.enumerate())
    yield
    # Those of a DataLoader's queues end by themselves.
    left = set(threading.enumerate()) - threads
    assert not {thread for thread in left if thread.name != "QueueFeederThread"}


def regression():
    return nn.Linear(6, 1), nn.MSELoss(), (ROWS, ONE)


def classifier():
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    return model, nn.CrossEntropyLoss(), (ROWS, LABELS)


def binary():
    return nn.Linear(6, 1), nn.BCEWithLogitsLoss(), (ROWS, (ONE > 0.5).float())


def convolution():
    layers = nn.Conv2d(1, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)
    return nn.Sequential(*layers), nn.CrossEntropyLoss(), (IMAGES, LABELS)


def words():
    model = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(24, 3))
    return model, nn.CrossEntropyLoss(), (torch.randint(9, (12, 6)), LABELS)


class Failing(Dataset):
    """Rows of which one, in another process, is the end."""

    def __init__(self, fail: Callable[[], object]) -> None:
        self.fail = fail

    def __len__(self) -> int:
        return 12

    def __getitem__(self, row: int) -> Any:
        return self.fail() if row == 9 else (ROWS[row], ONE[row])


def loader(fail, workers=0):
    return DataLoader(Failing(fail), batch_size=4, num_workers=workers)


def killed():
    os.kill(os.getpid(), signal.SIGKILL)


def trainer_for(model, loss, data, **settings: Any):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return Trainer(model, loss, optimizer, data, batch_size=4, device="cpu", seed=0, **settings)


def weights(trainer):
    return [parameter.detach().clone() for parameter in trainer.model.parameters()]


@dataclass
class Case:
    """Data that fail after good ones."""

    make: Callable[[], tuple[nn.Module, Any, Any]]
    bad: Any
    said: str


DATA = {
    "fewer inputs": Case(
        regression,
        (ROWS[:, :4], ONE),
        "model = Linear(in_features=6, out_features=1, bias=True) takes 6 numbers in the last "
        "dimension, but its input, tensor [4, 4] float32, has 4.",
    ),
    "images unflattened": Case(
        regression, (ROWS.reshape(12, 2, 3), ONE), "Put nn.Flatten() before it"
    ),
    "bytes": Case(
        convolution, (IMAGES.to(torch.uint8), LABELS), "Convert the images: images.float() / 255."
    ),
    "double": Case(regression, (ROWS.double(), ONE), "Convert the inputs: inputs.float()."),
    "channels last": Case(
        convolution, (IMAGES.movedim(1, -1), LABELS), "Turn it round: images.permute(0, 3, 1, 2)."
    ),
    "no channel": Case(convolution, (IMAGES[:, 0], LABELS), "Add it: images.unsqueeze(1)."),
    "too small": Case(convolution, (IMAGES[..., :2, :2], LABELS), "smaller than the window"),
    "one row": Case(
        classifier, [(ROWS[:1], LABELS[:1])], "model[1] = BatchNorm1d(8, eps=1e-05, momentum=0.1"
    ),
    "no batch dimension": Case(
        convolution, [(IMAGES[0], LABELS[0])], "a single example without the batch dimension"
    ),
    "word unknown": Case(
        words, (torch.full((12, 6), 9), LABELS), "has the indices 0 to 8, but its input has 9 to 9."
    ),
    "class of another kind": Case(
        classifier, (ROWS, torch.rand(12)), "Convert them: targets.long()."
    ),
    "targets with a dimension too many": Case(
        classifier, (ROWS, LABELS[:, None]), "Remove it: targets.squeeze(1)."
    ),
    "class out of range": Case(
        classifier, (ROWS, LABELS + 1), "have the classes 0 to 2, but the targets, tensor [4]"
    ),
    "whole numbers as targets": Case(
        binary, (ROWS, (ONE > 0.5).long()), "Convert them: targets.float()."
    ),
    "targets of another shape": Case(
        regression, (ROWS, ONE[:, 0]), "Give both one shape: targets.reshape(-1, 1)."
    ),
    "wider targets": Case(
        regression, (ROWS, torch.rand(12, 2)), "Let the last layer have as many outputs as a"
    ),
    "one input too many": Case(
        regression, (ROWS, ROWS, ONE), "Linear.forward takes (input: torch.Tensor), but a batch"
    ),
    "a batch that is none": Case(regression, [3], "A batch must be a pair (inputs, targets)"),
    "no batch": Case(regression, [], "The training data has no batches."),
    "a dataset that raises": Case(
        regression, loader(lambda: {}["cat"]), "Loading a batch raised KeyError: 'cat' (<lambda>:"
    ),
    "rows of unequal shape": Case(
        regression, loader(lambda: (ROWS[0, :2], ONE[0])), "Give all rows one shape"
    ),
    "a worker that dies": Case(
        regression, loader(killed, workers=1), "A worker process of the DataLoader died: "
    ),
    "a worker that raises": Case(
        regression, loader(lambda: {}["cat"], workers=1), "Loading a batch raised KeyError: "
    ),
}


@pytest.mark.parametrize("name", DATA)
@pytest.mark.filterwarnings("ignore:Using a target size")
def test_bad_data_after_good_ones(name):
    case = DATA[name]
    model, loss, good = case.make()
    trainer = trainer_for(model, loss, good)
    trainer.fit(2)
    before = weights(trainer)
    steps, series = trainer.steps, trainer.history["train_loss"].values.copy()
    trainer.set_data(case.bad)
    trainer.start()
    assert asyncio.run(trainer.wait()) == "failed"
    assert case.said in str(trainer.message)
    assert trainer.message.__cause__ is not trainer.message
    # Two good batches come before the ninth row.
    done = trainer.steps - steps
    assert done == (0 if not isinstance(case.bad, DataLoader) else trainer.steps - 6)
    kept = trainer.history["train_loss"].values
    assert np.array_equal(kept[: len(series)], series)
    assert len(kept) == trainer.steps
    if not done:
        assert all(map(torch.equal, before, weights(trainer)))
    with pytest.raises(InputError) as error:
        trainer.fit(1)
    assert case.said in str(error.value)
    trainer.set_data(good)
    count = trainer.steps
    trainer.fit(1)
    assert (trainer.state, trainer.message, trainer.steps) == ("finished", None, count + 3)
    assert all(tensor.isfinite().all() for tensor in model.parameters())


class Detached(nn.Linear):
    def forward(self, inputs):
        return super().forward(inputs).detach()


class Twice(nn.Linear):
    def forward(self, inputs):
        outputs = super().forward(inputs)
        return outputs, outputs.sigmoid()


class Forgetful(nn.Linear):
    def forward(self, inputs):
        super().forward(inputs)


class Mistaken(nn.Linear):
    def forward(self, inputs):
        return super().forward(inputs.to_images())


class Elsewhere(nn.Sequential):
    def forward(self, inputs):
        return super().forward(inputs.to("meta"))


class Mixed(nn.Linear):
    def forward(self, inputs):
        return super().forward(inputs) + torch.matmul(inputs, torch.ones(6, 1, device="meta"))


class Hoarding(nn.Linear):
    def forward(self, inputs):
        return super().forward(inputs) + torch.empty(10**15)


MODELS = {
    "too few outputs": (nn.Linear(6, 2), nn.MSELoss(), ONE.repeat(1, 3), "as many outputs as a"),
    "a tuple": (Twice(6, 1), nn.MSELoss(), ONE, "The model returned (tensor [4, 1] float32, tens"),
    "nothing": (Forgetful(6, 1), nn.MSELoss(), ONE, "Its forward lacks a return at the end."),
    "a mistake": (Mistaken(6, 1), nn.MSELoss(), ONE, "return super().forward(inputs.to_images())"),
    "detached": (Detached(6, 1), nn.MSELoss(), ONE, "from the outputs back to the parameters."),
    "other device": (
        Elsewhere(nn.Linear(6, 1)),
        nn.MSELoss(),
        ONE,
        "has its weights on cpu, but its input is",
    ),
    "memory": (Hoarding(6, 1), nn.MSELoss(), ONE, "The memory of cpu is full. Use a smaller batch"),
    "recurrent": (
        nn.Sequential(nn.LSTM(6, 2), nn.Linear(2, 1)),
        nn.MSELoss(),
        ONE,
        "model[1] = Linear(in_features=2, out_features=1, bias=True) takes one tensor, but is",
    ),
    "vector": (
        nn.Linear(6, 1),
        nn.MSELoss(reduction="none"),
        ONE,
        'The loss returned tensor [4, 1] float32, but training needs one number. Use reduction="me',
    ),
    "number": (
        nn.Linear(6, 1),
        lambda outputs, targets: (outputs - targets).square().mean().item(),
        ONE,
        "Leave out .item() and numpy.",
    ),
    "detached loss": (
        nn.Linear(6, 1),
        lambda outputs, targets: (outputs.detach() - targets).square().mean(),
        ONE,
        "No gradient can flow from the loss back to the outputs.",
    ),
}


@pytest.mark.filterwarnings("ignore:Using a target size:UserWarning")
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("settings", [{}, {"accumulate": 2, "metrics": "mae"}], ids=["", "more"])
def test_a_bad_model_or_loss(name, settings):
    model, loss, targets, said = MODELS[name]
    before = [parameter.detach().clone() for parameter in model.parameters()]
    trainer = trainer_for(model, loss, (ROWS, targets), **settings)
    with pytest.raises(InputError) as error:
        trainer.fit(1)
    assert said in str(error.value)
    assert (trainer.state, trainer.steps) == ("failed", 0)
    assert trainer.message is error.value
    assert all(map(torch.equal, before, model.parameters()))
    good = trainer_for(*regression())
    good.fit(1)
    assert good.state == "finished"


def test_bad_validation_is_told_at_once():
    model, loss, good = regression()
    with pytest.raises(InputError, match="takes 6 numbers in the last dimension"):
        trainer_for(model, loss, good, validation=(ROWS[:, :4], ONE))
    with pytest.raises(InputError, match="validation is empty"):
        trainer_for(model, loss, good, validation=(ROWS[:0], ONE[:0]))


def test_bad_data_while_it_runs():
    model, loss, good = regression()
    trainer = trainer_for(model, loss, good)
    trainer.start()
    with pytest.raises(InputError, match="The tensors of train have 12 and 5 rows"):
        trainer.set_data((ROWS, ONE[:5]))
    trainer.set_data((ROWS[:, :4], ONE))
    assert asyncio.run(trainer.wait()) == "failed"
    assert "takes 6 numbers in the last dimension" in str(trainer.message)


def test_a_metric_that_fails():
    def far(outputs, targets):
        return outputs.far_from(targets)

    model, loss, good = regression()
    metrics = {"far": far, "gap": lambda outputs, _: outputs}
    trainer = trainer_for(model, loss, good, metrics=metrics)
    trainer.fit(2)
    told = [str(note) for note in trainer.notes]
    assert "The metric far raised AttributeError: 'Tensor' object has no attribute" in told[0]
    assert "The metric gap returned tensor [4, 1] float32" in told[1]
    assert (len(told), trainer.state) == (2, "finished")


def test_labels_of_the_wrong_kind_for_a_metric():
    model, loss, good = regression()
    trainer = trainer_for(model, loss, good, metrics=["top5"])
    trainer.set_data((ROWS, ONE))
    trainer.fit(1)
    assert str(trainer.notes[0]).startswith("The metric top5 cannot compare the outputs")
    assert trainer.message is None


LINEAR = nn.Linear(6, 1)
OF_IT = torch.optim.SGD(LINEAR.parameters(), lr=0.1)


@pytest.mark.parametrize(
    ("model", "optimizer", "train", "said"),
    [
        (nn.Linear, OF_IT, (ROWS, ONE), "model must be a network, and Linear is a class."),
        (nn.Sequential(nn.ReLU()), OF_IT, (ROWS, ONE), "Sequential has no parameters"),
        (nn.Linear(6, 1), OF_IT, (ROWS, ONE), "The optimizer (SGD) updates 2 parameters, and none"),
        (LINEAR, torch.optim.SGD, (ROWS, ONE), "SGD is a class. Make one of it"),
        (nn.Sequential(nn.LazyLinear(1)), OF_IT, (ROWS, ONE), "does not know its size yet"),
        (LINEAR, OF_IT, (ROWS.numpy(), ONE.numpy()), "where tensors are needed. Turn each into"),
        (LINEAR, OF_IT, (ROWS, ONE[:5]), "The tensors of train have 12 and 5 rows"),
        (LINEAR, OF_IT, (ROWS[:0], ONE[:0]), "train is empty"),
        (LINEAR, OF_IT, DataLoader(TensorDataset(ROWS[:0])), "train is empty: DataLoader over 0"),
        (LINEAR, OF_IT, "mnist", "got 'mnist'."),
        (LINEAR, OF_IT, iter([(ROWS, ONE)]), "can be run through only once"),
        (
            LINEAR,
            OF_IT,
            DataLoader(TensorDataset(ROWS, ONE), batch_size=16, drop_last=True),
            "train yields no batch: it has 12 rows, fewer than its batch_size of 16",
        ),
    ],
)
def test_what_can_be_seen_at_once_is_told_at_once(model, optimizer, train, said):
    with pytest.raises(InputError) as error:
        Trainer(model, nn.MSELoss(), optimizer, train, device="cpu")
    assert said in str(error.value)
    assert error.value.__cause__ is not error.value
