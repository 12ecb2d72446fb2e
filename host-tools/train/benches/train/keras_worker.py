"""One measurement of Keras for `cargo bench -p thumbnet-train`: network, batch, pictures, threads."""

import json
import os
import resource
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf
from keras import layers

EPOCHS = 5


def normalized(x, layer, activation=True):
    x = layers.BatchNormalization()(layer(x))
    return layers.ReLU()(x) if activation else x


def conv(filters, size, stride=1):
    return layers.Conv2D(filters, size, stride, padding="same", use_bias=False)


def seed_cnn():
    return keras.Sequential([
        layers.Input((28, 28, 1)),
        layers.Conv2D(32, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10),
    ])


def resnet8():
    start = layers.Input((32, 32, 3))
    x = normalized(start, conv(16, 3))
    for filters, stride in [(16, 1), (32, 2), (64, 2)]:
        body = normalized(x, conv(filters, 3, stride))
        body = normalized(body, conv(filters, 3), activation=False)
        if stride != 1:
            x = normalized(x, conv(filters, 1, stride), activation=False)
        x = layers.ReLU()(layers.Add()([body, x]))
    return keras.Model(start, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def mobilenet():
    start = layers.Input((32, 32, 3))
    x = normalized(start, conv(8, 3, 2))
    blocks = [(16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2)] + [(128, 1)] * 5 + [(256, 2), (256, 1)]
    for filters, stride in blocks:
        x = normalized(x, layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False))
        x = normalized(x, conv(filters, 1))
    return keras.Model(start, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


def main():
    network, (batch, pictures, threads) = sys.argv[1], map(int, sys.argv[2:])
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    model = {"seed-cnn": seed_cnn, "resnet8": resnet8, "mobilenet": mobilenet}[network]()
    random = np.random.default_rng(1)
    x = random.random((pictures, *model.input_shape[1:]), dtype=np.float32)
    y = random.integers(0, 10, pictures)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    rates, cpu = [], []
    for _ in range(EPOCHS + 1):
        began, cpu_began = time.perf_counter(), time.process_time()
        model.fit(x, y, batch_size=batch, epochs=1, verbose=0)
        rates.append(pictures / (time.perf_counter() - began))
        cpu.append((time.process_time() - cpu_began) / pictures * 1e6)
    print(json.dumps({
        "pictures_per_second": float(np.median(rates[1:])),
        "cpu_us": float(np.median(cpu[1:])),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }))


main()
