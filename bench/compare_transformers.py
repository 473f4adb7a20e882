#!/usr/bin/env python3
"""Speed beside transformers at the 9B model's shapes, bf16, random weights.

Runs `glmv bench` and the reference in turn, RUNS times each, on the same machine in one go, and
prints minimum and median of: prefill of 512 tokens, decoding at 512 tokens, the vision tower on a
1024x1024 picture. Needs the reference environment of ./x parity.

    build/reference/bin/python bench/compare_transformers.py build/release/apps/glmv/glmv
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
RUNS = 5
PROMPT = 512
DECODE = 16
GRID = (1, 74, 74)  # a 1024x1024 picture after smart resize: 1036x1036


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
    def run(self):
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
        pixels = torch.randn(GRID[0] * GRID[1] * GRID[2], 1176, device=self.device).to(torch.bfloat16)
        start = self.now()
        model.model.visual(pixels, grid_thw=torch.tensor([GRID], device=self.device))
        vision = self.now() - start
        return {"prefill_tps": PROMPT / prefill, "decode_tps": DECODE / decode, "vision_ms": 1000 * vision}


def glmv(args):
    text = subprocess.run(
        [args.binary, "bench", "-m", args.config, "--load-format", "dummy", "--dtype", "bfloat16", "--device", args.device,
         "--prompt", str(PROMPT), "--gen", str(DECODE), "--image", "1024x1024", "--runs", "1",
         "--json", "-"],
        check=True, capture_output=True, text=True).stdout
    result = json.loads(text[text.index("{"):])
    return {"prefill_tps": 1000 * PROMPT / result["prefill"]["ms_median"],
            "decode_tps": 1000 * result["decoded_tokens"] / result["decode"]["ms_median"],
            "vision_ms": result["vision"]["ms_median"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", nargs="?", default="build/release/apps/glmv/glmv")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--config", default=str(CONFIG))
    args = parser.parse_args()
    peer = Reference(args.config, args.device)
    peer.run()  # warm-up
    ours, theirs = [], []
    for i in range(RUNS):
        ours.append(glmv(args))
        theirs.append(peer.run())
        print(f"run {i + 1} of {RUNS} done", file=sys.stderr)
    print(f"{'figure':<12} {'glmv best':>10} {'median':>10} {'ref. best':>10} {'median':>10} {'ratio best':>11} {'median':>7}")
    for name, higher in (("prefill_tps", True), ("decode_tps", True), ("vision_ms", False)):
        best = max if higher else min
        a, b = [r[name] for r in ours], [r[name] for r in theirs]
        pairs = [(best(a), best(b)), (statistics.median(a), statistics.median(b))]
        ratios = [x / y if higher else y / x for x, y in pairs]
        print(f"{name:<12} {pairs[0][0]:>10.2f} {pairs[1][0]:>10.2f} {pairs[0][1]:>10.2f} {pairs[1][1]:>10.2f} "
              f"{ratios[0]:>11.2f} {ratios[1]:>7.2f}")


if __name__ == "__main__":
    main()
