"""Cases of timm, torchvision's presets, Ultralytics and mmdeploy (see models/configurations)."""

import ast

import cv2
import numpy as np
import torch
import torchvision
from PIL import Image
from timm.data import create_transform, resolve_data_config
from timm.models._hub import load_model_config_from_path
from torchvision import transforms
from torchvision.transforms import functional

from models.configurations.images import ALL_SIZES, FEW_SIZES, ROUNDING_SIZES, Case

ROUNDED = FEW_SIZES + ROUNDING_SIZES
MEAN, STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


def run_steps(steps):
    """Returns a function that runs steps of torchvision on a PIL image; pixels are the input of `ToTensor`."""
    first = next(i for i, step in enumerate(steps) if isinstance(step, transforms.ToTensor))

    def run(image):
        pixels = Image.fromarray(image)
        for step in steps[:first]:
            pixels = step(pixels)
        values = pixels
        for step in steps[first:]:
            values = step(values)
        return values.numpy(), np.asarray(pixels)

    return run


def timm_case(name, pretrained, *, input=(224, 224), flat=False, model_args=None, **more):
    def prepare(folder):
        config, _, _ = load_model_config_from_path(folder)
        data = resolve_data_config(pretrained_cfg=config)
        return "timm.data.create_transform", run_steps(create_transform(**data).transforms)

    head = {"architecture": "resnet18", "num_classes": 3, "num_features": 512}
    head |= {"global_pool": "avg", "label_names": ["n01440764", "n01443537", "n01484850"]}
    head |= {"model_args": model_args} if model_args else {}
    common = {"tag": "a1_in1k", "custom_load": False, "first_conv": "conv1", "classifier": "fc"}
    config = head | common | pretrained if flat else head | {"pretrained_cfg": common | pretrained}
    return Case(f"timm_{name}", "pillow", prepare, input, {"config.json": config}, **more)


def timm_cases():
    plain = {"input_size": [3, 224, 224], "fixed_input_size": False, "crop_mode": "center", "mean": MEAN, "std": STD}
    half = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]}
    bicubic = plain | {"interpolation": "bicubic", "crop_pct": 0.875}
    bilinear = plain | {"interpolation": "bilinear", "crop_pct": 0.95}
    tested = {"test_input_size": [3, 288, 288], "test_crop_pct": 1.0}
    yield timm_case("bicubic", bicubic | half | {"crop_pct": 0.9}, sizes=ALL_SIZES)
    yield timm_case("bilinear", bilinear | tested, notes="test_input_size and test_crop_pct are not used")
    yield timm_case("unsaid", {}, notes="everything is left out")
    yield timm_case("flat", bicubic | {"crop_pct": 0.965}, flat=True, notes="old file without pretrained_cfg")
    yield timm_case("whole", bicubic | {"input_size": [3, 256, 256], "crop_pct": 1.0}, input=(256, 256))
    for name, filter in {"nearest": "nearest", "lanczos": "lanczos", "box": "box"}.items():
        yield timm_case(name, bicubic | {"interpolation": filter})
    oblong = {"input_size": [3, 192, 321], "crop_pct": 0.9}
    yield timm_case("oblong", bicubic | oblong, input=(192, 321), sizes=ROUNDED)
    yield timm_case("squash", bicubic | {"crop_mode": "squash", "crop_pct": 1.0})
    yield timm_case("squash_oblong", bilinear | oblong | {"crop_mode": "squash"}, input=(192, 321))
    notes = "the border has the mean's color"
    yield timm_case("border", bicubic | {"crop_mode": "border", "crop_pct": 1.0}, sizes=ROUNDED, notes=notes)
    yield timm_case("border_oblong", bilinear | oblong | {"crop_mode": "border"}, input=(192, 321))
    fixed = {"img_size": 256}
    settings = bicubic | {"fixed_input_size": True, "crop_pct": 1.0}
    yield timm_case("model_args", settings, input=(256, 256), model_args=fixed, notes="model_args say another size")


def preset_case(name, weights, tensor, input=(224, 224)):
    preset = torchvision.models.get_weight(weights).transforms()

    def run(image):
        picture = torch.from_numpy(image).permute(2, 0, 1).contiguous() if tensor else Image.fromarray(image)
        pixels = functional.resize(picture, preset.resize_size, preset.interpolation, antialias=preset.antialias)
        if hasattr(preset, "crop_size"):
            pixels = functional.center_crop(pixels, preset.crop_size)
        pixels = pixels.permute(1, 2, 0).numpy() if tensor else np.asarray(pixels)
        return preset(picture).numpy(), pixels

    kind = f"{type(preset).__name__} on a {'uint8 tensor' if tensor else 'PIL image'}"
    library = "rounded" if tensor else "pillow"
    name = f"torchvision_{name}{'_tensor' if tensor else ''}"
    return Case(name, library, lambda _: (kind, run), input, extra={"weights": weights})


def torchvision_cases():
    for tensor in (False, True):
        yield preset_case("resnet50", "ResNet50_Weights.IMAGENET1K_V1", tensor)
        yield preset_case("resnet50_v2", "ResNet50_Weights.IMAGENET1K_V2", tensor)
        yield preset_case("efficientnet_b0", "EfficientNet_B0_Weights.IMAGENET1K_V1", tensor)
        yield preset_case("deeplabv3", "DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1", tensor, (None, None))


