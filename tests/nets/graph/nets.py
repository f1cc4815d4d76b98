"""Networks of many kinds, small: what textbooks, torchvision, timm and pytorch/examples contain."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  # as everyone has it
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torch.utils.checkpoint import checkpoint


def image(channels=3, side=16, rows=2):
    return torch.randn(rows, channels, side, side)


class LeNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 6, 5, padding=2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(16, 12), nn.Linear(12, 8), nn.Linear(8, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return F.log_softmax(self.fc3(F.relu(self.fc2(F.relu(self.fc1(torch.flatten(x, 1)))))), 1)


class Basic(nn.Module):
    def __init__(self, before, width, stride=1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or before != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x):
        identity = x if self.downsample is None else self.downsample(x)
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += identity
        return self.relu(out)


def resnet():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 1, 1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        Basic(8, 8),
        Basic(8, 8),
        Basic(8, 16, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 5),
    )


class DenseBlock(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(4 + 4 * i), nn.ReLU(), nn.Conv2d(4 + 4 * i, 4, 3, 1, 1))
            for i in range(3)
        )

    def forward(self, x):
        features = [x]
        for layer in self.layers:
            features.append(layer(torch.cat(features, 1)))
        return torch.cat(features, 1)


class Inception(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Conv2d(3, 2, 1)
        self.three = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Conv2d(2, 4, 3, padding=1))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), nn.Conv2d(3, 2, 1))

    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), self.pool(x)], 1)


class SqueezeExcite(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Conv2d(3, 12, 1)
        self.depth = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.down, self.up = nn.Conv2d(12, 3, 1), nn.Conv2d(3, 12, 1)
        self.act = nn.SiLU()

    def forward(self, x):
        y = self.act(self.depth(self.act(self.expand(x))))
        gate = F.adaptive_avg_pool2d(y, 1)
        return y * torch.sigmoid(self.up(self.act(self.down(gate))))


class Shuffle(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Conv2d(4, 4, 3, padding=1, groups=4)

    def forward(self, x):
        left, right = x.chunk(2, dim=1)
        out = torch.cat((left, self.branch(right)), 1)
        rows, channels, high, wide = out.shape
        return out.view(rows, 2, channels // 2, high, wide).transpose(1, 2).flatten(1, 2)


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList([nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)])
        self.middle = nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.ModuleList([nn.ConvTranspose2d(8, 8, 2, 2), nn.ConvTranspose2d(8, 4, 2, 2)])
        self.join = nn.ModuleList([nn.Conv2d(16, 8, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1)])

    def forward(self, x):
        skips = []
        for conv in self.down:
            x = F.relu(conv(x))
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.middle(x)
        for up, join, skip in zip(self.up, self.join, reversed(skips), strict=True):
            x = join(torch.cat([up(x), skip], 1))
        return x


class FeaturePyramid(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleDict({"a": nn.Conv2d(3, 4, 3, 2, 1), "b": nn.Conv2d(4, 8, 3, 2, 1)})
        self.inner = nn.ModuleDict({"a": nn.Conv2d(4, 4, 1), "b": nn.Conv2d(8, 4, 1)})

    def forward(self, x):
        a = self.stages["a"](x)
        b = self.stages["b"](a)
        top = self.inner["b"](b)
        low = self.inner["a"](a) + F.interpolate(top, scale_factor=2, mode="nearest")
        return {"a": low, "b": top}


class Boxes(nn.Module):
    """As a single-shot detector: classes and boxes of several maps, those above a score kept."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Conv2d(3, 8, 3, 2, 1)
        self.classes, self.boxes = nn.Conv2d(8, 6, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)

    def forward(self, x):
        y = self.body(x)
        scores = self.classes(y).permute(0, 2, 3, 1).reshape(len(x), -1, 3).softmax(-1)
        boxes = self.boxes(y).permute(0, 2, 3, 1).reshape(len(x), -1, 4)
        kept = []
        for score, box in zip(scores, boxes, strict=True):
            best, label = score.max(-1)
            keep = best > best.mean()
            kept.append({"boxes": box[keep], "labels": label[keep], "scores": best[keep]})
        return kept


