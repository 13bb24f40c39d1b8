"""Writes the five networks that predictions are timed with, with random weights.

Run (versions in .config/bench-peers.txt):
    python benches/networks.py FOLDER
"""

import pathlib
import sys

import torch
from torch import nn
from torch.nn import functional
from torchvision import models


class Segmenter(nn.Module):
    """MobileNetV3 at a sixteenth of the resolution, dropout, 19 classes, bilinear upsampling."""

    def __init__(self):
        super().__init__()
        self.backbone = models.mobilenet_v3_large(dilated=True).features
        self.mix = nn.Sequential(nn.Conv2d(960, 256, 1, bias=False), nn.BatchNorm2d(256), nn.ReLU())
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Conv2d(256, 19, 1)

    def forward(self, x):
        y = self.head(self.dropout(self.mix(self.backbone(x))))
        return functional.interpolate(y, scale_factor=16, mode="bilinear")


class Block(nn.Sequential):
    """Two convolutions, and dropout if a ratio is given."""

    def __init__(self, channels, out, ratio):
        layers = []
        for width in (channels, out):
            layers += [nn.Conv2d(width, out, 3, padding=1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        if ratio:
            layers.append(nn.Dropout(ratio))
        super().__init__(*layers)


class UNet(nn.Module):
    """A U-Net of four levels with 32 to 256 channels; `down` and `up` are the ratios of its blocks."""

    def __init__(self, down, up):
        super().__init__()
        widths = [3, 32, 64, 128, 256]
        pairs = zip(widths, widths[1:], down)
        self.down = nn.ModuleList([Block(a, b, ratio) for a, b, ratio in pairs])
        pairs = list(zip(widths[:1:-1], widths[-2:0:-1], up))
        self.rise = nn.ModuleList([nn.ConvTranspose2d(a, b, 2, stride=2) for a, b, _ in pairs])
        self.up = nn.ModuleList([Block(2 * b, b, ratio) for _, b, ratio in pairs])
        self.head = nn.Conv2d(widths[1], 12, 1)
        # Weights that keep the size of signals (He et al. 2015), or the logits would be so small
        # that no dropout moves the softmax.
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x):
        kept = []
        for i, block in enumerate(self.down):
            x = block(functional.max_pool2d(x, 2) if i else x)
            kept.append(x)
        for rise, block, skip in zip(self.rise, self.up, kept[-2::-1]):
            x = block(torch.cat([rise(x), skip], 1))
        return self.head(x)


def resnet18():
    """Returns ResNet-18 with dropout before its last layer."""
    net = models.resnet18()
    net.fc = nn.Sequential(nn.Dropout(0.5), net.fc)
    return net


# Network, size (height, width).
NETWORKS = {
    "resnet18": (resnet18, (224, 224)),
    "vgg16": (models.vgg16, (224, 224)),
    "mobilenet_v3_segmentation": (Segmenter, (512, 1024)),
    "unet": (lambda: UNet([0, 0, 0.5, 0.5], [0.5, 0, 0]), (360, 480)),
    "unet_everywhere": (lambda: UNet([0.2] * 4, [0.2] * 3), (360, 480)),
}


def network(name):
    """Returns a network in evaluation mode with live dropout, and the size of its images."""
    make, size = NETWORKS[name]
    torch.manual_seed(7)
    net = make().eval()
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.train()
    return net, size


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in NETWORKS:
        net, size = network(name)
        torch.onnx.export(
            net, (torch.zeros(1, 3, *size),), folder / f"{name}.onnx", dynamo=False, opset_version=17,
            training=torch.onnx.TrainingMode.PRESERVE, do_constant_folding=False,
            input_names=["image"], output_names=["logits"],
            dynamic_axes={"image": {0: "batch"}, "logits": {0: "batch"}},
        )
        print(name)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
