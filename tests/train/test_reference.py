"""Training against a float64 computation that shares no code with ours."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from dl_lab.data.toy import toy
from dl_lab.nets.dense import dense
from dl_lab.train.batches.carry_over import Batches
from dl_lab.train.dense.loss import half_squared_error
from dl_lab.train.dense.sgd import RegularizedSGD
from dl_lab.train.threads import one_thread
from dl_lab.train.trainer import Trainer

EPOCHS = 100


@pytest.fixture(autouse=True)
def _one_thread():
    with one_thread():
        yield


class Reference:
    """src/nn.ts of tensorflow/playground, on whole batches and in float64."""

    def __init__(self, weights, biases, activation, output) -> None:
        self.weights = [np.array(w, dtype=np.float64) for w in weights]
        self.biases = [np.array(b, dtype=np.float64) for b in biases]
        self.dead = [np.zeros(w.shape, bool) for w in self.weights]
        names = [activation] * (len(weights) - 1) + [output]
        self.functions = [FUNCTIONS[name] for name in names]
        self.clear()

    def clear(self):
        self.weight_sums = [np.zeros_like(w) for w in self.weights]
        self.bias_sums = [np.zeros_like(b) for b in self.biases]
        self.count = 0

    def values(self, features):
        values = [features]
        for w, b, (f, _) in zip(self.weights, self.biases, self.functions, strict=True):
            values.append(f(values[-1] @ w.T + b))
        return values

    def loss(self, features, targets):
        return np.mean((self.values(features)[-1][:, 0] - targets) ** 2) / 2

    def accumulate(self, features, targets):
        """The points' gradients, added to the sums."""
        values = self.values(features)
        slope = values[-1] - targets[:, None]
        for layer in reversed(range(len(self.weights))):
            slope = slope * self.functions[layer][1](values[layer + 1])
            self.weight_sums[layer] += slope.T @ values[layer]
            self.bias_sums[layer] += slope.sum(axis=0)
            slope = slope @ self.weights[layer]
        self.count += len(targets)

    def update(self, lr, kind, rate):
        for layer, w in enumerate(self.weights):
            self.biases[layer] -= lr * self.bias_sums[layer] / self.count
            derivative = {"L1": np.sign(w), "L2": w, None: 0 * w}[kind]
            w1 = w - lr * self.weight_sums[layer] / self.count
            w2 = w1 - lr * rate * derivative
            if kind == "L1":
                self.dead[layer] |= w1 * w2 < 0
                w2[self.dead[layer]] = 0
            self.weights[layer] = w2
        self.clear()

    def train(self, features, targets, batch_size, epochs, settings):
        for _ in range(epochs):
            for start in range(0, len(targets), batch_size):
                end = start + batch_size
                self.accumulate(features[start:end], targets[start:end])
                # A batch that the epoch cuts short waits for the next epoch's first points.
                if end <= len(targets):
                    self.update(*settings)


FUNCTIONS = {
    "tanh": (np.tanh, lambda a: 1 - a * a),
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(float)),
    "sigmoid": (lambda z: 1 / (1 + np.exp(-z)), lambda a: a * (1 - a)),
    "linear": (lambda z: z, np.ones_like),
}
FEATURES = {
    "x": lambda x, _y: x,
    "y": lambda _x, y: y,
    "x2": lambda x, _y: x**2,
    "y2": lambda _x, y: y**2,
    "xy": lambda x, y: x * y,
    "sin_x": lambda x, _y: np.sin(x),
    "sin_y": lambda _x, y: np.sin(y),
}


def columns(points, names):
    x, y = points.double().numpy().T
    return np.stack([FEATURES[name](x, y) for name in names], axis=1)


CASES = [
    ("circle", "classification", ("x", "y"), (4, 2), "tanh", 10, None, 0.0),
    ("circle", "classification", ("x", "y"), (4, 2), "tanh", 10, "L2", 0.01),
    ("circle", "classification", ("x", "y"), (4, 2), "tanh", 10, "L1", 0.01),
    ("xor", "classification", ("x", "y"), (4, 2), "tanh", 30, None, 0.0),
    ("xor", "classification", ("x", "y", "sin_x", "sin_y"), (5,), "relu", 10, "L1", 0.003),
    ("spiral", "classification", tuple(FEATURES), (6, 3), "tanh", 29, "L1", 0.03),
    ("gauss", "classification", ("x", "y"), (), "tanh", 7, "L2", 0.1),
    ("plane", "regression", ("x", "y"), (3,), "sigmoid", 25, "L2", 0.001),
    ("gauss", "regression", ("x", "y"), (4, 4), "relu", 17, None, 0.0),
    ("plane", "regression", ("x2", "xy", "y"), (2, 2), "linear", 30, None, 0.0),
]


@pytest.mark.parametrize("path", ["fast", "autograd"])
@pytest.mark.parametrize(
    ("name", "problem", "features", "hidden", "activation", "batch_size", "kind", "rate"), CASES
)
def test_training_agrees_with_the_reference(
    path, name, problem, features, hidden, activation, batch_size, kind, rate
):
    lr = 0.003 if "x2" in features else 0.03
    epochs = EPOCHS if path == "fast" else 10
    output = "tanh" if problem == "classification" else "linear"
    data = toy(name, problem, noise=10, seed=1, train_ratio=0.5 if output == "tanh" else 0.2)
    model = dense(features, hidden, activation, output, torch.Generator().manual_seed(2))
    if path == "autograd":
        model[0].register_forward_hook(lambda *_: None)
    linear = [module for module in model if isinstance(module, torch.nn.Linear)]
    reference = Reference(
        [layer.weight.detach().numpy() for layer in linear],
        [layer.bias.detach().numpy() for layer in linear],
        activation,
        output,
    )
    optimizer = RegularizedSGD(model, lr=lr, regularization=kind, regularization_rate=rate)
    trainer = Trainer(
        model,
        half_squared_error,
        optimizer,
        Batches(*data.train, batch_size),
        {"train_loss": data.train, "test_loss": data.test},
        record="epoch",
    )
    trainer.fit(epochs)
    reference.train(
        columns(data.train[0], features),
        data.train[1].double().numpy(),
        batch_size,
        epochs,
        (lr, kind, rate),
    )
    for layer, w, b, dead in zip(
        linear, reference.weights, reference.biases, reference.dead, strict=True
    ):
        np.testing.assert_allclose(layer.weight.detach().numpy(), w, rtol=0, atol=1e-4)
        np.testing.assert_allclose(layer.bias.detach().numpy(), b, rtol=0, atol=1e-4)
        assert np.array_equal(optimizer.dead(layer.weight).numpy(), dead)
    for series, (points, targets) in (("train_loss", data.train), ("test_loss", data.test)):
        expected = reference.loss(columns(points, features), targets.double().numpy())
        assert trainer.history[series].values[-1] == pytest.approx(expected, abs=1e-4)
        assert len(trainer.history[series]) == epochs + 1
