"""Small PyTorch networks whose exports are easy to get wrong; models/traps exports and explains them.

Input [N, 3, 16, 16] unless the class states otherwise; five classes.
"""

import torch
from torch import nn
from torch.nn import functional as F

CLASSES = 5


class Base(nn.Module):
    """A convolution to 8 x 8 pixels and 6 channels, a dropout, a linear layer."""

    def __init__(self, ratio=0.5, inplace=False):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.dropout = nn.Dropout(ratio, inplace)
        self.head = nn.Linear(6 * 8 * 8, CLASSES)

    def features(self, image):
        return F.relu(self.stem(image))

    def classify(self, features):
        return self.head(features.flatten(1))

    def forward(self, image):
        return self.classify(self.dropout(self.features(image)))


class BatchSecondTransformer(nn.Module):
    """A transformer layer over 16 patches in PyTorch's default layout: tokens, batch, channels."""

    def __init__(self, width=12):
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, stride=4)
        self.place = nn.Parameter(torch.randn(16, 1, width) * 0.3)
        self.query, self.key, self.value, self.mix = (nn.Linear(width, width) for _ in range(4))
        self.grow, self.shrink = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.embed_dropout, self.mix_dropout, self.grow_dropout = (
            nn.Dropout(p) for p in (0.3, 0.5, 0.5))
        self.head = nn.Linear(width, CLASSES)

    def attend(self, x):
        q, k, v = (layer(x).transpose(0, 1) for layer in (self.query, self.key, self.value))
        weights = torch.softmax(q @ k.transpose(1, 2) / q.shape[-1] ** 0.5, -1)
        return self.mix((weights @ v).transpose(0, 1))

    def forward(self, image):
        x = self.patches(image).flatten(2).permute(2, 0, 1) + self.place
        x = self.embed_dropout(x)
        x = self.norm1(x + self.mix_dropout(self.attend(x)))
        x = self.norm2(x + self.shrink(self.grow_dropout(F.relu(self.grow(x)))))
        return self.head(x.mean(0))


