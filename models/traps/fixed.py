"""Networks whose export fixes the batch size; models/traps exports them with a batch size of 1 or 4.

Input [N, 3, 16, 16]; five classes. Two of them compute over the images of a run, and one gives every image of a run
its own mask: a variable batch size would change their results.
"""

import torch
from torch import nn

from models.traps.models import CLASSES, Base


class ViewOne(Base):
    """The usual mistake of a network that was only ever run with one image."""

    def classify(self, features):
        return self.head(features.view(1, -1))


class ClassToken(nn.Module):
    """PyTorch's own transformer layer over patches and a class token that is repeated."""

    def __init__(self, width=12):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.place = nn.Parameter(torch.randn(1, 17, width) * 0.3)
        self.layer = nn.TransformerEncoderLayer(width, 3, 2 * width, 0.3, batch_first=True)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, image):
        x = self.patches(image).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(image.shape[0], -1, -1), x], 1) + self.place
        return self.head(self.layer(x)[:, 0])


class FoldedHeads(nn.Module):
    """Attention whose heads are part of the batch axis: dropout reads [N * heads, tokens, tokens]."""

    def __init__(self, width=12, heads=3):
        super().__init__()
        self.heads = heads
        self.patches, self.qkv = nn.Conv2d(3, width, 4, stride=4), nn.Linear(width, 3 * width)
        self.mix, self.head = nn.Linear(width, width), nn.Linear(width, CLASSES)
        self.dropout = nn.Dropout(0.3)

    def forward(self, image):
        x = self.patches(image).flatten(2).transpose(1, 2)
        n, tokens, width = x.shape
        size = width // self.heads

        def fold(y):
            y = y.reshape(n, tokens, self.heads, size).transpose(1, 2)
            return y.reshape(n * self.heads, tokens, size)

        q, k, v = (fold(y) for y in self.qkv(x).chunk(3, -1))
        weights = self.dropout(torch.softmax(q @ k.transpose(1, 2) / size ** 0.5, -1))
        y = (weights @ v).reshape(n, self.heads, tokens, size).transpose(1, 2)
        return self.head((x + self.mix(y.reshape(n, tokens, width))).mean(1))


class TokensFirst(nn.Module):
    """The same with the tokens first, folded as [tokens, N * heads, size] and [tokens * N, width]."""

    def __init__(self, width=12, heads=3):
        super().__init__()
        self.heads = heads
        self.patches, self.qkv = nn.Conv2d(3, width, 4, stride=4), nn.Linear(width, 3 * width)
        self.mix, self.head = nn.Linear(width, width), nn.Linear(width, CLASSES)
        self.weight_dropout, self.dropout = nn.Dropout(0.3), nn.Dropout(0.5)

    def forward(self, image):
        x = self.patches(image).flatten(2).permute(2, 0, 1)
        tokens, n, width = x.shape
        folded = tokens, n * self.heads, width // self.heads
        q, k, v = (y.reshape(folded).transpose(0, 1) for y in self.qkv(x).chunk(3, -1))
        weights = self.weight_dropout(torch.softmax(q @ k.transpose(1, 2), -1))
        y = self.mix((weights @ v).transpose(0, 1).reshape(tokens * n, width))
        return self.head((x + self.dropout(y.view(tokens, n, width))).mean(0))


class SoftmaxOverBatch(Base):
    """A weight for each image of a run; 1 if there is only one."""

    def classify(self, features):
        x = features.flatten(1)
        return self.head(x * torch.softmax(x, 0))


class Squeezed(Base):
    """A network that removes the axis of the images and adds it again."""

    def classify(self, features):
        return self.head(features.flatten(1).squeeze(0))[None]


class Groups(Base):
    """Masksembles: each quarter of a run has its own mask."""

    def __init__(self):
        super().__init__()
        self.register_buffer("masks", (torch.rand(4, 6, 1, 1) > 0.4).float())

    def classify(self, features):
        return super().classify(features * self.masks)
