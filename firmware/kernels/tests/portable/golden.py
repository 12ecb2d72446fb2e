"""Writes golden.txt: what onnxruntime computes for two small int8 layers. Run by hand:

    pip install onnx==1.23.2 onnxruntime==1.32.0 && python golden.py

The inputs are those of `golden.rs`: a linear congruential generator whose high bytes are the codes.
"""

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

state = 1


def codes(*shape):
    global state
    values = []
    for _ in range(int(np.prod(shape))):
        state = (state * 1664525 + 1013904223) % 2**32
        values.append(((state >> 24) ^ 0x80) - 0x80)
    return np.array(values, dtype=np.int8).reshape(shape)


def scalar(name, value, dtype):
    return onnx.numpy_helper.from_array(np.array(value, dtype=dtype), name)


def run(x_hwc, weights, bias, w_scale, group, pads, strides, pool):
    """x [h, w, c], weights [oc, kh, kw, ic / group]; input scale 1/32, zero point -7, output 1/4, 11."""
    w = np.ascontiguousarray(weights.transpose(0, 3, 1, 2))
    constants = [
        scalar("x_scale", 1 / 32, np.float32),
        scalar("x_zero", -7, np.int8),
        onnx.numpy_helper.from_array(w, "w"),
        onnx.numpy_helper.from_array(w_scale, "w_scale"),
        onnx.numpy_helper.from_array(np.zeros(len(w_scale), np.int8), "w_zero"),
        scalar("y_scale", 1 / 4, np.float32),
        scalar("y_zero", 11, np.int8),
        onnx.numpy_helper.from_array(bias, "bias"),
    ]
    conv_inputs = ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "bias"]
    nodes = [helper.make_node("QLinearConv", conv_inputs, ["y"], group=group, pads=pads, strides=strides)]
    if pool:
        nodes.append(helper.make_node("MaxPool", ["y"], ["z"], kernel_shape=[2, 2], strides=[2, 2]))
    x = x_hwc.transpose(2, 0, 1)[None]
    value = lambda name: helper.make_tensor_value_info(name, TensorProto.INT8, None)
    graph = helper.make_graph(nodes, "g", [value("x")], [value(nodes[-1].output[0])], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": np.ascontiguousarray(x)})[0][0].transpose(1, 2, 0)


with open("golden.txt", "w") as file:
    print("# onnxruntime", onnxruntime.__version__, "- written by golden.py", file=file)
    scale = np.array([0.004, 0.011, 0.0071, 0.02, 0.0033], dtype=np.float32)
    bias = np.array([100, -300, 0, 900, -50], dtype=np.int32)
    y = run(codes(7, 6, 3), codes(5, 3, 3, 3), bias, scale, 1, [1, 0, 1, 1], [1, 1], True)
    print("conv2d", *y.flatten(), file=file)
    x, w = codes(6, 5, 5), codes(5, 3, 3, 1)
    y = run(x, w, bias, scale, 5, [1, 1, 1, 1], [2, 2], False)
    print("depthwise_conv2d", *y.flatten(), file=file)
