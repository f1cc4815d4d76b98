"""Training steps of kinds that no Trainer with a loss could do, as people write them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Kind:
    """A step with all that it needs."""

    step: Callable[[Any], Any]
    models: Any
    optimizers: Any
    train: Iterable[Any]


def points(rows: int, *shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(rows, *shape, generator=torch.Generator().manual_seed(seed))


def dcgan() -> Kind:
    """Two networks, two optimizers, noise in each step; as in PyTorch's tutorial."""
    generator = nn.Sequential(
        nn.ConvTranspose2d(4, 6, 4), nn.BatchNorm2d(6), nn.ReLU(), nn.ConvTranspose2d(6, 1, 4, 2, 1)
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 6, 4, 2, 1), nn.BatchNorm2d(6), nn.LeakyReLU(0.2), nn.Conv2d(6, 1, 4)
    )
    optimizers = {
        "generator": torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999)),
        "discriminator": torch.optim.Adam(discriminator.parameters(), lr=1e-3),
    }
    criterion = nn.BCEWithLogitsLoss()

    def step(batch):
        (real,) = batch
        ones, zeros = torch.ones(len(real)), torch.zeros(len(real))
        discriminator.zero_grad()
        on_real = criterion(discriminator(real).flatten(), ones)
        on_real.backward()
        fake = generator(torch.randn(len(real), 4, 1, 1))
        on_fake = criterion(discriminator(fake.detach()).flatten(), zeros)
        on_fake.backward()
        optimizers["discriminator"].step()
        generator.zero_grad()
        fooled = criterion(discriminator(fake).flatten(), ones)
        fooled.backward()
        optimizers["generator"].step()
        return {"discriminator_loss": on_real + on_fake, "generator_loss": fooled}

    loader = DataLoader(TensorDataset(points(24, 1, 8, 8)), batch_size=6, shuffle=True)
    models = {"generator": generator, "discriminator": discriminator}
    return Kind(step, models, optimizers, loader)


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(10, 4), nn.Linear(2, 10)

    def forward(self, x):
        mean, log_variance = self.encoder(x).chunk(2, 1)
        code = mean + torch.randn_like(mean) * (log_variance / 2).exp()
        return self.decoder(code), mean, log_variance


def vae() -> Kind:
    """A loss of outputs and inputs."""
    model = VAE()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    def step(x):
        found, mean, log_variance = model(x)
        reconstruction = functional.mse_loss(found, x, reduction="sum")
        divergence = -0.5 * (1 + log_variance - mean.square() - log_variance.exp()).sum()
        optimizer.zero_grad()
        (reconstruction + divergence).backward()
        optimizer.step()
        return {"reconstruction_loss": reconstruction, "divergence": divergence}

    return Kind(step, model, optimizer, DataLoader(points(20, 10), batch_size=5, shuffle=True))


def siamese() -> Kind:
    """One network for two inputs, a margin that is learnt beside it, a scheduler's Nesterov SGD."""
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    margin = nn.Parameter(torch.ones(()))
    groups = [{"params": model.parameters()}, {"params": [margin], "lr": 0.001}]
    optimizer = torch.optim.SGD(groups, lr=0.05, momentum=0.9, nesterov=True)

    def step(batch):
        one, other, same = batch
        optimizer.zero_grad()
        distance = functional.pairwise_distance(model(one), model(other))
        apart = functional.relu(margin - distance).square()
        loss = (same * distance.square() + (1 - same) * apart).mean()
        loss.backward()
        optimizer.step()
        return loss

    pairs = TensorDataset(points(20, 6), points(20, 6, seed=1), points(20, seed=2).round())
    return Kind(step, model, optimizer, DataLoader(pairs, batch_size=5, shuffle=True))


def forward_forward() -> Kind:
    """Each layer learns by itself: no gradient goes through two (Hinton 2022)."""
    layers = [nn.Linear(8, 12), nn.Linear(12, 12)]
    optimizers = [torch.optim.Adam(layer.parameters(), lr=0.03) for layer in layers]

    def step(batch):
        good, bad = batch[0], batch[0][torch.randperm(len(batch[0]))] + batch[1]
        losses = {}
        for place, (layer, optimizer) in enumerate(zip(layers, optimizers, strict=True)):
            good, bad = (layer(functional.normalize(part.detach())).relu() for part in (good, bad))
            goodness = torch.cat([2 - good.square().sum(1), bad.square().sum(1) - 2])
            losses[f"layer{place}_loss"] = loss = functional.softplus(goodness).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return losses

    data = TensorDataset(points(20, 8), points(20, 8, seed=1))
    return Kind(step, layers, optimizers, DataLoader(data, batch_size=5, shuffle=True))


class Corridor:
    """Walk from the middle of nine cells: the right end pays 1, the left end -1, a step -0.01."""

    def __init__(self) -> None:
        self.cell = 4

    def move(self, right: bool) -> tuple[float, bool]:
        self.cell += 1 if right else -1
        done = self.cell in {0, 8}
        reward = (1.0 if self.cell else -1.0) if done else -0.01
        if done:
            self.cell = 4
        return reward, done


class Reinforce:
    """Williams 1992, ten moves a step: episodes go on from step to step, with a baseline."""

    def __init__(self, policy: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        self.policy, self.optimizer = policy, optimizer
        self.world = Corridor()
        self.baseline = 0.0
        self.open: list[tuple[int, int]] = []
        self.returns: list[float] = []

    def __call__(self, _: int) -> dict[str, float]:
        finished, losses = [], []
        for _ in range(10):
            cell = self.world.cell
            chances = self.policy(functional.one_hot(torch.tensor(cell), 9).float()).softmax(0)
            action = int(torch.multinomial(chances, 1))
            self.open.append((cell, action))
            reward, done = self.world.move(right=action == 1)
            self.returns.append(reward)
            if done:
                finished.append(sum(self.returns))
                cells, actions = torch.tensor(self.open).unbind(1)
                logits = self.policy(functional.one_hot(cells, 9).float())
                cost = functional.cross_entropy(logits, actions)
                losses.append(cost * (finished[-1] - self.baseline))
                self.baseline += 0.1 * (finished[-1] - self.baseline)
                self.open, self.returns = [], []
        if not losses:
            return {}
        loss = torch.stack(losses).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return {"policy_loss": loss, "score": sum(finished) / len(finished)}

    def state_dict(self) -> dict[str, Any]:
        kept = {name: getattr(self, name) for name in ("baseline", "open", "returns")}
        return {"cell": self.world.cell, **kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.world.cell = state["cell"]
        self.baseline, self.open, self.returns = state["baseline"], state["open"], state["returns"]


def reinforce() -> Kind:
    """No data: an environment, and what the step remembers of it."""
    policy = nn.Linear(9, 2)
    optimizer = torch.optim.Adam(policy.parameters(), lr=0.1)
    return Kind(Reinforce(policy, optimizer), {"policy": policy}, [optimizer], range(4))


def adding_up() -> Kind:
    """Gradients that go on from step to step, and two optimizers of the same weights."""
    model = nn.Linear(2, 1)
    optimizers = [
        torch.optim.Adam(model.parameters(), lr=0.1),
        torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9),
    ]

    def step(batch):
        x, number = batch
        model(x).square().mean().backward()
        if int(number) % 3 == 2:
            for optimizer in optimizers:
                optimizer.step()
            model.zero_grad()
        return {"size": model.weight.norm()}

    return Kind(step, model, optimizers, [(torch.full((2, 2), float(i)), i) for i in range(6)])


KINDS = {
    kind.__name__: kind for kind in (dcgan, vae, siamese, forward_forward, reinforce, adding_up)
}
