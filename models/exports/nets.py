"""Small PyTorch networks into which the export cases insert dropout. Input [N, 3, 8, 8], five classes."""

import torch
from torch import nn
from torch.nn import functional as F

CLASSES = 5


class Hand(nn.Module):
    """A function of the features that is random by itself; `on` states whether it is called."""

    def __init__(self, function):
        super().__init__()
        self.function, self.on = function, True

    def forward(self, x):
        return self.function(x) if self.on else x


class Net(nn.Module):
    """A convolution to 4 x 4 pixels and 8 channels, a random module, a linear layer."""

    def __init__(self, random):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.random = random
        self.head = nn.Linear(8 * 4 * 4, CLASSES)

    def features(self, image):
        return F.relu(self.stem(image))

    def forward(self, image):
        return self.head(self.random(self.features(image)).flatten(1))


class Segmenter(nn.Module):
    """Logits of 3 classes at the resolution of the features, 4 x 4."""

    def __init__(self, random):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.random = random
        self.head = nn.Conv2d(8, 3, 1)

    def forward(self, image):
        return self.head(self.random(F.relu(self.stem(image))))


class Tokens(nn.Module):
    """Four patches as tokens of 8 channels, a random module over [N, 4, 8], a linear layer."""

    def __init__(self, random, width=8):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.random = random
        self.head = nn.Linear(width, CLASSES)

    def forward(self, image):
        x = self.patches(image).flatten(2).transpose(1, 2)
        return self.head(self.random(x).mean(1))


class Residual(nn.Module):
    """Two residual blocks, the second within the first, with a module on each branch."""

    def __init__(self, outer, inner):
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.first, self.second = nn.Conv2d(8, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        nn.init.normal_(self.norm.running_mean, 0, 0.1)
        self.outer, self.inner = outer, inner
        self.head = nn.Linear(8, CLASSES)

    def forward(self, image):
        x = F.relu(self.stem(image))
        branch = F.relu(self.norm(self.first(x)))
        branch = branch + self.inner(self.second(branch))
        return self.head((x + self.outer(branch)).mean((2, 3)))


class Decoder(nn.Module):
    """A U-Net of one level: dropout before the upsampling and before the last convolution."""

    def __init__(self, first, second):
        super().__init__()
        self.down, self.deep = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 8, 3, padding=1)
        self.up, self.head = nn.Conv2d(14, 6, 3, padding=1), nn.Conv2d(6, 3, 1)
        self.first, self.second = first, second

    def forward(self, image):
        x = F.relu(self.down(image))
        deep = self.first(F.relu(self.deep(F.max_pool2d(x, 2))))
        deep = F.interpolate(deep, scale_factor=2.0, mode="bilinear")
        return self.head(self.second(F.relu(self.up(torch.cat([deep, x], 1)))))


class Attend(nn.Module):
    """nn.MultiheadAttention, whose own flag selects the implementation."""

    def __init__(self, need_weights, ratio=0.3, width=8):
        super().__init__()
        self.attention = nn.MultiheadAttention(width, 2, dropout=ratio, batch_first=True)
        self.need_weights = need_weights

    def forward(self, x):
        return x + self.attention(x, x, x, need_weights=self.need_weights)[0]


class Scaled(nn.Module):
    """scaled_dot_product_attention with dropout_p."""

    def __init__(self, ratio=0.3, width=8):
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.ratio, self.on = ratio, True

    def forward(self, x):
        q, k, v = (t.unflatten(-1, (2, -1)).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        ratio = self.ratio if self.on else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=ratio)
        return x + mixed.transpose(1, 2).flatten(2)


class Recurrent(nn.Module):
    def __init__(self, ratio=0.3, width=8):
        super().__init__()
        self.layers = nn.LSTM(width, width, 2, batch_first=True, dropout=ratio)

    def forward(self, x):
        return self.layers(x)[0]
