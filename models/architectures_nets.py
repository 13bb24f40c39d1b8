"""The networks of architectures.py, in eval mode and with their dropout alive.

Weights are random, biases and statistics too; nothing is downloaded. Rates are the libraries' defaults unless stated in
`made_from`. `functional` names classes that call torch.nn.functional.dropout by their own
`training` flag: no module called Dropout stands for it.
"""

import re
from dataclasses import dataclass, field

import torch
from torch import nn
from torchvision import models
from torchvision.models import segmentation

CLASSIFIER, SEGMENTATION = (3, 224, 224), (3, 256, 256)
ALIVE = re.compile("Dropout|StochasticDepth|DropPath")


@dataclass
class Architecture:
    """A network and what is known of its dropout, from its library's source."""
    made_from: str
    build: callable
    size: tuple = CLASSIFIER
    legacy: bool = False
    functional: tuple = ()
    # Draws that an exporter leaves out.
    lost: dict = field(default_factory=dict)
    # Places of its dropout and stochastic depth by word; None: no word fits. Empty: it has none.
    places: dict = field(default_factory=dict)


class OneOutput(nn.Module):
    """The one output that is a map or scores, out of a dict or a Hugging Face output."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, image):
        outputs = self.network(image)
        return outputs["out"] if isinstance(outputs, dict) and "out" in outputs else \
            getattr(outputs, "logits", outputs)


def segformer():
    from transformers import SegformerConfig, SegformerForSemanticSegmentation
    return SegformerForSemanticSegmentation(SegformerConfig(
        depths=[1, 1, 1, 1], hidden_sizes=[16, 32, 40, 64], decoder_hidden_size=64,
        hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, drop_path_rate=0.1,
        num_labels=19, attn_implementation="eager"))


def hugging_face_vit():
    from transformers import ViTConfig, ViTForImageClassification
    return ViTForImageClassification(ViTConfig(
        hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
        hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, num_labels=10,
        attn_implementation="eager"))


def untrained(build, **options):
    return lambda: build(weights=None, **options)


def untrained_map(build):
    return untrained(build, weights_backbone=None)


DROPOUTS = {"dropout": 0.1, "attention_dropout": 0.1}
ARCHITECTURES = {
    "alexnet": Architecture(
        "torchvision alexnet", untrained(models.alexnet), legacy=True, places={"linear": 2}),
    "vgg11": Architecture(
        "torchvision vgg11", untrained(models.vgg11), legacy=True,
        places={"linear": 1, "head": 1}),
    "squeezenet1_1": Architecture(
        "torchvision squeezenet1_1", untrained(models.squeezenet1_1), legacy=True,
        places={"head": 1}),
    "resnet18": Architecture("torchvision resnet18", untrained(models.resnet18)),
    "mobilenet_v3_small": Architecture(
        "torchvision mobilenet_v3_small", untrained(models.mobilenet_v3_small),
        places={"head": 1}),
    "efficientnet_b0": Architecture(
        "torchvision efficientnet_b0, stochastic depth 0.2", untrained(models.efficientnet_b0),
        legacy=True, places={"residual": 9, "head": 1}),
    "densenet121": Architecture(
        "torchvision densenet121, drop_rate 0.2", untrained(models.densenet121, drop_rate=0.2),
        functional=("_DenseLayer",), places={None: 58}),
    "fcn_resnet50": Architecture(
        "torchvision fcn_resnet50, output out", untrained_map(segmentation.fcn_resnet50),
        SEGMENTATION, legacy=True, places={"head": 1}),
    "deeplabv3_resnet50": Architecture(
        "torchvision deeplabv3_resnet50, output out",
        untrained_map(segmentation.deeplabv3_resnet50), SEGMENTATION, places={None: 1}),
    "lraspp_mobilenet_v3_large": Architecture(
        "torchvision lraspp_mobilenet_v3_large, output out",
        untrained_map(segmentation.lraspp_mobilenet_v3_large), SEGMENTATION),
    "vit_b_16": Architecture(
        "torchvision vit_b_16, dropout and attention_dropout 0.1",
        untrained(models.vit_b_16, **DROPOUTS), legacy=True, functional=("MultiheadAttention",),
        lost={"dynamo": 12},
        places={None: 1, "attention": 12, "linear": 12, "residual": 24}),
    "swin_t": Architecture(
        "torchvision swin_t, dropout and attention_dropout 0.1, stochastic depth 0.2",
        untrained(models.swin_t, **DROPOUTS), functional=("ShiftedWindowAttention",),
        places={"attention": 12, "linear": 12, "residual": 24}),
    "segformer": Architecture(
        "transformers SegformerForSemanticSegmentation, tiny, eager attention, dropout 0.1 "
        "everywhere, drop path 0.1", segformer, SEGMENTATION,
        functional=("SegformerAttention", "SegformerEfficientSelfAttention"),
        places={"attention": 4, "linear": 4, "residual": 8, "head": 1}),
    "hugging_face_vit": Architecture(
        "transformers ViTForImageClassification, tiny, eager attention, dropout 0.1",
        hugging_face_vit, functional=("ViTAttention", "ViTSelfAttention"),
        places={None: 1, "attention": 2, "residual": 4}),
}


def network(architecture, alive):
    """Eval mode; where `alive`, dropout and its relatives in train mode, and nothing else."""
    torch.manual_seed(0)
    made = architecture.build().eval().requires_grad_(False)
    if "output" in architecture.made_from or "transformers" in architecture.made_from:
        made = OneOutput(made)
    for tensor in made.state_dict().values():
        if tensor.is_floating_point() and tensor.unique().numel() == 1:
            # Exporters merge equal tensors and drop zeros, which trained weights are not.
            tensor.add_(torch.rand_like(tensor), alpha=0.1)
    if alive:
        for module in made.modules():
            name = type(module).__name__
            if ALIVE.search(name) or name in architecture.functional:
                # Not train(): it would reach the normalisation layers inside.
                module.training = True
    return made
