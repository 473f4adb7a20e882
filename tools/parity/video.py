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
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "golden"))
import video as golden  # noqa: E402  (tools/golden/video.py: the reference's processors of both families)

import av  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

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


class Video:
    """A file as PyAV sees it. turns: how often np.rot90 turns a frame as the file says that it is shown."""

    def __init__(self, path):
        self.path = path
        with av.open(str(path)) as container:
            first = next(container.decode(video=0))
        self.turns = round(first.rotation / 90) % 4
        self.gate = DEEP_PIXELS if max(c.bits for c in first.format.components) > 8 else PIXELS
        with av.open(str(path)) as container:
            self.metadata = golden.metadata_of(container, self.turns % 2)

    def frames(self, indices):
        """As transformers: each once, and none that the header lists but that does not come."""
        wanted, found = set(indices), {}
        with av.open(str(self.path)) as container:
            for number, frame in enumerate(container.decode(video=0)):
                if number in wanted:
                    found[number] = np.rot90(frame.to_ndarray(format="rgb24"), self.turns)
                if number >= indices[-1]:
                    break
        frames = [found[i] for i in sorted(found)]
        frames += frames if len(frames) == 1 else []  # transformers refuses one frame, glmv shows it twice
        return torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)


def expected(processor, video):
    metadata = video.metadata
    indices = golden.sampled_frames(processor.video_processor, metadata)
    metadata.frames_indices = indices
    frames = video.frames(indices)
    out = processor(text=[golden.PROMPT], videos=[frames], video_metadata=[metadata], do_sample_frames=False, add_special_tokens=False)
    indices = sorted(set(indices))[: len(frames)]
    if len(indices) % 2:  # the processor repeats the last frame
        indices.append(indices[-1])
    return {
        "indices": indices,
        "times": [i / metadata.fps for i in indices],
        "grid": [int(i) for i in out["video_grid_thw"][0]],
        "ids": [int(i) for i in out["input_ids"][0]],
        "pixels": np.asarray(out["pixel_values_videos"], np.float32),
    }


def differences(got, pixels, want, gate):
    if "error" in got:
        return [got["error"]]
    found = [key for key in ("indices", "grid", "ids") if got[key] != want[key]]
    if len(got["times"]) != len(want["times"]) or max(abs(a - b) for a, b in zip(got["times"], want["times"])) > 1e-6:
        found.append("times")
    if pixels.size != want["pixels"].size:
        found.append("size of pixel_values")
    elif apart(pixels, want) > gate:
        found.append(f"pixel_values ({apart(pixels, want):.3f} apart on average)")
    return found


def apart(pixels, want):
    return float(np.abs(pixels - want["pixels"].ravel()).mean())


def compare(binary, paths, folder):
    failed, worst = 0, {PIXELS: 0.0, DEEP_PIXELS: 0.0}
    videos = [Video(path) for path in paths]
    for family, processor in golden.PROCESSORS.items():
        checkpoint = folder / family
        processor.tokenizer.save_pretrained(checkpoint)
        (checkpoint / "config.json").write_text(json.dumps({"model_type": family}))
        for video in videos:
            result = subprocess.run([binary, checkpoint, folder, video.path], capture_output=True, text=True, check=True)
            got, pixels_file = json.loads(result.stdout), folder / "0.f32"
            pixels = np.fromfile(pixels_file, np.float32) if "error" not in got else np.empty(0, np.float32)
            want = expected(processor, video)
            if pixels.size == want["pixels"].size:
                worst[video.gate] = max(worst[video.gate], apart(pixels, want))
            found = differences(got, pixels, want, video.gate)
            m = video.metadata
            print(f"  {family:7} {video.path.name:20} {m.duration:7.1f} s {m.fps:6.2f} fps {m.width:4} x {m.height:<4} {len(want['indices']):4} frames {len(want['ids']):6} ids  "
                  + ("differs: " + ", ".join(found) if found else "equal"))
            failed += bool(found)
    print(f"video: {len(videos)} files, {len(golden.PROCESSORS)} families, {failed} differ; "
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