def letterbox(height, width):
    """Returns the letterbox by its published rule: keeps the aspect ratio and adds gray 114 around the image."""

    def run(image):
        h, w = image.shape[:2]
        ratio = min(height / h, width / w)
        new = max(round(w * ratio), 1), max(round(h * ratio), 1)
        left, top = (width - new[0]) / 2, (height - new[1]) / 2
        if new != (w, h):
            image = cv2.resize(image, new, interpolation=cv2.INTER_LINEAR)
        edges = [round(top - 0.1), round(top + 0.1), round(left - 0.1), round(left + 0.1)]
        pixels = cv2.copyMakeBorder(image, *edges, cv2.BORDER_CONSTANT, value=(114, 114, 114))
        return np.float32(pixels.transpose(2, 0, 1)) / np.float32(255), pixels

    return "cv2.resize and cv2.copyMakeBorder", run


def ultralytics_case(name, task, size, **more):
    """Creates a case by Ultralytics' public rules, with the arithmetic of Pillow or OpenCV; does not run it."""
    names = "{0: 'person', 1: 'bi\"cycle', 2: \"driver's\"}"
    properties = {"description": "Ultralytics model", "author": "Ultralytics", "version": "8.3.0", "stride": "32"}
    properties |= {"task": task, "batch": "1", "imgsz": size, "names": names, "channels": "3"}
    height, width = ast.literal_eval(size)
    if task == "classify":
        steps = [transforms.Resize(height), transforms.CenterCrop(height), transforms.ToTensor()]
        library, ready = "pillow", ("torchvision.transforms", run_steps(steps))
    else:
        library, ready = "opencv", letterbox(height, width)
    files = {"metadata_props.json": properties}
    return Case(f"ultralytics_{name}", library, lambda _: ready, (height, width), files, **more)


def ultralytics_cases():
    yield ultralytics_case("classify", "classify", "[224, 224]", sizes=ALL_SIZES)
    yield ultralytics_case("semantic", "semantic", "[512, 512]", sizes=ALL_SIZES)
    yield ultralytics_case("semantic_oblong", "semantic", "[320, 544]")
    yield ultralytics_case("segment", "segment", "[256, 256]", sizes=ROUNDED)


def mmdeploy_case(name, resize, normalize, input=(None, None), **more):
    """Creates a case of mmcv's steps: BGR is decoded, resized, converted to RGB if requested; then (x - mean) * (1 / std).

    The difference is computed in f32; 1 / std and the product in f64, and the product is rounded to f32.
    """

    def run(image):
        pixels = np.ascontiguousarray(image[:, :, ::-1])
        height, width = pixels.shape[:2]
        target = resize["size"]
        if resize["keep_ratio"]:
            scale = min(max(target) / max(height, width), min(target) / min(height, width))
            target = [int(width * scale + 0.5), int(height * scale + 0.5)]
        pixels = cv2.resize(pixels, target, interpolation=cv2.INTER_LINEAR)
        if normalize["to_rgb"]:
            pixels = cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
        mean, std = (np.float64(np.float32(normalize[key])).reshape(1, -1) for key in ("mean", "std"))
        values = cv2.multiply(cv2.subtract(pixels.astype(np.float32), mean), 1 / std)
        return values.transpose(2, 0, 1), pixels

    steps = [{"type": "LoadImageFromFile"}, {"type": "Resize"} | resize, {"type": "Normalize"} | normalize]
    steps += [{"type": "ImageToTensor", "keys": ["img"]}]
    steps += [{"type": "Collect", "keys": ["img"], "meta_keys": ["filename", "ori_shape", "img_shape", "img_norm_cfg"]}]
    first = {"type": "Task", "module": "Transform", "name": "Preprocess", "input": ["img"], "output": ["prep_output"]}
    second = {"name": "mmseg", "type": "Task", "module": "Net", "input": ["prep_output"], "output": ["infer_output"]}
    third = {"type": "Task", "module": "mmseg", "name": "postprocess", "component": "ResizeMask"}
    third |= {"params": {"with_argmax": False}, "input": ["prep_output", "infer_output"], "output": ["post_output"]}
    tasks = [first | {"transforms": steps}, second | {"is_batched": False, "input_map": {"img": "input"}}, third]
    files = {"pipeline.json": {"pipeline": {"input": ["img"], "output": ["post_output"], "tasks": tasks}}}
    ready = "cv2.resize, cv2.subtract and cv2.multiply", run
    return Case(f"mmdeploy_{name}", "opencv", lambda _: ready, input, files, **more)


def mmdeploy_cases():
    rgb = {"mean": [123.675, 116.28, 103.53], "std": [58.395, 57.12, 57.375], "to_rgb": True}
    bgr = {"mean": [103.53, 116.28, 123.675], "std": [1.0, 1.0, 1.0], "to_rgb": False}
    yield mmdeploy_case("squash", {"keep_ratio": False, "size": [320, 256]}, rgb, (256, 320))
    ratio = {"keep_ratio": True, "size": [512, 256]}
    notes = "the larger number bounds the longer side, whichever it is"
    yield mmdeploy_case("ratio", ratio, rgb, sizes=ROUNDED, notes=notes)
    yield mmdeploy_case("bgr", {"keep_ratio": False, "size": [224, 224]}, bgr, (224, 224), notes="the network takes BGR")
