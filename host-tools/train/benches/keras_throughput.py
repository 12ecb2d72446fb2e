"""Pictures a second in training with Keras: the same network, batch and optimizer as `--example throughput`.

    pip install tensorflow-cpu
    python host-tools/train/benches/keras_throughput.py --batch 32

Run it by turns with

    cargo run --release -p thumbnet-train --example throughput -- --batch 32

on an otherwise idle machine. Like the other, it trains on random pictures that are in memory as floats, prints the
median of several rounds, the best, and the CPU time of a picture; the first round, which traces, is left out.
"""

import argparse
import os
import resource
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import numpy as np
import tensorflow as tf


def seed_cnn():
    layers = keras.layers
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


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--pictures", type=int, default=6400)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        tf.config.threading.set_intra_op_parallelism_threads(options.threads)
        tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    random = np.random.default_rng(1)
    pictures = random.random((options.pictures, 28, 28, 1), dtype=np.float32)
    labels = random.integers(0, 10, options.pictures)
    model = seed_cnn()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss, metrics=["accuracy"])
    rates, cpu = [], 0.0
    for round in range(options.rounds + 1):
        began, cpu_began = time.perf_counter(), cpu_seconds()
        model.fit(pictures, labels, batch_size=options.batch, epochs=1, verbose=0)
        if round > 0:
            rates.append(options.pictures / (time.perf_counter() - began))
            cpu += cpu_seconds() - cpu_began
    rates.sort()
    per_picture = cpu / (options.rounds * options.pictures) * 1e6
    print(
        f"keras {keras.__version__}, tensorflow {tf.__version__}, batch {options.batch}: "
        f"{rates[len(rates) // 2]:.0f} pictures/s (median of {options.rounds}; best {rates[-1]:.0f}), "
        f"{per_picture:.1f} CPU us a picture"
    )


if __name__ == "__main__":
    main()
