#!/usr/bin/env python3
"""Compares what a model gets of video files with transformers' processors, on new random files.

usage: video.py GLMV_VIDEO_INPUTS [--count 24] [--seed 1] [--files VIDEO...]

Files of many codecs and containers, 1 to 60 frames a second, half a second to an hour, with variable rates,
rotation and sound; --files compares these instead. For both families the sampled frames, grids and ids must be
equal and the times 1e-6 s apart at most; so must pixel_values of 8-bit files be. Those of more bits depend on
how FFmpeg's release interpolates chroma: they may be 0.12 apart on average (a step of 8 bits is 0.015) in the
test picture, which is all edges.

PyAV gives the frames, and their number, rate and length as transformers takes them from it. It counts no frames
in some containers, where transformers fails: they are counted here. It does not rotate: done here.
"""
import argparse
import json
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "golden"))
import reference  # noqa: E402,F401  (must come before transformers)

import av  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from transformers import AutoTokenizer, Glm4vProcessor, Glm46VProcessor  # noqa: E402
from transformers.models.glm4v.image_processing_glm4v import Glm4vImageProcessor  # noqa: E402
from transformers.models.glm4v.video_processing_glm4v import Glm4vVideoProcessor  # noqa: E402
from transformers.models.glm46v.image_processing_glm46v import Glm46VImageProcessor  # noqa: E402
from transformers.models.glm46v.video_processing_glm46v import Glm46VVideoProcessor  # noqa: E402
from transformers.video_utils import VideoMetadata  # noqa: E402

PROMPT = "[gMASK]<sop><|user|>\n<|begin_of_video|><|video|><|end_of_video|>What?<|assistant|>\n"
FAMILIES = {
    "glm4v": ("glm41v", Glm4vProcessor, Glm4vImageProcessor, Glm4vVideoProcessor),
    "glm46v": ("glm45v", Glm46VProcessor, Glm46VImageProcessor, Glm46VVideoProcessor),
}
PIXELS, DEEP_PIXELS = 1e-6, 0.12
CODECS = [
    ("mp4", "-c:v libx264 -preset veryfast -bf 0 -g 48"),
    ("mp4", "-c:v libx264 -preset veryfast -bf 3 -g 30"),
    ("mp4", "-c:v libx264 -preset veryfast -bf 2 -x264-params open-gop=1:keyint=20"),
    ("mov", "-c:v libx264 -preset veryfast -crf 12"),
    ("mkv", "-c:v libx264 -preset veryfast"),
    ("mp4", "-c:v libx265 -preset ultrafast -x265-params log-level=none -tag:v hvc1"),
    ("webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 300k"),
    ("avi", "-c:v mpeg4 -q:v 3 -g 25"),
    ("mov", "-c:v mjpeg -q:v 3 -pix_fmt yuvj420p"),
    ("ts", "-c:v libx264 -preset veryfast -g 25"),
]
PIXEL_FORMATS = ["yuv420p", "yuv420p", "yuv422p", "yuv444p", "yuv420p10le"]
COLOURS = ["", "", "-colorspace bt709 -color_primaries bt709 -color_trc bt709", "-colorspace smpte170m", "-color_range pc"]
RATES = ["1", "2.5", "5", "8", "10", "12", "15", "24000/1001", "24", "25", "30000/1001", "30", "48", "50", "60"]


def make(path_without_end, number, rng):
    """A random video; returns its path. The first three are half a second, half an hour and an hour long."""
    kind, codec = rng.choice(CODECS)
    seconds, rate = rng.choice([rng.uniform(0.5, 3), rng.uniform(3, 40), rng.uniform(40, 320)]), rng.choice(RATES)
    width, height = (2 * rng.randint(16, 160) for _ in range(2))
    if kind == "webm":
        width, height = width + rng.randint(0, 1), height + rng.randint(0, 1)
    if number < 3:
        seconds, rate = [(0.5, "30"), (rng.randint(1500, 2200), "2"), (3600, rng.choice(["1", "2", "3"]))][number]
        kind, codec, width, height = "mp4", CODECS[number % 2][1], 64, 48
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"testsrc2=s={width}x{height}:r={rate}:d={seconds}"]
    if rng.random() < 0.3:
        command += ["-f", "lavfi", "-i", f"sine=d={seconds}", "-shortest"]
    if rng.random() < 0.25 and number > 2 and kind in ("mp4", "mov", "mkv"):
        command += ["-vf", f"select='gt(random({rng.randint(1, 99)}),0.35)'", "-vsync", "vfr"]
    if "pix_fmt" not in codec:
        command += ["-pix_fmt", rng.choice(PIXEL_FORMATS) if "libx26" in codec else "yuv420p"]
        command += rng.choice(COLOURS).split()
    path = path_without_end.with_suffix("." + kind)
    subprocess.run([*command, *codec.split(), path], check=True)
    if kind in ("mp4", "mov") and rng.random() < 0.4:  # turned, and cut without coding it again
        plain = path.with_suffix(".plain." + kind)
        path.rename(plain)
        begin = rng.choice([0, rng.uniform(0, seconds / 2)])
        turn = rng.choice([0, 90, 180, 270])
        copy = ["-ss", f"{begin:.3f}", "-i", plain, "-c", "copy", "-metadata:s:v", f"rotate={turn}", path]
        subprocess.run(["ffmpeg", "-v", "error", "-y", *copy], check=True)
        plain.unlink()
    return path


