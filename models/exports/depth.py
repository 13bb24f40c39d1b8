"""Export cases: stochastic depth and blocks of dropped pixels."""

import torchvision
from timm.layers import DropBlock2d, DropPath
from torch import nn
from transformers.models.segformer.modeling_segformer import SegformerDropPath

from models.exports.case import exported, site
from models.exports.nets import Net, Residual, Tokens

DEPTH = "stochastic_depth"


class Branch(nn.Module):
    """A residual branch of two linear layers over tokens, dropped as a whole."""

    def __init__(self, drop):
        super().__init__()
        self.grow, self.shrink, self.drop = nn.Linear(8, 12), nn.Linear(12, 8), drop

    def forward(self, x):
        return x + self.drop(self.shrink(nn.functional.gelu(self.grow(x))))


def depth(drop):
    return lambda: Residual(drop(), nn.Identity())


exported("depth-row", depth(lambda: torchvision.ops.StochasticDepth(0.3, "row")),
         "torchvision StochasticDepth(0.3, 'row')", [site(DEPTH, 0.3, "row")])
exported("depth-batch", depth(lambda: torchvision.ops.StochasticDepth(0.3, "batch")),
         "torchvision StochasticDepth(0.3, 'batch')", [site(DEPTH, 0.3, "row", shared=True)],
         rows_mix=True)
exported("drop-path", depth(lambda: DropPath(0.3)), "timm DropPath(0.3)",
         [site(DEPTH, 0.3, "row")])
exported("drop-path-unscaled", depth(lambda: DropPath(0.3, scale_by_keep=False)),
         "timm DropPath(0.3, scale_by_keep=False)", [site(DEPTH, 0.3, "row")])
exported("drop-path-nested", lambda: Residual(DropPath(0.2), DropPath(0.4)),
         "timm DropPath(0.4) within the branch of DropPath(0.2)",
         [site(DEPTH, 0.4, "row"), site(DEPTH, 0.2, "row")])
exported("drop-path-tokens", lambda: Tokens(Branch(SegformerDropPath(0.3))),
         "the DropPath of transformers' Segformer, over tokens", [site(DEPTH, 0.3, "row")])
exported("drop-path-first", lambda: Net(DropPath(0.3)),
         "timm DropPath(0.3) outside any residual", [site(DEPTH, 0.3, "row")], by=("dynamo",))

BLOCK = "; the kept pixels are scaled by their share in the whole batch, so rows mix"
exported("drop-block", lambda: Net(torchvision.ops.DropBlock2d(0.3, 3)),
         "torchvision DropBlock2d(0.3, 3): the file holds the rate of block centers, 2/15" + BLOCK,
         [site("drop_block", None)], rows_mix=True)
exported("drop-block-timm", lambda: Net(DropBlock2d(0.3, 3)),
         "timm DropBlock2d(0.3, 3), one mask for all channels: the file holds the rate of block "
         "centers, 2/15" + BLOCK, [site("drop_block", None, "pixel")], rows_mix=True)
