#!/usr/bin/env python3
"""Golden values of the PyTorch family of networks (DeblurGAN's), made with PyTorch. See README.md.

The networks are written here from the papers' tables with torch.nn layers, with this project's parameter names.
"""

import sys

import torch
import torch.nn.functional as F
from torch import nn

import golden_formula as formula

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


# ---- the networks ----


def make_norm(kind, channels):
    if kind == "instance":
        return nn.InstanceNorm2d(channels)
    if kind == "batch":
        return nn.BatchNorm2d(channels)
    return nn.Identity()


class ConvNorm(nn.Module):
    def __init__(self, conv, norm=None):
        super().__init__()
        self.conv = conv
        if norm is not None:
            self.norm = norm

    def forward(self, x):
        x = self.conv(x)
        return self.norm(x) if hasattr(self, "norm") else x


class Block(nn.Module):
    """Residual block with reflection padding; with one convolution it is what DeblurGAN's head builds."""

    def __init__(self, width, norm, convs):
        super().__init__()
        bias = norm != "batch"
        self.conv1 = nn.Conv2d(width, width, 3, bias=bias)
        self.norm1 = make_norm(norm, width)
        if convs == 2:
            self.conv2 = nn.Conv2d(width, width, 3, bias=bias)
            self.norm2 = make_norm(norm, width)

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(F.pad(x, (1, 1, 1, 1), mode="reflect"))))
        if hasattr(self, "conv2"):
            y = self.norm2(self.conv2(F.pad(y, (1, 1, 1, 1), mode="reflect")))
        return x + y


class Resnet(nn.Module):
    def __init__(self, width=64, blocks=9, norm="instance", convs=2):
        super().__init__()
        bias = norm != "batch"
        self.head = ConvNorm(nn.Conv2d(3, width, 7, bias=bias), make_norm(norm, width))
        self.down1 = ConvNorm(nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias), make_norm(norm, 2 * width))
        self.down2 = ConvNorm(nn.Conv2d(2 * width, 4 * width, 3, 2, 1, bias=bias), make_norm(norm, 4 * width))
        self.blocks = nn.ModuleList(Block(4 * width, norm, convs) for _ in range(blocks))
        self.up1 = ConvNorm(nn.ConvTranspose2d(4 * width, 2 * width, 3, 2, 1, 1, bias=bias),
                            make_norm(norm, 2 * width))
        self.up2 = ConvNorm(nn.ConvTranspose2d(2 * width, width, 3, 2, 1, 1, bias=bias), make_norm(norm, width))
        self.tail = ConvNorm(nn.Conv2d(width, 3, 7))

    def forward(self, image):
        x = F.relu(self.head(F.pad(image, (3, 3, 3, 3), mode="reflect")))
        x = F.relu(self.down1(x))
        x = F.relu(self.down2(x))
        for block in self.blocks:
            x = block(x)
        x = F.relu(self.up1(x))
        x = F.relu(self.up2(x))
        x = torch.tanh(self.tail(F.pad(x, (3, 3, 3, 3), mode="reflect")))
        return torch.clamp(image + x, -1, 1)


class Unet(nn.Module):
    """Isola et al. 2017; level k halves the resolution for the k-th time."""

    def __init__(self, downs, width, norm="instance"):
        super().__init__()
        self.downs = downs
        bias = norm != "batch"
        channels = [3] + [width * min(2**k, 8) for k in range(downs)]
        for k in range(1, downs + 1):
            conv = nn.Conv2d(channels[k - 1], channels[k], 4, 2, 1, bias=bias)
            inner = 1 < k < downs
            self.add_module(f"down{k}", ConvNorm(conv, make_norm(norm, channels[k]) if inner else None))
        for k in range(downs, 0, -1):
            inputs = channels[k] * (1 if k == downs else 2)
            conv = nn.ConvTranspose2d(inputs, channels[k - 1], 4, 2, 1, bias=bias or k == 1)
            self.add_module(f"up{k}", ConvNorm(conv, make_norm(norm, channels[k - 1]) if k > 1 else None))

    def forward(self, image):
        skips = [self.down1(image)]
        for k in range(2, self.downs + 1):
            skips.append(getattr(self, f"down{k}")(F.leaky_relu(skips[-1], 0.2)))
        x = skips.pop()
        for k in range(self.downs, 0, -1):
            x = getattr(self, f"up{k}")(F.relu(x))
            if k > 1:
                x = torch.cat([x, skips.pop()], 1)
        return torch.clamp(image + torch.tanh(x), -1, 1)


class PatchGan(nn.Module):
    def __init__(self, width=64, layers=3, norm="instance"):
        super().__init__()
        bias = norm != "batch"
        self.head = ConvNorm(nn.Conv2d(3, width, 4, 2, 2))
        stages = []
        for n in range(1, layers + 1):
            inputs, outputs = width * min(2 ** (n - 1), 8), width * min(2**n, 8)
            stride = 2 if n < layers else 1
            stages.append(ConvNorm(nn.Conv2d(inputs, outputs, 4, stride, 2, bias=bias), make_norm(norm, outputs)))
        self.stages = nn.ModuleList(stages)
        self.tail = ConvNorm(nn.Conv2d(outputs, 1, 4, 1, 2))

    def forward(self, x):
        x = F.leaky_relu(self.head(x), 0.2)
        for stage in self.stages:
            x = F.leaky_relu(stage(x), 0.2)
        return self.tail(x)


