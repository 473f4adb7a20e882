#!/usr/bin/env python3
"""Writes tests/golden/video: small video files of many kinds, and what the reference makes of them.

Every frame shows its number: the left half is 20 + 16 * (number mod 14) grey, the right half
20 + 16 * (number / 14 mod 14). index.jsonl has, for each file, the numbers that PyAV gives the reference
(frames, rate, duration) and for both families the sampled frames, the times, the size and the ids of a prompt.
colours.jsonl has, for each of a few files full of colours, the SHA-256 of every frame as PyAV gives it in RGB.

Needs ffmpeg (the program), PyAV, transformers, torch and torchvision.
"""
import hashlib
import json
import pathlib
import subprocess

import reference  # noqa: F401  (declares what torchvision needs; must come first)

import av
import numpy as np
import torch
import transformers
from transformers import AutoTokenizer, Glm46VProcessor, Glm4vProcessor
from transformers.models.glm4v.image_processing_glm4v import Glm4vImageProcessor, smart_resize
from transformers.models.glm4v.video_processing_glm4v import Glm4vVideoProcessor
from transformers.models.glm46v.image_processing_glm46v import Glm46VImageProcessor
from transformers.models.glm46v.video_processing_glm46v import Glm46VVideoProcessor
from transformers.video_utils import VideoMetadata

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "video"
WIDTH, HEIGHT = 64, 48
PROMPT = "[gMASK]<sop><|user|>\n<|begin_of_video|><|video|><|end_of_video|>What?<|assistant|>\n"
X264 = "-c:v libx264 -preset veryfast -crf 20 -pix_fmt yuv420p"

# name, frames, frames a second, options of ffmpeg behind the input, frames that the file shows first
FILES = [
    ("cfr25.mp4", 100, 25, f"{X264} -g 30 -bf 3"),
    ("fps1.mp4", 7, 1, X264),
    ("fps60.mp4", 90, 60, f"{X264} -g 20"),
    ("ntsc.mov", 61, "30000/1001", f"{X264} -g 250"),
    ("half_second.mp4", 15, 30, X264),
    ("one_frame.mp4", 1, 25, X264),
    ("two_frames.mp4", 2, 25, X264),
    ("minute.mp4", 600, 10, f"{X264} -g 50"),
    ("hour.mp4", 3600, 1, "-vf scale=32:32 -c:v libx264 -preset veryfast -crf 30 -pix_fmt yuv420p -g 120"),
    ("open_gop.mp4", 80, 24, f"{X264} -g 12 -bf 3 -x264-params open-gop=1:scenecut=0"),
    ("rotated_left.mp4", 40, 25, X264),
    ("rotated_right.mp4", 40, 25, X264),
    ("fragments.mp4", 60, 25, f"{X264} -g 15 -movflags frag_keyframe+empty_moov"),
    ("variable.mkv", 75, 25, f"-vf setpts=(N+0.4*sin(N))/25/TB -vsync vfr {X264} -g 25"),
    ("gaps.mp4", 40, 25, f"-vf setpts=(N+20*floor(N/10))/25/TB -vsync vfr {X264} -g 10"),
    ("vp9.webm", 50, 25, "-c:v libvpx-vp9 -b:v 60k -g 20"),
    ("hevc.mp4", 50, 25, "-c:v libx265 -preset veryfast -x265-params log-level=none -tag:v hvc1 -pix_fmt yuv420p"),
    ("xvid.avi", 50, 25, "-c:v mpeg4 -q:v 2 -g 12"),
    ("wmv2.wmv", 50, 25, "-c:v wmv2 -q:v 2 -g 12"),
    ("flv1.flv", 50, 25, "-c:v flv1 -q:v 2 -g 12"),
    ("mpeg1.mpg", 50, 25, "-c:v mpeg1video -q:v 2 -g 12 -bf 2"),
    ("stream.ts", 50, 25, f"{X264} -g 12"),
    ("intra.mov", 30, 15, "-c:v mjpeg -q:v 2 -pix_fmt yuvj420p"),
    ("ten_bit.mkv", 30, 25, "-c:v libx264 -crf 20 -pix_fmt yuv420p10le"),
    ("wide_range.mp4", 24, 24, "-vf scale=out_range=full -c:v libx264 -crf 20 -pix_fmt yuvj420p"),
]

# Colours between samples of chroma, in each form of 8 bits; those of more bits depend on FFmpeg's release.
COLOURS = [
    ("colours_420.mp4", "82x36", "-pix_fmt yuv420p"),
    ("colours_422.mp4", "64x48", "-pix_fmt yuv422p -color_range pc"),
    ("colours_444.mp4", "61x47", "-pix_fmt yuv444p -colorspace bt709 -color_primaries bt709 -color_trc bt709"),
]


