"""Times predictions of mcdrop against the programs that a user would write instead.

The contenders take turns on the same images, samples, threads and outputs: a CSV with the class, its
confidence, predictive entropy and mutual information; and for segmentation, PNGs of the class map and of
two heat maps.
    pytorch          T forward passes of a PyTorch model, softmax stacked, entropies computed
    pytorch-batch    the same with the T samples as one batch
    onnxruntime      Python onnxruntime with its EliminateDropout switched off, T runs, numpy
    torch-uncertainty  its mc_dropout wrapper with last_layer=True, for networks whose dropout is last
    mcdrop           mcdrop predict
    mcdrop-deterministic  the same with --deterministic: one pass without dropout

Start-up is excluded. Each Python contender runs in its own process and measures the time from opening the
first file after one warm-up image until the last file is written. mcdrop is timed as a whole process, over one
image and over all images, and the difference counts.

The lower bound is measured as well: the prefix once and T + 1 passes of the suffix in ONNX Runtime, with
dropout off and nothing else.

Run (versions in .config/bench-peers.txt; `make bench-peers` sets everything up):
    python benches/peers.py MCDROP BOUND FOLDER [--only NAME] [--rounds 5] [--threads 2]
"""

import argparse
import csv
import itertools
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
STREETS = HERE.parent / "fixtures" / "streets" / "images"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Network: samples, images of a fast and of a slow contender.
CASES = [
    ("resnet18", 31, 96, 4), ("resnet18", 62, 96, 4),
    ("vgg16", 31, 32, 1), ("vgg16", 62, 32, 1),
    ("mobilenet_v3_segmentation", 31, 8, 1),
    ("unet", 31, 2, 1), ("unet_everywhere", 31, 2, 1),
]
SLOW = ["pytorch", "pytorch-batch", "onnxruntime", "torch-uncertainty"]
# Bytes of the largest activation of one sample, for those that run all samples at once.
LARGEST = {
    "resnet18": 4 * 64 * 112 * 112, "vgg16": 4 * 64 * 224 * 224,
    "mobilenet_v3_segmentation": 4 * 19 * 512 * 1024,
    "unet": 4 * 64 * 360 * 480, "unet_everywhere": 4 * 64 * 360 * 480,
}


def images(folder, size, count):
    """Writes JPEG files of a size: streets, each rotated slightly."""
    from PIL import Image

    folder = folder / f"{size[1]}x{size[0]}-{count}"
    folder.mkdir(parents=True, exist_ok=True)
    streets = itertools.cycle(sorted(STREETS.iterdir()))
    for number, street in zip(range(count), streets):
        path = folder / f"{number:02}.jpg"
        if not path.exists():
            picture = Image.open(street).convert("RGB").resize(size[::-1], Image.BICUBIC)
            picture.rotate(number % 7 - 3, resample=Image.BILINEAR).save(path, quality=92)
    return folder


def loaded(path):
    import numpy as np
    from PIL import Image

    pixels = np.asarray(Image.open(path).convert("RGB"), np.float32) / 255
    pixels = (pixels - np.float32(MEAN)) / np.float32(STD)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[None])


def written(folder, path, writer, mean, entropy):
    """Returns the row and the maps, computed from the mean probabilities and the mean entropy of the samples."""
    import numpy as np
    from PIL import Image

    predictive = -(mean * np.log(np.maximum(mean, 1e-30))).sum(0)
    information = np.maximum(predictive - entropy, 0)
    classes = mean.argmax(0)
    row = [path.name, int(np.bincount(classes.reshape(-1)).argmax()), float(mean.max(0).mean())]
    writer.writerow(row + [float(predictive.mean()), float(information.mean())])
    if classes.ndim == 2:
        Image.fromarray(classes.astype(np.uint8)).save(folder / f"{path.stem}-class.png")
        top = np.log(len(mean))
        for name, values in [("entropy", predictive), ("information", information)]:
            picture = Image.fromarray((values * (255 / top)).clip(0, 255).astype(np.uint8))
            picture.save(folder / f"{path.stem}-{name}.png")


def pytorch(name, model, samples, threads):
    import torch

    from networks import network

    torch.set_num_threads(threads)
    net, _ = network(name)

    def predict(image):
        with torch.inference_mode():
            x = torch.from_numpy(image)
            passes = torch.stack([net(x).softmax(1)[0] for _ in range(samples)])
            entropy = -(passes * passes.clamp_min(1e-30).log()).sum(1).mean(0)
            return passes.mean(0).numpy(), entropy.numpy()

    return predict


