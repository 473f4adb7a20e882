#!/usr/bin/env python3
"""Compares picture preprocessing with transformers' processor on random pictures and sizes.

usage: processing.py GLMV_PREPROCESS [--count 200] [--seed 1] [--speed]

Decoded bytes (against Pillow) and resized bytes must be equal, pixel_values at most 2e-6 apart.
--speed times JPEG files beside the reference instead.
"""
import argparse
import io
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import reference  # noqa: E402,F401  (must come before transformers)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402
from transformers.image_utils import SizeDict  # noqa: E402
from transformers.models.glm4v.image_processing_glm4v import Glm4vImageProcessor  # noqa: E402

TOLERANCE = 2e-6
LONGEST = 9633792


def random_picture(rng, np_rng):
    kind = rng.random()
    if kind < 0.15:
        width, height = rng.randint(1, 40), rng.randint(1, 40)
    else:
        width, height = (max(1, int(10 ** rng.uniform(1, 3.2))) for _ in range(2))
    if max(width, height) > 200 * max(1, min(width, height)):
        width = height
    if rng.random() < 0.5:
        values = np_rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    else:
        y, x = np.mgrid[0:height, 0:width]
        values = np.stack([(x * rng.uniform(0.1, 9) + y * rng.uniform(0.1, 9)) % 256 for _ in range(3)], -1)
        values = values.astype(np.uint8)
    return Image.fromarray(values)


def encode(image, rng):
    buffer = io.BytesIO()
    choice = rng.random()
    if choice < 0.5:
        image = image.convert("L") if rng.random() < 0.15 else image
        image.save(buffer, "JPEG", quality=rng.randint(20, 98), subsampling=rng.choice([0, 1, 2]), progressive=rng.random() < 0.3)
        return buffer.getvalue(), ".jpg"
    if choice < 0.7:
        image = image.quantize(rng.randint(2, 256))
    elif choice < 0.8:
        image = image.convert("L")
    image.save(buffer, "PNG")
    return buffer.getvalue(), ".png"


def run(binary, out, longest, repeat, paths):
    result = subprocess.run([binary, str(out), str(longest), str(repeat), *map(str, paths)], capture_output=True, text=True, check=True)
    if result.stderr:
        print(result.stderr.strip())
    return [json.loads(line) for line in result.stdout.splitlines()]


def compare(binary, count, seed):
    rng, np_rng = random.Random(seed), np.random.default_rng(seed)
    processor = Glm4vImageProcessor(size={"shortest_edge": 12544, "longest_edge": LONGEST})
    worst, decoded_bad, resized_bad, grids_bad, skipped = 0.0, 0, 0, 0, 0
    for start in range(0, count, 20):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            # Low limits for some batches, so that shrinking is tested on small pictures too.
            longest = LONGEST if start % 40 == 0 else rng.choice([100_000, 400_000, 1_000_000])
            size = {"shortest_edge": 12544, "longest_edge": longest}
            paths = []
            for i in range(min(20, count - start)):
                data, suffix = encode(random_picture(rng, np_rng), rng)
                paths.append(folder / f"picture_{i}{suffix}")
                paths[-1].write_bytes(data)
            rows = run(binary, folder, longest, 1, paths)
            for i, (path, row) in enumerate(zip(paths, rows, strict=True)):
                image = Image.open(path).convert("RGB")
                try:
                    expected = processor([image], size=size, return_tensors="pt")
                except ValueError:
                    skipped += 1
                    assert row.get("error"), path
                    continue
                grid = expected["image_grid_thw"][0].tolist()
                grids_bad += grid != row["grid"]
                decoded_bad += (folder / f"{i}.rgb").read_bytes() != image.tobytes()
                planes = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None].contiguous()
                resized = processor.resize(planes, SizeDict(**size), resample=3, factor=28, temporal_factor=2)
                resized_bad += (folder / f"{i}.u8").read_bytes() != resized[0].permute(1, 2, 0).contiguous().numpy().tobytes()
                ours = np.fromfile(folder / f"{i}.f32", np.float32).reshape(expected["pixel_values"].shape)
                worst = max(worst, float(np.abs(ours - expected["pixel_values"].numpy()).max()))
    print(f"{count} pictures ({skipped} refused by both): decoded bytes differ in {decoded_bad}, resized bytes in {resized_bad}, "
          f"grids in {grids_bad}; pixel_values at most {worst:.3g} apart")
    return decoded_bad == resized_bad == grids_bad == 0 and worst <= TOLERANCE


def photograph(width, height):
    """Large structures, edges and grain: what a camera's JPEG holds."""
    rng = np.random.default_rng(3)
    values = np.full((height, width, 3), 128.0)
    for detail, strength in ((8, 60), (32, 40), (128, 25), (512, 12)):
        coarse = rng.normal(0, 1, (height * detail // 4096 + 2, width * detail // 4096 + 2, 3)).astype(np.float32)
        for c in range(3):
            values[..., c] += strength * np.asarray(Image.fromarray(coarse[..., c]).resize((width, height), Image.BICUBIC))
    y, x = np.mgrid[0:height, 0:width]
    for _ in range(60):
        radius = rng.uniform(0.01, 0.08) * width
        values[(x - rng.uniform(0, width)) ** 2 + (y - rng.uniform(0, height)) ** 2 < radius**2] += rng.normal(0, 40, 3)
    values += rng.normal(0, 3, values.shape)
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def speed(binary):
    """JPEG files of photograph-like pictures to patches, alternating runs."""
    processor = Glm4vImageProcessor(size={"shortest_edge": 12544, "longest_edge": LONGEST})
    for width, height in ((3840, 2160), (4000, 3000), (448, 448)):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "picture.jpg"
            photograph(width, height).save(path, "JPEG", quality=90, subsampling=2)
            theirs, ours, our_decode = [], [], []
            for _ in range(5):
                start = time.perf_counter()
                processor([Image.open(path).convert("RGB")], return_tensors="pt")
                theirs.append((time.perf_counter() - start) * 1e3)
                row = run(binary, "-", LONGEST, 3, [path])[0]
                ours.append(row["total_ms"])
                our_decode.append(row["decode_ms"])
            print(f"{width} x {height} JPEG of {path.stat().st_size / 1e6:.2f} MB, {torch.get_num_threads()} threads, best and median: "
                  f"reference {min(theirs):.1f} {statistics.median(theirs):.1f} ms, glmv {min(ours):.1f} {statistics.median(ours):.1f} ms "
                  f"(decoding alone {statistics.median(our_decode):.1f}), ratio {min(theirs) / min(ours):.2f} "
                  f"{statistics.median(theirs) / statistics.median(ours):.2f}")
    return True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary")
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", action="store_true")
    args = parser.parse_args()
    ok = speed(args.binary) if args.speed else compare(args.binary, args.count, args.seed)
    sys.exit(0 if ok else 1)


if __name__ == "__main__":
    main()
