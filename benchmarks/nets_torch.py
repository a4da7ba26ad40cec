"""The works in eager torch, written to be fast: channels-last images, fused optimizers, batches gathered by index.

Weights start as in Keras (Glorot uniform, zero biases), so that the losses can be compared.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from benchmarks.data import VOCABULARY
from benchmarks.nets_torch_pictures import STACKS
from benchmarks.works import Work

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


class ChannelsFirst(nn.Module):
    """(batch, height, width, channels) seen as (batch, channels, height, width): channels-last memory, no copy."""

    def forward(self, x):
        return x.permute(0, 3, 1, 2)


class KerasFlatten(nn.Module):
    """Flatten in the order of channels-last memory, again without a copy."""

    def forward(self, x):
        return x.permute(0, 2, 3, 1).flatten(1)


class Mean(nn.Module):
    def __init__(self, axis):
        super().__init__()
        self.axis = axis

    def forward(self, x):
        return x.mean(self.axis)


class LastState(nn.Module):
    def __init__(self, inputs, units):
        super().__init__()
        self.lstm = nn.LSTM(inputs, units, batch_first=True)

    def forward(self, x):
        return self.lstm(x)[1][0][0]  # (batch, units)


def build(net: str) -> nn.Module:
    if net == "tabular":
        model = nn.Sequential(nn.Linear(34, 34), nn.ReLU(), nn.Linear(34, 1))
    elif net == "mlp":
        model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 10))
    elif net == "mlp-dropout":
        model = nn.Sequential(
            nn.Linear(784, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, 512), nn.ReLU(), nn.Dropout(0.2), nn.Linear(512, 10)
        )
    elif net == "cnn":
        model = nn.Sequential(
            ChannelsFirst(),
            nn.Conv2d(1, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2),
            KerasFlatten(),
            nn.Dropout(0.5),
            nn.Linear(1600, 10),
        )
    elif net == "cnn-bn":
        stack, channels = [ChannelsFirst()], 3
        for filters in (32, 64, 128):
            for _ in range(2):
                stack.append(nn.Conv2d(channels, filters, 3, padding=1, bias=False))
                stack += [nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01), nn.ReLU()]
                channels = filters
            if filters != 128:
                stack.append(nn.MaxPool2d(2))
        model = nn.Sequential(*stack, Mean((2, 3)), nn.Linear(128, 10))
    elif net == "lstm":
        model = nn.Sequential(nn.Embedding(VOCABULARY, 64), LastState(64, 64), nn.Linear(64, 1))
    elif net == "transformer":
        blocks = [nn.TransformerEncoderLayer(64, 4, 128, dropout=0.0, layer_norm_eps=1e-6, batch_first=True) for _ in range(2)]
        model = nn.Sequential(nn.Embedding(VOCABULARY, 64), *blocks, Mean(1), nn.Linear(64, 1))
    elif net in STACKS:
        model = nn.Sequential(ChannelsFirst(), *STACKS[net]())
    else:
        raise ValueError(f"nets_torch: no such network. Received: net={net!r}.")
    return model.to(DEVICE, memory_format=torch.channels_last)


@torch.no_grad()
def initialize(model: nn.Module) -> None:
    """Keras's defaults: Glorot uniform kernels, orthogonal recurrent kernels, small embeddings, zero biases."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d | nn.LayerNorm):
            module.reset_parameters()
            continue
        for name, parameter in module.named_parameters(recurse=False):
            if isinstance(module, nn.Embedding):
                nn.init.uniform_(parameter, -0.05, 0.05)
            elif "bias" in name:
                parameter.zero_()
                if name == "bias_ih_l0":
                    parameter[64:128] = 1  # forget gate
            elif "weight_hh" in name:
                nn.init.orthogonal_(parameter)
            elif name == "in_proj_weight":
                for part in parameter.chunk(3):
                    nn.init.xavier_uniform_(part)
            else:
                nn.init.xavier_uniform_(parameter)
        if isinstance(module, nn.BatchNorm2d):
            module.reset_running_stats()


class Trainer:
    """The data on the device; a fit is the usual eager loop, and reads one loss an epoch."""

    def __init__(self, implementation: str, work: Work, x: np.ndarray, y: np.ndarray):
        self.work = work
        self.x, self.y = torch.from_numpy(x).to(DEVICE), torch.from_numpy(y).to(DEVICE).long()
        self.model = build(work.net)
        self.reset(0)

    def reset(self, seed: int) -> None:
        torch.manual_seed(seed)
        initialize(self.model)
        parameters = self.model.parameters()
        if self.work.optimizer == "rmsprop":  # has no fused form
            # torch adds eps outside of the root and Keras inside: the root of Keras's 1e-7 is the nearest
            self.optimizer = torch.optim.RMSprop(parameters, lr=1e-3, alpha=0.9, eps=1e-7**0.5, foreach=True)
        else:
            self.optimizer = torch.optim.Adam(parameters, lr=1e-3, eps=1e-7, fused=True)

    def fit(self, samples: int | None = None) -> tuple[float, float]:
        """A fit of the first samples; of all by default."""
        samples, batch = samples or len(self.x), self.work.batch
        self.model.train()
        for _ in range(self.work.epochs):
            total = torch.zeros((), device=DEVICE)
            hits = torch.zeros((), device=DEVICE)
            order = torch.randperm(samples, device=DEVICE)
            for rows in order.split(batch):
                y = self.y[rows]
                logits = self.model(self.x[rows])
                if logits.shape[-1] == 1:
                    logits = logits[:, 0]
                    loss = F.binary_cross_entropy_with_logits(logits, y.float())
                    correct = (logits > 0) == (y > 0)
                else:
                    loss = F.cross_entropy(logits, y)
                    correct = logits.argmax(-1) == y
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()
                self.optimizer.step()
                total += loss.detach() * len(rows)
                hits += correct.sum()
            loss_value, accuracy = total.item() / samples, hits.item() / samples
        return loss_value, accuracy

    @torch.inference_mode()
    def predict(self, x: np.ndarray) -> np.ndarray:
        self.model.eval()
        logits = self.model(torch.from_numpy(x).to(DEVICE))
        return (logits.sigmoid() if logits.shape[-1] == 1 else logits.softmax(-1)).cpu().numpy()


def device(implementation: str) -> str:
    return torch.cuda.get_device_name() if DEVICE == "cuda" else "cpu"
