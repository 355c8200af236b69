#!/usr/bin/env python3
"""The training step of deblurgan-bench-step in PyTorch: the same networks, losses and updates, the same JSON.

    bench/pytorch_step.py --preset deblurgan --batch 16 --device cuda --precision bf16 --mode eager,compiled --out FILE

Networks: the tables of Kupyn et al. 2017 (arXiv 1711.07064, figure 3) with the PatchGAN critic, of Li 2024 (`keras`),
and VGG (Simonyan and Zisserman 2015). The objectives are WGAN-GP (Gulrajani et al. 2017, one penalty per sample) and
the Keras program's Wasserstein loss. Memory format channels_last unless told otherwise, bfloat16 by autocast, fused Adam
on a GPU. Weights and pictures are random.
"""
import argparse
import json
import platform
import statistics
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

from spread import quantile


# --- networks ---


class Keras2dSame(nn.Module):
    """A convolution with TensorFlow's SAME padding: what is odd comes last."""

    def __init__(self, c, k, kernel, stride=1):
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv = nn.Conv2d(c, k, kernel, stride)

    def forward(self, x):
        pads = []
        for extent in (x.shape[3], x.shape[2]):
            total = max(0, ((extent + self.stride - 1) // self.stride - 1) * self.stride + self.kernel - extent)
            pads += [total // 2, total - total // 2]
        return self.conv(F.pad(x, pads))


def instance_norm(c):
    return nn.InstanceNorm2d(c)


def keras_batch_norm(c):
    return nn.BatchNorm2d(c, eps=1e-3, momentum=0.01)


class ResidualBlock(nn.Module):
    def __init__(self, c, norm):
        super().__init__()
        self.body = nn.Sequential(
            nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), norm(c), nn.ReLU(), nn.Dropout(0.5),
            nn.ReflectionPad2d(1), nn.Conv2d(c, c, 3), norm(c))

    def forward(self, x):
        return x + self.body(x)


class Generator(nn.Module):
    def __init__(self, keras, ngf=64, blocks=9):
        super().__init__()
        self.keras = keras
        norm = keras_batch_norm if keras else instance_norm

        def down(c):
            return Keras2dSame(c, 2 * c, 3, 2) if keras else nn.Conv2d(c, 2 * c, 3, 2, 1)

        def up(c):
            if keras:
                return nn.Sequential(nn.Upsample(scale_factor=2), Keras2dSame(c, c // 2, 3))
            return nn.ConvTranspose2d(c, c // 2, 3, 2, 1, output_padding=1)

        layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, ngf, 7), norm(ngf), nn.ReLU()]
        for c in (ngf, 2 * ngf):
            layers += [down(c), norm(2 * c), nn.ReLU()]
        layers += [ResidualBlock(4 * ngf, norm) for _ in range(blocks)]
        for c in (4 * ngf, 2 * ngf):
            layers += [up(c), norm(c // 2), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(ngf, 3, 7), nn.Tanh()]
        self.layers = nn.Sequential(*layers)

    def forward(self, image):
        x = self.layers(image)
        return (x + image) * 0.5 if self.keras else torch.clamp(image + x, -1.0, 1.0)


def patch_critic(ndf=64):
    layers = [nn.Conv2d(3, ndf, 4, 2, 2), nn.LeakyReLU(0.2)]
    c = ndf
    for stride in (2, 2, 1):
        layers += [nn.Conv2d(c, 2 * c, 4, stride, 2), instance_norm(2 * c), nn.LeakyReLU(0.2)]
        c *= 2
    return nn.Sequential(*layers, nn.Conv2d(c, 1, 4, 1, 2))


def keras_critic(height, width, ndf=64):
    layers = [Keras2dSame(3, ndf, 4, 2), nn.LeakyReLU(0.2)]
    for c, k, stride in ((ndf, ndf, 2), (ndf, 2 * ndf, 2), (2 * ndf, 4 * ndf, 2), (4 * ndf, 8 * ndf, 1)):
        layers += [Keras2dSame(c, k, 4, stride), keras_batch_norm(k), nn.LeakyReLU(0.2)]
    positions = -(-height // 16) * -(-width // 16)
    return nn.Sequential(*layers, Keras2dSame(8 * ndf, 1, 4), nn.Flatten(), nn.Linear(positions, 1024), nn.Tanh(),
                         nn.Linear(1024, 1), nn.Sigmoid())


def vgg_features(after_relu):
    """Up to conv3_3, where VGG16 and VGG19 agree."""
    layers, c = [], 3
    for block, (k, convs) in enumerate(((64, 2), (128, 2), (256, 3))):
        if block > 0:
            layers.append(nn.MaxPool2d(2))
        for _ in range(convs):
            layers += [nn.Conv2d(c, k, 3, padding=1), nn.ReLU()]
            c = k
    network = nn.Sequential(*(layers if after_relu else layers[:-1]))
    return network.requires_grad_(False).eval()


# --- the step ---


class Watch:
    """Seconds by phase, with a wait for the device at every stop. A silent one waits for nothing."""

    def __init__(self, device, silent):
        self.device, self.silent, self.times = device, silent, {}
        self.last = self.now()

    def now(self):
        if self.device.type == "cuda" and not self.silent:
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def stop(self, phase):
        if self.silent:
            return
        now = self.now()
        self.times[phase] = self.times.get(phase, 0.0) + now - self.last
        self.last = now


class Training:
    def __init__(self, arguments, height, width, mode):
        self.device = torch.device(arguments.device)
        self.precision = arguments.precision
        self.wgan_gp = arguments.preset == "deblurgan"
        self.critic_updates = 5
        memory_format = torch.channels_last if arguments.layout == "channels_last" else torch.contiguous_format
        layout = {"device": self.device, "memory_format": memory_format}
        self.generator = Generator(keras=not self.wgan_gp).to(**layout)
        self.critic = (patch_critic() if self.wgan_gp else keras_critic(height, width)).to(**layout)
        self.features = vgg_features(after_relu=not self.wgan_gp).to(**layout)
        adam = {"lr": 1e-4, "betas": (0.5 if self.wgan_gp else 0.9, 0.999)}
        if self.device.type == "cuda":
            adam["fused"] = True
        self.generator_adam = torch.optim.Adam(self.generator.parameters(), **adam)
        self.critic_adam = torch.optim.Adam(self.critic.parameters(), **adam)
        shape = (arguments.batch, 3, height, width)
        self.batch = [(0.3 * torch.randn(shape)).contiguous(memory_format=memory_format) for _ in range(2)]
        if self.device.type == "cuda":
            self.batch = [x.pin_memory() for x in self.batch]
        self.run_generator, self.run_critic, self.run_features = self.generator, self.critic, self.features
        if mode == "compiled":
            self.run_generator = torch.compile(self.generator)
            self.run_features = torch.compile(self.features)
            # The penalty differentiates the critic twice, which compiled backward graphs refuse.
            self.run_critic = self.critic if self.wgan_gp else torch.compile(self.critic)

    def autocast(self):
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16")

    def penalty(self, real, fake):
        alpha = torch.rand(real.shape[0], 1, 1, 1, device=self.device)
        mixed = (fake + alpha * (real - fake)).requires_grad_(True)
        with self.autocast():
            score = self.run_critic(mixed).float().sum()
        gradient, = torch.autograd.grad(score, mixed, create_graph=True)
        norm = (gradient.float().flatten(1).square().sum(1) + 1e-16).sqrt()
        return 10.0 * (norm - 1.0).square().mean()

    def critic_loss(self, real, fake):
        with self.autocast():
            on_real, on_fake = self.run_critic(real).float().mean(), self.run_critic(fake).float().mean()
        if self.wgan_gp:
            return on_fake - on_real + self.penalty(real, fake)
        return 0.5 * (on_real - on_fake)

    def content_loss(self, restored, sharp):
        with self.autocast():
            wanted = self.run_features(sharp)
            features = self.run_features(restored)
        return 100.0 * F.mse_loss(features.float(), wanted.float())

    def step(self, watch):
        blurred, sharp = (x.to(self.device, non_blocking=True) for x in self.batch)
        watch.stop("data")
        with self.autocast():
            restored = self.run_generator(blurred)
        restored = restored.float()
        watch.stop("generator")

        fake = restored.detach()
        for _ in range(self.critic_updates):
            self.critic_adam.zero_grad(set_to_none=True)
            self.critic_loss(sharp, fake).backward()
            watch.stop("critic")
            self.critic_adam.step()
            watch.stop("optimizer")

        loss = self.content_loss(restored, sharp)
        watch.stop("content")
        self.critic.requires_grad_(False)
        with self.autocast():
            scores = self.run_critic(restored).float().mean()
        loss = loss + (-scores if self.wgan_gp else scores)
        watch.stop("adversarial")
        self.generator_adam.zero_grad(set_to_none=True)
        loss.backward()
        self.critic.requires_grad_(True)
        watch.stop("backward")
        self.generator_adam.step()
        watch.stop("optimizer")

    def timed(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        start = time.perf_counter()
        self.step(Watch(self.device, silent=True))
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter() - start

    def phases(self):
        watch = Watch(self.device, silent=False)
        self.step(watch)
        return watch.times


# --- measuring ---


def summarize(seconds):
    ordered = sorted(seconds)
    median = statistics.median(ordered)
    return {"median_ms": median * 1e3, "fastest_ms": ordered[0] * 1e3,
            "spread_percent": (quantile(ordered, 0.9) - quantile(ordered, 0.1)) / median * 1e2, "samples": len(ordered),
            "samples_ms": [round(1e3 * x, 3) for x in ordered]}


def collect(arguments, sample):
    start, results = time.perf_counter(), []
    while len(results) < min(3, arguments.samples) or (
            len(results) < arguments.samples and time.perf_counter() - start < arguments.seconds):
        results.append(sample())
    return results


def measure(arguments, height, width, mode):
    training = Training(arguments, height, width, mode)
    on_gpu = training.device.type == "cuda"
    for _ in range((5 if on_gpu else 2) if mode == "compiled" else (2 if on_gpu else 1)):
        training.step(Watch(training.device, silent=True))
    if training.device.type == "cuda":
        torch.cuda.synchronize(training.device)
        torch.cuda.reset_peak_memory_stats(training.device)
    step = summarize(collect(arguments, training.timed))
    result = {"step": step, "images_per_second": arguments.batch / (step["median_ms"] * 1e-3)}
    if training.device.type == "cuda":
        result["peak_MiB"] = torch.cuda.max_memory_allocated(training.device) / 2**20
        result["reserved_MiB"] = torch.cuda.max_memory_reserved(training.device) / 2**20
    if arguments.no_phases:
        return result
    all_phases = collect(arguments, training.phases)
    result["phases"] = {name: summarize([p[name] for p in all_phases]) for name in all_phases[0]}
    return result


def context(arguments):
    facts = {"program": "bench/pytorch_step.py", "commit": arguments.commit, "torch": torch.__version__}
    if arguments.device.startswith("cuda"):
        facts["device"] = "cuda, " + torch.cuda.get_device_name(arguments.device)
        facts["cuda_runtime"] = torch.version.cuda
        facts["cudnn"] = torch.backends.cudnn.version()
    else:
        facts["device"] = f"cpu, {torch.get_num_threads()} threads, {platform.machine()}"
    return facts


def choose_arithmetic(precision):
    """float32 is float32: no tf32 unless asked for."""
    tf32 = precision == "tf32"
    torch.backends.cudnn.allow_tf32 = tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    torch.backends.cudnn.benchmark = True


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=["deblurgan", "keras"], default="deblurgan")
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--size", default="256", help="pixels, or HxW")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:N")
    parser.add_argument("--precision", choices=["float32", "tf32", "bf16"], default="float32")
    parser.add_argument("--mode", default="eager", help="eager, compiled, or both, separated by a comma")
    parser.add_argument("--layout", choices=["channels_last", "contiguous"], default="channels_last")
    parser.add_argument("--no-phases", action="store_true", help="the whole step only")
    parser.add_argument("--samples", type=int, default=20, help="most steps to measure")
    parser.add_argument("--seconds", type=float, default=10.0, help="of measuring")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0: PyTorch's own choice")
    parser.add_argument("--commit", default="unknown")
    parser.add_argument("--out", help="JSON file; default: standard output")
    arguments = parser.parse_args()
    for mode in arguments.mode.split(","):
        if mode not in ("eager", "compiled"):
            parser.error(f"--mode is '{mode}', expected eager or compiled")
    return arguments


def main():
    arguments = parse_arguments()
    if arguments.device.startswith("cuda") and not torch.cuda.is_available():
        sys.exit("pytorch_step.py: PyTorch sees no GPU here; use --device cpu")
    if arguments.threads > 0:
        torch.set_num_threads(arguments.threads)
    choose_arithmetic(arguments.precision)
    torch.manual_seed(1)
    sides = [int(side) for side in arguments.size.split("x")]
    height, width = sides[0], sides[-1]
    steps, failed = [], False
    for mode in arguments.mode.split(","):
        step = {"framework": f"pytorch {torch.__version__}", "mode": mode, "preset": arguments.preset,
                "batch": arguments.batch, "height": height, "width": width, "precision": arguments.precision,
                "layout": arguments.layout}
        try:
            if mode == "compiled" and not hasattr(torch, "compile"):
                raise RuntimeError(f"PyTorch {torch.__version__} has no torch.compile")
            step.update(measure(arguments, height, width, mode))
        except Exception as error:  # one mode that fails does not take the other with it
            step["error"], failed = str(error).splitlines()[0], True
        steps.append(step)
    text = json.dumps({"context": context(arguments), "steps": steps}, indent=2) + "\n"
    if arguments.out:
        with open(arguments.out, "w", encoding="utf-8") as file:
            file.write(text)
    else:
        print(text, end="")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
