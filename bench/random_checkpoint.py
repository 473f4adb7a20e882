#!/usr/bin/env python3
"""A checkpoint folder of random weights at the shapes of a config, as released models lie on disk.

For what --load-format dummy cannot show: the time from start to the first token and the memory that
a real folder takes. Needs the reference environment of ./x parity.

    build/reference/bin/python bench/random_checkpoint.py bench/configs/glm41v_9b OUT --awq
    glmv bench -m OUT ...; glmv ask -m OUT -n 1 "Hello"

--awq: the decoder's Linears as AutoAWQ int4 in groups of 128, the head and the tower in BF16. The
tokenizer and processor files are those of the embedded model. One file per layer.
"""

import argparse
import json
import re
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "golden"))
import reference  # noqa: E402,F401  (must come before transformers)

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from transformers import AutoConfig, Glm4vForConditionalGeneration  # noqa: E402

GROUP = 128
QUANTISED = re.compile(r"model\.language_model\.layers\.\d+\.(self_attn|mlp)\.\w+_proj\.weight")
SIDE_FILES = ("tokenizer.json", "tokenizer_config.json", "preprocessor_config.json",
              "chat_template.jinja", "generation_config.json")


def float_tensor(name, shape):
    if len(shape) == 1:
        return torch.full(shape, 1.0 if name.endswith("weight") else 0.0, dtype=torch.bfloat16)
    bound = (3.0 / (torch.Size(shape).numel() / shape[0])) ** 0.5
    return torch.empty(shape, dtype=torch.bfloat16).uniform_(-bound, bound)


def awq_tensors(name, shape):
    """q - 8 is uniform, so the deviation of a weight is 4.6 scales."""
    out, inputs = shape
    prefix = name.removesuffix("weight")
    words = lambda rows: torch.randint(-2**31, 2**31, (rows, out // 8), dtype=torch.int32)
    scale = inputs**-0.5 / 4.6
    return {prefix + "qweight": words(inputs),
            prefix + "qzeros": torch.full((inputs // GROUP, out // 8), -2004318072, dtype=torch.int32),
            prefix + "scales": torch.full((inputs // GROUP, out), scale, dtype=torch.float16)}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("config", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--awq", action="store_true")
    args = parser.parse_args()
    torch.manual_seed(0)
    with torch.device("meta"):
        shapes = {name: tuple(t.shape) for name, t in
                  Glm4vForConditionalGeneration(AutoConfig.from_pretrained(args.config))
                  .state_dict().items()}
    args.out.mkdir(parents=True, exist_ok=True)
    parts = {}
    for name in shapes:
        layer = re.match(r"model\.language_model\.layers\.(\d+)\.", name)
        parts.setdefault(int(layer[1]) if layer else -1, []).append(name)
    index, total = {}, 0
    for number, (_, names) in enumerate(sorted(parts.items())):
        tensors = {}
        for name in names:
            quantised = args.awq and QUANTISED.fullmatch(name)
            make = awq_tensors if quantised else lambda n, s: {n: float_tensor(n, s)}
            tensors.update(make(name, shapes[name]))
        file = f"model-{number + 1:05}-of-{len(parts):05}.safetensors"
        save_file(tensors, args.out / file, metadata={"format": "pt"})
        index.update(dict.fromkeys(tensors, file))
        total += sum(t.nbytes for t in tensors.values())
        print(f"\r{number + 1} of {len(parts)} files, {total / 1e9:.1f} GB", end="", file=sys.stderr)
    print(file=sys.stderr)
    config = json.loads((args.config / "config.json").read_text())
    if args.awq:
        config["quantization_config"] = {"quant_method": "awq", "bits": 4, "group_size": GROUP,
                                         "zero_point": True, "version": "gemm",
                                         "modules_to_not_convert": ["visual", "lm_head"]}
    (args.out / "config.json").write_text(json.dumps(config, indent=2))
    (args.out / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": total}, "weight_map": index}))
    for file in SIDE_FILES:
        if (ROOT / "models" / "nano" / file).exists():
            shutil.copy(ROOT / "models" / "nano" / file, args.out / file)


if __name__ == "__main__":
    main()