class WindowedAttention(nn.Module):
    """Attention inside windows of 4 x 4 pixels: axis 0 of the dropout counts image and window."""

    def __init__(self, width=8, window=4):
        super().__init__()
        self.window = window
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.qkv, self.mix = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.weight_dropout, self.mix_dropout = nn.Dropout(0.3), nn.Dropout(0.5)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, image):
        x = self.stem(image).permute(0, 2, 3, 1)
        n, h, w, c = x.shape
        s = self.window
        x = x.view(n, h // s, s, w // s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, s * s, c)
        q, k, v = self.qkv(x).chunk(3, -1)
        weights = self.weight_dropout(torch.softmax(q @ k.transpose(1, 2) / c ** 0.5, -1))
        x = x + self.mix_dropout(self.mix(weights @ v))
        x = x.view(-1, h // s, w // s, s, s, c).permute(0, 1, 3, 2, 4, 5).reshape(-1, h * w, c)
        return self.head(F.relu(x).mean(1))


class ViewSize(Base):
    def classify(self, features):
        return self.head(features.reshape(features.size(0), -1))


class ViewInputSize(Base):
    def forward(self, image):
        return self.head(self.dropout(self.features(image)).reshape(image.size(0), -1))


class Segmenter(Base):
    """Logits at the resolution of the features: half of the input's."""

    def __init__(self, classes=CLASSES):
        super().__init__()
        self.head = nn.Conv2d(6, classes, 1)

    def classify(self, features):
        return self.head(features)


class ResizeToInput(Segmenter):
    def forward(self, image):
        return F.interpolate(super().forward(image), size=image.shape[2:], mode="bilinear")


class LowResolution(Segmenter):
    def features(self, image):
        return F.avg_pool2d(super().features(image), 2)


class ScalarAcrossCut(Base):
    def forward(self, image):
        features = self.features(image)
        return self.classify(self.dropout(features) * features.mean())


class MeanOverBatch(Base):
    def forward(self, image):
        x = self.dropout(self.features(image))
        return self.classify(x - 0.5 * x.mean(0, keepdim=True))


class DivideByMaximum(Base):
    """Features divided by the largest of the whole batch."""

    def classify(self, features):
        return super().classify(features / features.abs().amax())


class FlatPixels(nn.Module):
    """A segmenter whose pixels are part of the batch axis: [N * H * W, classes]."""

    def __init__(self):
        super().__init__()
        self.network = Segmenter()

    def forward(self, image):
        return self.network(image).permute(0, 2, 3, 1).reshape(-1, CLASSES)


class TokenLinear(nn.Module):
    """Linear layers over tokens, which become MatMul and are replaced by dynamic quantization."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(3 * 16, 16), nn.Linear(16, CLASSES)
        self.dropout = nn.Dropout(0.5)

    def forward(self, image):
        rows = image.permute(0, 2, 1, 3).flatten(2)
        return self.second(self.dropout(F.relu(self.first(rows)))).mean(1)


class TwoOutputs(Base):
    def __init__(self):
        super().__init__()
        self.aux = nn.Linear(6, CLASSES)

    def forward(self, image):
        features = self.features(image)
        return self.classify(self.dropout(features)), self.aux(features.mean((2, 3)))


class TwoSites(Base):
    def __init__(self):
        super().__init__()
        self.middle, self.second_dropout = nn.Conv2d(6, 6, 3, padding=1), nn.Dropout(0.5)

    def classify(self, features):
        return super().classify(self.second_dropout(F.relu(self.middle(features))))


class MaskOutput(Base):
    def forward(self, image):
        x, mask = torch.native_dropout(self.features(image), 0.5, True)
        return self.classify(x + 0.1 * mask.float())


class BernoulliMask(Base):
    def forward(self, image):
        x = self.features(image)
        return self.classify(x * torch.bernoulli(torch.full_like(x, 0.7)) / 0.7)


class AttentionDropout(nn.Module):
    """Dropout of scaled_dot_product_attention, whose mode the legacy exporter does not write."""

    def __init__(self, width=8):
        super().__init__()
        self.patches, self.head = nn.Conv2d(3, width, 4, stride=4), nn.Linear(width, CLASSES)

    def forward(self, image):
        x = self.patches(image).flatten(2).transpose(1, 2)
        return self.head(F.scaled_dot_product_attention(x, x, x, dropout_p=0.3).mean(1))


class WithBatchNorm(Base):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(6)
        nn.init.normal_(self.norm.weight, 1, 0.2)

    def features(self, image):
        return F.relu(self.norm(self.stem(image)))


class Tail(nn.Module):
    """A network and a function of its logits."""

    def __init__(self, network, function):
        super().__init__()
        self.network, self.function = network, function

    def forward(self, image):
        return self.function(self.network(image))


class ChannelsLast(Base):
    """Input [N, 16, 16, 3]."""

    def forward(self, image):
        return super().forward(image.permute(0, 3, 1, 2))


class Half(Base):
    """Weights and activations in float16 between casts from and to float32."""

    def __init__(self):
        super().__init__()
        self.half()

    def forward(self, image):
        return super().forward(image.half()).float()


class DenseBlock(nn.Module):
    """Two layers whose input is the concatenation of all earlier outputs, with dropped outputs, as in DenseNet."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, stride=2, padding=1)
        self.first, self.second = (
            nn.Sequential(nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, 4, 3, padding=1),
                          nn.Dropout(0.3)) for c in (6, 10))
        self.norm, self.head = nn.BatchNorm2d(14), nn.Linear(14, CLASSES)

    def forward(self, image):
        x = self.stem(image)
        x = torch.cat([x, self.first(x)], 1)
        x = torch.cat([x, self.second(x)], 1)
        return self.head(F.relu(self.norm(x)).mean((2, 3)))


class NotANumber(Base):
    """The logarithm of 0.8 minus the image's mean: NaN for bright images."""

    def forward(self, image):
        return super().forward(image) + torch.log(0.8 - image.mean((1, 2, 3)))[:, None]