class VAE(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.mean, self.spread = nn.Linear(16, 8), nn.Linear(8, 2), nn.Linear(8, 2)
        self.decode = nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 16), nn.Sigmoid())

    def forward(self, x):
        h = F.relu(self.body(x))
        mean, spread = self.mean(h), self.spread(h)
        z = mean + torch.randn_like(mean) * torch.exp(0.5 * spread)
        return self.decode(z), mean, spread


class Quantized(nn.Module):
    """As VQ-VAE: the nearest of a codebook, gradients passed straight through."""

    def __init__(self) -> None:
        super().__init__()
        self.codes = nn.Embedding(8, 4)

    def forward(self, x):
        distances = torch.cdist(x, self.codes.weight)
        nearest = self.codes(distances.argmin(-1))
        return x + (nearest - x).detach()


def dcgan():
    return nn.Sequential(
        nn.ConvTranspose2d(8, 8, 4, 1, 0, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(True),
        nn.ConvTranspose2d(8, 3, 4, 2, 1, bias=False),
        nn.Tanh(),
    )


def patchgan():
    norm = nn.utils.parametrizations.spectral_norm
    return nn.Sequential(
        norm(nn.Conv2d(3, 4, 4, 2, 1)), nn.LeakyReLU(0.2), nn.InstanceNorm2d(4), nn.Conv2d(4, 1, 4)
    )


class CharRNN(nn.Module):
    def __init__(self, kind=nn.LSTM) -> None:
        super().__init__()
        self.embed, self.rnn, self.out = (
            nn.Embedding(20, 8),
            kind(8, 8, 2, dropout=0.2),
            nn.Linear(8, 20),
        )

    def forward(self, tokens):
        y, _ = self.rnn(self.embed(tokens))
        return F.log_softmax(self.out(y).view(-1, 20), 1)


class Packed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(4, 6, batch_first=True, bidirectional=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        y, hidden = self.rnn(packed)
        y, _ = pad_packed_sequence(y, batch_first=True)
        return y, hidden


class Elman(nn.Module):
    """Written out, with a matrix product a step."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(3, 5), nn.Linear(5, 5, bias=False)
        self.start = nn.Parameter(torch.zeros(5))

    def forward(self, x):
        h, states = self.start.expand(x.shape[1], 5), []
        for step in x:
            h = torch.tanh(self.inner(step) + self.outer(h))
            states.append(h)
        return torch.stack(states)


class Cells(nn.Module):
    def __init__(self, cell=nn.LSTMCell) -> None:
        super().__init__()
        self.cell = cell(3, 4)

    def forward(self, x):
        h = c = x.new_zeros(x.shape[1], 4)
        for t in range(x.shape[0]):
            h, c = self.cell(x[t], (h, c))
        return h


class Seq2Seq(nn.Module):
    """With attention over the encoder's states, its own last answer as the next input."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.encoder = nn.Embedding(12, 6), nn.GRU(6, 6, batch_first=True)
        self.cell, self.out = nn.GRUCell(12, 6), nn.Linear(6, 12)

    def forward(self, source):
        states, h = self.encoder(self.embed(source))
        h, token = h[0], source.new_zeros(len(source))
        answers = []
        for _ in range(4):
            weights = torch.softmax(torch.einsum("bth,bh->bt", states, h), 1)
            context = torch.einsum("bt,bth->bh", weights, states)
            h = self.cell(torch.cat([self.embed(token), context], 1), h)
            logits = self.out(h)
            token = logits.argmax(1)
            answers.append(logits)
        return torch.stack(answers, 1)


class TextCNN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, 8)
        self.convs = nn.ModuleList(nn.Conv1d(8, 4, k) for k in (2, 3, 4))
        self.out = nn.Linear(12, 2)

    def forward(self, tokens):
        x = self.embed(tokens).transpose(1, 2)
        return self.out(torch.cat([F.relu(conv(x)).max(-1).values for conv in self.convs], 1))


class WaveNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.filters = nn.ModuleList(nn.Conv1d(4, 4, 2, dilation=2**i) for i in range(3))
        self.gates = nn.ModuleList(nn.Conv1d(4, 4, 2, dilation=2**i) for i in range(3))

    def forward(self, x):
        skip = 0
        for i, (one, gate) in enumerate(zip(self.filters, self.gates, strict=True)):
            padded = F.pad(x, (2**i, 0))
            y = torch.tanh(one(padded)) * torch.sigmoid(gate(padded))
            skip = skip + y
            x = x + y
        return F.relu(skip)


class Head(nn.Module):
    def __init__(self, width, size) -> None:
        super().__init__()
        self.key, self.query, self.value = (nn.Linear(width, size, bias=False) for _ in range(3))
        self.register_buffer("tril", torch.tril(torch.ones(16, 16)))
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        length = x.shape[1]
        scores = self.query(x) @ self.key(x).transpose(-2, -1) * self.key.out_features**-0.5
        scores = scores.masked_fill(self.tril[:length, :length] == 0, float("-inf"))
        return self.dropout(F.softmax(scores, dim=-1)) @ self.value(x)


class Block(nn.Module):
    def __init__(self, width=16, heads=4) -> None:
        super().__init__()
        self.heads = nn.ModuleList(Head(width, width // heads) for _ in range(heads))
        self.proj = nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 32), nn.ReLU(), nn.Linear(32, width))
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)

    def forward(self, x):
        y = self.ln1(x)
        x = x + self.proj(torch.cat([head(y) for head in self.heads], -1))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    """As in Karpathy's lecture; the output's weights are the embedding's."""

    def __init__(self, blocks=3) -> None:
        super().__init__()
        self.tokens, self.places = nn.Embedding(30, 16), nn.Embedding(16, 16)
        self.blocks = nn.Sequential(*(Block() for _ in range(blocks)))
        self.out = nn.Linear(16, 30, bias=False)
        self.out.weight = self.tokens.weight

    def forward(self, index, targets=None):
        x = self.tokens(index) + self.places(torch.arange(index.shape[1]))
        logits = self.out(self.blocks(x))
        loss = None
        if targets is not None:
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        return logits, loss


