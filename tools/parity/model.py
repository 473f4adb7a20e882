#!/usr/bin/env python3
"""Runs transformers and `glmv ask` beside each other on tiny random checkpoints of every architecture.

usage: model.py GLMV GLMV_FORWARD [--prompts 60] [--tokens 64] [--seed 1] [--only NAME...] [--keep DIR]

Each checkpoint exists twice: written by `glmv make-tiny`, and by save_pretrained. Compared: prompt ids
and grids (equal), greedy tokens in fp32 (equal; the prefill of glmv runs in chunks of 512, 1 and 7), the
five best log-probabilities at every step, and that either side loads the other's files without a stray
key. "without cache": both sides' logits over prompt and tokens in one step, each of which must choose the
next token again. Prompts with pictures and a video end after ids and grids: the reference's model refuses them.
Where the reference's two best logits are closer than --tie, both tokens are right: such a prompt counts
as a tie and is compared up to there. So does a prompt that differs behind a token for which two scores
of a router nearly tie (routing.py): rounding then decides which expert is taken.
"""
import argparse
import collections
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import reference  # noqa: E402,F401  (must come before transformers)

import safetensors.torch  # noqa: E402
import torch  # noqa: E402
import transformers  # noqa: E402

import checkpoints  # noqa: E402
from prompt_inputs import GRIDS, messages_for_glmv, reference_inputs  # noqa: E402
from routing import first_near_tie, recorded  # noqa: E402

LOGPROBS = 5
# glmv closes an open thought when only this many tokens are left for the answer.
ANSWER_TOKENS = 264
LOGPROB_TOLERANCE = 1e-4


def ask_arguments(prompt, folder):
    """Flags of `glmv ask`; several turns go through a file of messages."""
    arguments = ["--prefill-chunk", str(prompt.chunk)]
    arguments += ["--trust-special-tokens"] if prompt.trust else []
    if prompt.kind == "turns":
        messages = messages_for_glmv(prompt)
        path = pathlib.Path(tempfile.mkstemp(suffix=".json", dir=folder)[1])
        path.write_text(json.dumps(messages))
        return [*arguments, "--messages", str(path)]
    for message in prompt.messages:
        content = message["content"]
        if message["role"] == "system":
            arguments += ["--system", content]
            continue
        if isinstance(content, str):
            content = [{"type": "text", "text": content}]
        for part in content:
            if part["type"] == "image":
                arguments += ["-i", part["image"]]
            elif part["type"] == "video":
                arguments += ["--frames", *part["frames"]]
                arguments += ["--frame-times", *[str(t / 10) for t in part["tenths"]]]
            else:
                text = part["text"]
    return [*arguments, "--", text]


def run_glmv(glmv, checkpoint, prompt, tokens, folder, think_id):
    command, answer = ask(glmv, checkpoint, prompt, tokens, folder)
    if think_id in answer.get("prompt_ids", []) + answer.get("output_ids", []):
        return ask(glmv, checkpoint, prompt, tokens + ANSWER_TOKENS, folder)
    return command, answer


