"""GGUF files of random weights, with the shapes of a config.json and the types llama.cpp would pick.

Blocks are drawn at random with scales that give every weight a spread of about 0.02; nothing is
quantised, so a file is written as fast as the disk takes it. Names, metadata and types follow
llama.cpp's converter and its quantiser (tensors whose rows are no multiple of 256 fall back to
blocks of 32, the head is Q6_K beside 4-bit weights).
"""

import json
import struct
from pathlib import Path

import numpy as np

SPREAD = 0.02
POOL_BLOCKS = 1 << 16
ALIGNMENT = 32
TYPES = {  # number in the file, elements and bytes of a block
    "F32": (0, 1, 4), "F16": (1, 1, 2), "BF16": (30, 1, 2), "Q4_0": (2, 32, 18), "Q5_0": (6, 32, 22),
    "Q8_0": (8, 32, 34), "Q4_K": (12, 256, 144), "Q6_K": (14, 256, 210)}
FILE_TYPES = {"F16": 1, "Q4_0": 2, "Q8_0": 7, "Q4_K_M": 15, "BF16": 32}
FALLBACK = {"Q4_K": "Q5_0", "Q6_K": "Q8_0"}


def random_blocks(kind, rng):
    """Bytes of POOL_BLOCKS blocks (many more elements for the unquantised kinds)."""
    n = POOL_BLOCKS

    def raw(count, low=0, high=256):
        return rng.integers(low, high, (n, count), dtype=np.uint8)

    def scale(value):
        spread = value * rng.uniform(0.8, 1.2, (n, 1))
        return spread.astype(np.float16).view(np.uint8)

    if kind in ("F32", "F16", "BF16"):
        values = (rng.standard_normal(n * 64) * SPREAD).astype(np.float32)
        if kind == "BF16":
            return (values.view(np.uint32) >> 16).astype(np.uint16).tobytes()
        return values.astype(np.float16).tobytes() if kind == "F16" else values.tobytes()
    if kind == "Q4_0":  # 4 bits minus 8
        return np.hstack([scale(SPREAD / 4.6), raw(16)]).tobytes()
    if kind == "Q5_0":  # the high bits, then the low ones; minus 16
        return np.hstack([scale(SPREAD / 9.2), raw(4), raw(16)]).tobytes()
    if kind == "Q8_0":
        return np.hstack([scale(SPREAD / 74), raw(32)]).tobytes()
    if kind == "Q4_K":  # scale of scales, scale of minima, 12 bytes of both, 4 bits
        one = SPREAD / 4.6 / 32
        return np.hstack([scale(one), scale(one * 7.5), raw(12), raw(128)]).tobytes()
    if kind == "Q6_K":  # low 4 bits, high 2 bits, signed scales, scale of scales
        return np.hstack([raw(128), raw(64), raw(16, 16, 48), scale(SPREAD / 18.5 / 32)]).tobytes()
    raise ValueError(kind)


