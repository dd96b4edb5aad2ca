#!/usr/bin/env python3
"""Times PyTorch on the networks of networks.py, or the device's limits; one JSON line.

usage: rival.py limits [--device D]
       rival.py predict|train --network NAME [--how eager|graphs|tuned] [--batch N] [--side N] ...
       rival.py loss [--batch N] [--side N] ...

predict: bytes of a batch from pinned memory to the device, the main head's logits back to pinned memory;
`device_ms` is the forward pass alone. train: the mean step of `accumulate` and one update, losses and the
sending of batches included. loss: of four heads on masks of 4/3 of the side, and its gradients. eager: as written; graphs: torch.compile with CUDA graphs (reduce-overhead);
compiled: torch.compile as it is; tuned: max-autotune-no-cudagraphs. Times are medians by CUDA events, of repetitions that
are queued without waiting. With --turns there is a word when all is ready, and then, for each line of stdin, one
repetition and its milliseconds (tests/bench/turns.c). --resize N: predict ends in probabilities of that side.
"""
import argparse
import json
import statistics
import sys
import time

import torch

import losses
import networks
from turns import take_turns

MODES = {"compiled": "default", "graphs": "reduce-overhead", "tuned": "max-autotune-no-cudagraphs"}
WARM = 4  # repetitions before the first that counts


def time_all(work, repeat, device):
    """Milliseconds of each repetition."""
    for _ in range(WARM):
        work()
    if device.type != "cuda":
        marks = [time.perf_counter()]
        for _ in range(repeat):
            work()
            marks.append(time.perf_counter())
        return [1000 * (b - a) for a, b in zip(marks, marks[1:])]
    torch.cuda.synchronize()
    torch.cuda.empty_cache()  # of what finding the fastest convolutions took
    torch.cuda.reset_peak_memory_stats()
    marks = [torch.cuda.Event(enable_timing=True) for _ in range(repeat + 1)]
    marks[0].record()
    for mark in marks[1:]:
        work()
        mark.record()
    torch.cuda.synchronize()
    return [a.elapsed_time(b) for a, b in zip(marks, marks[1:])]


def median(times):
    return round(statistics.median(times), 4)


# ---- the device's limits

def matrix_rate(dtype, size, device):
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    out = torch.empty_like(a)
    times = time_all(lambda: torch.mm(a, b, out=out), 20, device)
    return 2 * size ** 3 / statistics.median(times) / 1e9


def copy_rate(count, device):
    a = torch.ones(count, device=device)
    b = torch.empty_like(a)
    return 2 * 4 * count / statistics.median(time_all(lambda: b.copy_(a), 20, device)) / 1e9


def limits(device):
    torch.backends.cuda.matmul.allow_tf32 = False
    large = device.type == "cuda"
    size = 8192 if large else 256
    print(json.dumps({
        "what": "limits", "device": torch.cuda.get_device_name(device) if large else "cpu",
        "bf16_tflops": round(matrix_rate(torch.bfloat16, size, device), 3),
        "f32_tflops": round(matrix_rate(torch.float32, size, device), 3),
        "copy_tbs": round(copy_rate(2 ** 30 if large else 2 ** 20, device), 4),
    }))


# ---- batches

class Feed:
    """The same batch again and again from pinned memory; the next one is sent while one is worked on."""

    def __init__(self, tensors, device):
        self.device = device
        self.host = [t.pin_memory() if device.type == "cuda" else t for t in tensors]
        self.side = torch.cuda.Stream() if device.type == "cuda" else None
        self.send()

    def send(self):
        with torch.cuda.stream(self.side):
            self.coming = [t.to(self.device, non_blocking=True) for t in self.host]

    def __call__(self):
        if self.side is None:
            return self.coming
        ready = self.coming
        torch.cuda.current_stream().wait_stream(self.side)
        for tensor in ready:
            tensor.record_stream(torch.cuda.current_stream())
        self.send()
        return ready


