#!/usr/bin/env python3
"""Makes figures of networks with encoders of torchvision and timm, of segmentation_models_pytorch's Unet, of AlbuNet, of
encoders with CBAM, and of these with group normalisation in place of batch normalisation.

usage: networks.py FOLDER [NAME...]     (NAME: of a network, as unet-resnet34; without any all of CASES)

NAME-eval.json and NAME-train.json hold what PyTorch computes in float64 on hash-made parameters and inputs: outputs, loss,
gradients, running statistics. A tensor is described by shape, L2 norm, mean and some elements [flat index, value]; `float32`
says by how much PyTorch's own float32 is off (the greater of one and two threads), `bfloat16` its bf16. tests/parity compares with them. Made with PyTorch 2.15,
torchvision 0.29, timm 1.0.31 and segmentation_models_pytorch 0.6 on a CPU; the decoders unet, bisenet and albunet are those of tests/gpu/networks.py.
"""
import json
import math
import os
import sys

import numpy as np
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision
from torch import nn

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "gpu"))
import losses  # noqa: E402
import networks  # noqa: E402
from encoders import Cbam  # noqa: E402

MASK64 = (1 << 64) - 1
SAMPLES = 8  # elements of a tensor

# Network: height, width, height and width of the logits; modes. Sizes are such that rounding turns few ReLUs over, which
# would make gradients differ by percents.
CASES = {
    "unet-resnet50": ((192, 192, 256, 256), ("eval",)),
    "bisenet-resnet34": ((64, 96, 96, 128), ("train",)),
    "bisenet-resnet18_w16": ((64, 96, 96, 128), ("train",)),
    "smp-unet-resnet18": ((64, 96, 96, 128), ("eval",)),
    "smp-unet-resnet50": ((64, 96, 96, 128), ("train",)),
    "smp-unet-scse-resnet18": ((64, 64, 96, 96), ("train",)),
    "albunet-resnet34": ((64, 128, 96, 160), ("eval", "train")),
    "bisenet-resnet18_cbam": ((64, 96, 96, 128), ("train",)),
    "smp-unet-resnet50_cbam": ((64, 64, 96, 96), ("eval",)),
    "unet-resnet34-gn": ((192, 192, 256, 256), ("eval",)),
    "bisenet-resnet18-gn": ((64, 96, 96, 128), ("train",)),
    "smp-unet-se_resnext50_32x4d": ((64, 96, 96, 128), ("eval", "train")),
    "smp-unet-efficientnet_b4": ((64, 96, 96, 128), ("eval", "train")),
}
SMP_NAMES = {"efficientnet_b4": "timm-efficientnet-b4"}  # timm's class and names
OF_TIMM = {"se_resnext50_32x4d": "seresnext50_32x4d"}
NARROW = 4  # resnet18_w16: so many times fewer channels than resnet18


