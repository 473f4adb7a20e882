#!/usr/bin/env python3
"""Builds tests/golden/models: five tiny random checkpoints and what transformers makes of them.

Usage: model.py [--out DIR] [name...]      Needs transformers, torch (CPU), numpy, safetensors.

Per model: config.json, generation_config.json, model.safetensors; for each case (text, 2img, video)
CASE.safetensors with the inputs, every stage's output, the logits and 12 greedy tokens; for the
models in TRAINED also train.safetensors with loss, gradients and ten AdamW steps.
media.safetensors holds the pictures before and after the resize. All in fp32, eager attention.
"""

import argparse
import hashlib
import json
import math
import pathlib
import platform

import numpy as np
import torch
from safetensors.torch import load_file, save_file

# The image processors import torchvision, which looks these operators up at import; where its
# compiled part does not fit the torch at hand, declaring them is enough.
for _name in ("nms", "qnms"):
    try:
        torch.library.define(
            f"torchvision::{_name}",
            "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    except RuntimeError:
        pass

import transformers  # noqa: E402
from transformers.models.glm4v.image_processing_glm4v import Glm4vImageProcessor  # noqa: E402
from transformers.models.glm4v.video_processing_glm4v import Glm4vVideoProcessor  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL_SEED = 1234
MEDIA_SEED = 7
NUM_GREEDY = 12
TRAINED = ("glm4v", "glm4v_moe")
TRAIN_STEPS = 10

IMAGE_BEGIN, IMAGE_END, VIDEO_BEGIN, VIDEO_END, IMAGE, VIDEO = range(310, 316)
TOKEN_IDS = dict(
    image_start_token_id=IMAGE_BEGIN, image_end_token_id=IMAGE_END,
    video_start_token_id=VIDEO_BEGIN, video_end_token_id=VIDEO_END,
    image_token_id=IMAGE, video_token_id=VIDEO)

# The greedy continuations of an earlier, independent run (text, 2img, video); a difference means
# that the recipe or the reference changed.
EXPECTED_GREEDY = {
    "glm4v": ("294 183 220 87 201 116 294 201 235 3 157 77",
              "11 212 153 144 221 289 212 153 12 276 289 212",
              "76 167 297 210 16 32 273 227 210 16 70 167"),
    "glm46v": ("294 132 294 183 220 87 100 242 0 220 217 87",
               "112 188 34 167 189 188 157 55 112 188 157 280",
               "76 217 247 167 297 217 16 111 210 167 264 70"),
    "glm4v_moe": ("268 43 8 176 249 166 306 59 25 17 172 299",
                  "229 251 316 18 218 18 102 167 22 101 31 25",
                  "176 105 195 6 22 18 102 48 61 259 299 96"),
    "glm4v_moe_grp": ("176 249 166 5 211 59 25 15 166 5 170 99",
                      "109 221 206 249 69 86 187 25 62 9 38 249",
                      "224 147 65 5 23 77 38 38 249 17 18 102"),
    "glm_ocr": ("55 186 80 232 296 300 199 186 80 80 80 149",
                "190 45 80 319 80 34 306 201 80 45 169 101",
                "190 157 300 169 101 135 101 135 101 135 101 135"),
}


def text_config(rope=None, **changes):
    config = dict(
        vocab_size=320, hidden_size=128, intermediate_size=160, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=2048,
        rms_norm_eps=1e-5, hidden_act="silu", pad_token_id=300, eos_token_id=[300, 301],
        rope_parameters=dict(rope_type="default", rope_theta=10000.0, partial_rotary_factor=0.5,
                             mrope_section=[2, 3, 3]))
    config["rope_parameters"].update(rope or {})
    config.update(changes)
    return config


def vision_config(**changes):
    config = dict(
        depth=2, hidden_size=64, num_heads=2, out_hidden_size=128, intermediate_size=96,
        image_size=84, patch_size=14, spatial_merge_size=2, temporal_patch_size=2, in_channels=3,
        rms_norm_eps=1e-5, hidden_act="silu", attention_bias=False)
    config.update(changes)
    return config


def moe_config(**changes):
    return text_config(
        hidden_size=64, head_dim=32, moe_intermediate_size=48, n_routed_experts=8,
        n_shared_experts=1, num_experts_per_tok=3, first_k_dense_replace=1, attention_bias=True,
        norm_topk_prob=True,
        **{**dict(n_group=1, topk_group=1, routed_scaling_factor=1.0), **changes})


# name -> (config class, model class, text config, vision config)
MODELS = {
    "glm4v": (transformers.Glm4vConfig, transformers.Glm4vForConditionalGeneration,
              text_config(), vision_config()),
    "glm46v": (transformers.Glm46VConfig, transformers.Glm46VForConditionalGeneration,
               text_config(rope=dict(rope_theta=500000.0), model_type="glm4v_text"),
               vision_config(model_type="glm4v_vision")),
    "glm4v_moe": (transformers.Glm4vMoeConfig, transformers.Glm4vMoeForConditionalGeneration,
                  moe_config(), vision_config(out_hidden_size=64, intermediate_size=80)),
    "glm4v_moe_grp": (
        transformers.Glm4vMoeConfig, transformers.Glm4vMoeForConditionalGeneration,
        moe_config(n_group=4, topk_group=2, routed_scaling_factor=2.5),
        vision_config(out_hidden_size=64, intermediate_size=80)),
    "glm_ocr": (
        transformers.GlmOcrConfig, transformers.GlmOcrForConditionalGeneration,
        text_config(rope=dict(partial_rotary_factor=1.0, mrope_section=[4, 6, 6]), hidden_size=48,
                    head_dim=32, intermediate_size=112),
        vision_config(out_hidden_size=48, intermediate_size=80, attention_bias=True)),
}


def randomise(model):
    """Random values everywhere: norms of 1 and biases of 0 would hide mistakes."""
    generator = torch.Generator().manual_seed(MODEL_SEED)
    state = model.state_dict()
    for key in sorted(state):
        value = state[key]
        if not value.is_floating_point():
            continue
        noise = torch.randn(value.shape, generator=generator)
        if key.endswith("e_score_correction_bias"):
            noise *= 0.2
        elif value.ndim == 1 and "norm" in key and key.endswith("weight"):
            noise = 1 + 0.2 * noise
        elif value.ndim == 1:
            noise *= 0.2
        elif "embed" in key and "proj" not in key:
            noise *= 0.5 if "position" in key else 1.0
        else:
            is_experts = value.ndim == 3 and "experts" in key
            fan_in = value.shape[-1] if is_experts else value[0].numel()
            noise = noise / math.sqrt(fan_in)
        value.copy_(noise.to(value.dtype))


def build(name, folder):
    """Writes the checkpoint and returns the model loaded back from it."""
    config_class, model_class, text, vision = MODELS[name]
    config = config_class(text_config=text, vision_config=vision, **TOKEN_IDS)
    config._attn_implementation = "eager"
    torch.manual_seed(0)
    model = model_class(config).eval().float()
    with torch.no_grad():
        randomise(model)
    model.save_pretrained(folder)
    return model_class.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager",
        experts_implementation="eager" if "moe" in name else None).eval()


