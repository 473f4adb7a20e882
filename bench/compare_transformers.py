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
    def run_vision(self):
        times = {}
        for name, grid in PICTURES.items():
            pixels = torch.randn(grid[1] * grid[2], 1176, device=self.device).to(torch.bfloat16)
            start = self.now()
            self.model.model.visual(pixels, grid_thw=torch.tensor([grid], device=self.device))
            times["vision " + name] = 1000 * (self.now() - start)
        return times

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


def glmv(args):
    times = {}
    if not args.only_vision:
        result = bench(args, "--prompt", str(PROMPT), "--gen", str(DECODE), "--image", "none")
        times["prefill_tps"] = 1000 * PROMPT / result["prefill"]["ms_median"]
        times["decode_tps"] = 1000 * result["decoded_tokens"] / result["decode"]["ms_median"]
    for name in PICTURES:
        picture = ("--prompt", "16", "--gen", "2", "--image", name)
        times["vision " + name] = bench(args, *picture)["vision"]["ms_median"]
        if args.device == "cpu":
            result = bench(args, *picture, "--quant-vision", "int8")
            times[f"vision {name} int8"] = result["vision"]["ms_median"]
    return times


def reference_times(args, peer):
    times = {} if args.only_vision else peer.run_text()
    return times | peer.run_vision()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default="build/release/apps/glmv/glmv")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--config")
    parser.add_argument("--only-vision", action="store_true")
    args = parser.parse_args()
    args.config = args.config or str(VISION_CONFIG if args.only_vision else CONFIG)
    peer = Reference(args.config, args.device)
    reference_times(args, peer)  # warm-up
    ours, theirs = [], []
    for i in range(RUNS):
        ours.append(glmv(args))
        theirs.append(reference_times(args, peer))
        print(f"run {i + 1} of {RUNS} done", file=sys.stderr)
    print(f"{'figure':<22} {'glmv best':>10} {'median':>10} {'ref. best':>10} {'median':>10} {'ratio best':>11} {'median':>7}")
    for name in ours[0]:
        higher = name.endswith("_tps")
        best = max if higher else min
        a, b = [r[name] for r in ours], [r[name.removesuffix(" int8")] for r in theirs]
        pairs = [(best(a), best(b)), (statistics.median(a), statistics.median(b))]
        ratios = [x / y if higher else y / x for x, y in pairs]
        print(f"{name:<22} {pairs[0][0]:>10.2f} {pairs[1][0]:>10.2f} {pairs[0][1]:>10.2f} {pairs[1][1]:>10.2f} "
              f"{ratios[0]:>11.2f} {ratios[1]:>7.2f}")


if __name__ == "__main__":
    main()
