"""The training loss in PyTorch, and what updates the parameters: written for speed, as networks.py, with one sort for all heads
and images of a batch and for both halves of the Lovasz hinge, and nothing that waits for the device.
"""
import torch
import torch.nn.functional as F

from networks import resize

HEAD_WEIGHTS = (1.0, 0.4, 0.4, 0.4)
ALPHA, LOVASZ, MARGIN_EMPTY, MARGIN_LESION = 0.25, 0.1, 1.0, 5.0


def jaccard_steps(labels, total):
    """What each entry adds to the Jaccard loss, along labels in descending order of error: counts are whole
    numbers below 2^24, so float32 holds them."""
    seen = labels.cumsum(-1)
    rank = torch.arange(1, labels.shape[-1] + 1, device=labels.device, dtype=labels.dtype)
    loss = 1 - (total - seen) / (total + rank - seen)
    return torch.diff(loss, dim=-1, prepend=torch.zeros_like(loss[..., :1]))


@torch.no_grad()
def lovasz_shares(errors, targets):
    """The hinge's derivative by each error, both halves: one sort of all maps at once."""
    order = errors.argsort(-1, descending=True)
    labels = targets.gather(-1, order)
    total = targets.sum(-1, keepdim=True)
    steps = jaccard_steps(labels, total) + jaccard_steps(1 - labels, labels.shape[-1] - total)
    return torch.empty_like(errors).scatter_(-1, order, steps / 2)


def total_loss(heads, masks):
    """Logits at their own sizes (images x 1 x h x w) against masks (images x H x W) of 0 and 1: balanced BCE
    and symmetric Lovasz hinge, weighted over the heads."""
    n, height, width = masks.shape
    z = torch.stack([resize(one, (height, width)).flatten(1) for one in heads])
    t = masks.flatten(1).to(z.dtype)
    weights = torch.tensor(HEAD_WEIGHTS[:len(heads)], device=z.device).view(-1, 1, 1)
    lesion = t.sum()
    empty = t.numel() - lesion
    balance = ALPHA * t / lesion.clamp(min=1) + (1 - ALPHA) * (1 - t) / empty.clamp(min=1)
    bce = F.binary_cross_entropy_with_logits(z, t.expand_as(z), weight=weights * balance, reduction="sum")
    margins = MARGIN_EMPTY + (MARGIN_LESION - MARGIN_EMPTY) * t
    errors = margins - z * (2 * t - 1)
    flat = errors.detach().view(-1, height * width)
    shares = lovasz_shares(flat, t.expand_as(z).reshape(flat.shape)).view_as(errors)
    return bce + LOVASZ / n * (weights * F.relu(errors) * shares).sum()


def optimizer(network, rate=5e-4, decay=1e-4):
    """RAdam; weights of convolutions decay."""
    decaying = [p for p in network.parameters() if p.dim() == 4]
    others = [p for p in network.parameters() if p.dim() != 4]
    groups = [{"params": decaying, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.RAdam(groups, lr=rate, betas=(0.9, 0.999), eps=1e-8, decoupled_weight_decay=True, foreach=True)
