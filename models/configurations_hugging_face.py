"""Cases of Hugging Face's image processors; see models/configurations.py."""

import json

import numpy as np
import transformers
from PIL import Image
from transformers import AutoImageProcessor

from configurations_images import ALL_SIZES, Case

transformers.logging.set_verbosity_error()

RAW = {"do_rescale": False, "do_normalize": False}


def prepare(backend, floating):
    def prepare_in(folder):
        processor = AutoImageProcessor.from_pretrained(folder, backend=backend)
        # EfficientNet divides by the standard deviation once more, whatever `do_normalize` says.
        raw = RAW | ({"include_top": False} if hasattr(processor, "include_top") else {})

        def run(image):
            picture = Image.fromarray(image)
            values = np.asarray(processor(picture)["pixel_values"][0])
            if floating:
                return values, None
            pixels = np.asarray(processor(picture, **raw)["pixel_values"][0])
            assert pixels.dtype == np.uint8
            return values, pixels.transpose(1, 2, 0)

        return type(processor).__name__, run

    return prepare_in


def model_config(model_type, architecture, **more):
    labels = {"0": "road", "1": "side walk", "2": "driver's \"seat\""}
    config = {"architectures": [architecture], "model_type": model_type, "id2label": labels}
    return config | {"label2id": {name: int(index) for index, name in labels.items()}} | more


def saved(name, **settings):
    """preprocessor_config.json as transformers saves it."""
    return json.loads(getattr(transformers, name)(**settings).to_json_string())


def case(name, preprocessor, config=None, *, input=(224, 224), backend="torchvision", library=None, **more):
    library = library or {"torchvision": "torchvision", "pil": "pillow"}[backend]
    files = {"preprocessor_config.json": preprocessor}
    files |= {"config.json": config} if config else {}
    return Case(name, library, prepare(backend, library == "float"), input, files, **more)


def hugging_face_cases():
    vit = model_config("vit", "ViTForImageClassification", image_size=224, num_channels=3)
    yield case("vit", saved("ViTImageProcessor"), vit, sizes=ALL_SIZES)
    yield case("clip", saved("CLIPImageProcessor"), sizes=ALL_SIZES)
    yield case("clip_pillow", saved("CLIPImageProcessor"), backend="pil", sizes=ALL_SIZES)
    yield case("convnext_224", saved("ConvNextImageProcessor", size={"shortest_edge": 224}))
    yield case("dinov3", saved("DINOv3ViTImageProcessor"), library="float")
