"""The end of a process in which threads compute: it waits for them, and is not aborted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LIMIT = 120.0

LOOKS = """
import sys, threading, torch
from torch import nn
import dl_lab
from tests.widgets.page import Page

torch.manual_seed(0)
deep = lambda: nn.Sequential(*(
    layer for _ in range(12) for layer in (nn.Conv2d(8, 8, 3, padding=1), nn.ReLU())
))
begun = threading.Semaphore(0)
for _ in range(4):
    model = nn.Sequential(nn.Conv2d(3, 8, 3), deep(), nn.Flatten(), nn.Linear(70688, 5)).eval()
    viewer = dl_lab.LayerViewer(model, torch.rand(1, 3, 96, 96))
    model.register_forward_pre_hook(lambda *_: begun.release())
    page = Page(viewer)
    page.request("hello", have={}, view="page")
    page.request("settings.set", attribution="integrated_gradients")
for _ in range(20):
    begun.acquire()
print("ends")
"""

COMPUTES = """
import threading, torch
from dl_lab import exits

begun = threading.Semaphore(0)
def compute():
    with exits.computing():
        begun.release()
        while not exits.is_exiting():
            torch.rand(300, 300) @ torch.rand(300, 300)
        print("is told")
    with exits.computing():
        print("begins nothing")

for _ in range(3):
    threading.Thread(target=compute, daemon=True).start()
for _ in range(3):
    begun.acquire()
"""

HANGS = """
import threading
from dl_lab import exits

begun = threading.Event()
def hang():
    with exits.computing():
        begun.set()
        threading.Event().wait()

threading.Thread(target=hang, daemon=True).start()
begun.wait()
print("ends")
"""


@pytest.mark.parametrize(
    ("program", "says"),
    [(LOOKS, "ends\n"), (COMPUTES, "is told\n" * 3), (HANGS, "ends\n")],
    ids=["looks", "computes", "hangs"],
)
def test_a_process_ends_as_if_nothing_ran(program, says):
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=LIMIT,
        cwd=ROOT,
        check=False,
    )
    assert (done.stdout, done.stderr, done.returncode) == (says, "", 0)