def make_media():
    """The two images and the video, before and after preprocessing."""
    rng = np.random.default_rng(MEDIA_SEED)
    images = [torch.from_numpy(rng.integers(0, 256, (h, w, 3), dtype=np.uint8))
              for h, w in ((60, 85), (150, 70))]
    video = torch.from_numpy(rng.integers(0, 256, (6, 64, 90, 3), dtype=np.uint8))
    size = {"shortest_edge": 12544, "longest_edge": 9633792}
    plain = dict(do_rescale=False, do_normalize=False)
    image_processor = Glm4vImageProcessor(size=size)
    video_processor = Glm4vVideoProcessor()
    planes = [image.permute(2, 0, 1) for image in images]
    frames = [video.permute(0, 3, 1, 2)]
    image_out = image_processor(images=planes, return_tensors="pt")
    video_out = video_processor(videos=frames, do_sample_frames=False, return_tensors="pt")
    image_u8 = image_processor(images=planes, return_tensors="pt", **plain)["pixel_values"]
    video_u8 = video_processor(videos=frames, do_sample_frames=False, return_tensors="pt",
                               **plain)["pixel_values_videos"]
    return {
        "image.0": images[0], "image.1": images[1], "video": video,
        "2img.pixel_values": image_out["pixel_values"],
        "2img.grid_thw": image_out["image_grid_thw"],
        "2img.pixel_values_u8": image_u8.to(torch.uint8),
        "video.pixel_values": video_out["pixel_values_videos"],
        "video.grid_thw": video_out["video_grid_thw"],
        "video.pixel_values_u8": video_u8.to(torch.uint8),
    }


