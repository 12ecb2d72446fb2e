"""Compares an int8 ONNX file in onnxruntime with the layer dumps that thumbnet wrote for it.

Usage: check.py MODEL.onnx DUMP_DIR [--pictures N]

DUMP_DIR holds tensors.json and one .npy a tensor, int8 [n, h, w, c]; see README.md for how to make it.
The file is checked with onnx.checker and then run at every optimization level that computes QDQ exactly, twice a
level: once with the logits as its only extra output, so that fusions stay, and once with every int8 tensor exposed.
Prints one line a run; exits 1 if any byte differs, 2 on bad input.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime as ort

LEVELS = {
    "disabled": ort.GraphOptimizationLevel.ORT_DISABLE_ALL,
    "basic": ort.GraphOptimizationLevel.ORT_ENABLE_BASIC,
    "extended": ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED,
    "all": ort.GraphOptimizationLevel.ORT_ENABLE_ALL,
}


def main() -> int:
    arguments = parse_arguments()
    model = onnx.load(arguments.model)
    onnx.checker.check_model(model, full_check=True)
    dump = Dump(arguments.dump, arguments.pictures)
    different = 0
    for level in levels_of(model):
        for exposed in ([dump.output], list(dump.maps)):
            session = open_session(model, exposed, LEVELS[level])
            bytes_compared, bytes_different, first = compare(session, exposed, dump)
            different += bytes_different
            what = "every layer" if len(exposed) > 1 else "logits only"
            print(f"{level:8} {what}: {bytes_different} of {bytes_compared} bytes differ{first}")
    return 1 if different else 0


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("dump", type=pathlib.Path)
    parser.add_argument("--pictures", type=int, help="only the first N pictures")
    return parser.parse_args()


class Dump:
    """What thumbnet computed: int8 maps [n, h, w, c] by tensor name."""

    def __init__(self, folder: pathlib.Path, pictures: int | None):
        index_path = folder / "tensors.json"
        if not index_path.exists():
            sys.exit(f"{index_path} is missing; make a dump as tests/onnxruntime/README.md says")
        index = json.loads(index_path.read_text())
        self.input: str = index["input"]
        self.output: str = index["output"]
        arrays = {name: np.load(folder / file, mmap_mode="r") for name, file in index["tensors"].items()}
        self.pictures = min(len(array) for array in arrays.values())
        if pictures is not None:
            self.pictures = min(self.pictures, pictures)
        self.inputs = arrays.pop(self.input)
        self.maps = arrays


def levels_of(model: onnx.ModelProto) -> list[str]:
    """QDQ only up to basic: beyond, onnxruntime fuses it into kernels that saturate on some CPUs."""
    if any(node.op_type == "Conv" for node in model.graph.node):
        return ["disabled", "basic"]
    return list(LEVELS)


def open_session(
    model: onnx.ModelProto, exposed: list[str], level: ort.GraphOptimizationLevel
) -> ort.InferenceSession:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for name in exposed:
        copy.graph.output.append(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT8, None))
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    return ort.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])


def compare(session: ort.InferenceSession, exposed: list[str], dump: Dump) -> tuple[int, int, str]:
    """Bytes compared, bytes that differ, and where the first of them is."""
    compared, different, first = 0, 0, ""
    for picture in range(dump.pictures):
        x = to_channels_first(dump.inputs[picture])
        for name, actual in zip(exposed, session.run(exposed, {dump.input: x})):
            wanted = to_channels_first(dump.maps[name][picture])
            if actual.shape != wanted.shape:
                sys.exit(f"'{name}' has shape {actual.shape} in onnxruntime, {wanted.shape} in the dump")
            compared += wanted.size
            wrong = np.argwhere(actual != wanted)
            different += len(wrong)
            if len(wrong) and not first:
                at = tuple(wrong[0])
                first = (
                    f"; first: picture {picture}, '{name}' [n, c, h, w] = {[int(i) for i in at]}, "
                    f"onnxruntime {actual[at]}, thumbnet {wanted[at]}"
                )
    return compared, different, first


def to_channels_first(map_hwc: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(map_hwc.transpose(2, 0, 1)[np.newaxis])


if __name__ == "__main__":
    sys.exit(main())