def batch(options):
    """Gray noise; a rectangle of lesion on masks of 4/3 of the side."""
    side, masks = options.side, options.side * 4 // 3
    gray = torch.randint(0, 256, (options.batch, 1, side, side), dtype=torch.uint8)
    mask = torch.zeros(options.batch, masks, masks, dtype=torch.uint8)
    mask[:, masks // 4:masks // 2, masks // 4:masks // 2] = 1
    return gray, mask


# ---- networks

def cast(options):
    return torch.autocast(options.device.type, torch.bfloat16, enabled=options.precision == "bf16")


def choose_attention(options):
    """The fused attention on values as they are, or on padded queries: which is faster here."""
    width = {"unet": 32, "bisenet": 128}.get(options.network.split("-")[0])
    if options.device.type != "cuda" or width is None:
        return
    pixels = (options.side // 8) ** 2
    dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
    q, v = (torch.randn(options.batch, 1, pixels, c, device=options.device, dtype=dtype,
                        requires_grad=options.task == "train") for c in (width // 2, width))

    def work(padded):
        y = networks.attend(0.1 * q, v, padded)
        if options.task == "train":
            y.sum().backward()

    took = {padded: median(time_all(lambda padded=padded: work(padded), 5, options.device))
            for padded in (False, True)}
    networks.PositionAttention.padded = took[True] < took[False]


def make_network(options):
    torch.manual_seed(1)
    choose_attention(options)
    network = networks.FromGray(networks.build(options.network))
    return network.to(options.device, memory_format=torch.channels_last).train(options.task == "train")


def compiled(function, options):
    return function if options.how == "eager" else torch.compile(function, mode=MODES[options.how])


def begin_step(options):
    if options.how == "graphs":
        torch.compiler.cudagraph_mark_step_begin()


def predict(options):
    network = make_network(options)
    feed = Feed(batch(options)[:1], options.device)
    side = options.resize or (options.side // 8 if options.network.startswith("bisenet-") else options.side)
    logits = torch.empty(options.batch, 1, side, side, pin_memory=options.device.type == "cuda")

    def main_head(gray):
        with cast(options):
            logits = network(gray)[0][0]
        return torch.sigmoid(networks.resize(logits, (side, side))) if options.resize else logits

    forward = compiled(main_head, options)

    def whole():
        begin_step(options)
        logits.copy_(forward(feed()[0]), non_blocking=True)

    with torch.inference_mode():
        if options.turns:
            take_turns(whole)
            sys.exit()
        stay = feed()[0].clone()

        def alone():
            begin_step(options)
            forward(stay)

        return {"ms": median(time_all(whole, options.repeat, options.device)),
                "device_ms": median(time_all(alone, options.repeat, options.device))}


def train(options):
    network = make_network(options)
    optimizer = losses.optimizer(network)
    feed = Feed(batch(options), options.device)

    def loss_of(gray, masks):
        with cast(options):
            heads = network(gray)[0]
        return losses.total_loss(heads, masks) / options.accumulate

    loss = compiled(loss_of, options)
    try:
        loss(*feed()).backward()
    except RuntimeError as error:  # of the compiler: PyTorch 2.11's cannot make the losses' kernels
        if options.how == "eager":
            raise
        print("rival: only the network is compiled, the losses are not:", str(error)[:200], file=sys.stderr)
        forward = compiled(network, options)

        def loss(gray, masks):
            with cast(options):
                heads = forward(gray)[0]
            return losses.total_loss(heads, masks) / options.accumulate

    optimizer.zero_grad(set_to_none=True)
    if options.how == "graphs":  # gradients must not lie in the graphs' own memory
        for parameter in network.parameters():
            parameter.grad = torch.zeros_like(parameter)

    def accumulated():
        for _ in range(options.accumulate):
            begin_step(options)
            loss(*feed()).backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=options.how != "graphs")

    if options.turns:
        take_turns(accumulated)
        sys.exit()
    times = time_all(accumulated, options.repeat, options.device)
    return {"ms": median(time / options.accumulate for time in times)}


def loss(options):
    masks = batch(options)[1].to(options.device)
    heads = [torch.randn(masks.shape, device=options.device)[:, None].requires_grad_() for _ in range(4)]
    of_heads = compiled(losses.total_loss, options)

    def both():
        of_heads(heads, masks).backward()
        for head in heads:
            head.grad = None

    return {"ms": median(time_all(both, options.repeat, options.device))}


# ----

TASKS = {"predict": predict, "train": train, "loss": loss}


def room(device):
    """Bytes that the device has left, once the libraries that we open before we ask are open here, too."""
    if device.type != "cuda":
        return 0
    image = torch.ones(1, 8, 8, 8, device=device)
    torch.nn.functional.conv2d(image, image)
    torch.mm(image[0, 0], image[0, 0])
    torch.cuda.synchronize()
    return torch.cuda.mem_get_info()[0]


def memory(device, before):
    """The most that tensors took, and what the device has less of than before: the allocator's blocks and the
    libraries' own."""
    if device.type != "cuda":
        return {}
    return {"allocated_mib": torch.cuda.max_memory_allocated() // 2 ** 20,
            "taken_mib": (before - room(device)) // 2 ** 20}


def run(options):
    torch.backends.cudnn.benchmark = True
    if options.precision == "f32":
        torch.backends.cudnn.allow_tf32 = False  # ours does not
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.device.type == "cpu":
        torch.set_flush_denormal(True)
        torch._inductor.config.freezing = options.task == "predict"  # weights become constants
    before = room(options.device)
    made = TASKS[options.task](options)
    who = "PyTorch " + torch.__version__.split("+")[0]
    print(json.dumps({
        "what": "speed", "who": who, "how": options.how, "network": options.network, "task": options.task,
        "side": options.side, "batch": options.batch, "precision": options.precision, "repeat": options.repeat,
        "images_per_s": round(1000 * options.batch / made["ms"], 1), **made, **memory(options.device, before),
    }))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("limits", *TASKS))
    parser.add_argument("--network")
    parser.add_argument("--how", choices=("eager", *MODES), default="eager")
    parser.add_argument("--side", type=int, default=768)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--accumulate", type=int, default=4)
    parser.add_argument("--repeat", type=int, default=20)
    parser.add_argument("--precision", choices=("f32", "bf16"), default="bf16")
    parser.add_argument("--turns", action="store_true")
    parser.add_argument("--resize", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", type=torch.device, default="cuda")
    options = parser.parse_args()
    if options.batch is None:
        options.batch = 16 if options.task == "predict" else 6
    if options.task == "limits":
        limits(options.device)
    elif options.network is None and options.task != "loss":
        parser.error("--network NAME")
    else:
        run(options)


if __name__ == "__main__":
    sys.exit(main())