def pytorch_batch(name, model, samples, threads):
    import torch

    from networks import network

    torch.set_num_threads(threads)
    net, _ = network(name)

    def predict(image):
        with torch.inference_mode():
            x = torch.from_numpy(image).expand(samples, -1, -1, -1)
            passes = net(x).softmax(1)
            entropy = -(passes * passes.clamp_min(1e-30).log()).sum(1).mean(0)
            return passes.mean(0).numpy(), entropy.numpy()

    return predict


def onnxruntime(name, model, samples, threads):
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(
        model, options, providers=["CPUExecutionProvider"], disabled_optimizers=["EliminateDropout"]
    )

    def predict(image):
        mean = entropy = 0
        for _ in range(samples):
            logits = session.run(None, {"image": image})[0][0]
            logits -= logits.max(0)
            e = np.exp(logits)
            p = e / e.sum(0)
            mean = mean + p / samples
            entropy = entropy - (p * np.log(np.maximum(p, 1e-30))).sum(0) / samples
        return mean, entropy

    return predict


def torch_uncertainty(name, model, samples, threads):
    import torch
    from torch_uncertainty.methods.mc_dropout import mc_dropout

    from networks import network

    torch.set_num_threads(threads)
    net, _ = network(name)
    net = mc_dropout(net.eval(), num_estimators=samples, last_layer=True).eval()

    def predict(image):
        with torch.inference_mode():
            passes = net(torch.from_numpy(image)).softmax(1)
            entropy = -(passes * passes.clamp_min(1e-30).log()).sum(1).mean(0)
            return passes.mean(0).numpy(), entropy.numpy()

    return predict


PYTHON = {
    "pytorch": pytorch, "pytorch-batch": pytorch_batch, "onnxruntime": onnxruntime,
    "torch-uncertainty": torch_uncertainty,
}


def run_python(contender, name, model, samples, threads, folder, count):
    """Runs in the contender's process; returns seconds per image."""
    predict = PYTHON[contender](name, model, samples, threads)
    paths = sorted(pathlib.Path(folder).iterdir())[: count + 1]
    with tempfile.TemporaryDirectory() as out, open(f"{out}/rows.csv", "w", newline="") as rows:
        out, writer = pathlib.Path(out), csv.writer(rows)
        begin = None
        for number, path in enumerate(paths):
            if number == 1:
                begin = time.perf_counter()
            written(out, path, writer, *predict(loaded(path)))
        rows.flush()
        seconds = (time.perf_counter() - begin) / (len(paths) - 1)
    print(json.dumps({"seconds": seconds, "memory": peak(resource.RUSAGE_SELF)}))


def peak(of):
    return resource.getrusage(of).ru_maxrss * 1024


def run_mcdrop(program, model, samples, threads, folder):
    """Returns seconds per image: the time of all images minus that of one."""
    paths = sorted(folder.iterdir())
    seconds = []
    with tempfile.TemporaryDirectory() as out:
        few = pathlib.Path(out) / "few"
        few.mkdir()
        os.link(paths[0], few / paths[0].name) if os.stat(out).st_dev == os.stat(folder).st_dev else (
            few / paths[0].name).write_bytes(paths[0].read_bytes())
        for number, given in enumerate([few, folder]):
            command = [program, "predict", model, given, "-o", f"{out}/{number}"]
            command += ["--samples", samples] if int(samples) else ["--deterministic"]
            command += ["--threads", threads, "--preset", "imagenet"]
            if model.stem != "resnet18" and model.stem != "vgg16":
                command += ["--maps", "prediction,predictive_entropy,mutual_information"]
            begin = time.perf_counter()
            subprocess.run([str(word) for word in command], check=True, stderr=subprocess.DEVNULL)
            seconds.append(time.perf_counter() - begin)
    return (seconds[1] - seconds[0]) / (len(paths) - 1)


def measured(command):
    """Returns the output of a process, with the peak memory of the largest child."""
    run = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    if run.returncode:
        return None, run.stderr.strip().splitlines()[-1:]
    return json.loads(run.stdout.strip().splitlines()[-1]), None


