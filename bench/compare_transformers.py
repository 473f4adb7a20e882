#!/usr/bin/env python3
"""Speed beside transformers at the 9B model's shapes with four decoder layers, bf16, random weights.

Runs `glmv bench` and the reference in turn, RUNS times each, on the same machine in one go, and
prints minimum and median of: prefill of 512 tokens, decoding at 512 tokens, the vision tower on a
1024x1024 picture. Needs the reference environment of ./x parity.

    build/reference/bin/python bench/compare_transformers.py build/release/apps/glmv/glmv
"""

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
    def __init__(self):
        config = AutoConfig.from_pretrained(CONFIG)
        config._attn_implementation = "sdpa"
        torch.set_default_dtype(torch.bfloat16)
        start = time.perf_counter()
        self.model = Glm4vForConditionalGeneration(config).eval()
        self.load_s = time.perf_counter() - start
        torch.set_default_dtype(torch.float32)

    @torch.inference_mode()
    def run(self):
        model = self.model
        ids = torch.randint(0, 1000, (1, PROMPT))
        model.model.rope_deltas = None
        start = time.perf_counter()
        out = model(input_ids=ids, use_cache=True, logits_to_keep=1)
        prefill = time.perf_counter() - start
        cache = out.past_key_values
        token = out.logits[:, -1:].argmax(-1)
        start = time.perf_counter()
        for i in range(DECODE):
            position = torch.full((3, 1, 1), PROMPT + i)
            out = model(input_ids=token, past_key_values=cache, position_ids=position, use_cache=True)
            token = out.logits[:, -1:].argmax(-1)
        decode = time.perf_counter() - start
        pixels = torch.randn(GRID[0] * GRID[1] * GRID[2], 1176).to(torch.bfloat16)
        start = time.perf_counter()
        model.model.visual(pixels, grid_thw=torch.tensor([GRID]))
        vision = time.perf_counter() - start
        return {"prefill_tps": PROMPT / prefill, "decode_tps": DECODE / decode, "vision_ms": 1000 * vision}


def glmv(binary):
    text = subprocess.run(
        [binary, "bench", "-m", str(CONFIG), "--load-format", "dummy", "--dtype", "bfloat16",
         "--prompt", str(PROMPT), "--gen", str(DECODE), "--image", "1024x1024", "--runs", "1",
         "--json", "-"],
        check=True, capture_output=True, text=True).stdout
    result = json.loads(text[text.index("{"):])
    return {"prefill_tps": 1000 * PROMPT / result["prefill"]["ms_median"],
            "decode_tps": 1000 * result["decoded_tokens"] / result["decode"]["ms_median"],
            "vision_ms": result["vision"]["ms_median"]}


def main():
    binary = sys.argv[1] if len(sys.argv) > 1 else "build/release/apps/glmv/glmv"
    peer = Reference()
    peer.run()  # warm-up
    ours, theirs = [], []
    for i in range(RUNS):
        ours.append(glmv(binary))
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