class ViT(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, 16))
        self.places = nn.Parameter(torch.randn(1, 17, 16) * 0.02)
        layer = nn.TransformerEncoderLayer(16, 2, 32, 0.0, "gelu", batch_first=True)
        self.body, self.head = (
            nn.TransformerEncoder(layer, 2, enable_nested_tensor=False),
            nn.Linear(16, 5),
        )

    def forward(self, x):
        x = self.patches(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(len(x), -1, -1), x], 1) + self.places
        return self.head(self.body(x)[:, 0])


class Swin(nn.Module):
    """Shifted windows, by roll and a learnt bias for relative places."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(8, 24), nn.Linear(8, 8)
        self.bias = nn.Parameter(torch.randn(2, 16, 16))

    def forward(self, x):
        rows, high, wide, width = x.shape
        x = torch.roll(x, (-2, -2), (1, 2))
        x = x.view(rows, high // 4, 4, wide // 4, 4, width).permute(0, 1, 3, 2, 4, 5)
        x = x.reshape(-1, 16, width)
        q, k, v = self.qkv(x).view(-1, 16, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.bias)
        y = self.out(y.transpose(1, 2).reshape(-1, 16, width))
        y = y.view(rows, high // 4, wide // 4, 4, 4, width).permute(0, 1, 3, 2, 4, 5)
        return torch.roll(y.reshape(rows, high, wide, width), (2, 2), (1, 2))


class Mixer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.tokens = nn.Sequential(nn.Linear(9, 6), nn.GELU(), nn.Linear(6, 9))
        self.channels = nn.Sequential(nn.Linear(8, 6), nn.GELU(), nn.Linear(6, 8))
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        x = x + self.tokens(self.norm(x).mT).mT
        return x + self.channels(self.norm(x))


class ConvNeXt(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.depth, self.norm = nn.Conv2d(4, 4, 7, padding=3, groups=4), nn.LayerNorm(4, 1e-6)
        self.up, self.down = nn.Linear(4, 16), nn.Linear(16, 4)
        self.scale = nn.Parameter(1e-6 * torch.ones(4))

    def forward(self, x):
        y = self.depth(x).permute(0, 2, 3, 1)
        y = self.scale * self.down(F.gelu(self.up(self.norm(y))))
        x = x + y.permute(0, 3, 1, 2)
        if self.training:  # stochastic depth
            x = x * torch.empty(len(x), 1, 1, 1).bernoulli_(0.8).div_(0.8)
        return x


class Experts(nn.Module):
    """A mixture: each token goes to the two experts with the highest score."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(6, 4)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(6, 8), nn.SiLU(), nn.Linear(8, 6)) for _ in range(4)
        )

    def forward(self, x):
        weights, chosen = self.gate(x).softmax(-1).topk(2)
        out = torch.zeros_like(x)
        for number, expert in enumerate(self.experts):
            rows, place = torch.where(chosen == number)
            if len(rows):
                out.index_add_(0, rows, expert(x[rows]) * weights[rows, place, None])
        return out


class GraphConvolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(5, 8), nn.Linear(8, 3)

    def forward(self, x, edges):
        x = torch.cat([x, x.new_zeros(1, x.shape[1])])
        for layer in (self.first, self.second):
            x = layer(x)
            x = torch.zeros_like(x).index_add(0, edges[1], x[edges[0]]).relu()
        return x


class PointNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.turn, self.each = nn.Linear(3, 9), nn.Conv1d(3, 8, 1)
        self.norm, self.out = nn.BatchNorm1d(8), nn.Linear(8, 4)

    def forward(self, points):
        turn = self.turn(points.mean(2)).view(-1, 3, 3) + torch.eye(3)
        features = F.relu(self.norm(self.each(torch.bmm(turn, points))))
        return self.out(torch.max(features, 2)[0])


class SpatialTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.locate = nn.Linear(64, 6)
        nn.init.zeros_(self.locate.weight)
        self.locate.bias.data.copy_(torch.tensor([1.0, 0, 0, 0, 1, 0]))

    def forward(self, x):
        theta = self.locate(x.flatten(1)).view(-1, 2, 3)
        return F.grid_sample(
            x, F.affine_grid(theta, x.size(), align_corners=False), align_corners=False
        )


class Diffusion(nn.Module):
    """A step's noise from sines of its time, with GroupNorm and attention over places."""

    def __init__(self) -> None:
        super().__init__()
        self.time, self.first = nn.Linear(8, 8), nn.Conv2d(3, 8, 3, padding=1)
        self.norm, self.attend = nn.GroupNorm(2, 8), nn.MultiheadAttention(8, 2, batch_first=True)
        self.last = nn.Conv2d(8, 3, 3, padding=1)

    def forward(self, x, step):
        rates = torch.exp(torch.arange(4) * (-math.log(10_000) / 3))
        angles = step[:, None].float() * rates
        embedded = self.time(torch.cat([angles.sin(), angles.cos()], -1))
        y = F.silu(self.norm(self.first(x))) + embedded[..., None, None]
        flat = y.flatten(2).mT
        y = y + self.attend(flat, flat, flat, need_weights=False)[0].mT.view_as(y)
        return self.last(y)


class NeRF(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(15, 16), nn.Softplus(), nn.Linear(16, 4))

    def forward(self, rays):
        points = rays[:, None, :3] + rays[:, None, 3:] * torch.linspace(0, 1, 6)[:, None]
        waves = [fn(points * 2**i) for i in range(2) for fn in (torch.sin, torch.cos)]
        raw = self.net(torch.cat([points, *waves], -1))
        alpha = 1 - torch.exp(-F.relu(raw[..., 3]) / 6)
        through = torch.cumprod(1 - alpha + 1e-10, -1).roll(1, -1)
        through[:, 0] = 1
        return ((alpha * through)[..., None] * raw[..., :3].sigmoid()).sum(1)


class ActorCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.action, self.value = nn.Linear(4, 16), nn.Linear(16, 2), nn.Linear(16, 1)

    def forward(self, state):
        x = F.relu(self.body(state))
        chances = torch.distributions.Categorical(logits=self.action(x))
        choice = chances.sample()
        return choice, chances.log_prob(choice), chances.entropy(), self.value(x)


class Siamese(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.LazyLinear(8))

    def forward(self, one, two):
        return F.cosine_similarity(self.body(one), self.body(two))


class WideAndDeep(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(20, 1, mode="sum")
        self.tables = nn.ModuleList(nn.Embedding(10, 4) for _ in range(3))
        self.deep = nn.Sequential(nn.Linear(12, 8), nn.BatchNorm1d(8), nn.PReLU(), nn.Linear(8, 1))

    def forward(self, wide, deep):
        parts = [table(deep[:, i]) for i, table in enumerate(self.tables)]
        return torch.sigmoid(self.bag(wide) + self.deep(torch.cat(parts, 1)))


class MeanField(nn.Module):
    """Writes into parts of tensors, through views."""

    def forward(self, x):
        y = x.clone()
        y[:, 0].mul_(2)
        y[2:] += y[:2]
        row = y[0]
        y.clamp_(max=1)
        torch.add(y, 1, out=(out := torch.empty_like(y)))
        return row + out.sum(0), y.T.contiguous()


class Clamped(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x.clamp(min=0) * 2

    @staticmethod
    def backward(ctx, gradient) -> torch.Tensor:
        return gradient * (ctx.saved_tensors[0] > 0)


class OwnFunction(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 3)

    def forward(self, x):
        return Clamped.apply(self.line(x)) + 1


class Energy(nn.Module):
    """Forces are the gradient of an energy."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))

    def forward(self, x):
        x = x.detach().requires_grad_()
        energy = self.net(x).sum()
        return energy, -torch.autograd.grad(energy, x, create_graph=True)[0]


class Vectorized(nn.Module):
    """An ensemble by `torch.vmap` over stacked weights."""

    def __init__(self) -> None:
        super().__init__()
        self.weights, self.biases = (
            nn.Parameter(torch.randn(5, 3, 2)),
            nn.Parameter(torch.zeros(5, 2)),
        )

    def forward(self, x):
        def one(weight, bias):
            return torch.tanh(x @ weight + bias)

        return torch.vmap(one, out_dims=1)(self.weights, self.biases)


class Functional(nn.Module):
    """As MAML: a step on the weights, then the same module with those."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 1)

    def forward(self, x):
        loss = self.line(x).square().mean()
        own = dict(self.line.named_parameters())
        steps = torch.autograd.grad(loss, list(own.values()), create_graph=True)
        ahead = {name: w - 0.1 * g for (name, w), g in zip(own.items(), steps, strict=True)}
        return torch.func.functional_call(self.line, ahead, (x,))


class Recursive(nn.Module):
    """A tree of lists: itself on each branch."""

    def __init__(self) -> None:
        super().__init__()
        self.join = nn.Linear(6, 3)

    def forward(self, tree):
        if isinstance(tree, torch.Tensor):
            return tree
        left, right = map(self, tree)
        return torch.tanh(self.join(torch.cat([left, right], -1)))


class Mixed(nn.Module):
    """Half precision within."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 4)

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            x = self.second(F.relu(self.first(x)))
        with torch.no_grad():
            scale = x.abs().amax()
        return x.float() / scale


class DEQ(nn.Module):
    """Iterates to a fixed point: how often depends on the numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(4, 4)
        with torch.no_grad():
            self.line.weight.mul_(0.5)

    def forward(self, x):
        z = torch.zeros_like(x)
        for _ in range(20):
            ahead = torch.tanh(self.line(z) + x)
            if (ahead - z).norm().item() < 1e-2:
                break
            z = ahead
        return z


class Checkpointed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 3)

    def forward(self, x):
        return checkpoint(self.line, x, use_reentrant=False) + 1


class Jacobian(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 2)

    def forward(self, x):
        return torch.func.jacrev(self.line)(x)


class Pairs(nn.Module):
    """A `torch.vmap` in another one, along other dimensions."""

    def forward(self, x, y):
        def row(a):
            return torch.vmap(lambda b: (a * b).sum(), in_dims=1, out_dims=0)(y)

        return torch.vmap(row, out_dims=1)(x)


class Backward(nn.Module):
    """Calls backward by itself, and goes on with the gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(3, 1)

    def forward(self, x):
        x = x.detach().requires_grad_()
        self.line(x).square().sum().backward()
        return x - 0.1 * x.grad


class OtherData(nn.Module):
    def forward(self, x):
        y = torch.zeros_like(x)
        y.data = x.detach() * 3
        return y + 1


class Masked(nn.Module):
    def forward(self, x):
        drop = torch.rand(x.shape) < 0.5
        x[drop] = 0
        return x.masked_select(~drop), torch.nonzero(x)


class Sparse(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(3, 2))

    def forward(self, x):
        return torch.sparse.mm(x.to_sparse(), self.weight)


def symbolic():
    return torch.fx.symbolic_trace(nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2)))


class StateSpace(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Parameter(-torch.rand(4)), nn.Parameter(torch.randn(4))
        self.c = nn.Parameter(torch.randn(4))

    def forward(self, u):
        times = torch.arange(u.shape[-1])
        kernel = (self.c * self.b * torch.exp(self.a * times[:, None])).sum(-1)
        size = 2 * u.shape[-1]
        y = torch.fft.irfft(torch.fft.rfft(u, size) * torch.fft.rfft(kernel, size), size)
        return y[..., : u.shape[-1]]


class Point(NamedTuple):
    x: torch.Tensor
    y: torch.Tensor


@dataclass
class Answer:
    point: Point
    extra: dict


class Structured(nn.Module):
    def forward(self, point, *, scale=1.0):
        return Answer(Point(point.x * scale, point.y + point.x), {"norm": [point.x.norm(dim=-1)]})


class StyleBlock(nn.Module):
    """Weights made by a style, one set for each image, by a grouped convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.weight, self.style = nn.Parameter(torch.randn(4, 3, 3, 3)), nn.Linear(5, 3)

    def forward(self, x, w):
        rows = len(x)
        weight = self.weight[None] * self.style(w)[:, None, :, None, None]
        weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + 1e-8)
        out = F.conv2d(x.reshape(1, -1, *x.shape[2:]), weight.flatten(0, 1), padding=1, groups=rows)
        return F.leaky_relu(out.view(rows, 4, *x.shape[2:]) + torch.randn(rows, 1, 16, 16), 0.2)