def mcdrop_process(program, model, samples, threads, folder):
    command = [sys.executable, __file__, program, "-", folder.parent, "--mcdrop", model, samples, threads, folder]
    return measured(command)


def case(arguments, name, samples, fast, slow):
    from networks import NETWORKS

    model = arguments.folder / f"{name}.onnx"
    size = NETWORKS[name][1]
    folder = images(arguments.folder / "images", size, fast + 1)
    times = {contender: [] for contender in arguments.contenders}
    memory, why, bounds = {}, {}, []
    for turn in range(arguments.rounds):
        for contender in arguments.contenders:
            if contender in why:
                continue
            if contender == "torch-uncertainty" and name not in ("resnet18", "vgg16"):
                why[contender] = "its last layer is not the dropout"
                continue
            if contender == "pytorch-batch" and 6 * samples * LARGEST[name] > arguments.memory:
                why[contender] = "does not fit memory"
                continue
            if contender.startswith("mcdrop"):
                drawn = samples if contender == "mcdrop" else 0
                found, error = mcdrop_process(arguments.mcdrop, model, drawn, arguments.threads, folder)
            else:
                command = [sys.executable, __file__, "-", "-", arguments.folder, "--python", contender, name, model]
                found, error = measured(command + [samples, arguments.threads, folder, slow])
            if found is None and contender == "mcdrop":
                sys.exit(f"{name}: {error}")
            if found is None:
                why[contender] = " ".join(error or ["failed"])[:80]
                continue
            times[contender].append(found["seconds"])
            memory[contender] = max(memory.get(contender, 0), found["memory"])
            print(name, samples, turn, contender, round(found["seconds"], 4), file=sys.stderr)
        # Right after mcdrop's turn: a machine's speed changes within minutes.
        bound, error = measured([arguments.bound, model, *size, samples, arguments.threads])
        if bound is None:
            sys.exit(f"{name}: {error}")
        bounds.append(bound["bound_seconds"])
        print(name, samples, turn, "bound", round(bounds[-1], 4), file=sys.stderr)
    return {
        "network": name, "samples": samples, "bounds": bounds, "times": times, "memory": memory, "why": why,
        "images": {"mcdrop": fast, "others": slow},
    }


def table(results):
    print("| network, T | contender | s an image | mcdrop is faster by | peak memory |")
    print("|---|---|---|---|---|")
    for result in results:
        own = statistics.median(result["times"]["mcdrop"])
        for contender, times in result["times"].items():
            head = f"| {result['network']}, {result['samples']} | {contender} |"
            if not times:
                print(f"{head} {result['why'].get(contender, '')} | | |")
                continue
            middle = statistics.median(times)
            ratio = "" if contender == "mcdrop" else f"{middle / own:.1f}x"
            if contender == "mcdrop-deterministic":
                ratio = f"T samples take {own / middle:.2f} times as long"
            print(f"{head} {middle:.3f} | {ratio} | {result['memory'][contender] / 1e6:.0f} MB |")
        bounds = result["bounds"]
        share = statistics.median(bound / own for bound, own in zip(bounds, result["times"]["mcdrop"]))
        head = f"| {result['network']}, {result['samples']} | bound |"
        print(f"{head} {statistics.median(bounds):.3f} | {100 * share:.0f} % of its speed | |")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("mcdrop")
    parser.add_argument("bound")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--only")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--memory", type=float, default=8e9, help="bytes that all samples at once may take")
    parser.add_argument("--contenders", default=",".join([*SLOW, "mcdrop", "mcdrop-deterministic"]))
    parser.add_argument("--json", type=pathlib.Path)
    parser.add_argument("--python", nargs=7, help=argparse.SUPPRESS)
    parser.add_argument("--mcdrop", nargs=4, dest="own", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.contenders = arguments.contenders.split(",")
    if arguments.python:
        contender, name, model, samples, threads, folder, count = arguments.python
        return run_python(contender, name, model, int(samples), int(threads), folder, int(count))
    if arguments.own:
        model, samples, threads, folder = arguments.own
        seconds = run_mcdrop(arguments.mcdrop, pathlib.Path(model), samples, threads, pathlib.Path(folder))
        return print(json.dumps({"seconds": seconds, "memory": peak(resource.RUSAGE_CHILDREN)}))
    chosen = [case for case in CASES if arguments.only in (None, case[0])]
    results = [case(arguments, *one) for one in chosen]
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    table(results)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    main()