def hash_uniform(name, count):
    """Numbers in [-1, 1): SplitMix64 of FNV-1a(name) + (i + 1) * golden."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & MASK64
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0 ** -52 - 1.0


def hash_parameter(name, shape):
    """A range by name and shape, as tests/parity fills them."""
    u = hash_uniform(name, math.prod(shape))
    if name.endswith("running_var"):
        u = 1 + 0.5 * u
    elif name.endswith("running_mean"):
        u = 0.1 * u
    elif "gamma" in name:
        u = 0.5 + 0.1 * u
    elif len(shape) in (2, 4):
        u = math.sqrt(6 / math.prod(shape[1:])) * u
    elif name.endswith("weight"):
        u = 1 + 0.2 * u
    else:
        u = 0.1 * u
    return torch.from_numpy(u.reshape(shape))


class NarrowResNet18(torchvision.models.ResNet):
    """torchvision's ResNet18 with a NARROWth of its channels."""

    def __init__(self):
        super().__init__(torchvision.models.resnet.BasicBlock, [2, 2, 2, 2])
        width = self.conv1.out_channels // NARROW
        self.conv1 = nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.fc = nn.Linear(8 * width, 1000)

    def _make_layer(self, block, planes, blocks, stride=1, dilate=False):
        if stride == 1:  # the first: it takes what conv1 makes
            self.inplanes //= NARROW
        return super()._make_layer(block, planes // NARROW, blocks, stride, dilate)


def torchvision_resnet(name):
    if name == "resnet18_w16":
        return NarrowResNet18()
    return getattr(torchvision.models, name.removesuffix("_cbam"))(weights=None)


def resnet(name):
    """The ResNet `name` of torchvision, or of timm, as an encoder: its maps at 1/2 to 1/32, without its last layers."""

    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            whole = timm.create_model(OF_TIMM[name]) if name in OF_TIMM else torchvision_resnet(name)
            if name.endswith("_cbam"):
                attend(whole)
            for part in ("conv1", "bn1", "layer1", "layer2", "layer3", "layer4"):
                self.add_module(part, getattr(whole, part))
            self.maxpool, self.widths = whole.maxpool, (whole.conv1.out_channels, *(whole.fc.in_features >> i for i in (3, 2, 1, 0)))

        def forward(self, x):
            at2 = torch.relu(self.bn1(self.conv1(x)))
            at4 = self.layer1(self.maxpool(at2))
            at8 = self.layer2(at4)
            at16 = self.layer3(at8)
            return at2, at4, at8, at16, self.layer4(at16)

    return Encoder


def attend(encoder):
    """torchvision's ResNet with Cbam in each block, behind its last norm."""
    for block in encoder.modules():
        if isinstance(block, (torchvision.models.resnet.BasicBlock, torchvision.models.resnet.Bottleneck)):
            last = "bn3" if hasattr(block, "bn3") else "bn2"
            norm = getattr(block, last)
            block.cbam = Cbam(norm.num_features)
            norm.register_forward_hook(lambda _norm, _inputs, output, block=block: block.cbam(output))
    return encoder


def by_groups(module):
    """The module with each BatchNorm2d a GroupNorm of 32 groups, or of as many as divide both 32 and the channels."""
    for name, part in module.named_children():
        if isinstance(part, nn.BatchNorm2d):
            setattr(module, name, nn.GroupNorm(math.gcd(32, part.num_features), part.num_features))
        else:
            by_groups(part)
    return module


class AllMaps(nn.Module):
    """An encoder whose maps are led by the images, as segmentation_models_pytorch wants them."""

    def __init__(self, encoder):
        super().__init__()
        self.__dict__["encoder"] = encoder  # whose parts are named as its own
        for name, part in encoder.named_children():
            self.add_module(name, part)

    def forward(self, x):
        return [x, *self.encoder(x)]


def smp_unet(encoder, attention):
    if encoder in OF_TIMM:  # on maps as wide as resnet50's
        network = smp.Unet("resnet50", encoder_weights=None, decoder_attention_type=attention)
        network.encoder = AllMaps(resnet(encoder)())
        return network
    if encoder.endswith("_cbam"):
        network = smp_unet(encoder.removesuffix("_cbam"), attention)
        attend(network.encoder)
        return network
    return without_what_is_left_out(smp.Unet(SMP_NAMES.get(encoder, encoder), encoder_weights=None,
                                             decoder_attention_type=attention))


def without_what_is_left_out(network):
    """timm's EfficientNets hold layers that no map comes from, and drop paths in training."""
    for name in ("conv_head", "bn2"):
        if hasattr(network.encoder, name):
            delattr(network.encoder, name)
    for part in network.modules():
        if hasattr(part, "drop_prob"):
            part.drop_prob = 0.0
    return network


def build(name):
    if name.endswith("-gn"):
        return by_groups(build(name[:-3]))
    decoder, encoder = name.rsplit("-", 1)
    if decoder.startswith("smp-unet"):
        return smp_unet(encoder, decoder[9:] or None)
    if decoder == "albunet":
        return networks.AlbuNet(resnet(encoder))
    return networks.DECODERS[decoder](resnet(encoder), dropout=0)


def heads_of(network, x):
    """The heads' logits, the main one first, and the global one (None: the network has none)."""
    if isinstance(network, smp.Unet):
        return [network(x)], None
    batch_statistics = network.training
    network.training = True  # all heads; the layers' own modes are kept
    heads, any_lesion = network(x)
    network.training = batch_statistics
    return heads, any_lesion


def run(case, dtype):
    network = build(case["network"]).to(dtype)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensor.copy_(hash_parameter(name, tuple(tensor.shape)))
    network.train(case["mode"] == "train")
    shape = (case["batch"], 3, case["height"], case["width"])
    x = torch.from_numpy(hash_uniform(case["input"], math.prod(shape)).reshape(shape)).to(dtype)
    masks = torch.zeros(case["batch"], *case["out"])
    for image, top, bottom, left, right in case["target_boxes"]:
        masks[image, top:bottom, left:right] = 1
    heads, any_lesion = heads_of(network, x)
    heads = [networks.resize(head, case["out"]) for head in heads]
    if dtype == torch.bfloat16:
        return network, heads, any_lesion, losses.total_loss([head.double() for head in heads], masks)
    loss = losses.total_loss(heads, masks)
    loss.backward()
    return network, heads, any_lesion, loss


def describe(name, tensor):
    numbers = tensor.detach().double().reshape(-1).numpy()
    places = np.unique((np.abs(hash_uniform("at:" + name, SAMPLES)) * numbers.size).astype(int) % numbers.size)
    return {"name": name, "shape": list(tensor.shape), "norm": float(np.linalg.norm(numbers)), "mean": float(numbers.mean()),
            "at": [[int(i), float(numbers[i])] for i in places]}


def error(one, exact):
    one, exact = one.detach().double(), exact.detach()
    return ((one - exact).norm() / (exact.norm() + 1e-300)).item()


def described_error(tensor, description):
    """As tests/parity takes it: of the norm, or of the elements that are described, whichever is greater."""
    numbers = tensor.detach().double().reshape(-1)
    norm, at = description["norm"], description["at"]
    apart = math.sqrt(sum((numbers[i].item() - value) ** 2 for i, value in at))
    length = max(sum(value ** 2 for _, value in at), norm ** 2 * len(at) / numbers.numel())
    return max(abs(numbers.norm().item() - norm) / (norm + 1e-300), apart / (math.sqrt(length) + 1e-300))


def gradients_of(network):
    exact = {name: p.grad for name, p in network.named_parameters() if p.grad is not None}
    # A group of a single number has no gradient: what is left of it is rounding.
    least = 1e-12 * max(gradient.norm() for gradient in exact.values())
    return {name: gradient for name, gradient in exact.items() if gradient.norm() > least}


def float32_errors(case, threads, network, heads, loss):
    """How far off float32 is with so many threads: the order of its sums depends on them."""
    torch.set_num_threads(threads)
    rough, rough_heads, _, rough_loss = run(case, torch.float32)
    errors = {"loss": abs(rough_loss.item() / loss.item() - 1), "outputs": max(map(error, rough_heads, heads))}
    if case["mode"] == "train":
        exact = gradients_of(network)
        of_gradients = [error(p.grad, exact[name]) for name, p in rough.named_parameters() if name in exact]
        errors.update(gradients_median=float(np.median(of_gradients)), gradients_max=max(of_gradients))
    return errors


def figures(name, mode, sizes):
    height, width, down, along = sizes
    case = {"network": name, "mode": mode, "batch": 2, "height": height, "width": width, "out": [down, along],
            "input": "input", "target_boxes": [[0, down // 8, down // 2, along // 8, along // 3],
                                               [1, down // 2, down - 9, along // 2, along // 2 + 31]],
            "alpha": losses.ALPHA, "lambda_lovasz": losses.LOVASZ, "margin_pos": losses.MARGIN_LESION, "lambda_cls": 0.0}
    network, heads, any_lesion, loss = run(case, torch.float64)
    case["loss"] = loss.item()
    case["outputs"] = [describe(f"head{i}", head) for i, head in enumerate(heads)]
    if any_lesion is not None:
        case["outputs"].append(describe("gap", any_lesion))
    each = [float32_errors(case, threads, network, heads, loss) for threads in (1, 2)]
    case["float32"] = {figure: max(errors[figure] for errors in each) for figure in each[0]}
    rough, rough_heads, _, rough_loss = run(case, torch.bfloat16)
    case["bfloat16"] = {"loss": abs(rough_loss.item() / loss.item() - 1)}
    if mode == "eval":
        case["bfloat16"]["outputs"] = max(map(error, rough_heads, heads))
    if mode == "train":
        case["gradients"] = [describe(name, gradient) for name, gradient in gradients_of(network).items()]
        case["buffers_after"] = [describe(name, buffer) for name, buffer in network.named_buffers() if buffer.dim() > 0]
        buffers = dict(rough.named_buffers())
        case["bfloat16"]["statistics"] = max((described_error(buffers[it["name"]], it) for it in case["buffers_after"]), default=0)
    return case


def main():
    folder, names = sys.argv[1], sys.argv[2:] or CASES
    for name in names:
        sizes, modes = CASES[name]
        for mode in modes:
            case = figures(name, mode, sizes)
            with open(os.path.join(folder, f"{name}-{mode}.json"), "w") as file:
                json.dump(case, file, separators=(",", ":"))
            print(name, mode, case["float32"], flush=True)


if __name__ == "__main__":
    main()