class Writer:
    def __init__(self):
        self.pairs, self.tensors = [], []

    def put(self, key, kind, value):
        """kind: u32, i32, f32, bool, str, or a list of one of these, as "[str]"."""
        self.pairs.append(text(key) + typed(kind, value))

    def tensor(self, name, dims, kind):
        """dims: fastest first, as in the file."""
        elements, block_bytes = TYPES[kind][1:]
        if dims[0] % elements:
            raise ValueError(f"{name}: {dims[0]} columns are no multiple of {elements} ({kind})")
        count = int(np.prod(dims, dtype=np.int64))
        self.tensors.append((name, dims, kind, count // elements * block_bytes))

    def write(self, path, rng):
        head = b"GGUF" + struct.pack("<IQQ", 3, len(self.tensors), len(self.pairs))
        head += b"".join(self.pairs)
        offset = 0
        for name, dims, kind, num_bytes in self.tensors:
            head += text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, TYPES[kind][0], offset)
            offset += padded(num_bytes)
        pools = {kind: memoryview(random_blocks(kind, rng)) for kind in {t[2] for t in self.tensors}}
        partial = path.with_suffix(".partial")
        with open(partial, "wb") as file:
            file.write(head.ljust(padded(len(head)), b"\0"))
            for index, (name, dims, kind, num_bytes) in enumerate(self.tensors):
                write_data(file, name, dims, kind, num_bytes, pools[kind], index)
        partial.rename(path)


def padded(size):
    return -(-size // ALIGNMENT) * ALIGNMENT


def text(value):
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def typed(kind, value):
    if kind.startswith("["):
        one = kind[1:-1]
        numbers = {"u32": 4, "i32": 5, "f32": 6, "bool": 7, "str": 8}
        return (struct.pack("<IIQ", 9, numbers[one], len(value)) +
                b"".join(typed(one, v)[4:] for v in value))
    if kind == "str":
        return struct.pack("<I", 8) + text(value)
    number, code = {"u32": (4, "I"), "i32": (5, "i"), "f32": (6, "f"), "bool": (7, "?")}[kind]
    return struct.pack("<I" + code, number, value)


def write_data(file, name, dims, kind, num_bytes, pool, index):
    if len(dims) == 1 and name.endswith("weight"):  # a norm
        file.write(np.ones(dims[0], np.float32).tobytes())
    else:
        block = TYPES[kind][2]
        start = index * 7919 % (len(pool) // block) * block  # equal shapes get other values
        left = num_bytes
        while left:
            part = pool[start:start + left]
            file.write(part)
            left -= len(part)
            start = 0
    file.write(b"\0" * (padded(num_bytes) - num_bytes))


def more_bits(layer, num_layers):
    """The layers that Q4_K_M stores with more bits."""
    eighth = num_layers // 8
    return layer < eighth or layer >= 7 * num_layers // 8 or (layer - eighth) % 3 == 2


def text_tensors(writer, text_config, name):
    """Every tensor of the decoder in file type `name`."""
    t = text_config
    hidden, vocab, layers = t["hidden_size"], t["vocab_size"], t["num_hidden_layers"]
    head_dim = t.get("head_dim") or hidden // t["num_attention_heads"]
    queries, keys = t["num_attention_heads"] * head_dim, t["num_key_value_heads"] * head_dim
    main = "Q4_K" if name == "Q4_K_M" else name

    def weight(tensor, dims, kind=main):
        if dims[0] % TYPES[kind][1]:
            kind = FALLBACK[kind]
        writer.tensor(tensor + ".weight", dims, kind)

    def norm(tensor):
        writer.tensor(tensor + ".weight", [hidden], "F32")

    weight("token_embd", [hidden, vocab])
    norm("output_norm")
    weight("output", [hidden, vocab], main if main in ("BF16", "F16", "Q8_0") else "Q6_K")
    for layer in range(layers):
        blk = f"blk.{layer}."
        better = "Q6_K" if name == "Q4_K_M" and more_bits(layer, layers) else main
        norm(blk + "attn_norm")
        for part, rows, kind in (("q", queries, main), ("k", keys, main), ("v", keys, better)):
            weight(f"{blk}attn_{part}", [hidden, rows], kind)
            writer.tensor(f"{blk}attn_{part}.bias", [rows], "F32")
        weight(blk + "attn_output", [queries, hidden])
        norm(blk + "post_attention_norm")
        if "n_routed_experts" not in t:
            norm(blk + "ffn_norm")
            norm(blk + "post_ffw_norm")
            weight(blk + "ffn_up", [hidden, 2 * t["intermediate_size"]])
            weight(blk + "ffn_down", [t["intermediate_size"], hidden], better)
        elif layer < t["first_k_dense_replace"]:
            feed_forward(weight, blk, "", hidden, t["intermediate_size"], [], better)
        else:
            experts, inner = t["n_routed_experts"], t["moe_intermediate_size"]
            writer.tensor(blk + "ffn_gate_inp.weight", [hidden, experts], "F32")
            writer.tensor(blk + "exp_probs_b.bias", [experts], "F32")
            feed_forward(weight, blk, "_exps", hidden, inner, [experts], better)
            feed_forward(weight, blk, "_shexp", hidden, inner * t["n_shared_experts"], [], better)


def feed_forward(weight, blk, ending, hidden, inner, more_dims, down_kind):
    weight(f"{blk}ffn_gate{ending}", [hidden, inner, *more_dims])
    weight(f"{blk}ffn_up{ending}", [hidden, inner, *more_dims])
    weight(f"{blk}ffn_down{ending}", [inner, hidden, *more_dims], down_kind)


def text_metadata(writer, config, name):
    t = config["text_config"]
    rope = t.get("rope_parameters") or {**t, **t.get("rope_scaling", {})}
    head_dim = t.get("head_dim") or t["hidden_size"] // t["num_attention_heads"]
    arch = "glm4moe" if "n_routed_experts" in t else "glm4"
    writer.put("general.architecture", "str", arch)
    writer.put("general.name", "str", "random weights")
    writer.put("general.file_type", "u32", FILE_TYPES[name])
    writer.put("general.quantization_version", "u32", 2)
    numbers = {"context_length": t["max_position_embeddings"], "embedding_length": t["hidden_size"],
               "block_count": t["num_hidden_layers"], "feed_forward_length": t["intermediate_size"],
               "attention.head_count": t["num_attention_heads"],
               "attention.head_count_kv": t["num_key_value_heads"], "attention.key_length": head_dim,
               "attention.value_length": head_dim, "vocab_size": t["vocab_size"],
               "rope.dimension_count": int(head_dim * rope["partial_rotary_factor"])}
    if arch == "glm4moe":
        numbers |= {"expert_count": t["n_routed_experts"], "expert_used_count": t["num_experts_per_tok"],
                    "expert_feed_forward_length": t["moe_intermediate_size"],
                    "expert_shared_count": t["n_shared_experts"],
                    "leading_dense_block_count": t["first_k_dense_replace"],
                    "expert_gating_func": 2}  # sigmoid
        writer.put(f"{arch}.expert_weights_scale", "f32", t["routed_scaling_factor"])
        writer.put(f"{arch}.expert_weights_norm", "bool", t["norm_topk_prob"])
    for key, value in numbers.items():
        writer.put(f"{arch}.{key}", "u32", value)
    writer.put(f"{arch}.attention.layer_norm_rms_epsilon", "f32", t["rms_norm_eps"])
    writer.put(f"{arch}.rope.freq_base", "f32", rope["rope_theta"])
    writer.put(f"{arch}.rope.dimension_sections", "[i32]", [*rope["mrope_section"], 0])


def vocabulary(writer, config):
    """Byte tokens, the two marks of a picture, and names for all other ids."""
    size = config["text_config"]["vocab_size"]
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in printable]
    tokens = [chr(b) for b in printable] + [chr(256 + i) for i in range(len(others))]
    tokens += [f"<unused_{i}>" for i in range(len(tokens), size)]
    kinds = [1] * size
    for key, name in (("image_start_token_id", "<|begin_of_image|>"), ("image_end_token_id", "<|end_of_image|>")):
        tokens[config[key]], kinds[config[key]] = name, 3
    writer.put("tokenizer.ggml.model", "str", "gpt2")
    writer.put("tokenizer.ggml.pre", "str", "glm4")
    writer.put("tokenizer.ggml.tokens", "[str]", tokens)
    writer.put("tokenizer.ggml.token_type", "[i32]", kinds)
    writer.put("tokenizer.ggml.merges", "[str]", ["a b"])
    writer.put("tokenizer.ggml.eos_token_id", "u32", config["text_config"]["pad_token_id"])


def vision_file(config, kind):
    v, hidden = config["vision_config"], config["vision_config"]["hidden_size"]
    out, merged, patch = v["out_hidden_size"], v["intermediate_size"], v["patch_size"]
    writer = Writer()
    writer.put("general.architecture", "str", "clip")
    writer.put("general.file_type", "u32", FILE_TYPES[kind])
    writer.put("clip.has_vision_encoder", "bool", True)
    writer.put("clip.projector_type", "str", "glm4v")
    writer.put("clip.use_silu", "bool", True)
    for key, value in {"image_size": v["image_size"], "patch_size": patch, "embedding_length": hidden,
                       "feed_forward_length": merged, "block_count": v["depth"], "projection_dim": out,
                       "attention.head_count": v["num_heads"],
                       "spatial_merge_size": v["spatial_merge_size"]}.items():
        writer.put("clip.vision." + key, "u32", value)
    writer.put("clip.vision.attention.layer_norm_epsilon", "f32", v["rms_norm_eps"])
    writer.put("clip.vision.image_mean", "[f32]", [0.48145466, 0.4578275, 0.40821073])
    writer.put("clip.vision.image_std", "[f32]", [0.26862954, 0.26130258, 0.27577711])
    for ending in ("", ".1"):  # one kernel per frame
        writer.tensor("v.patch_embd.weight" + ending, [patch, patch, v["in_channels"], hidden],
                      "F16" if kind == "F16" else "F32")
    writer.tensor("v.patch_embd.bias", [hidden], "F32")
    writer.tensor("v.norm_embd.weight", [hidden], "F32")
    writer.tensor("v.position_embd.weight", [hidden, (v["image_size"] // patch) ** 2], "F32")
    for layer in range(v["depth"]):
        blk = f"v.blk.{layer}."
        writer.tensor(blk + "ln1.weight", [hidden], "F32")
        writer.tensor(blk + "ln2.weight", [hidden], "F32")
        for name, dims in (("attn_qkv", [hidden, 3 * hidden]), ("attn_out", [hidden, hidden]),
                           ("ffn_gate", [hidden, out]), ("ffn_up", [hidden, out]), ("ffn_down", [out, hidden])):
            writer.tensor(f"{blk}{name}.weight", dims, kind)
    writer.tensor("v.post_ln.weight", [hidden], "F32")
    merge = v["spatial_merge_size"]
    writer.tensor("mm.patch_merger.weight", [merge, merge, hidden, out], "F16" if kind == "F16" else "F32")
    writer.tensor("mm.patch_merger.bias", [out], "F32")
    writer.tensor("mm.model.fc.weight", [out, out], kind)
    writer.tensor("mm.post_norm.weight", [out], "F32")
    writer.tensor("mm.post_norm.bias", [out], "F32")
    for name, dims in (("gate", [out, merged]), ("up", [out, merged]), ("down", [merged, out])):
        writer.tensor(f"mm.{name}.weight", dims, kind)
    return writer


def text_file(config, name):
    writer = Writer()
    text_metadata(writer, config, name)
    vocabulary(writer, config)
    text_tensors(writer, config["text_config"], name)
    return writer


def make(config_dir, name, layers, folder):
    """Path of the file for `name` (Q4_0, Q4_K_M, Q8_0, BF16, or "mmproj-" and a type), and what a
    decoded token reads of it: all weights but the embeddings, of the experts only those used."""
    config = json.loads((Path(config_dir) / "config.json").read_text())
    t = config["text_config"]
    if layers:
        t["num_hidden_layers"] = layers
    is_vision = name.startswith("mmproj-")
    writer = vision_file(config, name.removeprefix("mmproj-")) if is_vision else text_file(config, name)
    path = Path(folder) / f"{Path(config_dir).name}-{t['num_hidden_layers']}-{name}.gguf"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        writer.write(path, np.random.default_rng(0))
    read = 0
    for tensor, _, _, num_bytes in writer.tensors:
        share = t["num_experts_per_tok"] / t["n_routed_experts"] if "_exps." in tensor else 1
        read += 0 if tensor.startswith("token_embd") else share * num_bytes
    return path, read
