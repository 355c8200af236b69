#!/usr/bin/env python3
"""Weight files as DeblurGAN and its relatives save them, and what their networks make of an image. See README.md.

The networks are written here from the upstream program's structure (KupynOrest/DeblurGAN, models/networks.py): one
nn.Sequential each, so that a layer's name is its number, counting paddings, activations and dropout too. Widths are
tiny: names and layouts are what matters.
"""

import pathlib
import sys

import numpy as np
import torch
from torch import nn

import golden_formula as formula

HERE = pathlib.Path(__file__).parent
torch.set_num_threads(1)


# ---- the networks ----


def instance_norm(channels):
    """As the repository has it today: the statistics are tracked and saved, but never used."""
    return nn.InstanceNorm2d(channels, track_running_stats=True)


def plain_instance_norm(channels):
    """As it was when the published weights were made, and as pytorch-CycleGAN-and-pix2pix has it."""
    return nn.InstanceNorm2d(channels)


class Block(nn.Module):
    def __init__(self, width, norm, convs, dropout, bias):
        super().__init__()
        layers = [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), norm(width), nn.ReLU()]
        layers += [nn.Dropout(0.5)] if dropout else []
        if convs == 2:
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(width, width, 3, bias=bias), norm(width)]
        self.conv_block = nn.Sequential(*layers)

    def forward(self, x):
        return x + self.conv_block(x)


class ResnetGenerator(nn.Module):
    def __init__(self, ngf, blocks, norm, convs=2, dropout=True, learn_residual=True):
        super().__init__()
        bias = norm is not nn.BatchNorm2d
        layers = [nn.ReflectionPad2d(3), nn.Conv2d(3, ngf, 7, bias=bias), norm(ngf), nn.ReLU()]
        for width in (ngf, 2 * ngf):
            layers += [nn.Conv2d(width, 2 * width, 3, 2, 1, bias=bias), norm(2 * width), nn.ReLU()]
        layers += [Block(4 * ngf, norm, convs, dropout, bias) for _ in range(blocks)]
        for width in (4 * ngf, 2 * ngf):
            layers += [nn.ConvTranspose2d(width, width // 2, 3, 2, 1, 1, bias=bias), norm(width // 2), nn.ReLU()]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(ngf, 3, 7), nn.Tanh()]
        self.model = nn.Sequential(*layers)
        self.learn_residual = learn_residual

    def forward(self, x):
        y = self.model(x)
        return torch.clamp(x + y, -1, 1) if self.learn_residual else y


class UnetLevel(nn.Module):
    """What is below a level is a layer of its nn.Sequential, so that the names nest."""

    def __init__(self, outer, inner, below, norm, outermost=False):
        super().__init__()
        self.outermost = outermost
        down = nn.Conv2d(outer, inner, 4, 2, 1)
        up = nn.ConvTranspose2d(inner * (1 if below is None else 2), outer, 4, 2, 1)
        if outermost:
            layers = [down, below, nn.ReLU(), up, nn.Tanh()]
        elif below is None:
            layers = [nn.LeakyReLU(0.2), down, nn.ReLU(), up, norm(outer)]
        else:
            layers = [nn.LeakyReLU(0.2), down, norm(inner), below, nn.ReLU(), up, norm(outer)]
        self.model = nn.Sequential(*layers)

    def forward(self, x):
        return self.model(x) if self.outermost else torch.cat([self.model(x), x], 1)


class UnetGenerator(nn.Module):
    def __init__(self, downs, ngf, norm):
        super().__init__()
        widths = [ngf * min(2**k, 8) for k in range(downs)]
        level = None
        for outer, inner in reversed(list(zip(widths, widths[1:]))):
            level = UnetLevel(outer, inner, level, norm)
        self.model = UnetLevel(3, widths[0], level, norm, outermost=True)

    def forward(self, x):
        return torch.clamp(x + self.model(x), -1, 1)


class NLayerDiscriminator(nn.Module):
    def __init__(self, ndf, layers, norm):
        super().__init__()
        widths = [ndf * min(2**n, 8) for n in range(layers + 1)]
        model = [nn.Conv2d(3, ndf, 4, 2, 2), nn.LeakyReLU(0.2)]
        for n in range(1, layers + 1):
            stride = 2 if n < layers else 1
            model += [nn.Conv2d(widths[n - 1], widths[n], 4, stride, 2), norm(widths[n]), nn.LeakyReLU(0.2)]
        self.model = nn.Sequential(*model, nn.Conv2d(widths[-1], 1, 4, 1, 2))

    def forward(self, x):
        return self.model(x)


# ---- the files ----


def randomised(network):
    """Random weights that keep the signal's size, and running statistics that are not the first ones."""
    torch.manual_seed(20241122)
    for name, tensor in network.state_dict().items():
        if name.endswith("num_batches_tracked"):
            tensor.fill_(5)
        elif name.endswith("running_var"):
            tensor.uniform_(0.5, 1.5)
        elif tensor.dim() == 4:
            tensor.normal_(0, (tensor[0].numel()) ** -0.5)
        else:
            tensor.normal_(1 if name.endswith("weight") else 0, 0.1)
    return network


def without_dropout(network):
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    return network


def case(name, network, shape, training):
    """DeblurGAN never calls eval(): its instance norm takes each image's own statistics, whatever was tracked."""
    network.train(training)
    without_dropout(network)
    image = torch.tensor(formula.image("input", shape).transpose(0, 3, 1, 2).copy(), dtype=torch.float32)
    with torch.no_grad():
        output = network(image).numpy().transpose(0, 2, 3, 1)
    document = {"input_shape": list(shape), "output_shape": list(output.shape),
                "output": formula.summary("output", output.astype(np.float64), 32)}
    formula.write(HERE / f"{name}.json", document)


def save(name, value, legacy=False):
    torch.save(value, HERE / f"{name}.pth", _use_new_zipfile_serialization=not legacy)
    print(name, (HERE / f"{name}.pth").stat().st_size, file=sys.stderr)


def main():
    image = (1, 16, 24, 3)

    # Two convolutions per block, tracked statistics, a checkpoint of a training around it.
    network = randomised(ResnetGenerator(2, 2, instance_norm))
    save("torch_deblurgan", {"epoch": 7, "state_dict": network.state_dict()})
    case("torch_deblurgan", network, image, training=True)

    # The head's blocks, trained on several GPUs with an older PyTorch.
    network = randomised(ResnetGenerator(1, 9, plain_instance_norm, convs=1))
    save("torch_head", {"module." + k: v for k, v in network.state_dict().items()}, legacy=True)
    case("torch_head", network, image, training=True)

    # pytorch-CycleGAN-and-pix2pix: batch norm, no dropout, no skip around the network; half precision, and weights
    # whose channels lie innermost in memory.
    network = randomised(ResnetGenerator(2, 1, nn.BatchNorm2d, dropout=False, learn_residual=False))
    network = network.half().to(memory_format=torch.channels_last)
    save("torch_batch_half", network.state_dict())
    case("torch_batch_half", network.float(), image, training=False)

    network = randomised(UnetGenerator(7, 1, plain_instance_norm)).half()
    save("torch_unet_128", network.state_dict(), legacy=True)
    case("torch_unet_128", network.float(), (1, 128, 128, 3), training=True)

    network = randomised(NLayerDiscriminator(1, 3, plain_instance_norm))
    save("torch_patchgan", network.state_dict(), legacy=True)
    case("torch_patchgan", network, (1, 32, 40, 3), training=True)


if __name__ == "__main__":
    main()
