"""Export cases: PyTorch's own dropout modules and functions."""

import torch
from torch import nn
from torch.nn import functional as F

from models.exports.case import exported, site
from models.exports.nets import Hand, Net, Segmenter, Tokens

INERT = "liveness: a Dropout below opset 12 has no training_mode and is the identity"


def plain():
    return Net(nn.Dropout(0.3))


exported("dropout", plain, "nn.Dropout(0.3)", [site(ratio=0.3)],
         by=("legacy-12", "legacy-13", "legacy-17", "legacy-21",
             "dynamo-18", "dynamo", "dynamo-21", "dynamo-24"))
exported("dropout", plain, "nn.Dropout(0.3)", [site(ratio=0.3, live=False)],
         by=("legacy-9", "legacy-11"), lost=INERT)
exported("functional", lambda: Net(Hand(lambda x: F.dropout(x, 0.4, True))),
         "F.dropout(x, 0.4, training=True)", [site(ratio=0.4)])
exported("inplace", lambda: Net(nn.Dropout(0.3, inplace=True)),
         "nn.Dropout(0.3, inplace=True)", [site(ratio=0.3)])
exported("inplace", lambda: Net(nn.Dropout(0.3, inplace=True)),
         "nn.Dropout(0.3, inplace=True) at an opset whose RandomUniformLike has no kernel",
         [site(ratio=0.3)], by=("dynamo-24",))
exported("ratio-zero", lambda: Net(nn.Dropout(0.0)), "nn.Dropout(0.0)",
         [site(ratio=0.0, live=False)], dynamo={"sites": [], "lost": "the dropout of ratio 0"})


class Along(nn.Module):
    """A module over the features as [N, channels, 16] or [N, channels, 2, 2, 4]."""

    def __init__(self, random, shape):
        super().__init__()
        self.random, self.shape = random, shape

    def forward(self, x):
        return self.random(x.reshape(x.shape[0], 8, *self.shape)).reshape(x.shape)


exported("dropout1d", lambda: Net(Along(nn.Dropout1d(0.3), (16,))), "nn.Dropout1d(0.3) over [N,8,16]",
         [site(ratio=0.3, unit="channel")], by=("dynamo",))
exported("dropout2d", lambda: Net(nn.Dropout2d(0.3)), "nn.Dropout2d(0.3)",
         [site(ratio=0.3, unit="channel")], by=("dynamo-18", "dynamo", "dynamo-24"))
exported("dropout2d-segmenter", lambda: Segmenter(nn.Dropout2d(0.3)),
         "nn.Dropout2d(0.3) before the last convolution",
         [site(ratio=0.3, unit="channel")], by=("dynamo",))
exported("dropout2d-inplace", lambda: Net(nn.Dropout2d(0.3, inplace=True)),
         "nn.Dropout2d(0.3, inplace=True)", [site(ratio=0.3, unit="channel")], by=("dynamo",))
exported("dropout3d", lambda: Net(Along(nn.Dropout3d(0.3), (2, 2, 4))),
         "nn.Dropout3d(0.3) over [N,8,2,2,4]", [site(ratio=0.3, unit="channel")], by=("dynamo",))
exported("functional-dropout2d", lambda: Net(Hand(lambda x: F.dropout2d(x, 0.4, True))),
         "F.dropout2d(x, 0.4, training=True)", [site(ratio=0.4, unit="channel")], by=("dynamo",))
exported("alpha", lambda: Net(nn.AlphaDropout(0.2)), "nn.AlphaDropout(0.2)",
         [site("alpha_dropout", 0.2)], by=("dynamo",))
exported("feature-alpha", lambda: Net(nn.FeatureAlphaDropout(0.2)), "nn.FeatureAlphaDropout(0.2)",
         [site("alpha_dropout", 0.2, "channel")], by=("dynamo",))
exported("token-dropout", lambda: Tokens(nn.Sequential(nn.Dropout(0.1), nn.Linear(8, 8), nn.GELU(),
                                                       nn.Dropout(0.4))),
         "two nn.Dropout of different ratios over tokens", [site(ratio=0.1), site(ratio=0.4)])


class FourPasses(nn.Module):
    """The mean of four passes through dropout and the head, as written for deployment."""

    def __init__(self, merged=False):
        super().__init__()
        self.net, self.merged = Net(nn.Dropout(0.5)), merged

    def forward(self, image):
        x = self.net.features(image)
        if self.merged:
            return self.net.head(self.net.random(x).flatten(1))
        passes = [self.net.head(self.net.random(x).flatten(1)) for _ in range(4)]
        return torch.stack(passes).mean(0)


exported("four-passes", FourPasses, "the mean of four passes through nn.Dropout(0.5) in forward",
         [site()] * 4,
         dynamo={"sites": [site()], "suspect": ["merged_passes"],
                 "lost": "three of the four dropouts: the four passes share one",
                 "as_exported": lambda: FourPasses(merged=True)})
