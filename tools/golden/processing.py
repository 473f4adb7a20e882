#!/usr/bin/env python3
"""Writes tests/golden/processing from transformers' GLM-V processors: target sizes, frame sampling,
pixel values, prompts of videos and position ids.

Needs transformers >= 5.23, torch and torchvision (see tools/golden/reference.py).
"""
import json
import pathlib
import random

import reference  # noqa: F401  (declares what torchvision needs; must come first)

import numpy as np
import torch
import transformers
from transformers.models.glm4v import modeling_glm4v
from transformers.models.glm4v.configuration_glm4v import Glm4vConfig
from transformers.models.glm4v.image_processing_glm4v import Glm4vImageProcessor, smart_resize
from transformers.models.glm4v.video_processing_glm4v import Glm4vVideoProcessor
from transformers.models.glm46v.video_processing_glm46v import Glm46VVideoProcessor
from transformers.video_utils import VideoMetadata

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "processing"
RELEASED = {"shortest_edge": 12544, "longest_edge": 9633792}


def write(name, rows):
    header = {"generator": "tools/golden/processing.py", "transformers": transformers.__version__, "torch": torch.__version__.split("+")[0]}
    (OUT / name).write_text("\n".join(json.dumps(row) for row in [header, *rows]) + "\n")
    print(f"{name}: {len(rows)} rows")


def test_picture(width, height, frame=0):
    x, y, c = np.meshgrid(np.arange(width), np.arange(height), np.arange(3), indexing="xy")
    return ((7 * x + 13 * y + 31 * c + (x * y) % 17 + 57 * frame) % 256).astype(np.uint8)


def sizes():
    rng = random.Random(11)
    for i in range(600):
        n = 2 if i % 2 == 0 else rng.randint(1, 700)
        edge = 10 ** rng.uniform(0, 4.3)
        h = max(1, int(edge))
        w = max(1, int(edge * 10 ** rng.uniform(-2.4, 2.4)))
        row = {
            "n": n, "h": h, "w": w,
            "min": rng.choice([12544, 3136, 200704]),
            "max": rng.choice([9633792, 47040000, 11760000, 500000]),
            "factor": rng.choice([28, 28, 28, 32]),
        }
        try:
            row["out"] = smart_resize(n, h, w, 2, row["factor"], row["min"], row["max"])
        except ValueError:
            row["error"] = True
        yield row


def samplings():
    rng = random.Random(12)
    glm4v, glm46v = Glm4vVideoProcessor(), Glm46VVideoProcessor()
    for i in range(300):
        fps = rng.choice([1, 2, 10, 23.976, 24, 25, 29.97, 30, 50, 60, 120, rng.uniform(0.5, 130)])
        n = int(10 ** rng.uniform(0, 5))
        duration = rng.choice([0, n / fps, (n - 1) / fps, n / fps * rng.uniform(0.9, 1.1)])
        if 0 < duration < 0.2:
            duration = 0
        row = {"fps": fps, "n": n, "duration": duration}
        for key, processor in (("glm4v", glm4v), ("glm46v", glm46v)):
            indices = processor.sample_frames(VideoMetadata(total_num_frames=n, fps=fps, duration=duration or None))
            weighted = int(sum((k + 1) * int(v) for k, v in enumerate(indices)))
            row[key] = {"count": len(indices), "weighted_sum": weighted}
        yield row


def pixel_rows():
    processor = Glm4vImageProcessor(size=RELEASED)
    # The last ones cross the upper limit, set low to keep the test quick.
    for width, height, longest in (
        (85, 60, None), (1, 1, None), (10, 200, None), (336, 336, None), (500, 333, None),
        (333, 500, None), (28, 1500, None), (640, 480, None), (900, 700, 500000), (1600, 300, 300000),
    ):
        size = dict(RELEASED, longest_edge=longest or RELEASED["longest_edge"])
        out = processor([test_picture(width, height)], size=size, return_tensors="pt", input_data_format="channels_last")
        yield summary(out["pixel_values"], out["image_grid_thw"][0], width=width, height=height, frames=0, longest_edge=size["longest_edge"])
    video = Glm4vVideoProcessor()
    for width, height, frames, longest in ((90, 64, 6, None), (90, 64, 5, None), (200, 120, 2, None), (300, 200, 9, 200000)):
        size = {"shortest_edge": 12544, "longest_edge": longest or 47040000}
        clip = np.stack([test_picture(width, height, f) for f in range(frames)])
        out = video([torch.from_numpy(clip).permute(0, 3, 1, 2)], do_sample_frames=False, size=size, return_tensors="pt")
        yield summary(out["pixel_values_videos"], out["video_grid_thw"][0], width=width, height=height, frames=frames, longest_edge=size["longest_edge"])


def summary(values, grid, **row):
    values = values.double()
    rng = random.Random(len(values))
    picks = [(rng.randrange(values.shape[0]), rng.randrange(values.shape[1])) for _ in range(12)]
    row["grid"] = grid.tolist()
    row["sum"] = values.sum().item()
    row["squares"] = (values * values).sum().item()
    # Sensitive to any exchange of rows or columns.
    rows = torch.arange(values.shape[0], dtype=torch.float64) % 97 + 1
    columns = torch.arange(values.shape[1], dtype=torch.float64) % 89 + 1
    row["ordered_sum"] = (rows @ values @ columns).item()
    row["values"] = [[r, c, values[r, c].item()] for r, c in picks]
    return row


def positions():
    config = Glm4vConfig(
        text_config=dict(vocab_size=320, hidden_size=32, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1),
        vision_config=dict(depth=1, hidden_size=32, num_heads=2, out_hidden_size=32, intermediate_size=32, image_size=28),
    )
    model = modeling_glm4v.Glm4vModel(config)
    rng = random.Random(13)
    for _ in range(60):
        runs, images, videos = [[0, rng.randint(1, 9)]], [], []
        for _ in range(rng.randint(0, 5)):
            h, w = 2 * rng.randint(1, 9), 2 * rng.randint(1, 9)
            if rng.random() < 0.6:
                images.append([1, h, w])
                runs += [[1, h * w // 4], [0, rng.randint(1, 6)]]
            else:
                t = rng.randint(1, 4)
                videos.append([t, h, w])
                for _ in range(t):
                    runs += [[2, h * w // 4], [0, rng.randint(1, 6)]]
        types = torch.tensor([[kind for kind, count in runs for _ in range(count)]])
        position_ids, delta = model.get_rope_index(
            input_ids=torch.ones_like(types),
            mm_token_type_ids=types,
            image_grid_thw=torch.tensor(images) if images else None,
            video_grid_thw=torch.tensor(videos) if videos else None,
        )
        hashes = []
        for axis in position_ids[:, 0].tolist():
            value = 0
            for position in axis:
                value = (value * 1000003 + position) % 2147483647
            hashes.append(value)
        yield {"types": runs, "images": images, "videos": videos, "delta": delta.item(), "hash": hashes}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    write("smart_resize.jsonl", list(sizes()))
    write("frame_sampling.jsonl", list(samplings()))
    write("pixel_values.jsonl", list(pixel_rows()))
    write("positions.jsonl", list(positions()))


if __name__ == "__main__":
    main()
