"""Makes the float models of this folder and the probabilities that onnxruntime gives for them.

Usage: make.py IDX_FOLDER SUBSET_FOLDER
IDX_FOLDER holds the whole of Fashion-MNIST, to train on; SUBSET_FOLDER is host-tools/data/fashion-mnist-subset, of
whose test part the first 100 pictures are judged. Made with torch 2.15.0, onnx 1.23.2, onnxruntime 1.32.0.
"""

import gzip
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn
from torch.nn import functional

HERE = pathlib.Path(__file__).parent
PICTURES = 100
BATCH = 128
EPOCHS = 2


def idx(folder, stem):
    """The array in the IDX file that begins with `stem`, gzipped or not."""
    path = next(pathlib.Path(folder).glob(stem + "*"))
    raw = path.read_bytes()
    raw = gzip.decompress(raw) if path.suffix == ".gz" else raw
    axes = raw[3]
    dims = [int.from_bytes(raw[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(axes)]
    return torch.from_numpy(np.frombuffer(raw[4 + 4 * axes :], np.uint8).reshape(dims).copy())


class Normalize(nn.Module):
    def forward(self, x):
        return (x - 0.286) / 0.353


def convolution(inputs, outputs, size, stride=1, groups=1, activation=nn.ReLU6):
    layers = [
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, activation()) if activation else nn.Sequential(*layers)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.body = nn.Sequential(
            convolution(channels, channels, 3, groups=channels),
            convolution(channels, channels, 1, activation=None),
        )

    def forward(self, x):
        return functional.relu(x + self.body(x))


def network():
    return nn.Sequential(
        Normalize(),
        convolution(1, 8, 3, 2),
        convolution(8, 8, 3, groups=8),
        convolution(8, 16, 1),
        nn.MaxPool2d(2),
        Residual(16),
        convolution(16, 24, 3, activation=nn.ReLU),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.1),
        nn.Linear(24, 10),
        nn.Softmax(1),
    )


def train(net, pixels, labels):
    steps = EPOCHS * len(pixels) // BATCH
    optimizer = torch.optim.Adam(net.parameters())
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
    net.train()
    for _ in range(steps):
        picked = torch.randint(len(pixels), (BATCH,))
        scores = net[:-1](pixels[picked].float().unsqueeze(1) / 255)
        optimizer.zero_grad()
        functional.cross_entropy(scores, labels[picked].long()).backward()
        optimizer.step()
        schedule.step()
    net.eval()


def drop_traces(path):
    """Drops the stack traces that the exporter notes for each node: half of the file."""
    model = onnx.load(path)
    for part in (*model.graph.node, *model.graph.value_info, model.graph):
        del part.metadata_props[:]
    onnx.save(model, path)


def main(idx_folder, subset_folder):
    torch.manual_seed(1)
    net = network()
    train(net, idx(idx_folder, "train-images"), idx(idx_folder, "train-labels"))
    pictures = idx(subset_folder, "t10k-images")[:PICTURES].float().unsqueeze(1) / 255
    script, dynamo = HERE / "script.onnx", HERE / "dynamo.onnx"
    batch = {"input": {0: "batch"}}
    torch.onnx.export(
        net, pictures[:1], script, dynamo=False, input_names=["input"], dynamic_axes=batch
    )
    torch.onnx.export(net, (pictures[:1],), dynamo, dynamo=True, external_data=False)
    drop_traces(dynamo)
    session = onnxruntime.InferenceSession(script)
    probabilities = session.run(None, {"input": pictures.numpy()})[0]
    (HERE / "probabilities.f32").write_bytes(probabilities.astype("<f4").tobytes())
    labels = idx(subset_folder, "t10k-labels")[:PICTURES].numpy()
    print(f"{(probabilities.argmax(1) == labels).mean():.2%} of the pictures are right")


main(*sys.argv[1:])