class Prompt:
    """Token ids with their types (0 text, 1 image, 2 image token of a video)."""

    def __init__(self):
        self.ids, self.types = [], []

    def text(self, *ids):
        self.ids += ids
        self.types += [0] * len(ids)
        return self

    def image(self, num_tokens, kind=1):
        self.text(IMAGE_BEGIN)
        self.ids += [IMAGE] * num_tokens
        self.types += [kind] * num_tokens
        return self.text(IMAGE_END)

    def tensors(self):
        return torch.tensor([self.ids]), torch.tensor([self.types])


def make_prompt(case):
    if case == "text":
        return Prompt().text(5, 6, 7, 30, 31, 50, 51, 52)
    if case == "2img":
        return (Prompt().text(5, 6, 7).image(12).text(20, 21).image(10)
                .text(30, 31, 50, 51, 52))
    prompt = Prompt().text(5, 6, 7, 30, 31, VIDEO_BEGIN)
    for frame in range(3):
        prompt.image(6, kind=2).text(40 + frame)
    return prompt.text(VIDEO_END, 50, 51, 52)


def model_inputs(case, media):
    ids, types = make_prompt(case).tensors()
    inputs = dict(input_ids=ids, mm_token_type_ids=types)
    if case == "2img":
        inputs.update(pixel_values=media["2img.pixel_values"],
                      image_grid_thw=media["2img.grid_thw"])
    if case == "video":
        inputs.update(pixel_values_videos=media["video.pixel_values"],
                      video_grid_thw=media["video.grid_thw"])
    return inputs


class Recorder:
    """Forward hooks that keep each stage's output under the golden file's name."""

    def __init__(self, model):
        self.tensors = {}
        self.handles = []
        self.half_split = model.config.model_type == "glm4v_moe"
        visual, text = model.model.visual, model.model.language_model
        self.keep_output(visual.patch_embed, "vision.patch_embed")
        if hasattr(visual, "embeddings"):
            self.handles.append(visual.embeddings.register_forward_hook(self.keep_position))
        for index, block in enumerate(visual.blocks):
            self.keep_output(block, f"vision.block.{index}")
        self.keep_output(visual.post_layernorm, "vision.post_layernorm")
        self.keep_output(visual.downsample, "vision.downsample")
        self.keep_output(visual.merger, "vision.rows")
        self.handles.append(text.rotary_emb.register_forward_hook(self.keep_rope))
        for index, layer in enumerate(text.layers):
            if index == 0:
                self.keep_input(layer, "inputs_embeds")
            # The first thing after the attention residual is this norm.
            self.keep_input(layer.post_attention_layernorm, f"layer.{index}.attn")
            if hasattr(layer.mlp, "experts"):
                self.handles.append(layer.mlp.experts.register_forward_pre_hook(
                    lambda _, args, index=index: self.keep_router(index, args[1], args[2])))
            self.keep_output(layer, f"layer.{index}.out")
        self.keep_output(text.norm, "final_norm")

    def put(self, name, value):
        self.tensors[name] = value.detach().reshape(-1, value.shape[-1]).clone()

    def keep_output(self, module, name):
        def hook(_, args, output):
            value = output[0] if isinstance(output, tuple) else output
            if name == "vision.downsample":  # [rows, channels, 1, 1]
                value = value.flatten(1)
            self.put(name, value)
        self.handles.append(module.register_forward_hook(hook))

    def keep_input(self, module, name):
        def hook(_, args, kwargs):
            self.put(name, args[0] if args else kwargs["hidden_states"])
        self.handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))

    def keep_position(self, module, args, _):
        # On zeros, so that the table's rows come out without the rounding of the sum.
        self.put("vision.pos_emb", module.forward(torch.zeros_like(args[0]), *args[1:]))

    def keep_rope(self, _, args, output):
        for name, value in zip(("rope_cos", "rope_sin"), output):
            # Every frequency is there twice: side by side or, for half-split pairs, in halves.
            half = value.shape[-1] // 2
            pairs = value.unflatten(-1, (2, half) if self.half_split else (half, 2))
            first, second = pairs.unbind(-2 if self.half_split else -1)
            if not torch.equal(first, second):
                raise SystemExit(f"{name}: unexpected layout of the rotary embedding")
            self.put(name, first)

    def keep_router(self, index, experts, weights):
        order = experts.argsort(dim=-1)
        self.put(f"layer.{index}.router_indices", experts.gather(-1, order))
        self.put(f"layer.{index}.router_weights", weights.gather(-1, order))

    def close(self):
        for handle in self.handles:
            handle.remove()


