"""Real loaders that fail, and the sentence that each becomes."""

from __future__ import annotations

import os
import signal
import weakref

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from dl_lab.train.diagnosis.explain import explain


class Rows(Dataset):
    """Eight rows, each what a function returns for its number."""

    def __init__(self, function) -> None:
        self.function = function

    def __len__(self) -> int:
        return 8

    def __getitem__(self, row: int) -> object:
        return self.function(row)


def sentence(function, **settings: object):
    try:
        list(DataLoader(Rows(function), batch_size=4, **settings))
    except Exception as error:  # noqa: BLE001 - any of them
        wrong = error
    said = explain(wrong, model=nn.Linear(1, 1), loss=None, where="batch")
    assert said.__cause__ is wrong
    return str(said)


def test_the_loaders_iterator_is_let_go():
    try:
        list(DataLoader(Rows(broken), num_workers=1))
    except KeyError as error:
        wrong = error
    frame = wrong.__traceback__.tb_next.tb_frame
    iterator = weakref.ref(frame.f_locals["self"])
    del frame
    explain(wrong, model=nn.Linear(1, 1), loss=None, where="batch")
    assert iterator() is None


def die(row):
    if row == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return torch.zeros(2)


def test_a_worker_that_dies():
    said = sentence(die, num_workers=1)
    assert said.startswith("A worker process of the DataLoader died: DataLoader worker (pid")
    assert said.endswith("num_workers=0 loads in this process.")


@pytest.mark.filterwarnings("ignore:Got pickle error:UserWarning")
def test_workers_that_cannot_be_started():
    said = sentence(lambda _: torch.zeros(2), num_workers=1, multiprocessing_context="spawn")
    assert said.startswith("The DataLoader's worker processes could not be started: Can't ")
    assert said.endswith("Use num_workers=0, or define the Dataset in a file and import it.")


def broken(row):
    return {0: "zero"}[row]


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("function", "said"),
    [
        (broken, "Loading a batch raised KeyError: "),
        (lambda row: torch.zeros(row + 1), "Give all rows one shape (resize images, pad sequence"),
        (lambda _: None, "Let __getitem__ return tensors or numbers (for images: torchvision"),
        (lambda _: object(), "batch must contain tensors, numpy arrays, numbers, dicts or lists;"),
    ],
)
def test_rows_that_cannot_be_loaded_or_joined(function, said, workers):
    text = sentence(function, num_workers=workers)
    assert said in text
    assert "KeyError: KeyError" not in text
    assert "\n" not in text


def test_the_line_of_a_datasets_own_code():
    line = broken.__code__.co_firstlineno + 1
    assert f'KeyError: 1 (broken:{line}: return {{0: "zero"}}[row]).' in sentence(broken)
