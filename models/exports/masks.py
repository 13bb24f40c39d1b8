"""Export cases: handwritten masks from bernoulli, rand, or a dropped tensor of ones."""

import torch
from torch import nn
from torch.nn import functional as F

from models.exports.case import exported, site
from models.exports.nets import Hand, Net, Tokens

P, KEEP = 0.3, 0.7
FROZEN = "the randomness: the mask is drawn once, during the export, and is a constant of the file"
CONSTANT = "the file holds one drawn mask for ever"


def element(x):
    return torch.rand_like(x)


def channel(x):
    return torch.rand(x.shape[0], 8, 1, 1)


def pixel(x):
    return torch.rand(x.shape[0], 1, 4, 4)


# Name, function, what it says, unit, scaled.
MASKS = [
    ("mask-ge-after", lambda x: x * (element(x) >= P).float() / KEEP,
     "x * (rand_like(x) >= 0.3) / 0.7", "element"),
    ("mask-lt-before", lambda x: x / KEEP * (element(x) < KEEP).float(),
     "x / 0.7 * (rand_like(x) < 0.7)", "element"),
    ("mask-gt-absent", lambda x: x * (element(x) > P).float(),
     "x * (rand_like(x) > 0.3), not scaled", "element"),
    ("mask-le-scaled", lambda x: x * ((element(x) <= KEEP).float() * (1 / KEEP)),
     "x * ((rand_like(x) <= 0.7) * (1 / 0.7))", "element"),
    ("mask-channels", lambda x: x * (channel(x) >= P).float() / KEEP,
     "x * (rand(N,C,1,1) >= 0.3) / 0.7", "channel"),
    ("mask-pixels", lambda x: x * (pixel(x) < KEEP).float() / KEEP,
     "x * (rand(N,1,H,W) < 0.7) / 0.7", "pixel"),
    ("mask-where", lambda x: torch.where(element(x) < P, torch.zeros_like(x), x / KEEP),
     "where(rand_like(x) < 0.3, 0, x / 0.7)", "element"),
    ("mask-floor", lambda x: x / KEEP * torch.floor(KEEP + element(x)),
     "x / 0.7 * floor(0.7 + rand_like(x))", "element"),
]
for stem, function, text, unit in MASKS:
    exported(stem, lambda f=function: Net(Hand(f)), text, [site(ratio=P, unit=unit)])


class SharedMask(Net):
    """One mask on the features and on their square."""

    def __init__(self):
        super().__init__(None)
        self.on = True

    def forward(self, image):
        x = self.features(image)
        mask = (torch.rand_like(x) >= P).float() / KEEP if self.on else torch.ones_like(x)
        return self.head((x * mask + 0.5 * (x * x) * mask).flatten(1))


exported("mask-on-two", SharedMask, "one mask rand_like(x) >= 0.3 on two tensors", [site(ratio=P)])


class Bernoulli(nn.Module):
    """A mask from a buffer of keep probabilities of fixed shape."""

    def __init__(self, shape):
        super().__init__()
        self.register_buffer("keep", torch.full(shape, KEEP))
        self.on = True

    def forward(self, x):
        return x * torch.bernoulli(self.keep) / KEEP if self.on else x


exported("bernoulli",
         lambda: Net(Hand(lambda x: x * torch.bernoulli(torch.full_like(x, KEEP)) / KEEP)),
         "x * bernoulli(full_like(x, 0.7)) / 0.7", [site(ratio=P)],
         by=("legacy-13", "legacy-17", "dynamo"))
exported("bernoulli-channels",
         lambda: Net(Hand(
             lambda x: x * torch.bernoulli(x.new_full((x.shape[0], 8, 1, 1), KEEP)) / KEEP)),
         "x * bernoulli(full((N,C,1,1), 0.7)) / 0.7", [site(ratio=P, unit="channel")])
exported("bernoulli-buffer", lambda: Net(Bernoulli((1, 8, 1, 1))),
         "x * bernoulli(buffer of [1,C,1,1]) / 0.7", [site(ratio=P, unit="channel", shared=True)],
         rows_mix=True, dynamo={"sites": [], "suspect": ["frozen_mask"], "lost": FROZEN,
                                "no_reference": CONSTANT})
