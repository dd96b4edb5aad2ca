"""Networks in PyTorch: the rivals that ours are timed beside.

Written for speed: convolutions in channels_last, attention over positions by the fused kernel. Parameters of UNet, BiSeNet and AlbuNet have the names of a checkpoint.
"""
import functools
import sys

import torch
import torch.nn.functional as F
from torch import nn

from encoders import ENCODERS, norm


class CBR(nn.Module):
    """Convolution, norm, ReLU."""

    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__()
        self.cbr_unit = nn.Sequential(nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
                                      norm(outputs), nn.ReLU(inplace=True))

    def forward(self, x):
        return self.cbr_unit(x)


class CB(nn.Module):
    """Convolution, norm."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.cb_unit = nn.Sequential(nn.Conv2d(inputs, outputs, 1, bias=False), norm(outputs))

    def forward(self, x):
        return self.cb_unit(x)


def head(inputs, channels, kernel, dropout):
    return nn.Sequential(CBR(inputs, channels, kernel), nn.Dropout2d(dropout), nn.Conv2d(channels, 1, 1))


def logits(x):
    """Out of autocast's bf16."""
    return x if x.dtype == torch.float64 else x.float()


def pool(x):
    return x.mean((2, 3), keepdim=True)


def resize(x, size):
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


class PositionAttention(nn.Module):
    """Queries are keys. The fused kernels want values as wide as queries: with `padded` these get zeros."""

    padded = False

    def __init__(self, channels):
        super().__init__()
        self.query_conv = nn.Conv2d(channels, channels // 2, 1)
        self.value_conv = nn.Conv2d(channels, channels, 1)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        n, c, h, w = x.shape
        q = self.query_conv(x).permute(0, 2, 3, 1).reshape(n, 1, h * w, c // 2)
        v = self.value_conv(x).permute(0, 2, 3, 1).reshape(n, 1, h * w, c)
        y = attend(q, v, self.padded).reshape(n, h, w, c).permute(0, 3, 1, 2)
        return x + self.gamma * y


def attend(q, v, padded):
    if padded:
        q = F.pad(q, (0, v.shape[-1] - q.shape[-1]))
    return F.scaled_dot_product_attention(q, q, v, scale=1.0)


class ChannelAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        f = x.flatten(2)
        energy = f @ f.transpose(1, 2)
        shares = torch.softmax(energy.amax(-1, keepdim=True) - energy, dim=-1)
        return x + self.gamma * (shares @ f).view_as(x)


class DualAttention(nn.Module):
    """To be mixed in: both attentions, and their sum."""

    def add_attention(self, channels, prefix):
        self.pam = PositionAttention(channels)
        self.cam = ChannelAttention()
        self.by_position, self.by_channel = prefix + "_pam", prefix + "_cam"
        self.add_module(self.by_position, CBR(channels, channels, 3))
        self.add_module(self.by_channel, CBR(channels, channels, 3))

    def attention(self, x):
        return getattr(self, self.by_position)(self.pam(x)) + getattr(self, self.by_channel)(self.cam(x))


def pyramid(x):
    """Sum over grids of 6, 3, 2 and 1 of average pooling, brought back to the size."""
    h, w = x.shape[2:]
    total = 0
    for grid in (6, 3, 2, 1):
        step = (h // grid, w // grid)
        window = (h - step[0] * (grid - 1), w - step[1] * (grid - 1))
        total = total + resize(F.avg_pool2d(x, window, step), (h, w))
    return total


class UNet(DualAttention):
    """forward: the heads' logits, the main one first, at their own sizes; and the global logit."""

    def __init__(self, encoder, dropout=0.1):
        super().__init__()
        self.backbone = encoder()
        at2, at4, at8, at16, at32 = self.backbone.widths
        self.c3br_ppm = CBR(at32, 128, 3)
        self.aux_cls_gap = head(128, 32, 1, dropout)
        below = 128
        for level, skip, skip_to, out in (("16x", at16, 128, 64), ("8x", at8, 64, 32), ("4x", at4, 32, 16),
                                          ("2x", at2, 16, 8)):
            self.add_module(f"c1br_{level}", CBR(skip, skip_to, 1))
            self.add_module(f"c3br2_{level}", nn.Sequential(CBR(skip_to + below, out, 3), CBR(out, out, 3)))
            below = out
        self.add_attention(32, "c3br")
        self.cls = head(8, 8, 3, dropout)
        self.aux_cls_4x = head(32, 8, 3, dropout)
        self.aux_cls_ppm = head(128, 32, 3, dropout)
        self.gamma_gap = nn.Parameter(torch.zeros(1))

    def join(self, skip, below, level):
        lateral = getattr(self, f"c1br_{level}")(skip)
        return getattr(self, f"c3br2_{level}")(torch.cat([lateral, resize(below, skip.shape[2:])], 1))

    def forward(self, x):
        at2, at4, at8, at16, at32 = self.backbone(x)
        p = self.c3br_ppm(pyramid(at32))
        any_lesion = logits(self.aux_cls_gap(pool(p)))
        d8 = self.attention(self.join(at8, self.join(at16, p, "16x"), "8x"))
        d2 = self.join(at2, self.join(at4, d8, "4x"), "2x")
        heads = [logits(self.cls(resize(d2, x.shape[2:]))) + self.gamma_gap * any_lesion]
        if self.training:
            heads += [logits(self.aux_cls_4x(resize(d8, at4.shape[2:]))), logits(self.aux_cls_ppm(p))]
        return heads, any_lesion


class Refinement(nn.Module):
    """Attention refinement: a gate over channels."""

    def __init__(self, inputs):
        super().__init__()
        self.cbr = CBR(inputs, 128, 3)
        self.arm = nn.Sequential(nn.AdaptiveAvgPool2d(1), CB(128, 128))

    def forward(self, x):
        y = self.cbr(x)
        return y * torch.sigmoid(self.arm(y))


class ContextPath(nn.Module):
    def __init__(self, encoder):
        super().__init__()
        self.backbone = encoder()
        _, _, at8, at16, at32 = self.backbone.widths
        self.cbr_gap = CBR(at32, 128, 1)
        for level, width in (("32x", at32), ("16x", at16), ("8x", at8)):
            self.add_module(f"arm_{level}", Refinement(width))
            self.add_module(f"cbr_{level}", CBR(128, 128, 3))

    def forward(self, x):
        _, _, at8, at16, at32 = self.backbone(x)
        g = self.cbr_gap(pool(at32))
        c32 = self.cbr_32x(self.arm_32x(at32) + g)
        c16 = self.cbr_16x(self.arm_16x(at16) + resize(c32, at16.shape[2:]))
        return self.cbr_8x(self.arm_8x(at8) + resize(c16, at8.shape[2:])), c16, c32, g


class Fusion(nn.Module):
    """Both paths through a 1 x 1, and a gate over channels."""

    def __init__(self):
        super().__init__()
        self.cbr = CBR(256, 128, 1)
        squeeze, excite = nn.Module(), nn.Module()
        squeeze.cbr_unit = nn.Sequential(nn.Conv2d(128, 64, 1), nn.ReLU(inplace=True))
        excite.cb_unit = nn.Sequential(nn.Conv2d(64, 128, 1))
        self.cse = nn.ModuleList([nn.Identity(), squeeze, excite])

    def forward(self, spatial, context):
        y = self.cbr(torch.cat([spatial, context], 1))
        z = self.cse[2].cb_unit(self.cse[1].cbr_unit(pool(y)))
        return y + y * torch.sigmoid(z)


class BiSeNet(DualAttention):
    """As UNet."""

    def __init__(self, encoder, dropout=0.1):
        super().__init__()
        self.spatial_path = nn.Sequential()
        for i, (inputs, outputs) in enumerate(((3, 64), (64, 64), (64, 128)), 1):
            self.spatial_path.add_module(f"cbr{i}", CBR(inputs, outputs, 3, 2))
        self.context_path = ContextPath(encoder)
        self.ffm = Fusion()
        self.add_attention(128, "cbr")
        self.cls = head(128, 32, 3, dropout)
        self.aux_cls_gap = head(128, 32, 1, dropout)
        for level in ("8x", "16x", "32x"):
            self.add_module(f"aux_cls_{level}", head(128, 32, 3, dropout))
        self.gamma_gap = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        c8, c16, c32, g = self.context_path(x)
        y = self.attention(self.ffm(self.spatial_path(x), c8))
        any_lesion = logits(self.aux_cls_gap(g))
        heads = [logits(self.cls(y)) + self.gamma_gap * any_lesion]
        if self.training:
            heads += [logits(self.aux_cls_8x(c8)), logits(self.aux_cls_16x(c16)), logits(self.aux_cls_32x(c32))]
        return heads, any_lesion


class Scse(nn.Module):
    """Gates of channels and of pixels, added (Roy et al. 2018)."""

    def __init__(self, channels):
        super().__init__()
        self.of_channels = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, channels // 16, 1), nn.ReLU(inplace=True),
                                         nn.Conv2d(channels // 16, channels, 1), nn.Sigmoid())
        self.of_pixels = nn.Sequential(nn.Conv2d(channels, 1, 1), nn.Sigmoid())

    def forward(self, x):
        return x * self.of_channels(x) + x * self.of_pixels(x)


class SmpUnet(nn.Module):
    """segmentation_models_pytorch's Unet: five levels, each twice as large by repeating pixels, with `attention` (of so many
    channels) before and behind a level's layers. forward: as UNet's, with one head and no global logit."""

    def __init__(self, encoder, attention=None):
        super().__init__()
        self.encoder = encoder()
        *skips, below = self.encoder.widths
        self.levels = nn.ModuleList()
        for skip, width in zip([*reversed(skips), 0], (256, 128, 64, 32, 16)):
            level = nn.Sequential(CBR(below + skip, width, 3), CBR(width, width, 3))
            if attention is not None:
                level.append(attention(width))
                if skip > 0:
                    level.insert(0, attention(below + skip))
            self.levels.append(level)
            below = width
        self.head = nn.Conv2d(below, 1, 3, 1, 1)

    def forward(self, x):
        *skips, y = self.encoder(x)
        for level, skip in zip(self.levels, [*reversed(skips), None]):
            y = F.interpolate(y, scale_factor=2, mode="nearest")
            y = level(y if skip is None else torch.cat([y, skip], 1))
        return [logits(self.head(y))], None


class Widened(nn.Module):
    """A 3 x 3 with bias, ReLU."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)

    def forward(self, x):
        return F.relu(self.conv(x), inplace=True)


class Doubled(nn.Module):
    """Bilinear up-sampling, two 3 x 3 (block.1, block.2)."""

    def __init__(self, inputs, middle, outputs):
        super().__init__()
        self.block = nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
                                   Widened(inputs, middle), Widened(middle, outputs))

    def forward(self, x):
        return self.block(x)


class AlbuNet(nn.Module):
    """The first place's network, by its names and widths. forward: as SmpUnet's."""

    def __init__(self, encoder):
        super().__init__()
        self.pool = nn.MaxPool2d(2)
        self.encoder = encoder()
        self.encoder.maxpool = self.pool
        _, at4, at8, at16, at32 = self.encoder.widths
        self.center = Doubled(at32, 512, 256)
        self.dec5 = Doubled(at32 + 256, 512, 256)
        self.dec4 = Doubled(at16 + 256, 512, 256)
        self.dec3 = Doubled(at8 + 256, 256, 64)
        self.dec2 = Doubled(at4 + 64, 128, 128)
        self.dec1 = Doubled(128, 128, 32)
        self.dec0 = Widened(32, 32)
        self.final = nn.Conv2d(32, 1, 1)

    def forward(self, x):
        _, at4, at8, at16, at32 = self.encoder(x)
        y = self.center(self.pool(at32))
        for level, skip in (("dec5", at32), ("dec4", at16), ("dec3", at8), ("dec2", at4)):
            y = getattr(self, level)(torch.cat([y, skip], 1))
        return [logits(self.final(self.dec0(self.dec1(y))))], None


DECODERS = {"unet": UNet, "bisenet": BiSeNet, "smp-unet": SmpUnet, "smp-unet-scse": functools.partial(SmpUnet, attention=Scse),
            "albunet": AlbuNet}


def build(name):
    """The network DECODER-ENCODER, with its first values."""
    decoder, _, encoder = name.rpartition("-")
    if decoder not in DECODERS or encoder not in ENCODERS:
        sys.exit(f"tests/gpu has no network {name} in PyTorch: no rival can be timed")
    return start(DECODERS[decoder](encoder=ENCODERS[encoder]))


class FromGray(nn.Module):
    """A network on bytes (images x 1 x height x width), with ImageNet's mean and deviation taken out."""

    def __init__(self, network):
        super().__init__()
        self.network = network
        mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        deviation = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
        self.register_buffer("scale", 1 / (255 * deviation), persistent=False)
        self.register_buffer("shift", -mean / deviation, persistent=False)

    def forward(self, gray):
        x = gray * self.scale + self.shift
        return self.network(x.contiguous(memory_format=torch.channels_last))


def start(network):
    """First values: convolutions Kaiming-normal (fan out, ReLU), biases 0, norms and gammas as they are made."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network
