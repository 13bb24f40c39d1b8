"""The published networks, and the places in each where dropout belongs.

All are built without trained weights. Sizes and rates are the published ones unless stated otherwise.
"""

from dataclasses import dataclass
from typing import Callable

from torch import nn
from torchvision import models as vision
from torchvision.models import segmentation
from transformers import (SegformerConfig, SegformerForSemanticSegmentation, ViTConfig,
                          ViTForImageClassification)

DROPPING = ("Dropout", "StochasticDepth", "DropPath")


@dataclass
class Rule:
    """Nodes of one kind before which dropout belongs."""

    module: str  # regular expression for the path of the module that the node comes from
    operators: tuple
    place: str  # head, linear, attention, residual or decoder; None for a place that has no such word
    dropout: str = None  # path of the module that drops there, "{0}" being the match; None if none
    operand: int = 0  # input of the node that is dropped from; for attention the one behind a softmax
    output: bool = False  # the node's output is dropped from; the place is before its first reader
    turn: int = 0  # which of the nodes that match in one module


@dataclass
class Network:
    name: str
    make: Callable
    made_from: str
    rules: list
    size: tuple = (3, 224, 224)
    legacy: bool = False  # also exported by the legacy exporter
    modes: tuple = ("eval", "dropout")
    awake: tuple = ()  # further classes of modules that drop by themselves, to be set to training


class Chosen(nn.Module):
    """One output, by name, of a model with several."""

    def __init__(self, model, name):
        super().__init__()
        self.model, self.name = model, name

    def forward(self, image):
        return self.model(image)[self.name]


def set_mode(model, mode, awake=()):
    """Sets evaluation mode; in "dropout" mode, the modules that drop are in training mode."""
    model.eval()
    if mode == "dropout":
        for module in model.modules():
            name = type(module).__name__
            if any(word in name for word in DROPPING):
                module.train()
            if name in awake:  # not its children, which normalize
                module.training = True
    return model


LINEAR = ("Gemm", "MatMul")


def linear(module, place, dropout=None):
    return Rule(module, LINEAR, place, dropout)


def convolution(module, dropout=None):
    return Rule(module, ("Conv",), "head", dropout)


def vision_network(name, rules, legacy=False, **more):
    options = more.pop("options", {})
    words = "".join(f", {key}={value}" for key, value in options.items())
    return Network(name, lambda: getattr(vision, name)(weights=None, **options),
                   f"torchvision.models.{name}(weights=None{words})", rules, legacy=legacy, **more)


def segmenter(name, rules, legacy=False, **more):
    make = getattr(segmentation, name)
    return Network(name, lambda: Chosen(make(weights=None, weights_backbone=None), "out"),
                   f"torchvision.models.segmentation.{name}(weights=None, weights_backbone=None), "
                   "its \"out\" alone", rules, (3, 256, 256), legacy, **more)


def segformer():
    return Chosen(SegformerForSemanticSegmentation(SegformerConfig(
        num_labels=19, drop_path_rate=0.1, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
        attn_implementation="eager")), "logits")


def vit():
    return Chosen(ViTForImageClassification(ViTConfig(
        hidden_size=192, num_hidden_layers=6, num_attention_heads=3, intermediate_size=768,
        hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1, num_labels=1000,
        attn_implementation="eager")), "logits")


VIT_BLOCK = r"encoder\.layers\.encoder_layer_\d+"
VIT_RULES = [
    Rule(r"encoder\.layers\.encoder_layer_0\.ln_1", ("LayerNormalization",), None, "encoder.dropout"),
    Rule(VIT_BLOCK + r"\.self_attention", ("MatMul",), "attention", "{0} (dropout_p)"),
    Rule(VIT_BLOCK, ("Add",), "residual", "{0}.dropout"),
    linear(f"({VIT_BLOCK})" + r"\.mlp\.3", "linear", "{1}.mlp.2"),
    Rule(VIT_BLOCK, ("Add",), "residual", "{0}.mlp.4", operand=1, turn=1),
    linear(r"heads\.head", "head"),
]
SWIN_BLOCK = r"features\.\d\.\d"
SWIN_RULES = [
    Rule(f"({SWIN_BLOCK})" + r"\.attn", ("MatMul",), "attention", "{1}.attn (attention_dropout)"),
    Rule(SWIN_BLOCK, ("Add",), "residual", "{0}.stochastic_depth", operand=1),
    linear(f"({SWIN_BLOCK})" + r"\.mlp\.3", "linear", "{1}.mlp.2"),
    Rule(SWIN_BLOCK, ("Add",), "residual", "{0}.stochastic_depth", operand=1, turn=1),
    linear("head", "head"),
]

