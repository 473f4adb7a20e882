#!/usr/bin/env python3
"""KL of quantised models from BF16, as they run and as plain fp32 products with the dequantised weights.

    build/reference/bin/python bench/quantised_kl.py GLMV GLMV_FORWARD [--model FOLDER] [--prompts N]

Quantises the model (default: models/nano) by `glmv quantize` and by `--quant` while loading, asks questions about
generated pictures, and compares the distributions of all text tokens with those of the model in bf16:
KL(bf16 || other) in nats, mean and 99th percentile. "dequantised": glmv in fp32, which ./x parity quant compares
with transformers on dequantised weights; "dequantised, bf16": weights rounded to bf16, as transformers has them
where it does not multiply packed ones. The first row, the same model in fp32, is what bf16 itself loses.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools" / "golden"))
import reference  # noqa: E402,F401  (must come before torch)

import safetensors.torch  # noqa: E402
import torch  # noqa: E402

MODES = [("dequantised, fp32", "float32"), ("packed, bf16 activations", "bfloat16"),
         ("packed, int8 activations", "bfloat16 int8")]
# name -> flags of glmv quantize
FOLDERS = {
    "int8 per row": ["--method", "rtn", "--format", "compressed-tensors", "--bits", "8", "--group", "0"],
    "int4 rounded": ["--method", "rtn", "--group", "128"],
    "int4 AWQ": ["--method", "awq", "--group", "128"],
    "int4 GPTQ": ["--method", "gptq", "--group", "128"],
}


def prompts_of(folder):
    lines = []
    for line in (folder / "eval.jsonl").read_text().splitlines():
        item = json.loads(line)
        picture = {"type": "image_url", "image_url": {"url": str(folder / item["image"])}}
        lines.append(json.dumps({"messages": [{"role": "user", "content": [
            picture, {"type": "text", "text": item["question"]}]}]}))
    return lines


class Logits:
    """Log-probabilities of every prompt by one model"""

    def __init__(self, binary, folder, mode, lines):
        dtype, *more = mode.split()
        self.out = tempfile.TemporaryDirectory()
        subprocess.run([binary, str(folder), dtype, self.out.name, *more], input="\n".join(lines) + "\n", text=True,
                       check=True, capture_output=True)
        self.count = len(lines)

    def __iter__(self):
        for i in range(self.count):
            tensors = safetensors.torch.load_file(pathlib.Path(self.out.name) / f"{i}.safetensors")
            yield tensors["input_ids"], tensors["logits"].log_softmax(-1)


def kl(original, other, picture_tokens):
    values = []
    for (ids, p), (_, q) in zip(original, other):
        text = ~torch.isin(ids, picture_tokens)
        text = torch.cat([text[1:], torch.ones(1, dtype=torch.bool)])  # those that predict a text token
        values.append((p[text].exp() * (p[text] - q[text])).sum(-1))
    return torch.cat(values)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("glmv")
    parser.add_argument("forward")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models" / "nano")
    parser.add_argument("--prompts", type=int, default=8, help="of each task")
    parser.add_argument("--samples", type=int, default=64)
    parser.add_argument("--only", nargs="*", default=[], help="names of FOLDERS")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        work = pathlib.Path(name)
        subprocess.run([arguments.glmv, "synth", "-o", str(work / "data"), "--split", "test", "--count",
                        str(arguments.prompts)], check=True, stdout=subprocess.DEVNULL)
        lines = prompts_of(work / "data")
        config = json.loads((arguments.model / "config.json").read_text())
        picture_tokens = torch.tensor([config["image_token_id"]])
        original = Logits(arguments.forward, arguments.model, "bfloat16", lines)

        def row(what, folder, mode):
            values = kl(original, Logits(arguments.forward, folder, mode, lines), picture_tokens)
            print(f"{what:<40} {len(values):>7} {values.mean():>10.3g} {values.quantile(0.99):>10.3g}", flush=True)

        print(f"{'model':<40} {'tokens':>7} {'KL mean':>10} {'KL 99 %':>10}")
        row("not quantised, fp32", arguments.model, "float32")
        for kind, flags in FOLDERS.items():
            if arguments.only and kind not in arguments.only:
                continue
            folder = work / kind.replace(" ", "-")
            calibration = [] if "rtn" in flags else ["--synth", "full", "--samples", str(arguments.samples)]
            subprocess.run([arguments.glmv, "quantize", str(arguments.model), "-o", str(folder), "-q",
                            "--eval-samples", "0", *flags, *calibration], check=True, stdout=subprocess.DEVNULL)
            for label, mode in MODES:
                row(f"{kind}, {label}", folder, mode)
            plain = folder.with_name(folder.name + "-plain")
            subprocess.run([arguments.glmv, "convert", str(folder), "-o", str(plain), "--dtype", "bfloat16"],
                           check=True, stdout=subprocess.DEVNULL)
            row(f"{kind}, dequantised, bf16", plain, "bfloat16")


if __name__ == "__main__":
    main()