def frame(number):
    picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    picture[:, : WIDTH // 2] = 20 + 16 * (number % 14)
    picture[:, WIDTH // 2 :] = 20 + 16 * (number // 14 % 14)
    return picture


def make(name, num_frames, fps, options):
    path = OUT / name
    command = f"ffmpeg -v error -y -f rawvideo -pix_fmt rgb24 -s {WIDTH}x{HEIGHT} -r {fps} -i - {options}"
    raw = b"".join(frame(i).tobytes() for i in range(num_frames))
    subprocess.run([*command.split(), "-map_metadata", "-1", "-fflags", "+bitexact", str(path)], input=raw, check=True)
    turn = {"rotated_left.mp4": "90", "rotated_right.mp4": "270"}.get(name)
    if turn:
        plain = path.with_suffix(".plain.mp4")
        path.rename(plain)
        subprocess.run(["ffmpeg", "-v", "error", "-y", "-i", plain, "-c", "copy", "-metadata:s:v", f"rotate={turn}", path], check=True)
        plain.unlink()


def processor_of(tokenizer, image, video, kind):
    tokens = AutoTokenizer.from_pretrained(OUT.parent / "tokenizer" / tokenizer)
    return kind(image_processor=image(), tokenizer=tokens, video_processor=video())


def prompt_ids(processor, metadata, sampled):
    """Their number, and one number made of them: the whole path of the reference but for the decoding."""
    # The size only: pixels do not decide over ids.
    frames = np.broadcast_to(np.uint8(0), (len(sampled["indices"]), 3, metadata.height, metadata.width))
    metadata.frames_indices = sampled["indices"]
    out = processor(text=[PROMPT], videos=[torch.from_numpy(frames.copy())], video_metadata=[metadata], do_sample_frames=False, add_special_tokens=False)
    value, ids = 0, [int(i) for i in out["input_ids"][0]]
    for i in ids:
        value = (value * 1000003 + i) % 2147483647
    return {"num_ids": len(ids), "ids_hash": value}


def sampled_frames(processor, metadata):
    # Of a video shorter than half a second the older rule takes nothing, and fails; ours one frame.
    return [int(i) for i in processor.sample_frames(metadata)] or [0, 0]


def sample(processor, metadata):
    indices = sampled_frames(processor, metadata)
    size = processor.size
    height, width = metadata.height, metadata.width
    h, w = smart_resize(len(indices), height, width, 2, 28, size["shortest_edge"], size["longest_edge"])
    return {"indices": indices, "height": h, "width": w}


def metadata_of(container, turned):
    """What transformers takes from PyAV. turned: width and height change places when it is shown."""
    stream = container.streams.video[0]
    fps = float(stream.average_rate)
    # Where the header does not count frames, the reference cannot sample: counted here.
    total = stream.frames or sum(1 for _ in container.decode(video=0))
    height, width = (stream.width, stream.height) if turned else (stream.height, stream.width)
    return VideoMetadata(total_num_frames=total, fps=fps, duration=total / fps, height=height, width=width)


def describe(name, num_frames):
    with av.open(str(OUT / name)) as container:
        metadata = metadata_of(container, name.startswith("rotated"))
    row = {"file": name, "shown": num_frames, "num_frames": metadata.total_num_frames, "fps": metadata.fps, "duration": metadata.duration,
           "height": metadata.height, "width": metadata.width}
    for key, processor in PROCESSORS.items():
        row[key] = sample(processor.video_processor, metadata)
        row[key] |= prompt_ids(processor, metadata, row[key])
        row[key]["times"] = [i / metadata.fps for i in row[key]["indices"]]
    return row


def colours(name, size, options):
    path = OUT / name
    command = f"ffmpeg -v error -y -f lavfi -i testsrc2=s={size}:r=5:d=1 -c:v libx264 -preset veryfast {options} -map_metadata -1 -fflags +bitexact"
    subprocess.run([*command.split(), path], check=True)
    with av.open(str(path)) as container:
        frames = [hashlib.sha256(f.to_ndarray(format="rgb24").tobytes()).hexdigest() for f in container.decode(video=0)]
    return {"file": name, "sha256": frames}


PROCESSORS = {
    "glm4v": processor_of("glm41v", Glm4vImageProcessor, Glm4vVideoProcessor, Glm4vProcessor),
    "glm46v": processor_of("glm45v", Glm46VImageProcessor, Glm46VVideoProcessor, Glm46VProcessor),
}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, num_frames, fps, options in FILES:
        make(name, num_frames, fps, options)
        rows.append(describe(name, num_frames))
    ffmpeg = subprocess.run(["ffmpeg", "-version"], capture_output=True, text=True).stdout.split()[2]
    header = {"generator": "tools/golden/video.py", "transformers": transformers.__version__, "av": av.__version__, "ffmpeg": ffmpeg}
    (OUT / "index.jsonl").write_text("\n".join(json.dumps(row) for row in [header, *rows]) + "\n")
    lines = [header, *(colours(*row) for row in COLOURS)]
    (OUT / "colours.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n")
    print(f"video: {len(rows)} files, {sum(f.stat().st_size for f in OUT.iterdir())} bytes")


if __name__ == "__main__":
    main()
