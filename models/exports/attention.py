"""Export cases: attention, recurrent layers, and small transformers of other libraries."""

import torchvision
from torch import nn
from transformers import (SegformerConfig, SegformerForSemanticSegmentation, ViTConfig,
                          ViTForImageClassification)

from models.exports.case import exported, site
from models.exports.nets import CLASSES, Attend, Recurrent, Scaled, Tokens

GONE = "the dropout of scaled_dot_product_attention: it has no training_mode and is removed"
INERT = "liveness: the dropout of scaled_dot_product_attention has no training_mode"
LOW = [site(ratio=0.1)]
DEPTH = [site("stochastic_depth", ratio, "row") for ratio in (0.2, 0.3)]


def inert(ratio):
    return site(ratio=ratio, live=False)


exported("attention-weights", lambda: Tokens(Attend(True)),
         "nn.MultiheadAttention(dropout=0.3), need_weights=True", [site(ratio=0.3)])
exported("attention", lambda: Tokens(Attend(False)),
         "nn.MultiheadAttention(dropout=0.3), need_weights=False", [inert(0.3)],
         legacy={"lost": INERT}, dynamo={"sites": [], "lost": GONE})
exported("scaled", lambda: Tokens(Scaled()), "scaled_dot_product_attention(dropout_p=0.3)",
         [inert(0.3)], legacy={"lost": INERT}, dynamo={"sites": [], "lost": GONE})
exported("scaled-unoptimized", lambda: Tokens(Scaled()),
         "scaled_dot_product_attention(dropout_p=0.3), exported with optimize=False", [inert(0.3)],
         by=("dynamo",), lost=INERT, options={"optimize": False})


def encoder():
    return Tokens(nn.TransformerEncoderLayer(8, 2, 12, 0.2, batch_first=True))


def no_attention_dropout(model):
    for module in model.modules():
        if isinstance(module, nn.MultiheadAttention):
            module.dropout = 0.0
    return model


exported("encoder-layer", encoder, "nn.TransformerEncoderLayer(dropout=0.2)",
         [site(ratio=0.2)] * 3, by=("dynamo",), lost=GONE, dead=no_attention_dropout)
exported("lstm", lambda: Tokens(Recurrent()), "nn.LSTM(num_layers=2, dropout=0.3)",
         [site(ratio=0.3)], by=("dynamo",))


class Logits(nn.Module):
    """Returns only the logits of a model of transformers."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, image):
        return self.model(image).logits


def vit(attention):
    return lambda: Logits(ViTForImageClassification(ViTConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=12,
        hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.2, image_size=8, patch_size=4,
        num_labels=CLASSES, attn_implementation=attention)))


def segformer():
    return Logits(SegformerForSemanticSegmentation(SegformerConfig(
        num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 8],
        patch_sizes=[7, 3], strides=[4, 2], num_attention_heads=[1, 2], mlp_ratios=[2, 2],
        hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.2, classifier_dropout_prob=0.1,
        drop_path_rate=0.2, decoder_hidden_size=8, num_labels=3, attn_implementation="eager")))


def no_scaled_dropout(model):
    """Removes the attention dropout of transformers' modules."""
    for module in model.modules():
        if hasattr(module, "dropout_prob"):
            module.dropout_prob = 0.0
    return model


exported("hugging-face-vit-eager", vit("eager"), "transformers' ViT, attn_implementation='eager'",
         [site(ratio=0.1), site(ratio=0.2), site(ratio=0.1), site(ratio=0.1)])
exported("hugging-face-vit-sdpa", vit("sdpa"), "transformers' ViT, attn_implementation='sdpa'",
         [site(ratio=0.1), inert(0.2), site(ratio=0.1), site(ratio=0.1)],
         legacy={"lost": INERT},
         dynamo={"sites": LOW * 3, "lost": GONE, "dead": no_scaled_dropout})
exported("hugging-face-segformer", segformer, "transformers' Segformer, eager attention",
         [site(ratio=0.2), *LOW * 3, site(ratio=0.2), *LOW, DEPTH[0], *LOW * 2, DEPTH[0], *LOW],
         size=(3, 32, 32))


def torchvision_vit():
    model = torchvision.models.VisionTransformer(8, 4, 1, 2, 8, 12, dropout=0.1,
                                                 attention_dropout=0.2, num_classes=CLASSES)
    nn.init.normal_(model.heads.head.weight, 0, 0.5)
    return model


def torchvision_swin():
    return torchvision.models.SwinTransformer(
        [2, 2], 8, [1, 1], [1, 2], [2, 2], mlp_ratio=2.0, dropout=0.1, attention_dropout=0.2,
        stochastic_depth_prob=0.3, num_classes=CLASSES)


exported("torchvision-vit", torchvision_vit, "torchvision's VisionTransformer",
         [site(ratio=0.1), inert(0.2)] + LOW * 3, legacy={"lost": INERT},
         dynamo={"sites": LOW * 4, "lost": GONE, "dead": no_attention_dropout})
exported("torchvision-swin", torchvision_swin, "torchvision's SwinTransformer",
         [site(ratio=0.2), *LOW * 3, site(ratio=0.2), *LOW, DEPTH[1], *LOW * 2, DEPTH[1]])