def positions_of(model, inputs):
    ids = inputs["input_ids"]
    if "image_grid_thw" not in inputs and "video_grid_thw" not in inputs:
        return torch.arange(ids.shape[1]).expand(3, 1, -1), torch.zeros(1, 1, dtype=torch.long)
    return model.model.get_rope_index(
        ids, inputs["mm_token_type_ids"], inputs.get("image_grid_thw"),
        inputs.get("video_grid_thw"))


@torch.no_grad()
def run_case(model, case, media):
    inputs = model_inputs(case, media)
    recorder = Recorder(model)
    model.model.rope_deltas = None  # cached between calls otherwise
    logits = model(**inputs).logits[0]
    recorder.close()
    position_ids, delta = positions_of(model, inputs)
    model.model.rope_deltas = None
    ids = inputs["input_ids"]
    generated = model.generate(
        **inputs, attention_mask=torch.ones_like(ids), do_sample=False,
        max_new_tokens=NUM_GREEDY, eos_token_id=-1, pad_token_id=300)
    tensors = {
        "input_ids": ids[0], "mm_token_type_ids": inputs["mm_token_type_ids"][0],
        "position_ids": position_ids[:, 0], "rope_delta": delta.reshape(1),
        "logits": logits, "greedy": generated[0, ids.shape[1]:], **recorder.tensors,
    }
    if case != "text":
        tensors["pixel_values"] = media[f"{case}.pixel_values"]
        tensors["grid_thw"] = media[f"{case}.grid_thw"]
    return tensors


def training_batch(media):
    """A text sequence and one with an image; only the last few tokens are targets."""
    text = Prompt().text(5, 6, 7, 30, 31, 50, 51, 52, 60, 61, 300)
    image = Prompt().text(5, 6, 7).image(12).text(30, 31, 70, 71, 72, 73, 300)
    rows = int(media["2img.grid_thw"][0].prod())
    vision = dict(pixel_values=media["2img.pixel_values"][:rows],
                  image_grid_thw=media["2img.grid_thw"][:1])
    batch = []
    for prompt, num_targets, extra in ((text, 6, {}), (image, 5, vision)):
        ids, types = prompt.tensors()
        labels = torch.full_like(ids, -100)
        labels[:, -num_targets:] = ids[:, -num_targets:]
        batch.append((dict(input_ids=ids, mm_token_type_ids=types, **extra), labels))
    return batch


def batch_loss(model, batch):
    """Mean over all targets of the batch; the sequences run one by one (no padding)."""
    total, count = 0.0, 0
    for inputs, labels in batch:
        model.model.rope_deltas = None
        logits = model(**inputs).logits[0, :-1]
        targets = labels[0, 1:]
        total = total + torch.nn.functional.cross_entropy(
            logits, targets, ignore_index=-100, reduction="sum")
        count += int((targets != -100).sum())
    return total / count, count


def named_gradients(model):
    """Gradients under the names of the checkpoint: fused experts come apart."""
    for name, parameter in model.named_parameters():
        gradient = parameter.grad
        if ".mlp.experts." not in name:
            yield name, gradient
            continue
        prefix, projection = name.rsplit(".", 1)
        for expert in range(gradient.shape[0]):
            if projection == "down_proj":
                yield f"{prefix}.{expert}.down_proj.weight", gradient[expert]
                continue
            gate, up = gradient[expert].chunk(2)
            yield f"{prefix}.{expert}.gate_proj.weight", gate
            yield f"{prefix}.{expert}.up_proj.weight", up


