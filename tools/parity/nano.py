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

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import reference  # noqa: E402,F401  (must come before transformers)

import torch  # noqa: E402
from PIL import Image  # noqa: E402
from transformers import AutoProcessor, Glm4vForConditionalGeneration  # noqa: E402



@torch.no_grad()
def answer(model, processor, picture, question):
    content = [{"type": "image"}, {"type": "text", "text": question}]
    text = processor.apply_chat_template([{"role": "user", "content": content}], tokenize=False,
                                         add_generation_prompt=True)
    inputs = processor(text=[text], images=[Image.open(picture).convert("RGB")], return_tensors="pt")
    inputs.pop("token_type_ids", None)
    model.model.rope_deltas = None
    padding = list(range(len(processor.tokenizer), model.config.text_config.vocab_size))
    out = model.generate(**inputs, do_sample=False, max_new_tokens=256, suppress_tokens=padding or None)
    ids = out[0, inputs["input_ids"].shape[1]:].tolist()
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
