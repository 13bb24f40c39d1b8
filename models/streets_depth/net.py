"""The network of depths: the U-Net of the streets with fewer weights, and depth and log variance as outputs."""

import torch
from torch import nn

from models.streets.net import BayesianUNet

CHANNELS = (8, 12, 20, 32, 48)
MIDDLE_DROPOUT, DEEP_DROPOUT = 0.2, 0.1
FARTHEST = 80.0  # meters


class DepthNet(nn.Module):
    """Computes depth [N, 1, H, W] in meters and the log of its variance from [N, 3, H, W]."""

    def __init__(self):
        super().__init__()
        self.unet = BayesianUNet(2, CHANNELS, MIDDLE_DROPOUT, DEEP_DROPOUT)
        with torch.no_grad():  # starts at 13 m with a standard deviation of 12 m
            self.unet.head.bias.copy_(torch.tensor([-1.6, 5.0]))

    def forward(self, image):
        depth, log_variance = self.unet(image).split(1, 1)
        return FARTHEST * torch.sigmoid(depth), log_variance


class JoinedDepthNet(nn.Module):
    """Returns both outputs of a DepthNet as one tensor [N, 2, H, W]."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, image):
        return torch.cat(self.net(image), 1)
