#!/usr/bin/env python3
"""The networks of tests/gpu/networks.py in runtimes for prediction: each image's bytes to probabilities of its own size.

usage: runtimes.py have                                 prints names and versions of those that are installed
       runtimes.py export --network NAME --batch N --side N --resize N FILE.onnx            by PyTorch
       runtimes.py int8 FILE.onnx FILE.xml              weights and activations quantised by NNCF, on noise
       runtimes.py onnxruntime|openvino [--precision f32|bf16] [--threads N] FILE           takes turns (turns.c)
"""
import argparse
import importlib.metadata
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "gpu"))
from turns import take_turns  # noqa: E402

PACKAGES = {"torch": ["torch"], "onnxruntime": ["torch", "onnx", "onnxruntime"], "openvino": ["torch", "onnx", "openvino"],
            "int8": ["torch", "onnx", "openvino", "nncf"]}
CALIBRATION = 4  # batches


def have(_):
    for name, packages in PACKAGES.items():
        try:
            versions = [importlib.metadata.version(package) for package in packages]
        except importlib.metadata.PackageNotFoundError:
            continue
        print(name, versions[-1].split("+")[0])


def export(options):
    import torch
    import networks

    class Whole(torch.nn.Module):
        """From bytes to probabilities of the image's size."""

        def __init__(self):
            super().__init__()
            torch.manual_seed(1)
            self.network = networks.FromGray(networks.build(options.network))

        def forward(self, gray):
            logits = self.network(gray)[0][0]
            return torch.sigmoid(networks.resize(logits, (options.resize, options.resize)))

    gray = torch.zeros(options.batch, 1, options.side, options.side, dtype=torch.uint8)
    with torch.no_grad():
        torch.onnx.export(Whole().eval(), (gray,), options.files[0], input_names=["gray"], output_names=["probability"],
                          opset_version=18, dynamo=False)


def noise(shape):
    import numpy
    return numpy.random.default_rng(1).integers(0, 256, shape, dtype=numpy.uint8)


def int8(options):
    import nncf
    import openvino
    model = openvino.Core().read_model(options.files[0])
    batches = nncf.Dataset([noise(model.input().shape) for _ in range(CALIBRATION)])
    openvino.save_model(nncf.quantize(model, batches, subset_size=CALIBRATION), options.files[1])


def onnxruntime(options):
    import onnxruntime as runtime
    session = runtime.SessionOptions()
    session.intra_op_num_threads = options.threads
    session.inter_op_num_threads = 1
    session.add_session_config_entry("session.set_denormal_as_zero", "1")
    session = runtime.InferenceSession(options.files[0], session, providers=["CPUExecutionProvider"])
    gray = noise(session.get_inputs()[0].shape)
    take_turns(lambda: session.run(None, {"gray": gray}))


def openvino(options):
    import openvino as runtime
    model = runtime.Core().compile_model(options.files[0], "CPU", {
        "INFERENCE_PRECISION_HINT": options.precision, "INFERENCE_NUM_THREADS": options.threads,
        "PERFORMANCE_HINT": "LATENCY", "CPU_DENORMALS_OPTIMIZATION": True})
    request = model.create_infer_request()
    gray = noise(model.input().shape)
    take_turns(lambda: request.infer([gray]))


TASKS = {"have": have, "export": export, "int8": int8, "onnxruntime": onnxruntime, "openvino": openvino}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--network")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--side", type=int, default=768)
    parser.add_argument("--resize", type=int, default=1024)
    parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_intermixed_args()
    TASKS[options.task](options)


if __name__ == "__main__":
    sys.exit(main())
