"""Encoders in PyTorch, by torchvision's and timm's names: maps at 1/2, 1/4, 1/8, 1/16 and 1/32, with `widths` channels."""
import functools

import torch
import torch.nn.functional as F
from torch import nn


def norm(channels, momentum=0.1):
    made = nn.BatchNorm2d(channels, eps=1e-5, momentum=momentum)
    made.num_batches_tracked = None  # of use to no one here, and a kernel a layer
    return made


class Cbam(nn.Module):
    """Gates of channels and of pixels (Woo et al. 2018), by the original's names."""

    def __init__(self, channels):
        super().__init__()
        self.ChannelGate, self.SpatialGate = nn.Module(), nn.Module()
        self.ChannelGate.mlp = nn.Sequential(nn.Flatten(), nn.Linear(channels, channels // 16), nn.ReLU(),
                                             nn.Linear(channels // 16, channels))
        self.SpatialGate.spatial = nn.Module()
        self.SpatialGate.spatial.cb_unit = nn.Sequential(nn.Conv2d(2, 1, 7, padding=3, bias=False), norm(1, 0.01))

    def forward(self, x):
        channels = self.ChannelGate.mlp(x.mean((2, 3))) + self.ChannelGate.mlp(x.amax((2, 3)))
        x = x * torch.sigmoid(channels)[:, :, None, None]
        pooled = torch.cat([x.amax(1, keepdim=True), x.mean(1, keepdim=True)], 1)
        return x * torch.sigmoid(self.SpatialGate.spatial.cb_unit(pooled))


class Block(nn.Module):
    """Two 3 x 3, and what a block adds to its layers: its input, through a 1 x 1 where the output is of another shape."""

    expansion = 1

    def __init__(self, inputs, width, stride, attention):
        super().__init__()
        outputs = self.expansion * width
        self.add_layers(inputs, width, stride)
        self.cbam = attention(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), norm(outputs))

    def add_layers(self, inputs, width, stride):
        self.conv1 = nn.Conv2d(inputs, width, 3, stride, 1, bias=False)
        self.bn1 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = norm(width)

    def layers(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return self.bn2(self.conv2(y))

    def forward(self, x):
        y = self.cbam(self.layers(x))
        skip = x if self.downsample is None else self.downsample(x)
        return F.relu(y.add_(skip), inplace=True)


class Bottleneck(Block):
    """A 1 x 1 to `width` channels, a 3 x 3 of them, a 1 x 1 to four times as many."""

    expansion = 4

    def add_layers(self, inputs, width, stride):
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = norm(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = norm(width)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = norm(4 * width)

    def layers(self, x):
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = F.relu(self.bn2(self.conv2(y)), inplace=True)
        return self.bn3(self.conv3(y))


class ResNet(nn.Module):
    """torchvision's: so many `blocks` in each of four stages, the first of `width` channels; `attention` in each block."""

    def __init__(self, block=Block, blocks=(2, 2, 2, 2), width=64, attention=nn.Identity):
        super().__init__()
        self.widths = (width, *(block.expansion * width << stage for stage in range(4)))
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = norm(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = width
        for stage, count in enumerate(blocks):
            layer = nn.Sequential()
            for number in range(count):
                layer.append(block(inputs, width << stage, 2 if stage > 0 and number == 0 else 1, attention))
                inputs = self.widths[stage + 1]
            self.add_module(f"layer{stage + 1}", layer)

    def forward(self, x):
        at2 = F.relu(self.bn1(self.conv1(x)), inplace=True)
        at4 = self.layer1(self.maxpool(at2))
        at8 = self.layer2(at4)
        at16 = self.layer3(at8)
        return at2, at4, at8, at16, self.layer4(at16)


class OfTimm(nn.Module):
    """What an encoder takes of timm's, whose norms are as the others here."""

    def take(self, name, *parts):
        import timm  # no other encoder needs it

        whole = timm.create_model(name)
        for part in parts:
            self.add_module(part, getattr(whole, part))
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.num_batches_tracked = None


class EfficientNetB4(OfTimm):
    """timm's, without its last layers; the map at 1/2 is the stem's."""

    widths = (48, 32, 56, 160, 448)
    at = (1, 2, 4, 6)  # the stages whose maps are taken

    def __init__(self):
        super().__init__()
        self.take("efficientnet_b4", "conv_stem", "bn1", "blocks")

    def forward(self, x):
        x = self.bn1(self.conv_stem(x))
        maps = [x]
        for number, stage in enumerate(self.blocks):
            x = stage(x)
            if number in self.at:
                maps.append(x)
        return maps


class SEResNeXt50(OfTimm):
    """timm's."""

    widths = (64, 256, 512, 1024, 2048)
    forward = ResNet.forward

    def __init__(self):
        super().__init__()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.take("seresnext50_32x4d", "conv1", "bn1", "layer1", "layer2", "layer3", "layer4")


ENCODERS = {
    "resnet18": ResNet,
    "resnet34": functools.partial(ResNet, blocks=(3, 4, 6, 3)),
    "resnet50": functools.partial(ResNet, Bottleneck, (3, 4, 6, 3)),
    "resnet18_w16": functools.partial(ResNet, width=16),
    "resnet18_cbam": functools.partial(ResNet, attention=Cbam),
    "resnet34_cbam": functools.partial(ResNet, blocks=(3, 4, 6, 3), attention=Cbam),
    "resnet50_cbam": functools.partial(ResNet, Bottleneck, (3, 4, 6, 3), attention=Cbam),
    "se_resnext50_32x4d": SEResNeXt50,
    "efficientnet_b4": EfficientNetB4,
}
