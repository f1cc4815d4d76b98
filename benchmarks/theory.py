"""The theory explainers beside the plain way: many starts of an optimizer, points of a landscape.

Ratios of times on one thread, the two in turns, the best of several.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from time import thread_time

import torch
from torch import Tensor, nn

from dl_lab.theory.basins import Basins
from dl_lab.theory.loss_landscape import Landscape, random_cut
from dl_lab.theory.optimizer_race import Race, entrants, starting_rates
from dl_lab.theory.slices import Network
from dl_lab.theory.surfaces import SURFACES

ROUNDS = 3


def paired(*ways: Callable[[], object]) -> list[float]:
    """Return the best time of each, in seconds of this thread, taken in turns."""
    best = [float("inf")] * len(ways)
    for _ in range(ROUNDS):
        for at, way in enumerate(ways):
            began = thread_time()
            way()
            best[at] = min(best[at], thread_time() - began)
    return best


def race() -> None:
    """Compare a race, which keeps all that is remembered, with bare loops of its optimizers."""
    surface = SURFACES["beale"]()
    runners = entrants(None, starting_rates(surface))
    steps = 100

    def ours() -> None:
        Race(surface, runners, steps=steps).advance()

    def plain() -> None:
        for name, one in runners.items():
            p, optimizer = one.fresh(surface.start)

            def closure(p: Tensor = p, optimizer: torch.optim.Optimizer = optimizer) -> Tensor:
                optimizer.zero_grad()
                loss = surface.function(p if p.ndim == 1 else p[0])
                loss.backward()
                return loss

            for _ in range(steps):
                if name == "LBFGS":
                    optimizer.step(closure)
                    continue
                closure()
                if name == "SparseAdam":
                    p.grad = p.grad.to_sparse()
                optimizer.step()

    own, bare = paired(ours, plain)
    each = 1e6 * own / steps / len(runners)
    print(
        f"race of {len(runners)} optimizers: {each:.0f} us a step of one, {own / bare:.2f} times a "
        f"bare loop; {1 / (own / steps):.0f} steps of all a second (target 30)"
    )


def basins() -> None:
    """Compare many starts in one tensor with each alone."""
    surface, steps, few = SURFACES["himmelblau"](), 100, 20
    race = Race(surface, entrants(["Adam"], {"Adam": 0.1}), steps=steps)

    def ours() -> None:
        Basins(race, "Adam", side=100).advance()

    def plain() -> None:
        for _ in range(few):
            Race(surface, entrants(["Adam"], {"Adam": 0.1}), steps=steps).advance()

    own, alone = paired(ours, plain)
    print(
        f"map of 10,000 starts, Adam, {steps} steps: {1e3 * own:.0f} ms, "
        f"{alone / few * 10_000 / own:.0f} times as fast as one after the other (target 100)"
    )


def landscape() -> None:
    """Compare a landscape with copying the weights in, point by point."""
    torch.manual_seed(0)
    small = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    wide = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10))
    mse, cross = nn.functional.mse_loss, nn.functional.cross_entropy
    points, images = torch.randn(250, 2), torch.randn(256, 784)
    cases = (
        ("2-8-1, 250 points", small, mse, (points, points.prod(1, keepdim=True)), 33),
        ("784-64-10, 256 images", wide, cross, (images, torch.randint(0, 10, (256,))), 17),
    )
    for name, model, loss, data, side in cases:
        network = Network(model, loss, data)
        cut = random_cut(network)

        def ours(network: Network = network, side: int = side) -> None:
            Landscape(network, random_cut(network), side).advance()

        def plain(
            model: nn.Module = model,
            loss: Callable[..., Tensor] = loss,
            data: tuple[Tensor, Tensor] = data,
            side: int = side,
            directions: Tensor = cut.directions,
            origin: Tensor = cut.origin,
        ) -> None:
            moved = copy.deepcopy(model).eval()
            with torch.no_grad():
                for y in torch.linspace(-1, 1, side):
                    for x in torch.linspace(-1, 1, side):
                        flat = origin + x * directions[0] + y * directions[1]
                        nn.utils.vector_to_parameters(flat, moved.parameters())
                        loss(moved(data[0]), data[1])

        own, bare = paired(ours, plain)
        print(
            f"landscape {side} x {side} of {name}: {1e3 * own:.0f} ms, "
            f"{bare / own:.2f} times as fast as the plain loop (target 1)"
        )


def main() -> None:
    """Print the ratios."""
    torch.set_num_threads(1)
    print("Theory: optimizers and landscapes")
    race()
    basins()
    landscape()


if __name__ == "__main__":
    main()