class KAN(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.grid = nn.Buffer(torch.linspace(-1, 1, 5))
        self.coefficients = nn.Parameter(torch.randn(3, 2, 5))

    def forward(self, x):
        basis = torch.exp(-((x[..., None] - self.grid) ** 2))
        return torch.einsum("b i g, i o g -> b o", basis, self.coefficients) + F.silu(x).sum(
            1, True
        )


def tokens(rows, length, vocabulary=12):
    return torch.randint(vocabulary, (rows, length))


def transformer():
    return nn.Transformer(8, 2, 2, 2, 16, 0.1, batch_first=True)


# (name, model, inputs, named arguments)
CASES = [
    (
        "perceptron",
        lambda: nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)),
        lambda: ([torch.randn(5, 4)], {}),
    ),
    ("lenet", LeNet, lambda: ([image(1, 12)], {})),
    ("resnet", resnet, lambda: ([image()], {})),
    ("densenet", DenseBlock, lambda: ([image(4)], {})),
    ("inception", Inception, lambda: ([image()], {})),
    ("efficientnet", SqueezeExcite, lambda: ([image()], {})),
    ("shufflenet", Shuffle, lambda: ([image(8)], {})),
    ("unet", UNet, lambda: ([image()], {})),
    ("pyramid", FeaturePyramid, lambda: ([image()], {})),
    ("detector", Boxes, lambda: ([image()], {})),
    ("vae", VAE, lambda: ([torch.randn(3, 16)], {})),
    ("vq-vae", Quantized, lambda: ([torch.randn(3, 4)], {})),
    ("dcgan", dcgan, lambda: ([torch.randn(2, 8, 1, 1)], {})),
    ("patchgan", patchgan, lambda: ([image()], {})),
    ("char-lstm", CharRNN, lambda: ([tokens(7, 3)], {})),
    ("char-gru", partial(CharRNN, nn.GRU), lambda: ([tokens(7, 3)], {})),
    ("packed", Packed, lambda: ([torch.randn(3, 5, 4), torch.tensor([5, 2, 4])], {})),
    ("elman", Elman, lambda: ([torch.randn(6, 2, 3)], {})),
    ("lstm-cell", Cells, lambda: ([torch.randn(6, 2, 3)], {})),
    ("seq2seq", Seq2Seq, lambda: ([tokens(2, 5)], {})),
    ("textcnn", TextCNN, lambda: ([tokens(2, 9)], {})),
    ("wavenet", WaveNet, lambda: ([torch.randn(2, 4, 12)], {})),
    ("gpt", GPT, lambda: ([tokens(2, 10)], {"targets": tokens(2, 10)})),
    ("vit", ViT, lambda: ([image()], {})),
    ("swin", Swin, lambda: ([torch.randn(2, 8, 8, 8)], {})),
    ("mixer", Mixer, lambda: ([torch.randn(2, 9, 8)], {})),
    ("convnext", ConvNeXt, lambda: ([image(4)], {})),
    ("transformer", transformer, lambda: ([torch.randn(2, 5, 8), torch.randn(2, 3, 8)], {})),
    ("experts", Experts, lambda: ([torch.randn(7, 6)], {})),
    ("gcn", GraphConvolution, lambda: ([torch.randn(5, 5), torch.randint(5, (2, 9))], {})),
    ("pointnet", PointNet, lambda: ([torch.randn(2, 3, 7)], {})),
    ("spatial", SpatialTransformer, lambda: ([image(1, 8)], {})),
    ("diffusion", Diffusion, lambda: ([image(3, 8), torch.tensor([3, 50])], {})),
    ("nerf", NeRF, lambda: ([torch.randn(4, 6)], {})),
    ("actor-critic", ActorCritic, lambda: ([torch.randn(3, 4)], {})),
    ("siamese", Siamese, lambda: ([image(1, 6), image(1, 6)], {})),
    ("wide-deep", WideAndDeep, lambda: ([tokens(4, 3), tokens(4, 3, 10)], {})),
    ("views", MeanField, lambda: ([torch.randn(4, 3)], {})),
    ("autograd-function", OwnFunction, lambda: ([torch.randn(2, 3)], {})),
    ("energy", Energy, lambda: ([torch.randn(2, 3)], {})),
    ("vmap", Vectorized, lambda: ([torch.randn(4, 3)], {})),
    ("maml", Functional, lambda: ([torch.randn(4, 3)], {})),
    (
        "tree",
        Recursive,
        lambda: ([[torch.randn(1, 3), [torch.randn(1, 3), torch.randn(1, 3)]]], {}),
    ),
    ("autocast", Mixed, lambda: ([torch.randn(2, 4)], {})),
    ("fixed-point", DEQ, lambda: ([torch.randn(2, 4)], {})),
    ("state-space", StateSpace, lambda: ([torch.randn(2, 8)], {})),
    (
        "structured",
        Structured,
        lambda: ([Point(torch.randn(2, 3), torch.randn(2, 3))], {"scale": 2.0}),
    ),
    ("stylegan", StyleBlock, lambda: ([image(), torch.randn(2, 5)], {})),
    ("kan", KAN, lambda: ([torch.randn(4, 3)], {})),
    (
        "weight-norm",
        lambda: nn.utils.parametrizations.weight_norm(nn.Linear(3, 2)),
        lambda: ([torch.randn(2, 3)], {}),
    ),
]