def first_frame(path):
    with av.open(str(path)) as container:
        return next(container.decode(video=0))


def quarter_turns(path):
    """How often np.rot90 turns a frame as the file says that it is shown."""
    return round(first_frame(path).rotation / 90) % 4


def metadata_of(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate)
        total = stream.frames or sum(1 for _ in container.decode(video=0))
        height, width = stream.height, stream.width
    if quarter_turns(path) % 2:
        height, width = width, height
    return VideoMetadata(total_num_frames=total, fps=fps, duration=total / fps, height=height, width=width)


def frames_of(path, indices):
    """As transformers: each once, and none that the header lists but that does not come."""
    wanted, turns, found = set(indices), quarter_turns(path), {}
    with av.open(str(path)) as container:
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                found[number] = np.rot90(frame.to_ndarray(format="rgb24"), turns)
            if number >= indices[-1]:
                break
    frames = [found[i] for i in sorted(found)]
    frames += frames if len(frames) == 1 else []  # transformers refuses one frame, glmv shows it twice
    return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def expected(processor, path):
    metadata = metadata_of(path)
    # Of a video shorter than half a second the older rule takes nothing, and fails; ours one frame.
    indices = [int(i) for i in processor.video_processor.sample_frames(metadata)] or [0, 0]
    metadata.frames_indices = indices
    frames = frames_of(path, indices)
    out = processor(text=[PROMPT], videos=[frames], video_metadata=[metadata], do_sample_frames=False, add_special_tokens=False)
    indices = sorted(set(indices))[: len(frames)]
    if len(indices) % 2:  # the processor repeats the last frame
        indices.append(indices[-1])
    return {
        "indices": indices,
        "times": [i / metadata.fps for i in indices],
        "grid": [int(i) for i in out["video_grid_thw"][0]],
        "ids": [int(i) for i in out["input_ids"][0]],
        "pixels": np.asarray(out["pixel_values_videos"], np.float32),
        "metadata": metadata,
        "gate": DEEP_PIXELS if max(c.bits for c in first_frame(path).format.components) > 8 else PIXELS,
    }


def differences(got, pixels, want):
    if "error" in got:
        return [got["error"]]
    found = [key for key in ("indices", "grid", "ids") if got[key] != want[key]]
    if len(got["times"]) != len(want["times"]) or max(abs(a - b) for a, b in zip(got["times"], want["times"])) > 1e-6:
        found.append("times")
    if pixels.size != want["pixels"].size:
        found.append("size of pixel_values")
    elif apart(pixels, want) > want["gate"]:
        found.append(f"pixel_values ({apart(pixels, want):.3f} apart on average)")
    return found


def apart(pixels, want):
    return float(np.abs(pixels - want["pixels"].ravel()).mean())


def compare(binary, paths, folder):
    failed, worst = 0, {PIXELS: 0.0, DEEP_PIXELS: 0.0}
    for family, (tokenizer, kind, image, video) in FAMILIES.items():
        checkpoint = folder / family
        shutil.copytree(ROOT / "tests" / "golden" / "tokenizer" / tokenizer, checkpoint)
        (checkpoint / "config.json").write_text(json.dumps({"model_type": family}))
        processor = kind(image_processor=image(), tokenizer=AutoTokenizer.from_pretrained(checkpoint), video_processor=video())
        for path in paths:
            result = subprocess.run([binary, checkpoint, folder, path], capture_output=True, text=True, check=True)
            got, pixels_file = json.loads(result.stdout), folder / "0.f32"
            pixels = np.fromfile(pixels_file, np.float32) if "error" not in got else np.empty(0, np.float32)
            want = expected(processor, path)
            if pixels.size == want["pixels"].size:
                worst[want["gate"]] = max(worst[want["gate"]], apart(pixels, want))
            found = differences(got, pixels, want)
            m = want["metadata"]
            print(f"  {family:7} {path.name:20} {m.duration:7.1f} s {m.fps:6.2f} fps {m.width:4} x {m.height:<4} {len(want['indices']):4} frames {len(want['ids']):6} ids  "
                  + ("differs: " + ", ".join(found) if found else "equal"))
            failed += bool(found)
    print(f"video: {len(paths)} files, {len(FAMILIES)} families, {failed} differ; "
          f"pixel_values at most {worst[PIXELS]:.2g} apart on average, with more than 8 bits {worst[DEEP_PIXELS]:.2g}")
    return failed == 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("binary")
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--files", type=pathlib.Path, nargs="+")
    args = parser.parse_args()
    rng = random.Random(args.seed)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        paths = args.files or [make(folder / f"video{i}", i, rng) for i in range(args.count)]
        sys.exit(0 if compare(args.binary, paths, folder) else 1)


if __name__ == "__main__":
    main()