SEGFORMER_BLOCK = r"model\.segformer\.stages\.\d\.blocks\.\d"
SEGFORMER_RULES = [
    Rule(f"({SEGFORMER_BLOCK})" + r"\.attention", ("MatMul",), "attention",
         "{0} (attention_dropout)"),
    Rule(SEGFORMER_BLOCK, ("Add",), "residual", "{0}.hidden_dropout"),
    linear(f"({SEGFORMER_BLOCK})" + r"\.mlp\.fc2", "linear", "{1}.mlp.dropout"),
    Rule(SEGFORMER_BLOCK, ("Add",), "residual", "{0}.mlp.dropout", turn=1),
    convolution(r"model\.decode_head\.classifier", "model.decode_head.dropout"),
]
LAYER = r"model\.vit\.layers\.\d"
LAYER_RULES = [
    Rule(r"model\.vit\.layers\.0\.layernorm_before", ("LayerNormalization",), None,
         "model.vit.embeddings.dropout"),
    Rule(LAYER + r"\.attention", ("MatMul",), "attention", "{0} (attention_dropout)"),
    Rule(LAYER, ("Add",), "residual", "{0}.dropout"),
    Rule(LAYER, ("Add",), "residual", "{0}.dropout", turn=1),
    linear(r"model\.classifier", "head"),
]

NETWORKS = [
    vision_network("alexnet", [linear(r"classifier\.1", "linear", "classifier.0"),
                               linear(r"classifier\.4", "linear", "classifier.3"),
                               linear(r"classifier\.6", "head")], legacy=True),
    vision_network("vgg11", [linear(r"classifier\.3", "linear", "classifier.2"),
                             linear(r"classifier\.6", "head", "classifier.5")], legacy=True),
    vision_network("squeezenet1_1", [convolution(r"classifier\.1", "classifier.0")], legacy=True),
    vision_network("mobilenet_v3_small", [linear(r"classifier\.3", "head", "classifier.2")]),
    vision_network("efficientnet_b0", [
        Rule(r"features\.\d\.\d", ("Add",), "residual", "{0}.stochastic_depth"),
        linear(r"classifier\.1", "head", "classifier.0")], legacy=True),
    vision_network("densenet121", [
        Rule(r"(features\.denseblock\d)\.denselayer\d+\.conv2", ("Conv",), None,
             "{0} (drop_rate)", output=True),
        linear("classifier", "head")], options={"drop_rate": 0.2}, awake=("_DenseLayer",)),
    vision_network("resnet18", [linear("fc", "head")], modes=("eval",)),
    segmenter("fcn_resnet50", [convolution(r"model\.classifier\.4", "model.classifier.3")],
              legacy=True),
    segmenter("deeplabv3_resnet50", [
        Rule(r"model\.classifier\.[12]", ("Conv",), None, "model.classifier.0.project.3"),
        convolution(r"model\.classifier\.4")]),
    segmenter("lraspp_mobilenet_v3_large", [convolution(r"model\.classifier\.low_classifier"),
                                            convolution(r"model\.classifier\.high_classifier")],
              modes=("eval",)),
    vision_network("vit_b_16", VIT_RULES, legacy=True,
                   options={"dropout": 0.1, "attention_dropout": 0.1}),
    vision_network("swin_t", SWIN_RULES),
    Network("segformer", segformer, "transformers' SegformerForSemanticSegmentation, its default "
            "configuration, 19 classes, eager attention", SEGFORMER_RULES, (3, 256, 256)),
    Network("hugging_face_vit", vit, "transformers' ViTForImageClassification, 6 layers of width "
            "192, eager attention", LAYER_RULES),
]
