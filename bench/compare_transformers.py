#!/usr/bin/env python3
"""Speed beside transformers at the 9B model's shapes, bf16, random weights.

Runs `glmv bench` and the reference in turn, RUNS times each, on the same machine in one go, and
prints minimum and median of: prefill of 512 tokens, decoding at 512 tokens, the vision tower on
pictures of several sizes, also with --quant-vision int8 beside the same bf16 reference. Needs the
reference environment of ./x parity.

    build/reference/bin/python bench/compare_transformers.py build/release/apps/glmv/glmv
    ... --only-vision                     no text, and of the decoder only one small layer
    ... --device cuda --config FOLDER     on a GPU; another config.json (default: four decoder layers)
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "golden"))
import reference  # noqa: E402,F401  (must come before transformers)

import torch  # noqa: E402
from transformers import AutoConfig, Glm4vForConditionalGeneration  # noqa: E402

HERE = Path(__file__).resolve().parent
CONFIG = HERE / "configs" / "glm41v_4layers"
VISION_CONFIG = HERE / "configs" / "glm41v_vision"
RUNS = 5
PROMPT = 512
DECODE = 16
PICTURES = {"1008x1008": (1, 72, 72), "448x448": (1, 32, 32)}  # with their grids


class Reference:
    def __init__(self, config_dir, device):
        config = AutoConfig.from_pretrained(config_dir)
        config._attn_implementation = "sdpa"
        self.device = device
        torch.set_default_dtype(torch.bfloat16)
        with torch.device(device):
            self.model = Glm4vForConditionalGeneration(config).eval()
        torch.set_default_dtype(torch.float32)

    def now(self):
        if self.device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter()

    @torch.inference_mode()
    def vision_ms(self, grid):
        pixels = torch.randn(grid[1] * grid[2], 1176, device=self.device).to(torch.bfloat16)
        start = self.now()
        self.model.model.visual(pixels, grid_thw=torch.tensor([grid], device=self.device))
        return 1000 * (self.now() - start)

    @torch.inference_mode()
    def run_text(self):
        model = self.model
        ids = torch.randint(0, 1000, (1, PROMPT), device=self.device)
        model.model.rope_deltas = None
        start = self.now()
        out = model(input_ids=ids, use_cache=True, logits_to_keep=1)
        prefill = self.now() - start
        cache = out.past_key_values
        token = out.logits[:, -1:].argmax(-1)
        start = self.now()
        for i in range(DECODE):
            position = torch.full((3, 1, 1), PROMPT + i, device=self.device)
            out = model(input_ids=token, past_key_values=cache, position_ids=position, use_cache=True)
            token = out.logits[:, -1:].argmax(-1)
        decode = self.now() - start
        return {"prefill_tps": PROMPT / prefill, "decode_tps": DECODE / decode}


def bench(args, *flags):
    text = subprocess.run(
        [args.binary, "bench", "-m", args.config, "--load-format", "dummy", "--dtype", "bfloat16",
         "--device", args.device, "--runs", "1", "--json", "-", *flags],
        check=True, capture_output=True, text=True).stdout
    return json.loads(text[text.index("{"):])


def one_run(args, peer):
    """Each figure of both programs, one right after the other: {name: (glmv, reference)}."""
    figures = {}
    if not args.only_vision:
        result = bench(args, "--prompt", str(PROMPT), "--gen", str(DECODE), "--image", "none")
        theirs = peer.run_text()
        figures["prefill_tps"] = (1000 * PROMPT / result["prefill"]["ms_median"], theirs["prefill_tps"])
        figures["decode_tps"] = (1000 * result["decoded_tokens"] / result["decode"]["ms_median"], theirs["decode_tps"])
    for name, grid in PICTURES.items():
        picture = ("--prompt", "16", "--gen", "2", "--image", name)
        plain = bench(args, *picture)["vision"]["ms_median"]
        theirs = peer.vision_ms(grid)
        figures["vision " + name] = (plain, theirs)
        if args.device == "cpu":
            rounded = bench(args, *picture, "--quant-vision", "int8")
            figures[f"vision {name} int8"] = (rounded["vision"]["ms_median"], theirs)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default="build/release/apps/glmv/glmv")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--config")
    parser.add_argument("--only-vision", action="store_true")
    args = parser.parse_args()
    args.config = args.config or str(VISION_CONFIG if args.only_vision else CONFIG)
    peer = Reference(args.config, args.device)
    if not args.only_vision:
        peer.run_text()  # warm-up
    for grid in PICTURES.values():
        peer.vision_ms(grid)
    runs = []
    for i in range(RUNS):
        runs.append(one_run(args, peer))
        print(f"run {i + 1} of {RUNS} done", file=sys.stderr)
    print(f"{'':<22} {'glmv best':>10} {'median':>10} {'ref. best':>10} {'median':>10} {'ratio best':>11} {'median':>7}  (of the runs)")
    for name in runs[0]:
        higher = name.endswith("_tps")
        best = max if higher else min
        ours, theirs = ([run[name][k] for run in runs] for k in (0, 1))
        ratios = [a / b if higher else b / a for a, b in zip(ours, theirs)]
        top = best(ours) / best(theirs) if higher else best(theirs) / best(ours)
        print(f"{name:<22} {best(ours):>10.2f} {statistics.median(ours):>10.2f} {best(theirs):>10.2f} "
              f"{statistics.median(theirs):>10.2f} {top:>11.2f} {statistics.median(ratios):>7.2f}")


if __name__ == "__main__":
    main()
