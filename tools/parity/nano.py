#!/usr/bin/env python3
"""The embedded model in transformers and in glmv on unseen pictures: the same answers?

usage: nano.py GLMV [--model models/nano] [--count 20]

Draws COUNT test pictures of every task, lets `glmv eval` answer, and answers the same questions with
transformers (fp32, greedy, as exactly as either reads the folder). A reply that differs fails.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from model import run_reference  # sets the reference up; must come before transformers

import prompts
import torch
from transformers import AutoProcessor, Glm4vForConditionalGeneration


def answer(model, processor, picture, question):
    content = [{"type": "image", "image": picture}, {"type": "text", "text": question}]
    prompt = prompts.Prompt("nano", [{"role": "user", "content": content}], chunk=0)
    ids = run_reference(model, processor, prompt, 256)["output_ids"]
    stops = set(model.generation_config.eos_token_id)
    return processor.tokenizer.decode([i for i in ids if i not in stops])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("glmv")
    parser.add_argument("--model", default="models/nano")
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    model = Glm4vForConditionalGeneration.from_pretrained(options.model, dtype=torch.float32).eval()
    processor = AutoProcessor.from_pretrained(options.model)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([options.glmv, "synth", "-o", folder, "--count", str(options.count), "--first", "5000"],
                       check=True, capture_output=True)
        answers = pathlib.Path(folder, "answers.jsonl")
        subprocess.run([options.glmv, "eval", f"{folder}/eval.jsonl", "-m", options.model, "-o", str(answers),
                        "--dtype", "float32"], check=True, capture_output=True)
        rows = [json.loads(line) for line in answers.read_text().splitlines()]
        pictures = {item["id"]: item["image"]
                    for item in map(json.loads, pathlib.Path(folder, "eval.jsonl").read_text().splitlines())}
        same = 0
        for row in rows:
            reply = answer(model, processor, pathlib.Path(folder, pictures[row["id"]]), row["question"])
            if strip(reply) == strip(row["output"]):
                same += 1
                continue
            print(f"{row['id']}: {row['question']}\n  transformers {reply}\n  glmv         {row['output']}")
    print(f"nano: {same} of {len(rows)} replies identical")
    sys.exit(same != len(rows))


def strip(text):
    """The boxes end a reply of glmv eval; the closing tag behind them may be cut off."""
    return text.replace("</answer>", "").strip()


if __name__ == "__main__":
    main()
