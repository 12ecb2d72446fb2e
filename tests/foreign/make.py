"""Makes the folders of onnxruntime and nncf: python make.py DIR [onnxruntime|nncf]. See README.md."""
import os
import sys

import numpy as np
import onnx
import onnxruntime as ort
import torch
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from networks import NETWORKS, make

QDQ, QLINEAR = QuantFormat.QDQ, QuantFormat.QOperator
INT8, UINT8 = QuantType.QInt8, QuantType.QUInt8

# Folder: network, exporter, opset, open batch, form, activations, weights, per channel, extra options.
ONNXRUNTIME = {
    "seed-qdq": ("seed", "legacy", 17, False, QDQ, INT8, INT8, True, {}),
    "open-batch-qdq": ("head", "dynamo", 20, True, QDQ, INT8, INT8, True, {}),
    "mobilenet-v2-qlinear": ("mobv2", "legacy", 17, False, QLINEAR, UINT8, INT8, True, {}),
    "mobilenet-v2-dedicated-pairs": ("mobv2", "legacy", 17, False, QDQ, INT8, INT8, True, {"DedicatedQDQPair": True}),
    "lenet-float-weights": ("lenet", "legacy", 17, False, QDQ, INT8, INT8, True, {"AddQDQPairToWeight": True}),
    "unsigned-weights": ("head", "legacy", 17, False, QDQ, UINT8, UINT8, False, {}),
    "unsigned-weights-qlinear": ("lenet", "legacy", 17, False, QLINEAR, UINT8, UINT8, False, {}),
    "symmetric": ("lenet", "legacy", 17, False, QDQ, INT8, INT8, True, {"ActivationSymmetric": True}),
    "opset-11-qlinear": ("head", "legacy", 11, False, QLINEAR, UINT8, INT8, True, {}),
}
# Folder: network, exporter, opset, open batch, mixed preset.
NNCF = {
    "lenet": ("lenet", "legacy", 17, False, False),
    "mobilenet-v1-mixed": ("mobv1", "legacy", 17, False, True),
    "mobilenet-v2": ("mobv2", "dynamo", 18, False, False),
    "map-output": ("head", "legacy", 13, True, False),
}


def pictures(count, shape, seed):
    """Smooth random pictures, of bytes / 255."""
    x = np.random.default_rng(seed).random((count, *shape), dtype=np.float32)
    for axis in range(2, x.ndim):
        x = (x + np.roll(x, 1, axis) + np.roll(x, 2, axis)) / 3
    x = (x - x.min()) / (x.max() - x.min())
    return np.round(x * 255).astype(np.float32) / 255


def export(name, exporter, opset, open_batch, path):
    network, shape = make(name), NETWORKS[name].shape
    x = torch.rand(1, *shape)
    if exporter == "dynamo":
        more = {"dynamic_shapes": ({0: torch.export.Dim("batch")},)} if open_batch else {}
        x = torch.cat([x, x]) if open_batch else x
        torch.onnx.export(network, (x,), path, dynamo=True, opset_version=opset, external_data=False, **more)
    else:
        more = {"dynamic_axes": {"input": {0: "N"}, "output": {0: "N"}}} if open_batch else {}
        torch.onnx.export(network, (x,), path, dynamo=False, opset_version=opset, input_names=["input"],
                          output_names=["output"], **more)
    return onnx.load(path).graph.input[0].name, shape


class Calibration(CalibrationDataReader):
    def __init__(self, name, shape):
        self.pictures = iter([{name: x[None]} for x in pictures(24, shape, 3)])

    def get_next(self):
        return next(self.pictures, None)


def expect(folder, shape):
    """Six inputs and what onnxruntime makes of them without optimizations."""
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(f"{folder}/model.onnx", options)
    name, x = session.get_inputs()[0].name, pictures(64, shape, 11)[:6]
    np.save(f"{folder}/inputs.npy", x)
    np.save(f"{folder}/expected.npy", np.concatenate([session.run(None, {name: a[None]})[0] for a in x]))


def main(root, tool):
    for folder, (*source, form, x, w, per_channel, options) in ONNXRUNTIME.items():
        if tool == "onnxruntime":
            out = f"{root}/onnxruntime/{folder}"
            os.makedirs(out, exist_ok=True)
            name, shape = export(*source, f"{root}/float.onnx")
            quantize_static(f"{root}/float.onnx", f"{out}/model.onnx", Calibration(name, shape), quant_format=form,
                            activation_type=x, weight_type=w, per_channel=per_channel, extra_options=options)
            expect(out, shape)
    for folder, (*source, mixed) in NNCF.items():
        if tool == "nncf":
            import nncf
            out = f"{root}/nncf/{folder}"
            os.makedirs(out, exist_ok=True)
            name, shape = export(*source, f"{root}/float.onnx")
            data = nncf.Dataset([{name: x[None]} for x in pictures(24, shape, 3)])
            preset = nncf.QuantizationPreset.MIXED if mixed else nncf.QuantizationPreset.PERFORMANCE
            onnx.save(nncf.quantize(onnx.load(f"{root}/float.onnx"), data, subset_size=24, preset=preset),
                      f"{out}/model.onnx")
            expect(out, shape)


main(*sys.argv[1:])
