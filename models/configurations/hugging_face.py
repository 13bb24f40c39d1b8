"""Cases of Hugging Face's image processors, class by class (see models/configurations)."""

import json

import numpy as np
import transformers
from PIL import Image
from transformers import AutoImageProcessor

from models.configurations.images import ALL_SIZES, FEW_SIZES, ROUNDING_SIZES, Case

transformers.logging.set_verbosity_error()

# Everything after resizing and cropping is off. EfficientNet divides by the standard deviation once more, whatever
# `do_normalize` says; Mask2Former pads wherever there is a size.
RAW = {"do_rescale": False, "do_normalize": False, "include_top": False, "do_pad": False, "pad_size": None}
# For cases that the library refuses.
PAIR = [(1, 7), (225, 223), (640, 427)]


def prepare(backend, floating):
    def prepare_in(folder):
        processor = AutoImageProcessor.from_pretrained(folder, backend=backend)
        raw = {key: value for key, value in RAW.items() if key in processor.valid_kwargs.__annotations__}
        centered = getattr(processor, "size_divisor", None) and "DPT" in type(processor).__name__

        def run(image):
            picture = Image.fromarray(image)
            values = np.asarray(processor(picture)["pixel_values"][0])
            if floating:
                return values, None
            pixels = np.asarray(processor(picture, **raw)["pixel_values"][0])
            assert pixels.dtype == np.uint8
            missing = [values.shape[axis] - pixels.shape[axis] for axis in (2, 1)]
            return values, pixels.transpose(1, 2, 0), [side // 2 if centered else 0 for side in missing]

        return type(processor).__name__, run

    return prepare_in


def model_config(model_type, architecture, **more):
    labels = {"0": "road", "1": "side walk", "2": "driver's \"seat\""}
    config = {"architectures": [architecture], "model_type": model_type, "id2label": labels}
    return config | {"label2id": {name: int(index) for index, name in labels.items()}} | more


def saved(name, **settings):
    """Returns preprocessor_config.json as transformers saves it."""
    return json.loads(getattr(transformers, name)(**settings).to_json_string())


def case(name, preprocessor, config=None, *, input=(224, 224), backend="torchvision", library=None, **more):
    """Creates a case with the files of a model on the hub; `input` is height and width."""
    library = library or {"torchvision": "torchvision", "pil": "pillow"}[backend]
    files = {"preprocessor_config.json": preprocessor}
    files |= {"config.json": config} if config else {}
    return Case(name, library, prepare(backend, library == "float"), input, files, **more)


# Class, what its model takes by default (height, width), model type and architecture of the configuration beside it.
CLASSES = {
    "vit": ("ViTImageProcessor", (224, 224), "vit", "ViTForImageClassification"),
    "deit": ("DeiTImageProcessor", (224, 224), "deit", "DeiTForImageClassification"),
    "beit": ("BeitImageProcessor", (224, 224), "beit", "BeitForImageClassification"),
    "convnext": ("ConvNextImageProcessor", (384, 384), "convnext", "ConvNextForImageClassification"),
    "clip": ("CLIPImageProcessor", (224, 224), "clip", "CLIPForImageClassification"),
    "bit": ("BitImageProcessor", (224, 224), "dinov2", "Dinov2ForImageClassification"),
    "siglip": ("SiglipImageProcessor", (224, 224), "siglip", "SiglipForImageClassification"),
    "dinov3": ("DINOv3ViTImageProcessor", (224, 224), "dinov3_vit", "DINOv3ViTForImageClassification"),
    "segformer": ("SegformerImageProcessor", (512, 512), "segformer", "SegformerForSemanticSegmentation"),
    "mobilenet_v1": ("MobileNetV1ImageProcessor", (224, 224), "mobilenet_v1", "MobileNetV1ForImageClassification"),
    "mobilenet_v2": ("MobileNetV2ImageProcessor", (224, 224), "mobilenet_v2", "MobileNetV2ForSemanticSegmentation"),
    "mobilevit": ("MobileViTImageProcessor", (256, 256), "mobilevit", "MobileViTForImageClassification"),
    "efficientnet": ("EfficientNetImageProcessor", (346, 346), "efficientnet", "EfficientNetForImageClassification"),
    "levit": ("LevitImageProcessor", (224, 224), "levit", "LevitForImageClassification"),
    "poolformer": ("PoolFormerImageProcessor", (224, 224), "poolformer", "PoolFormerForImageClassification"),
    "pvt": ("PvtImageProcessor", (224, 224), "pvt", "PvtForImageClassification"),
    "dpt": ("DPTImageProcessor", (384, 384), "dpt", "DPTForSemanticSegmentation"),
}


def class_cases():
    """Yields every class with its defaults: with and without the keys in the file."""
    for name, (kind, size, model_type, architecture) in CLASSES.items():
        config = model_config(model_type, architecture)
        more = {"input": size, "library": "float" if name == "dinov3" else None}
        yield case(name, saved(kind), config, **more, sizes=ALL_SIZES if name in ("vit", "clip") else FEW_SIZES)
        notes = "everything but the class is left out"
        yield case(f"{name}_unsaid", {"image_processor_type": kind}, config, **more, notes=notes)


def class_variants():
    """Yields behavior of single classes that differs from the common rules."""
    convnext = "ConvNextImageProcessor"
    yield case("convnext_224", saved(convnext, size={"shortest_edge": 224}))
    yield case("convnext_288", saved(convnext, size={"shortest_edge": 288}, crop_pct=0.95), input=(288, 288))
    dinov3 = "DINOv3ViTImageProcessor"
    yield case("dinov3_bicubic", saved(dinov3, resample=3), library="float", notes="overshoot is not clamped")
    unscaled = saved(dinov3, do_rescale=False)
    yield case("dinov3_no_rescale", unscaled, library="float", sizes=PAIR, notes="normalizing refuses uint8")
    neither = saved(dinov3, do_rescale=False, do_normalize=False)
    yield case("dinov3_neither", neither, notes="resized as uint8, since nothing has made it floating")
    crop = {"do_center_crop": True, "crop_size": 224, "size": {"shortest_edge": 256}}
    yield case("dinov3_crop", saved(dinov3, **crop), library="float")
    yield case("segformer_crop", saved("SegformerImageProcessor", **crop), input=(None, None), notes="never crops")
    mobilevit = saved("MobileViTImageProcessor", do_flip_channel_order=False, size={"shortest_edge": 288}, resample=2)
    yield case("mobilevit_rgb", mobilevit, input=(256, 256))
    normal = saved("MobileViTImageProcessor", do_normalize=True)
    yield case("mobilevit_normalize", normal, input=(256, 256), notes="normalizes nothing all the same")
    efficientnet = {"size": {"height": 289, "width": 260}, "do_center_crop": True, "crop_size": {"height": 240, "width": 224}}
    yield case("efficientnet_crop", saved("EfficientNetImageProcessor", **efficientnet), input=(240, 224))
    offset = {"rescale_factor": 1 / 127.5, "rescale_offset": True, "size": {"height": 224, "width": 224}}
    yield case("efficientnet_offset", saved("EfficientNetImageProcessor", **offset))
    yield case("efficientnet_offset_only", saved("EfficientNetImageProcessor", **offset, do_normalize=False, include_top=False))
    yield case("efficientnet_no_top", saved("EfficientNetImageProcessor", include_top=False, resample=0), input=(346, 346))
    levit = saved("LevitImageProcessor", size={"height": 230, "width": 260})
    yield case("levit_squash", levit, notes="height and width are taken as they are")
    for name, size in {"square": (224, 224), "oblong": (224, 320)}.items():
        settings = saved("PoolFormerImageProcessor", size={"height": size[0], "width": size[1]}, crop_size=[224, 256])
        yield case(f"poolformer_{name}", settings, input=(224, 256), notes="square keeps the shape, oblong does not")


def dense_cases():
    """Yields classes that round sides to multiples, or pad."""
    dpt = {"keep_aspect_ratio": True, "ensure_multiple_of": 32, "size": {"height": 384, "width": 384}}
    config = model_config("dpt", "DPTForSemanticSegmentation")
    sizes = FEW_SIZES + ROUNDING_SIZES
    yield case("dpt_multiple", saved("DPTImageProcessor", **dpt), config, input=(None, None), sizes=sizes)
    near = dpt | {"ensure_multiple_of": 14, "size": {"height": 266, "width": 398}, "resample": 2}
    yield case("dpt_multiple_oblong", saved("DPTImageProcessor", **near), config, input=(None, None))
    padded = {"do_pad": True, "size_divisor": 32, "size": {"height": 235, "width": 301}}
    yield case("dpt_pad", saved("DPTImageProcessor", **padded), config, input=(256, 320), notes="zeros after normalizing")
    mask = "Mask2FormerImageProcessor"
    config = model_config("mask2former", "Mask2FormerForUniversalSegmentation")
    short = {"size": {"shortest_edge": 240, "longest_edge": 400}}
    yield case("mask2former", saved(mask, **short), config, input=(None, None), notes="sides rounded up to multiples of 32")
    yield case("mask2former_pad", saved(mask, **short, pad_size=[416, 448]), config, input=(416, 448))
    old = {"size": 240, "max_size": 400, "size_divisibility": 32, "resample": 2, "do_resize": True, "do_normalize": True}
    old |= {"feature_extractor_type": "MaskFormerFeatureExtractor", "image_mean": [0.485, 0.456, 0.406]}
    config = model_config("maskformer", "MaskFormerForInstanceSegmentation")
    yield case("maskformer_old", old | {"image_std": [0.229, 0.224, 0.225]}, config, input=(None, None))
