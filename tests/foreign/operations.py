"""Makes onnxruntime/operations and onnxruntime/operations-qlinear: python operations.py DIR. See README.md.

Every operation that only other tools' files have, in two short networks."""
import os
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
import onnxruntime as ort


class Network:
    """Grows an ONNX graph node by node."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.constants, self.count = [], [], 0

    def constant(self, values):
        self.count += 1
        name = f"constant{self.count}"
        self.constants.append(numpy_helper.from_array(np.asarray(values), name))
        return name

    def node(self, op, inputs, domain="", **attributes):
        self.count += 1
        name = f"{op}{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [name + "_out"], name=name, domain=domain, **attributes))
        return name + "_out"

    def format(self, scale, zero):
        return [self.constant(np.float32(scale)), self.constant(self.code(zero))]

    def real(self, codes, format):
        return self.node("DequantizeLinear", [codes, *format])

    def codes(self, real, format):
        return self.node("QuantizeLinear", [real, *format])

    def conv(self, codes, x, y, shape, gain=4, groups=1):
        """A QLinearConv of random weights `[oc, ic, kh, kw]`."""
        weights = self.random.integers(-127, 128, shape, dtype=np.int8)
        bias = self.random.integers(-2000, 2000, shape[0], dtype=np.int32)
        scales = (gain / np.sqrt(np.prod(shape[1:])) / 74 * (1 + np.arange(shape[0]) / 16)).astype(np.float32)
        zeros = np.zeros(shape[0], np.int8)
        more = [self.constant(weights), self.constant(scales), self.constant(zeros)]
        return self.node("QLinearConv", [codes, *x, *more, *y, self.constant(bias)], group=groups)


class Signed(Network):
    """QDQ form, int8 activations."""

    code = np.int8

    def build(self):
        x, a, b, c = self.format(1 / 255, -128), self.format(0.0625, -10), self.format(0.041, 3), self.format(0.1, -7)
        start = self.codes("input", x)
        left = self.conv(start, x, a, (6, 1, 3, 3))  # [6, 14, 14]
        mean = self.node("AveragePool", [self.real(left, a)], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1],
                         count_include_pad=1)
        mean = self.codes(mean, b)  # [6, 7, 7]
        part = self.node("Slice", [self.real(left, a), self.constant(np.int64([0, 0])),
                                   self.constant(np.int64([7, 14])), self.constant(np.int64([2, 3])), self.constant(np.int64([1, 2]))])
        part = self.codes(part, a)  # [6, 7, 7]
        total = self.codes(self.node("Sub", [self.real(part, a), self.real(mean, b)]), c)
        table = self.codes(self.node("HardSwish", [self.real(total, c)]), b)
        sigmoid = self.codes(self.node("Sigmoid", [self.real(mean, b)]), b)
        joined = self.codes(self.node("Concat", [self.real(table, b), self.real(sigmoid, b)], axis=1), b)  # [12, 7, 7]
        limits = [self.constant(np.float32(limit)) for limit in [-1, 2.5]]
        clipped = self.node("Clip", [self.real(joined, b), *limits])
        clipped = self.codes(clipped, b)
        whole = self.codes(self.node("GlobalAveragePool", [self.real(clipped, b)]), a)
        gate = self.codes(self.node("Mul", [self.real(clipped, b), self.real(whole, a)]), c)
        deep = self.codes(self.node("DepthToSpace", [self.real(gate, c)], blocksize=2), c)  # [3, 14, 14]
        framed = self.node("Pad", [self.real(deep, c), self.constant(np.int64([0, 0, 1, 0, 0, 0, 0, 2])),
                                   self.constant(np.float32(0))])
        framed = self.codes(framed, c)  # [3, 15, 16]
        made = self.codes(self.node("AveragePool", [self.real(framed, c)], kernel_shape=[3, 4], strides=[3, 4]), b)
        flat = self.node("Reshape", [self.conv(made, b, a, (10, 3, 5, 4)), self.constant(np.int64([1, 10]))])
        return self.real(flat, a)


class Unsigned(Network):
    """Operators of com.microsoft, uint8 activations."""

    code = np.uint8

    def quantized(self, op, inputs, **attributes):
        return self.node(op, inputs, domain="com.microsoft", **attributes)

    def split(self, codes):
        self.count += 1
        halves = [f"half{self.count}_{index}" for index in range(2)]
        self.nodes.append(helper.make_node("Split", [codes], halves, name=f"Split{self.count}", axis=1))
        return halves

    def build(self):
        x, a, b, c = self.format(1 / 255, 0), self.format(0.0625, 118), self.format(0.041, 131), self.format(0.1, 121)
        start = self.codes("input", x)
        left = self.conv(start, x, a, (4, 1, 3, 3))  # [4, 14, 14]
        right = self.conv(left, a, b, (4, 4, 1, 1))
        total = self.quantized("QLinearAdd", [left, *a, right, *b, *c])
        product = self.quantized("QLinearMul", [total, *c, right, *b, *a])
        leaky = self.quantized("QLinearLeakyRelu", [product, *a, *b], alpha=0.1)
        joined = self.quantized("QLinearConcat", [*c, total, *c, leaky, *b], axis=1)  # [8, 14, 14]
        mean = self.quantized("QLinearAveragePool", [joined, *c, *b], kernel_shape=[2, 2], strides=[2, 2])  # [8, 7, 7]
        large = self.node("Resize", [self.real(mean, b), "", self.constant(np.float32([1, 1, 2, 1]))], mode="nearest",
                          coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        large = self.codes(large, b)  # [8, 14, 7]
        groups = self.node("Reshape", [self.real(large, b), self.constant(np.int64([1, 2, 4, 14, 7]))])
        groups = self.node("Transpose", [groups], perm=[0, 2, 1, 3, 4])
        shuffled = self.codes(self.node("Reshape", [groups, self.constant(np.int64([1, 8, 14, 7]))]), b)
        half, _ = self.split(shuffled)  # as ShuffleNet does it
        groups = self.conv(half, b, c, (4, 1, 2, 1), groups=4)
        whole = self.quantized("QLinearGlobalAveragePool", [groups, *c, *a], channels_last=0)  # [4, 1, 1]
        flat = self.node("Reshape", [self.conv(whole, a, c, (10, 4, 1, 1), gain=1), self.constant(np.int64([1, 10]))])
        return self.real(flat, c)


def save(network, folder):
    os.makedirs(folder, exist_ok=True)
    output = network.build()
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
             for name, shape in [("input", [1, 1, 16, 16]), (output, [1, 10])]]
    graph = helper.make_graph(network.nodes, "operations", ports[:1], ports[1:], network.constants)
    sets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=sets, ir_version=8)
    onnx.save(model, f"{folder}/model.onnx")
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(f"{folder}/model.onnx", options)
    inputs = np.random.default_rng(11).integers(0, 256, (6, 1, 16, 16)).astype(np.float32) / 255
    np.save(f"{folder}/inputs.npy", inputs)
    np.save(f"{folder}/expected.npy", np.concatenate([session.run(None, {"input": each[None]})[0] for each in inputs]))


save(Signed(1), f"{sys.argv[1]}/onnxruntime/operations")
save(Unsigned(2), f"{sys.argv[1]}/onnxruntime/operations-qlinear")
