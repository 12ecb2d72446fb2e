"""One measurement of PyTorch, channels last, for `cargo bench -p thumbnet-train`: network, batch, pictures, threads."""

import json
import resource
import statistics
import sys
import time

import torch
from torch import nn

EPOCHS = 5


def normalized(inputs, filters, size, stride=1, groups=1, activation=True):
    parts = [
        nn.Conv2d(inputs, filters, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(filters),
    ]
    return nn.Sequential(*parts, *([nn.ReLU()] if activation else []))


class Residual(nn.Module):
    def __init__(self, inputs, filters, stride):
        super().__init__()
        self.body = nn.Sequential(
            normalized(inputs, filters, 3, stride),
            normalized(filters, filters, 3, activation=False),
        )
        one = normalized(inputs, filters, 1, stride, activation=False)
        self.shortcut = nn.Identity() if stride == 1 else one

    def forward(self, x):
        return torch.relu(self.body(x) + self.shortcut(x))


def head(channels):
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]


def seed_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(1600, 64), nn.ReLU(), nn.Linear(64, 10),
    )


def resnet8():
    blocks = [Residual(16, 16, 1), Residual(16, 32, 2), Residual(32, 64, 2)]
    return nn.Sequential(normalized(3, 16, 3), *blocks, *head(64))


def mobilenet():
    parts, channels = [normalized(3, 8, 3, 2)], 8
    blocks = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)] + [(128, 1)] * 5 + [(256, 2), (256, 1)]
    for filters, stride in blocks:
        parts.append(normalized(channels, channels, 3, stride, groups=channels))
        parts.append(normalized(channels, filters, 1))
        channels = filters
    return nn.Sequential(*parts, *head(channels))


def main():
    network, (batch, pictures, threads) = sys.argv[1], map(int, sys.argv[2:])
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = {"seed-cnn": seed_cnn, "resnet8": resnet8, "mobilenet": mobilenet}[network]()
    model = model.to(memory_format=torch.channels_last)
    shape = (1, 28, 28) if network == "seed-cnn" else (3, 32, 32)
    x = torch.rand(pictures, *shape).to(memory_format=torch.channels_last)
    y = torch.randint(0, 10, (pictures,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    loss_of = nn.CrossEntropyLoss()
    rates, cpu = [], []
    for _ in range(EPOCHS + 1):
        began, cpu_began = time.perf_counter(), time.process_time()
        for indices in torch.randperm(pictures).split(batch):
            optimizer.zero_grad(set_to_none=True)
            loss_of(model(x[indices]), y[indices]).backward()
            optimizer.step()
        rates.append(pictures / (time.perf_counter() - began))
        cpu.append((time.process_time() - cpu_began) / pictures * 1e6)
    print(json.dumps({
        "pictures_per_second": statistics.median(rates[1:]),
        "cpu_us": statistics.median(cpu[1:]),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))


main()
