"""Cases of Hugging Face's configurations: missing steps, forms of sizes, old files, Pillow (see models/configurations)."""

from models.configurations.hugging_face import CLASSES, PAIR, case, model_config, prepare, saved
from models.configurations.images import ALL_SIZES, FEW_SIZES, ROUNDING_SIZES, Case

VIT, CLIP = "ViTImageProcessor", "CLIPImageProcessor"
ANY = (None, None)
HALF = {"image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}
IMAGENET = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
OPENAI = {
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}


def step_cases():
    """Yields missing steps, filters, forms of `size`, crops."""
    yield case("vit_no_resize", saved(VIT, do_resize=False), input=ANY)
    yield case("vit_no_normalize", saved(VIT, do_normalize=False))
    yield case("vit_no_rescale", saved(VIT, do_rescale=False), notes="normalizes values of 0..255")
    yield case("vit_neither", saved(VIT, do_rescale=False, do_normalize=False), notes="the values are the pixels")
    yield case("vit_factor", saved(VIT, rescale_factor=1 / 127.5, do_normalize=False))
    yield case("vit_one_mean", saved(VIT, image_mean=[0.25], image_std=[0.5]), notes="one number for all channels")
    for number, name in {0: "nearest", 1: "lanczos", 3: "bicubic"}.items():
        yield case(f"vit_{name}", saved(VIT, resample=number))
    yield case("clip_lanczos", saved(CLIP, resample=1))
    yield case("clip_nearest", saved(CLIP, resample=0))
    for number, name in {4: "box", 5: "hamming"}.items():
        yield case(f"vit_{name}", saved(VIT, resample=number), sizes=PAIR, notes="torchvision has no such filter")

    for name, size, seen in [
        ("shortest", {"shortest_edge": 200}, ANY),
        ("shortest_longest", {"shortest_edge": 256, "longest_edge": 384}, ANY),
        ("max", {"max_height": 300, "max_width": 401}, ANY),
        ("oblong", {"height": 192, "width": 320}, (192, 320)),
    ]:
        yield case(f"vit_{name}", saved(VIT, size=size), input=seen, sizes=FEW_SIZES + ROUNDING_SIZES)
    longest = saved(VIT, size={"longest_edge": 384})
    yield case("vit_longest", longest, input=ANY, sizes=PAIR, notes="allowed as a size, refused as a target")
    for name, crop in {"larger": (260, 260), "odd": (255, 223), "wide": (150, 301)}.items():
        settings = saved(CLIP, size={"shortest_edge": 200}, crop_size={"height": crop[0], "width": crop[1]})
        yield case(f"clip_crop_{name}", settings, input=crop)
    yield case("clip_alpha", saved(CLIP), bands=4, notes="laid on white")
    padded = saved(VIT, size={"shortest_edge": 200, "longest_edge": 256}, do_pad=True, pad_size={"height": 257, "width": 259})
    yield case("vit_pad", padded, input=(257, 259), notes="zeros after normalizing, right and bottom")


def file_cases():
    """Yields files as older versions and other programs wrote them."""

    def old(name, content, config=None, **more):
        return case(f"old_{name}", content, config, **more)

    both = {"do_normalize": True, "do_resize": True}
    feature = "feature_extractor_type"
    yield old("vit", both | HALF | {"size": 224}, model_config("vit", "ViTForImageClassification"), notes="no class in the file")
    yield old("vit_list", both | HALF | {feature: "ViTFeatureExtractor", "size": [192, 320]}, input=(192, 320))
    swin = model_config("swin", "SwinForImageClassification", image_size=224)
    yield old("swin", both | IMAGENET | {feature: "ViTFeatureExtractor", "resample": 3, "size": 224}, swin)
    crop = both | OPENAI | {"crop_size": 224, "do_center_crop": True, "resample": 3, "size": 224}
    yield old("clip", crop | {feature: "CLIPFeatureExtractor"}, notes="size is the shorter side")
    clip = crop | {"image_processor_type": CLIP, "size": {"shortest_edge": 336}, "crop_size": {"height": 336, "width": 336}}
    yield old("clip_336", clip | {"do_convert_rgb": True, "do_rescale": True, "rescale_factor": 1 / 255}, input=(336, 336))
    siglip = both | HALF | {"image_processor_type": "SiglipImageProcessor", "resample": 3, "size": 256}
    yield old("siglip_number", siglip, input=ANY, notes="size is the shorter side, since default_to_square is false")
    deit = both | IMAGENET | {"do_center_crop": True, "crop_size": 224, "resample": 3, "size": 256}
    yield old("deit", deit | {feature: "DeiTFeatureExtractor"}, notes="size is both sides")
    beit = both | HALF | {"do_center_crop": False, "crop_size": 224, "resample": 2, "size": 224}
    yield old("beit", beit | {feature: "BeitFeatureExtractor"})
    segformer = both | IMAGENET | {feature: "SegformerFeatureExtractor", "reduce_labels": True, "resample": 2, "size": 512}
    yield old("segformer", segformer, model_config("segformer", "SegformerForSemanticSegmentation"), input=(512, 512))
    convnext = both | IMAGENET | {"crop_pct": 0.875, "resample": 3, "size": 224}
    yield old("convnext", convnext | {feature: "ConvNextFeatureExtractor"})
    resnet = model_config("resnet", "ResNetForImageClassification")
    yield old("resnet", convnext, resnet, notes="no class in the file: resnet means ConvNextImageProcessor")
    yield old("fast", saved(VIT) | {"image_processor_type": f"{VIT}Fast"})
    nulls = dict.fromkeys(["crop_size", "data_format", "device", "do_center_crop", "do_convert_rgb", "pad_size"])
    deit = both | HALF | nulls | {"image_processor_type": "DeiTImageProcessorFast", "resample": 3, "default_to_square": True}
    notes = "null is not the class's default: nothing is cropped"
    yield old("nulls", deit | {"size": {"height": 256, "width": 256}}, input=(256, 256), notes=notes)
    yield old("null_mean", deit | {"image_mean": None, "size": 224}, sizes=PAIR)
    yield old("not_square", both | HALF | {"image_processor_type": VIT, "size": 240, "default_to_square": False}, input=ANY)

    inner = saved(CLIP, size={"shortest_edge": 240}, crop_size=[240, 240])
    nested = {"image_processor": inner, "processor_class": "CLIPProcessor"}
    flat = saved(CLIP, size={"shortest_edge": 64}, crop_size=[64, 64])
    files = {"processor_config.json": nested, "preprocessor_config.json": flat}
    yield Case("nested", "torchvision", prepare("torchvision", False), (240, 240), files, notes="processor_config.json wins")
    other = {"processor_config.json": {"processor_class": "CLIPProcessor"}, "preprocessor_config.json": flat}
    notes = "processor_config.json says nothing of images"
    yield Case("not_nested", "torchvision", prepare("torchvision", False), (64, 64), other, notes=notes)


def pillow_cases():
    """Yields the classes with Pillow, which all of them used before version 5."""

    def pillow(name, kind, *, input=(224, 224), **settings):
        return case(f"{name}_pillow", saved(kind, **settings), input=input, backend="pil")

    yield case("clip_pillow", saved(CLIP), backend="pil", sizes=ALL_SIZES)
    yield case("clip_alpha_pillow", saved(CLIP), backend="pil", bands=4, notes="laid on white")
    yield pillow("vit", VIT)
    for name in ("beit", "segformer", "mobilevit", "efficientnet", "levit", "poolformer", "dpt", "siglip"):
        kind, size, *_ = CLASSES[name]
        yield pillow(name, kind, input=size)
    yield pillow("convnext_224", "ConvNextImageProcessor", size={"shortest_edge": 224})
    yield pillow("convnext_384", "ConvNextImageProcessor", input=(384, 384))
    for number, name in {0: "nearest", 1: "lanczos", 3: "bicubic", 4: "box", 5: "hamming"}.items():
        yield pillow(f"vit_{name}", VIT, resample=number)
    for name, crop in {"larger": (260, 260), "odd": (255, 223), "wide": (150, 301)}.items():
        size = {"size": {"shortest_edge": 200}, "crop_size": {"height": crop[0], "width": crop[1]}}
        yield pillow(f"clip_crop_{name}", CLIP, input=crop, **size)
    for name, settings in {"no_rescale": {"do_rescale": False}, "no_normalize": {"do_normalize": False}}.items():
        yield pillow(f"vit_{name}", VIT, **settings)
    multiple = {"keep_aspect_ratio": True, "ensure_multiple_of": 32}
    yield pillow("dpt_multiple", "DPTImageProcessor", input=ANY, **multiple)
    padded = {"do_pad": True, "size_divisor": 32, "size": {"height": 235, "width": 301}}
    yield pillow("dpt_pad", "DPTImageProcessor", input=(256, 320), **padded)
    yield pillow("mask2former", "Mask2FormerImageProcessor", input=ANY, size={"shortest_edge": 240, "longest_edge": 400})
    offset = {"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_center_crop": True}
    yield pillow("efficientnet_offset", "EfficientNetImageProcessor", input=(289, 289), **offset)
