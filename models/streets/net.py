"""The network of the streets: a U-Net with dropout in its three deepest blocks, after Bayesian SegNet.

About 0.5 billion multiply-adds for a picture of 320 x 160, and 0.3 million weights; sides must be multiples of 16.

References: Ronneberger et al. (2015), U-Net; Kendall et al. (2015), Bayesian SegNet.
"""

import torch
from torch import nn

CHANNELS = (8, 16, 32, 64, 96)  # at 1, 1/2, 1/4, 1/8 and 1/16 of the resolution
MIDDLE_DROPOUT, DEEP_DROPOUT = 0.5, 0.3


def convolution(inputs, outputs):
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs),
            nn.ReLU()]


class Down(nn.Sequential):
    """Halves the resolution, then two convolutions."""

    def __init__(self, inputs, outputs, dropout=0.0):
        tail = [nn.Dropout(dropout)] if dropout else []
        super().__init__(nn.MaxPool2d(2), *convolution(inputs, outputs),
                         *convolution(outputs, outputs), *tail)


class Up(nn.Module):
    """Doubles the resolution, joins the skip connection, then a convolution."""

    def __init__(self, inputs, skip, outputs, dropout=0.0):
        super().__init__()
        tail = [nn.Dropout(dropout)] if dropout else []
        self.enlarge = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        self.join = nn.Sequential(*convolution(inputs + skip, outputs), *tail)

    def forward(self, deep, skip):
        return self.join(torch.cat([self.enlarge(deep), skip], 1))


class BayesianUNet(nn.Module):
    """Computes logits [N, classes, H, W] from [N, 3, H, W]."""

    def __init__(self, classes, channels=CHANNELS, middle_dropout=MIDDLE_DROPOUT,
                 deep_dropout=DEEP_DROPOUT):
        super().__init__()
        a, b, c, d, e = channels
        self.stem = nn.Sequential(*convolution(3, a))
        self.down1, self.down2 = Down(a, b), Down(b, c)
        self.down3 = Down(c, d, deep_dropout)
        self.middle = Down(d, e, middle_dropout)
        self.up3 = Up(e, d, d, deep_dropout)
        self.up2, self.up1, self.up0 = Up(d, c, c), Up(c, b, b), Up(b, a, a)
        self.head = nn.Conv2d(a, classes, 1)

    def features(self, image):
        full = self.stem(image)
        half = self.down1(full)
        quarter = self.down2(half)
        eighth = self.down3(quarter)
        deep = self.up3(self.middle(eighth), eighth)
        return self.up0(self.up1(self.up2(deep, quarter), half), full)

    def forward(self, image):
        return self.head(self.features(image))