def ask(glmv, checkpoint, prompt, tokens, folder):
    command = [glmv, "ask", "-m", str(checkpoint), "--json", "--temp", "0", "--dtype", "float32", "--threads", "1",
               "-n", str(tokens), "--logprobs", str(LOGPROBS), *ask_arguments(prompt, folder)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    try:
        return command, json.loads(done.stdout)
    except json.JSONDecodeError:
        return command, {"error": f"exit {done.returncode}: {done.stderr.strip()}"}


@torch.no_grad()
def run_reference(model, processor, prompt, tokens):
    inputs = reference_inputs(processor, prompt)
    inputs.pop("token_type_ids", None)
    result = {"prompt_ids": inputs["input_ids"][0].tolist(),
              **{key: inputs[key].tolist() for key in GRIDS if key in inputs}}
    if all(key in inputs for key in GRIDS):
        return result  # the reference's model takes pictures or videos, not both in one prompt
    model.model.rope_deltas = None  # cached between calls otherwise
    padding = padding_ids(model, processor)
    out = model.generate(**inputs, do_sample=False, max_new_tokens=tokens, output_logits=True,
                         return_dict_in_generate=True, suppress_tokens=padding or None)
    logits = torch.stack(out.logits)[:, 0].double()
    logits[:, padding] = -torch.inf
    output_ids = out.sequences[0, inputs["input_ids"].shape[1]:]
    # A placeholder that the model chose itself would be taken for one of a picture.
    placeholders = torch.isin(output_ids, torch.tensor([model.config.image_token_id, model.config.video_token_id]))
    fed = output_ids[:-1][placeholders[:-1].cumsum(0) == 0]
    more = {"input_ids": fed, "attention_mask": torch.ones_like(fed), "mm_token_type_ids": torch.zeros_like(fed)}
    model.model.rope_deltas = None
    with recorded(model) as experts:
        at_once = model(**{key: torch.cat([value, more[key].to(value)[None]], 1) if key in more else value
                           for key, value in inputs.items()}, use_cache=False).logits[0]
    before = len(result["prompt_ids"]) - 1
    tie = first_near_tie(experts)
    return {**result, "output_ids": output_ids.tolist(), "logits": logits,
            # Steps that no near tie of a router can have touched.
            "sure steps": len(output_ids) if tie is None else max(0, tie - before),
            "fed": fed.tolist(), "logits without cache": at_once[before:]}


def padding_ids(model, processor):
    """Rows of the head beyond the tokenizer, which glmv never samples."""
    return list(range(len(processor.tokenizer), model.config.text_config.vocab_size))


def chooses(logits, tokens, padding, tie, sure_steps):
    """True, False or "tie": each row's best is the next token"""
    logits = logits.double().clone()
    logits[:, padding] = -torch.inf
    behind = logits.amax(-1) - logits[torch.arange(len(tokens)), torch.tensor(tokens, dtype=torch.long)]
    if not (behind > 0).any():
        return True
    return "tie" if not (behind[:sure_steps] >= tie).any() else False


def compare_without_cache(table, label, folder, model, processor, equal, arguments, work):
    """equal: [(prompt, what the reference gave)] of the prompts with the same tokens on both sides"""
    out = pathlib.Path(tempfile.mkdtemp(dir=work))
    lines = "".join(json.dumps({"messages": messages_for_glmv(prompt), "trust": prompt.trust,
                                "continuation": expected["fed"]}) + "\n" for prompt, expected in equal)
    subprocess.run([arguments.forward, str(folder), "float32", str(out)], input=lines, text=True, check=True)
    padding = padding_ids(model, processor)
    for i, (_, expected) in enumerate(equal):
        tokens = expected["output_ids"][:len(expected["fed"]) + 1]
        logits = safetensors.torch.load_file(out / f"{i}.safetensors")["logits"][len(expected["prompt_ids"]) - 1:]
        for side, rows in (("glmv", logits), ("reference", expected["logits without cache"])):
            outcome = chooses(rows, tokens, padding, arguments.tie, expected["sure steps"])
            table.add(label, f"{side} without cache", outcome)


def compare(expected, got, stop_ids, tokens, tie):
    """{check: True, False, "tie" or a difference} of one prompt"""
    if "error" in got:
        return {"answered": False}
    result = {"answered": True, "prompt ids": expected["prompt_ids"] == got["prompt_ids"]}
    for key in GRIDS:
        if key in got:
            result[key] = expected.get(key, []) == got[key]
    if not result["prompt ids"] or "output_ids" not in expected:
        return result
    # Only transformers keeps the stop token in its output.
    want, have = expected["output_ids"], got["output_ids"][:tokens]
    want = want[:-1] if want and want[-1] in stop_ids else want
    same = next((i for i, (a, b) in enumerate(zip(want, have)) if a != b), min(len(want), len(have)))
    result["greedy tokens"] = want == have
    if not result["greedy tokens"] and same < len(expected["logits"]):
        best = expected["logits"][same].topk(2).values
        if (best[0] - best[1]).item() < tie or same >= expected["sure steps"]:
            result["greedy tokens"] = "tie"
    logprobs = expected["logits"].log_softmax(-1)
    worst = [max(abs(entry["logprob"] - wanted[entry["token_id"]].item()) for entry in row["top"])
             for wanted, row in zip(logprobs, got.get("logprobs", [])[:same + 1])]
    sure = max([0.0, *worst[:expected["sure steps"]]])
    unsure = max([0.0, *worst[expected["sure steps"]:]])
    result["log-probabilities"] = "tie" if sure <= LOGPROB_TOLERANCE < unsure else max(sure, unsure)
    return result


def grids_of(result):
    return [result.get(key) for key in GRIDS]


class Table:
    def __init__(self, tie):
        self.rows = collections.OrderedDict()
        self.failures = 0

    def add(self, checkpoint, check, outcome):
        row = self.rows.setdefault((checkpoint, check), {"ok": 0, "ties": 0, "bad": 0, "worst": None})
        if isinstance(outcome, float):
            row["worst"] = max(row["worst"] or 0.0, outcome)
            outcome = outcome <= LOGPROB_TOLERANCE
        row["ties" if outcome == "tie" else "ok" if outcome else "bad"] += 1
        self.failures += outcome is False
        return outcome is not False

    def print(self):
        print(f"\n{'checkpoint':<26} {'check':<24} {'equal':>6} {'ties':>5} {'differ':>7}  largest difference")
        for (checkpoint, check), row in self.rows.items():
            worst = "" if row["worst"] is None else f"{row['worst']:.2e} (<= {LOGPROB_TOLERANCE:g})"
            print(f"{checkpoint:<26} {check:<24} {row['ok']:>6} {row['ties']:>5} {row['bad']:>7}  {worst}")


def compare_checkpoint(table, folder, prompts, arguments, work):
    label = folder.name
    model, processor, misfits = checkpoints.load(folder)
    if not table.add(label, "keys", not misfits):
        print(f"{label}: transformers reports {misfits[:8]}")
    stop_ids = model.generation_config.eos_token_id
    stop_ids = set(stop_ids if isinstance(stop_ids, list) else [stop_ids])
    think_id = processor.tokenizer.convert_tokens_to_ids("<think>")
    shown, equal = 0, []
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        jobs = [pool.submit(run_glmv, arguments.glmv, folder, prompt, arguments.tokens, work, think_id)
                for prompt in prompts]
        for prompt, job in zip(prompts, jobs):
            expected = run_reference(model, processor, prompt, arguments.tokens)
            command, got = job.result()
            outcomes = compare(expected, got, stop_ids, arguments.tokens, arguments.tie)
            if outcomes.get("greedy tokens") is True:
                equal.append((prompt, expected))
            good = [table.add(label, check, outcome) for check, outcome in outcomes.items()]
            if not all(good) and shown < 3:
                shown += 1
                print(f"{label}, {prompt.kind}: {outcomes}\n  {subprocess.list2cmdline(command)}\n"
                      f"  {got.get('error', '')}\n"
                      f"  want {expected['prompt_ids'][:60]} -> {expected.get('output_ids', [])[:16]} "
                      f"grids {grids_of(expected)}\n"
                      f"  got  {got.get('prompt_ids', [])[:60]} -> {got.get('output_ids', [])[:16]} "
                      f"grids {grids_of(got)}")
    compare_without_cache(table, label, folder, model, processor, equal, arguments, work)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("glmv")
    parser.add_argument("forward")
    parser.add_argument("--prompts", type=int, default=60)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tie", type=float, default=2e-5)
    parser.add_argument("--only", nargs="*", choices=list(checkpoints.MODELS), default=list(checkpoints.MODELS))
    parser.add_argument("--keep", type=pathlib.Path, help="keep checkpoints and pictures in this new folder")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    table = Table(arguments.tie)
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.keep or pathlib.Path(temporary)
        work.mkdir(parents=True, exist_ok=True)
        checkpoints.compare_all(
            arguments.glmv, arguments.only, work, arguments.prompts, arguments.seed,
            lambda folder, prompts: compare_checkpoint(table, folder, prompts, arguments, work))
    table.print()
    print(f"\ntransformers {transformers.__version__}, torch {torch.__version__}: "
          + ("no difference" if table.failures == 0 else f"{table.failures} differences"))
    sys.exit(0 if table.failures == 0 else 1)


if __name__ == "__main__":
    main()
