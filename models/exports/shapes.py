"""Export cases: batches, outputs, decoders, residuals, BatchNorm, and exports in evaluation mode."""

import torch
from torch import nn
from torch.nn import functional as F
from timm.layers import DropPath

from models.exports.attention import torchvision_vit
from models.exports.case import PIXELS, exported, site
from models.exports.nets import CLASSES, Decoder, Net, Residual, Segmenter, Tokens


class Normed(Net):
    """A network with a BatchNorm before the dropout."""

    def __init__(self):
        super().__init__(nn.Dropout(0.3))
        self.norm = nn.BatchNorm2d(8)
        nn.init.normal_(self.norm.weight, 1, 0.2)
        nn.init.normal_(self.norm.running_mean, 0, 0.1)

    def features(self, image):
        return F.relu(self.norm(self.stem(image)))


def one_step(model):
    """Updates the running statistics with the example: TrainingMode.TRAINING runs a step."""
    model.train()
    model(torch.rand(2, *PIXELS))
    return model


TRAINING = {"options": {"training": torch.onnx.TrainingMode.TRAINING}, "batch_norm_training": 1,
            "dead": one_step}
for opset, live, lost in ((11, False, "liveness: a Dropout below opset 12 is the identity"),
                          (17, True, "")):
    exported("batch-norm-training", Normed, "BatchNorm and nn.Dropout(0.3), exported with "
             "TrainingMode.TRAINING; the values of reference use the running statistics",
             [site(ratio=0.3, live=live)], by=(f"legacy-{opset}",), lost=lost, **TRAINING)
exported("batch-norm", Normed, "BatchNorm in eval mode and nn.Dropout(0.3)", [site(ratio=0.3)])


class Viewed(Net):
    """A network whose view before the linear layer contains the batch size."""

    def __init__(self, batch):
        super().__init__(nn.Dropout(0.3))
        self.batch = batch

    def forward(self, image):
        return self.head(self.random(self.features(image)).view(self.batch, -1))


for batch in (1, 4):
    exported(f"batch-{batch}", lambda b=batch: Viewed(b), f"nn.Dropout(0.3), then view({batch}, -1)",
             [site(ratio=0.3)], batch=batch)
exported("decoder", lambda: Decoder(nn.Dropout(0.3), nn.Dropout(0.2)),
         "a decoder: Dropout(0.3) before Resize, Dropout(0.2) before the last convolution",
         [site(ratio=0.3), site(ratio=0.2)])
exported("decoder-channels", lambda: Decoder(nn.Dropout2d(0.3), nn.Dropout2d(0.2)),
         "a decoder: Dropout2d(0.3) before Resize, Dropout2d(0.2) before the last convolution",
         [site(ratio=0.3, unit="channel"), site(ratio=0.2, unit="channel")], by=("dynamo",))
exported("segmenter", lambda: Segmenter(nn.Dropout(0.3)), "nn.Dropout(0.3), last convolution 1 x 1",
         [site(ratio=0.3)])
exported("residual", lambda: Residual(nn.Dropout(0.2), nn.Dropout(0.4)),
         "Dropout(0.4) within the residual branch of Dropout(0.2)", [site(ratio=0.4), site(ratio=0.2)])
exported("mixed", lambda: Residual(nn.Sequential(nn.Dropout2d(0.2), DropPath(0.3)), nn.Dropout(0.4)),
         "Dropout(0.4), Dropout2d(0.2) and timm DropPath(0.3) in one network",
         [site(ratio=0.4), site(ratio=0.2, unit="channel"), site("stochastic_depth", 0.3, "row")],
         by=("dynamo",))
exported("shared-ratio", lambda: Tokens(nn.Sequential(nn.Dropout(0.3), nn.Linear(8, 8), nn.ReLU(),
                                                      nn.Dropout(0.3))),
         "two nn.Dropout(0.3); dynamo shares ratio and training_mode between them",
         [site(ratio=0.3)] * 2)


class OnInput(Net):
    def forward(self, image):
        return self.head(self.features(self.random(image)).flatten(1))


class OnOutput(Net):
    def forward(self, image):
        return self.random(self.head(self.features(image).flatten(1)))


class OnBoth(OnOutput):
    def forward(self, image):
        return super().forward(self.random(image))


exported("on-input", lambda: OnInput(nn.Dropout(0.2)), "nn.Dropout(0.2) on the graph's input",
         [site(ratio=0.2)])
exported("on-output", lambda: OnOutput(nn.Dropout(0.2)), "nn.Dropout(0.2) whose output is the graph's",
         [site(ratio=0.2)])
exported("on-input-and-output", lambda: OnBoth(nn.Dropout(0.2)),
         "one nn.Dropout(0.2) on the graph's input and again on its output", [site(ratio=0.2)] * 2)


class Heads(Net):
    """Several outputs, as `kind` selects."""

    def __init__(self, kind):
        super().__init__(nn.Dropout(0.3))
        self.kind = kind
        self.aux, self.aux_random = nn.Linear(8, CLASSES), nn.Dropout(0.4)

    def forward(self, image):
        x = self.features(image)
        dropped = self.random(x)
        logits, pooled = self.head(dropped.flatten(1)), x.mean((2, 3))
        if self.kind == "two":
            return logits, self.aux(dropped.mean((2, 3)))
        if self.kind == "first-sure":
            return self.aux(pooled), logits
        return logits, self.aux(self.aux_random(pooled)), x


exported("two-heads", lambda: Heads("two"), "two heads behind one nn.Dropout(0.3)",
         [site(ratio=0.3)], outputs=("logits", "aux"))
exported("three-outputs", lambda: Heads("three"),
         "logits behind Dropout(0.3), aux behind Dropout(0.4), features behind none",
         [site(ratio=0.3), site(ratio=0.4)], outputs=("logits", "aux", "features"))
exported("first-output-sure", lambda: Heads("first-sure"),
         "the first output, aux, is reached by no dropout; logits by nn.Dropout(0.3)",
         [site(ratio=0.3)], outputs=("aux", "logits"))


class ClassIds(Segmenter):
    def forward(self, image):
        return super().forward(image).argmax(1)


exported("argmax", lambda: ClassIds(nn.Dropout(0.3)), "nn.Dropout(0.3), output argmax over classes",
         [site(ratio=0.3)], outputs=("class_ids",), output="class_ids")


class Sequential(nn.Module):
    """A small AlexNet, whose dropout modules have an index in a Sequential."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.AvgPool2d(2))
        self.classifier = nn.Sequential(nn.Dropout(0.5), nn.Linear(32, 12), nn.ReLU(),
                                        nn.Dropout(0.5), nn.Linear(12, CLASSES))

    def forward(self, image):
        return self.classifier(self.features(image).flatten(1))


exported("sequential", Sequential, "an AlexNet in small: two nn.Dropout(0.5) before its layers",
         [site()] * 2)
STRIPPED = "every dropout: exported in eval mode"
for name, network, what in (
        ("classifier", Sequential, "an AlexNet in small"),
        ("segmenter", lambda: Segmenter(nn.Dropout2d(0.3)), "Dropout2d before the last convolution"),
        ("decoder", lambda: Decoder(nn.Dropout(0.3), nn.Dropout2d(0.2)), "a U-Net of one level"),
        ("residual", lambda: Residual(DropPath(0.2), nn.Dropout(0.4)), "DropPath and Dropout"),
        ("vit", torchvision_vit, "torchvision's VisionTransformer")):
    exported(f"eval-{name}", network, what + ", in eval mode", [], lost=STRIPPED, asleep=True,
             by=("legacy-17", "dynamo") + (("dynamo-24",) if name == "vit" else ()))