class Vgg(nn.Module):
    """Simonyan and Zisserman 2015, up to block3_conv3."""

    def __init__(self, last_relu):
        super().__init__()
        self.last_relu = last_relu
        widths = {"block1_conv1": (3, 64), "block1_conv2": (64, 64), "block2_conv1": (64, 128),
                  "block2_conv2": (128, 128), "block3_conv1": (128, 256), "block3_conv2": (256, 256),
                  "block3_conv3": (256, 256)}
        for name, (inputs, outputs) in widths.items():
            self.add_module(name, nn.Conv2d(inputs, outputs, 3, padding=1))

    def forward(self, x):
        x = F.relu(self.block1_conv1(x))
        x = F.max_pool2d(F.relu(self.block1_conv2(x)), 2)
        x = F.relu(self.block2_conv1(x))
        x = F.max_pool2d(F.relu(self.block2_conv2(x)), 2)
        x = F.relu(self.block3_conv1(x))
        x = F.relu(self.block3_conv2(x))
        x = self.block3_conv3(x)
        return F.relu(x) if self.last_relu else x


# ---- layouts: NHWC and KRSC outside, PyTorch's inside ----


def ours(tensor):
    values = tensor.detach().numpy()
    return values.transpose(0, 2, 3, 1) if values.ndim == 4 else values


def theirs(values):
    values = values.transpose(0, 3, 1, 2) if values.ndim == 4 else values
    return torch.tensor(values.copy())


def fill(network):
    state = list(network.named_parameters()) + list(network.named_buffers())
    for name, tensor in state:
        if not name.endswith("num_batches_tracked"):
            tensor.data.copy_(theirs(formula.parameter(name, ours(tensor).shape)))
    return network


# ---- the cases ----


def parameter_gradients(network):
    return {name: formula.summary(name, ours(p.grad)) for name, p in network.named_parameters()}


def network_case(network, shape, training=True):
    """loss = sum(output * weights); gradients of all parameters and of the input."""
    fill(network).train(training)
    x = theirs(formula.image("input", shape)).requires_grad_()
    output = network(x)
    weights = theirs(formula.image("loss", ours(output).shape))
    (output * weights).sum().backward()
    document = {
        "input_shape": list(shape), "output_shape": list(ours(output).shape), "training": training,
        "output": formula.summary("output", ours(output), 32),
        "input_grad": formula.summary("input_grad", ours(x.grad), 32),
        "parameter_grads": parameter_gradients(network),
    }
    if training:
        document["buffers"] = {name: formula.summary(name, b.numpy()) for name, b in network.named_buffers()
                               if not name.endswith("num_batches_tracked")}
    return document


def penalty_case(network, shape, axes):
    """mean((|d sum(D(x)) / dx| - 1)^2), the norm over the given axes (of NCHW)."""
    fill(network)
    x = theirs(formula.image("input", shape)).requires_grad_()
    (gradient,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
    penalty = ((gradient.square().sum(axes).sqrt() - 1) ** 2).mean()
    penalty.backward()
    # The last bias shifts the output alone, so the penalty does not depend on it.
    for p in network.parameters():
        p.grad = torch.zeros_like(p) if p.grad is None else p.grad
    return {"input_shape": list(shape), "value": penalty.item(), "parameter_grads": parameter_gradients(network)}


def perceptual_case(network, shape):
    """mean((features(x) - features(target))^2) and its gradient with respect to x."""
    fill(network)
    x = theirs(formula.image("input", shape)).requires_grad_()
    target = theirs(formula.image("target", shape))
    features = network(x)
    loss = F.mse_loss(features, network(target))
    loss.backward()
    return {"input_shape": list(shape), "value": loss.item(),
            "features": formula.summary("features", ours(features), 32),
            "input_grad": formula.summary("input_grad", ours(x.grad), 32)}


def main(folder):
    cases = {
        "deblurgan": lambda: network_case(Resnet(), (1, 32, 32, 3)),
        "deblurgan_36x28": lambda: network_case(Resnet(), (1, 36, 28, 3)),
        "deblurgan_head": lambda: network_case(Resnet(convs=1), (1, 32, 32, 3)),
        "resnet_6blocks": lambda: network_case(Resnet(blocks=6), (1, 32, 32, 3)),
        "small_none": lambda: network_case(Resnet(16, 3, "none"), (2, 20, 28, 3)),
        "small_instance": lambda: network_case(Resnet(16, 3, "instance"), (2, 20, 28, 3)),
        "small_batch": lambda: network_case(Resnet(16, 3, "batch"), (2, 20, 28, 3)),
        "small_batch_eval": lambda: network_case(Resnet(16, 3, "batch"), (2, 20, 28, 3), training=False),
        "unet_128_ngf16": lambda: network_case(Unet(7, 16), (1, 128, 128, 3)),
        "unet_256_ngf8": lambda: network_case(Unet(8, 8), (1, 256, 256, 3)),
        "patchgan": lambda: network_case(PatchGan(), (2, 36, 28, 3)),
        "patchgan_ndf16_batch": lambda: network_case(PatchGan(16, norm="batch"), (2, 36, 28, 3)),
        "penalty_per_sample": lambda: penalty_case(PatchGan(), (2, 36, 28, 3), (1, 2, 3)),
        "penalty_per_pixel": lambda: penalty_case(PatchGan(), (2, 36, 28, 3), (1,)),
        "vgg16_block3_conv3": lambda: perceptual_case(Vgg(last_relu=True), (2, 22, 17, 3)),
        "vgg19_conv3_3_pre_relu": lambda: perceptual_case(Vgg(last_relu=False), (2, 22, 17, 3)),
    }
    for name, case in cases.items():
        document = {"made_with": "PyTorch " + torch.__version__, **case()}
        formula.write(f"{folder}/{name}.json", document)
        print(name)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else ".")