def run_training(model, media):
    batch = training_batch(media)
    tensors = {}
    for index, (inputs, labels) in enumerate(batch):
        position_ids, _ = positions_of(model, inputs)
        tensors[f"seq.{index}.input_ids"] = inputs["input_ids"][0]
        tensors[f"seq.{index}.mm_token_type_ids"] = inputs["mm_token_type_ids"][0]
        tensors[f"seq.{index}.position_ids"] = position_ids[:, 0]
        tensors[f"seq.{index}.labels"] = labels[0]
        if "pixel_values" in inputs:
            tensors[f"seq.{index}.pixel_values"] = inputs["pixel_values"]
            tensors[f"seq.{index}.grid_thw"] = inputs["image_grid_thw"]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.999), eps=1e-8,
                                  weight_decay=0.01)
    losses, norms = [], []
    for step in range(TRAIN_STEPS):
        optimizer.zero_grad()
        loss, count = batch_loss(model, batch)
        loss.backward()
        if step == 0:
            tensors["loss"] = loss.detach().reshape(1)
            tensors["num_targets"] = torch.tensor([count])
            for name, gradient in named_gradients(model):
                tensors["grad." + name] = gradient.detach().clone()
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item())
        losses.append(loss.item())
        optimizer.step()
    tensors["adamw.losses"] = torch.tensor(losses)  # before each step
    tensors["adamw.grad_norms"] = torch.tensor(norms)  # before clipping
    with torch.no_grad():
        tensors["adamw.final_loss"] = batch_loss(model, batch)[0].reshape(1)
    return tensors


def write(path, tensors):
    save_file({name: value.contiguous().clone() for name, value in tensors.items()}, path)
    print(f"{path}: {path.stat().st_size:,} bytes")


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def update_manifest(path, out):
    manifest = json.loads(path.read_text()) if path.exists() else {}
    manifest["models"] = {
        "generator": "tools/golden/model.py",
        "generator_sha256": sha256(pathlib.Path(__file__)),
        "versions": {"python": platform.python_version(), "torch": torch.__version__,
                     "transformers": transformers.__version__, "numpy": np.__version__},
        "seed": {"weights": MODEL_SEED, "media": MEDIA_SEED},
        "tolerance": {
            "fp32": {"logits_max_abs": 5e-5, "logits_rel_l2": 1e-5, "vision_rows_max_abs": 5e-6,
                     "pos_emb_max_abs": 2e-6, "pixel_values_max_abs": 2e-6,
                     "positions": "exact", "greedy": "exact"},
            "bf16": {"rel_l2": 5e-2, "cosine": 0.999, "cosine_moe_unpinned": 0.995},
        },
        "files": {str(file.relative_to(out)): sha256(file)
                  for file in sorted(out.rglob("*")) if file.is_file()},
    }
    path.write_text(json.dumps(manifest, indent=2) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "tests/golden/models")
    parser.add_argument("names", nargs="*", default=list(MODELS))
    arguments = parser.parse_args()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    media = make_media()
    write(out / "media.safetensors",
          {name: value for name, value in media.items() if not name.endswith("pixel_values")})
    for name in arguments.names:
        folder = out / name
        model = build(name, folder)
        weights = load_file(folder / "model.safetensors")
        print(name, sum(value.numel() for value in weights.values()), "values")
        for index, case in enumerate(("text", "2img", "video")):
            tensors = run_case(model, case, media)
            greedy = " ".join(str(token) for token in tensors["greedy"].tolist())
            if greedy != EXPECTED_GREEDY[name][index]:
                raise SystemExit(f"{name} {case}: greedy tokens changed: {greedy}")
            write(folder / f"{case}.safetensors", tensors)
        if name in TRAINED:
            write(folder / "train.safetensors", run_training(model, media))
    update_manifest(out.parent / "MANIFEST.json", out)


if __name__ == "__main__":
    main()