exported("ones", lambda: Net(Hand(lambda x: x * F.dropout(torch.ones(1, 8, 1, 1), P, True))),
         "x * F.dropout(ones(1,C,1,1), 0.3)", [site(ratio=P, unit="channel", shared=True)],
         rows_mix=True, dynamo={"sites": [], "suspect": ["frozen_mask"], "lost": FROZEN,
                                "no_reference": CONSTANT})
exported("ones-rows",
         lambda: Net(Hand(lambda x: x * F.dropout(x.new_ones(x.shape[0], 8, 1, 1), P, True))),
         "x * F.dropout(ones(N,C,1,1), 0.3)", [site(ratio=P, unit="channel")])


def locked(x):
    """Drops channels with one mask for all tokens of an image, as in AWD-LSTM."""
    return x * x.new_empty(x.size(0), 1, x.size(2)).bernoulli_(KEEP) / KEEP


def locked_new(x):
    """Does the same with the older form x.new(sizes), whose sizes the legacy exporter treats as constants."""
    return x * x.data.new(x.size(0), 1, x.size(2)).bernoulli_(KEEP) / KEEP


def locked_once(x):
    return x * x.new_empty(1, 1, x.size(2)).bernoulli_(KEEP) / KEEP


exported("locked", lambda: Tokens(Hand(locked)), "x * new_empty(N,1,C).bernoulli_(0.7) / 0.7",
         [site(ratio=P, unit="channel")])
exported("locked-new", lambda: Tokens(Hand(locked_new)),
         "x * x.data.new(N,1,C).bernoulli_(0.7) / 0.7",
         [site(ratio=P, unit="channel")],
         legacy={"example": 1, "sites": [site(ratio=P, unit="channel", shared=True)],
                 "rows_mix": True, "as_exported": lambda: Tokens(Hand(locked_once)),
                 "lost": "the batch in the mask's shape: the batch of the example, 1, is a constant"})


class Concrete(nn.Module):
    """Dropout with a learned ratio and a relaxed mask (Gal, Hron and Kendall 2017)."""

    def __init__(self, ratio=0.2):
        super().__init__()
        self.logit = nn.Parameter(torch.logit(torch.tensor(ratio)))
        self.on = True

    def forward(self, x):
        if not self.on:
            return x
        p, u = torch.sigmoid(self.logit), torch.rand_like(x)
        noise = (torch.log(p + 1e-7) - torch.log(1 - p + 1e-7)
                 + torch.log(u + 1e-7) - torch.log(1 - u + 1e-7))
        return x * (1 - torch.sigmoid(noise / 0.1)) / (1 - p)


exported("concrete", lambda: Net(Concrete()),
         "ConcreteDropout: a relaxed mask, values between 0 and 1, ratio sigmoid(logit) = 0.2",
         [site("noise", None)])
exported("uniform-fixed",
         lambda: Net(Hand(lambda x: x * (torch.rand(x.shape) >= P).float() / KEEP)),
         "x * (rand(2,8,4,4) >= 0.3) / 0.7, the batch fixed at 2", [site(ratio=P)], batch=2)
exported("uniform-fixed-once",
         lambda: Net(Hand(lambda x: x * (torch.rand(1, 8, 4, 4) >= P).float() / KEEP)),
         "x * (rand(1,8,4,4) >= 0.3) / 0.7", [site(ratio=P, shared=True)], rows_mix=True)


class Masksembles(nn.Module):
    """Four fixed masks over channels, one for each quarter of the batch."""

    def __init__(self):
        super().__init__()
        kept = torch.tensor([[1, 1, 0, 1, 1, 0, 1, 0], [0, 1, 1, 1, 0, 1, 0, 1],
                             [1, 0, 1, 0, 1, 1, 1, 0], [1, 1, 0, 1, 0, 0, 1, 1]])
        self.register_buffer("masks", kept.float() * 8 / 5)

    def forward(self, x):
        groups = x.reshape(4, -1, *x.shape[1:]) * self.masks.view(4, 1, 8, 1, 1)
        return groups.reshape(x.shape)


exported("masksembles", lambda: Net(Masksembles()),
         "Masksembles: four fixed masks, one a quarter of the batch; random in no mode, and no "
         "mask was frozen, though nothing in the file tells", [], batch=4, rows_mix=True,
         suspect=["frozen_mask"])
