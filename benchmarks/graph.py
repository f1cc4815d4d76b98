"""What a graph costs: our trace beside torchinfo and torchview, on the same models in one run.

- *forward*: the model alone, without gradients.
- *graph*: `trace`, with shapes, costs, lines of source and modules of every operation.
- *folded*: `fold` of it.
- *torchinfo*: its table, which knows modules and no operations between them.
- *torchview*: its graph, to the innermost module.
- *over*: the milliseconds by which the graph took longer than three forwards.

Each figure is the median of `ROUNDS`, all in turns and with one thread. At the end a language model
of seven thousand million parameters on the meta device: built, traced and folded, in seconds.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import time
import warnings
from statistics import median
from typing import TYPE_CHECKING, Any

import torch
import torchinfo
import torchview
from torch import Tensor, nn

from benchmarks.looking import Attention, bottlenecks
from dl_lab.nets import lenet5
from dl_lab.nets.graph.fold import fold
from dl_lab.nets.graph.trace import trace
from dl_lab.train.threads import one_thread

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS = 9
MOST_FORWARDS, MOST_MS, MOST_SECONDS = 3, 10, 1
_DEEPEST = 99


class Recurrent(nn.Module):
    """A cell in a loop over time."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.out = nn.GRUCell(32, 64), nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Return the last step's scores."""
        h = x.new_zeros(x.shape[1], 64)
        for step in x:
            h = self.cell(step, h)
        return self.out(h)


def transformers_model(family: str, **small: int) -> nn.Module:
    """Return a language model with random weights."""
    from transformers import AutoConfig, AutoModel

    return AutoModel.from_config(AutoConfig.for_model(family, **small))


def models() -> dict[str, tuple[nn.Module, Tensor]]:
    """Return models of many sizes, each with an input."""
    tokens = torch.randint(100, (2, 32))
    bert = {"hidden_size": 128, "num_attention_heads": 2, "intermediate_size": 512}
    gpt = {"n_embd": 256, "n_head": 4, "n_layer": 12, "vocab_size": 1000}
    llama = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 8}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 1000}
    layer = nn.TransformerEncoderLayer(128, 4, 256, batch_first=True)
    return {
        "2-8-8-1": (_perceptron(), torch.randn(64, 2)),
        "LeNet-5": (lenet5(), torch.randn(32, 1, 28, 28)),
        "cell × 50": (Recurrent(), torch.randn(50, 8, 32)),
        "encoder × 6": (nn.TransformerEncoder(layer, 6), torch.randn(4, 32, 128)),
        "BERT, 2 layers": (transformers_model("bert", num_hidden_layers=2, **bert), tokens),
        "GPT-2, 12 layers": (transformers_model("gpt2", **gpt), tokens),
        "LLaMA, 8 layers": (transformers_model("llama", **llama, **heads), tokens),
        "50 convolutions": (bottlenecks(), torch.randn(1, 3, 224, 224)),
        "12 blocks": (Attention(), torch.randn(1, 3, 224, 224)),
    }


def _perceptron() -> nn.Module:
    sizes = (2, 8, 8, 1)
    parts = [(nn.Linear(a, b), nn.Tanh()) for a, b in itertools.pairwise(sizes)]
    return nn.Sequential(*(part for pair in parts for part in pair))


def peers(model: nn.Module, x: Tensor) -> dict[str, Callable[[], Any]]:
    """Return what is timed, by name."""
    graph = trace(model, [x])
    return {
        "forward": lambda: model(x),
        "graph": lambda: trace(model, [x]),
        "folded": lambda: fold(graph),
        "torchinfo": lambda: torchinfo.summary(
            model, input_data=[x], verbose=0, depth=_DEEPEST, mode="eval"
        ),
        "torchview": lambda: torchview.draw_graph(
            model, input_data=[x], depth=_DEEPEST, expand_nested=True, device="cpu"
        ),
    }


def measure(model: nn.Module, x: Tensor) -> dict[str, float | None]:
    """Return the median milliseconds of each; None for one that raised an exception."""
    times: dict[str, list[float] | None] = {}
    for _ in range(ROUNDS):
        for name, call in peers(model, x).items():
            taken = times.setdefault(name, [])
            if taken is None:
                continue
            try:
                with contextlib.redirect_stdout(io.StringIO()):
                    start = time.perf_counter()
                    call()
                    taken.append(1000 * (time.perf_counter() - start))
            except Exception:  # noqa: BLE001  # a peer may not know such models
                times[name] = None
    return {name: None if taken is None else median(taken) for name, taken in times.items()}


def large() -> tuple[float, int]:
    """Return the seconds to build and trace a large model on meta, and its nodes."""
    from transformers import LlamaConfig, LlamaModel

    def once() -> tuple[float, int]:
        start = time.perf_counter()
        with torch.device("meta"):
            model = LlamaModel(LlamaConfig()).eval()
            graph = trace(model, [torch.zeros(1, 16, dtype=torch.long)])
        fold(graph)
        return time.perf_counter() - start, len(graph.nodes)

    once()  # imports
    found = [once() for _ in range(3)]
    return median(seconds for seconds, _ in found), found[0][1]


def _cell(value: float | None) -> str:
    return f"{'fails' if value is None else f'{value:.1f}':>10}"


def main() -> None:
    """Measure and print the table."""
    warnings.filterwarnings("ignore")
    columns = ("forward", "graph", "folded", "torchinfo", "torchview")
    print("Graphs, milliseconds (median)")
    print(f"{'':18}{'nodes':>7}" + "".join(f"{name:>10}" for name in columns) + f"{'over':>10}")
    over = []
    with torch.no_grad(), one_thread():
        for name, (model, x) in models().items():
            found = measure(model.eval(), x)
            nodes = len(trace(model, [x]).nodes)
            forward, graph = found["forward"], found["graph"]
            if forward is None or graph is None:
                raise RuntimeError(name)
            over.append(graph - MOST_FORWARDS * forward)
            cells = "".join(_cell(found[column]) for column in columns)
            print(f"{name:18}{nodes:7}{cells}{_cell(over[-1])}")
        middle = median(over)
        print(
            f"Over {MOST_FORWARDS} forwards: {middle:.1f} ms on the median"
            f" ({'at most' if middle <= MOST_MS else 'more than'} {MOST_MS})"
        )
        seconds, nodes = large()
    print(
        f"LLaMA-7B on meta, {nodes} nodes: built, traced and folded in {seconds:.2f} s"
        f" ({'at most' if seconds <= MOST_SECONDS else 'more than'} {MOST_SECONDS})"
    )


if __name__ == "__main__":
    main()
