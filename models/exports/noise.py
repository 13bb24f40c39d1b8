"""Export cases: noise on activations, and dropout and noise on weights."""

import torch
from torch import nn
from torch.nn import functional as F

from models.exports.case import NOISE, exported, site
from models.exports.nets import Hand, Net

SLOPE = "RReLU's eval slope is the middle of its range, the file holds only the range"
noise = site("noise", None)

exported("rrelu", lambda: Net(nn.Sequential(nn.Conv2d(8, 8, 1), nn.RReLU(0.1, 0.4))),
         "nn.RReLU(0.1, 0.4)", [noise], by=("legacy-17",), no_reference=SLOPE)
exported("additive", lambda: Net(Hand(lambda x: x + 0.2 * torch.randn_like(x))),
         "x + 0.2 * randn_like(x)", [noise], no_reference=NOISE)
exported("additive-shape", lambda: Net(Hand(lambda x: x + 0.2 * torch.randn(x.shape))),
         "x + 0.2 * randn(x.shape)", [noise], no_reference=NOISE)
exported("gaussian", lambda: Net(Hand(lambda x: x * torch.normal(1.0, 0.5, x.shape))),
         "x * normal(1, 0.5, x.shape), multiplicative Gaussian dropout", [noise], by=("dynamo",),
         no_reference=NOISE)
exported("gaussian-like", lambda: Net(Hand(lambda x: x * (1 + 0.5 * torch.randn_like(x)))),
         "x * (1 + 0.5 * randn_like(x)), multiplicative Gaussian dropout", [noise],
         no_reference=NOISE)


class Weights(nn.Module):
    """A 1 x 1 convolution whose weight is computed again by a function of this module at each call."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(8, 8, 1, 1) * 0.3)
        self.rho = nn.Parameter(torch.full((8, 8, 1, 1), -2.0))
        self.make, self.on = weight, True

    def forward(self, x):
        return F.relu(F.conv2d(x, self.make(self) if self.on else self.weight))


class LinearWeights(Net):
    """DropConnect on the last linear layer."""

    def __init__(self):
        super().__init__(nn.Identity())
        self.on = True

    def forward(self, image):
        weight = F.dropout(self.head.weight, 0.3, self.on)
        return F.linear(self.features(image).flatten(1), weight, self.head.bias)


DROPPED = [site("weight_dropout", 0.3, shared=True)]
FROZEN = {"sites": [], "suspect": ["frozen_weight"],
          "lost": "the randomness: the weight holds the zeros of one draw of the export",
          "no_reference": "the weight of the file is not the model's"}
exported("drop-connect", lambda: Net(Weights(lambda m: F.dropout(m.weight, 0.3, True))),
         "DropConnect: conv2d(x, F.dropout(weight, 0.3))", DROPPED, rows_mix=True, dynamo=FROZEN)
exported("drop-connect-linear", LinearWeights, "DropConnect: linear(x, F.dropout(weight, 0.3))",
         DROPPED, rows_mix=True, dynamo=FROZEN)
exported("bayes-weights", lambda: Net(Weights(
    lambda m: m.weight + F.softplus(m.rho) * torch.randn_like(m.weight))),
    "Bayes by backprop: conv2d(x, W + softplus(rho) * randn_like(W))",
    [site("noise", None, shared=True)], rows_mix=True, no_reference=NOISE)
