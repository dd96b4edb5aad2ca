"""Models of ONNX that weights has written, looked at by others' eyes.

onnx_models.py check MODEL WEIGHTS   ONNX's checker and shape inference are content; weights are those of WEIGHTS
                                     (.safetensors), norms folded; prints a digest of nodes, names and constant sizes
onnx_models.py compare RUNTIME MODEL IMAGES PREDICTED   both .npy: the greatest difference at batches of 1 and 3
onnx_models.py arrays SIDE IMAGES PREDICTED   streams: images.npy, of that side, and predicted.npy
"""
import hashlib
import json
import struct
import sys

import numpy as np


def read_safetensors(path):
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + length + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[start:end], "<f4").reshape(entry["shape"]).astype(float)
    return tensors


def structure(model, helper, numpy_helper):
    def text(attribute):
        value = helper.get_attribute_value(attribute)
        return f"{attribute.name}={value if isinstance(value, (int, float, bytes)) else list(value)}"

    lines = []
    for node in model.graph.node:
        attributes = sorted(map(text, node.attribute))
        lines.append(f"{node.op_type} {list(node.input)} {list(node.output)} {attributes}")
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor).tolist() if tensor.data_type == 7 else ""
        lines.append(f"{tensor.name} {tensor.data_type} {list(tensor.dims)} {values}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def norms_of(weights):
    """Factor and offset of each norm with statistics, by its name."""
    norms = {}
    for name in weights:
        if name.endswith(".running_var"):
            norm = name[:-len(".running_var")]
            factor = weights[norm + ".weight"] / np.sqrt(weights[name] + 1e-5)
            norms[norm] = factor, weights[norm + ".bias"] - weights[norm + ".running_mean"] * factor
    return norms


def check_weights(model, weights, numpy_helper):
    """Each initialiser is a parameter as it is, or a convolution's with one norm in it: whichever, once."""
    norms, plain = norms_of(weights), 0
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name, tensor in tensors.items():
        own = weights.get(name)
        if own is None or np.array_equal(own.ravel(), tensor.ravel()):
            plain += own is not None
            continue
        if not name.endswith(".weight"):
            continue  # a bias, looked at with its weights
        flat = own.reshape(len(own), -1)
        factor = (tensor.reshape(flat.shape) * flat).sum(1) / (flat * flat).sum(1)
        found = [norm for norm, (of_norm, _) in norms.items()
                 if of_norm.shape == factor.shape and np.allclose(of_norm, factor, rtol=1e-5)]
        assert len(found) == 1, (name, found)
        of_norm, offset = norms.pop(found[0])
        bias = weights.get(name[:-6] + "bias", 0) * of_norm + offset
        assert np.allclose(flat * of_norm[:, None], tensor.reshape(flat.shape), rtol=1e-5, atol=1e-7), name
        assert np.allclose(tensors[name[:-6] + "bias"], bias, rtol=1e-5, atol=1e-6), name
    unused = [norm for norm in norms if "aux_cls_" not in norm]
    assert plain > 0 and not unused, unused


def check(path, weights):
    import onnx
    from onnx import helper, numpy_helper
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    # Fails where the shape that is said of a tensor is not what comes of the one before.
    onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    said = {value.name for value in model.graph.value_info}
    made = [node.output[0] for node in model.graph.node if node.op_type in ("Conv", "Relu", "Resize")]
    assert made and set(made) & said, "no shapes"
    assert (model.ir_version, model.opset_import[0].version) == (8, 17)
    check_weights(model, read_safetensors(weights), numpy_helper)
    print(structure(model, helper, numpy_helper))


def runner(runtime, path):
    if runtime == "onnxruntime":
        import onnxruntime
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return lambda x: session.run(["probability"], {"image": x})[0]
    import openvino
    model = openvino.Core().compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda x: model({"image": x})[0]


def compare(runtime, path, images, predicted):
    run = runner(runtime, path)
    images, predicted = (np.load(file)[:3, None].astype(np.float32) for file in (images, predicted))
    print(max(abs(run(images[:batch]) - predicted[:batch]).max() for batch in (1, 3)))


def arrays(side, images, predicted):
    import msgpack
    import msgpack_numpy
    from PIL import Image

    def values(path, name):
        with open(path, "rb") as file:
            items = msgpack.Unpacker(file, object_hook=msgpack_numpy.decode, max_buffer_size=0)
            return [item[name] for item in items if name in item]

    size = int(side), int(side)
    np.save("images", [np.asarray(Image.fromarray(image).resize(size, Image.BILINEAR))
                       for image in values(images, "image")])
    np.save("predicted", values(predicted, "probability"))


if __name__ == "__main__":
    {"check": check, "compare": compare, "arrays": arrays}[sys.argv[1]](*sys.argv[2:])
