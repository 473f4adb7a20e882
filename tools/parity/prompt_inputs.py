"""A prompt of prompts.py in the forms that glmv and transformers take."""
import numpy as np
import torch
from PIL import Image
from transformers.video_utils import VideoMetadata

GRIDS = ("image_grid_thw", "video_grid_thw")


def for_glmv(part):
    if part["type"] == "image":
        return {"type": "image_url", "image_url": {"url": part["image"]}}
    if part["type"] == "video":
        return {"type": "video", "video": part["frames"], "frame_times_s": [t / 10 for t in part["tenths"]]}
    return part


def messages_for_glmv(prompt):
    return [{**message, "content": content if isinstance(content := message["content"], str)
             else [for_glmv(part) for part in content]} for message in prompt.messages]


def reference_inputs(processor, prompt):
    messages = []
    for message in prompt.messages:
        content = message["content"]
        if isinstance(content, list):
            content = [part if part["type"] == "text" else {"type": part["type"]} for part in content]
        messages.append({"role": message["role"], "content": content})
    text = processor.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    arguments = {}
    if images := prompt.parts("image"):
        arguments["images"] = [Image.open(part["image"]).convert("RGB") for part in images]
    if videos := prompt.parts("video"):
        frames = [np.stack([np.asarray(Image.open(path).convert("RGB")) for path in part["frames"]])
                  for part in videos]
        arguments["videos"] = [torch.from_numpy(clip).permute(0, 3, 1, 2) for clip in frames]
        arguments["video_metadata"] = [
            VideoMetadata(total_num_frames=max(part["tenths"]) + 1, fps=10.0, frames_indices=part["tenths"])
            for part in videos]
        arguments["videos_kwargs"] = {"do_sample_frames": False}
    return processor(text=[text], return_tensors="pt", **arguments)
