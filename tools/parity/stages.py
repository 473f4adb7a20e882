#!/usr/bin/env python3
"""Stages of the forward pass beside transformers, live, on tiny random checkpoints of every architecture.

usage: stages.py GLMV GLMV_FORWARD [--prompts 60] [--seed 1] [--only NAME...]

For the prompts of prompts.py: token ids, position ids and rope deltas equal; in fp32 vision rows and the
logits of every token of the prompt within the gates below; in bf16 vision rows and logits against the
reference's fp32 ones, with the same distance of the reference's own bf16 run beside it. glmv takes a prompt
at once without a cache, or 1 or 7 tokens at a time over one. Vision rows in fp32 are compared with the
reference's tower in fp64: the gate must be narrow enough to show a wrong epsilon (8e-6), and the
reference's own rounding reaches 6e-6.

With experts, where two scores of a router nearly tie rounding decides which expert is taken, and that
changes whole rows. In fp32 such a prompt counts as a tie and its logits are compared up to there; in bf16
it happens everywhere, to the reference as well, so that no prompt is judged by itself but the mean over
all, which may be half as far again as the reference's own. Both are also compared with the reference's
experts given to glmv ("pinned"), where the gates hold for every row.
"""
import argparse
import copy
import json
import pathlib
import statistics
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

# name -> (largest allowed or smallest allowed, is it a minimum)
DENSE = {"fp32 vision rows": (5e-6, False), "fp32 logits": (1e-4, False), "fp32 logits, relative L2": (1e-5, False),
         "bf16 vision rows, rel. L2": (5e-2, False), "bf16 logits, relative L2": (5e-2, False),
         "bf16 logits, cosine": (0.999, True)}
PINNED = {"fp32 pinned logits": (1e-4, False), "fp32 pinned, relative L2": (1e-5, False),
          "bf16 pinned, relative L2": (5e-2, False), "bf16 pinned, cosine": (0.999, True)}
EXPERTS = {**{name: gate for name, gate in DENSE.items() if not name.startswith("bf16 logits")}, **PINNED}
BF16_MEAN_RATIO = 1.5
ENOUGH_PROMPTS = 40  # for that mean: of eight prompts it was twice the reference's, of fifty 0.8 to 1.2 times


def prompt_lines(prompts, routing):
    """Input of glmv_forward; routing: a file of chosen experts for each prompt, or None"""
    lines = [{"messages": messages_for_glmv(prompt), "trust": prompt.trust,
              "chunk": 0 if prompt.chunk > 100 else prompt.chunk, **({"routing": str(path)} if path else {})}
             for prompt, path in zip(prompts, routing)]
    return "".join(json.dumps(line) + "\n" for line in lines)


def run_glmv(binary, folder, dtype, lines, out, *more):
    out.mkdir()
    done = subprocess.run([binary, str(folder), dtype, str(out), *more], input=lines, text=True,
                          capture_output=True)
    if done.returncode != 0:
        sys.exit(f"{folder.name}, {dtype}: {done.stderr}")


@torch.no_grad()
def run_reference(model, inputs, tower=None):
    """(logits [N, V], vision rows or None, chosen experts); `tower` in fp64 gives the rows if there is one"""
    rows, calls = [], []
    hooks = [model.model.visual.merger.register_forward_hook(lambda module, given, result: rows.append(result)),
             model.model.visual.register_forward_pre_hook(lambda module, *given: calls.append(given),
                                                          with_kwargs=True)]
    model.model.rope_deltas = None
    with recorded(model) as experts:
        logits = model(**inputs).logits[0]
    for hook in hooks:
        hook.remove()
    if tower is not None:
        hook = tower.merger.register_forward_hook(lambda module, given, result: rows.append(result))
        rows.clear()
        for (patches, *more), names in calls:
            tower(patches.double(), *more, **names)
        hook.remove()
    return logits, torch.cat(rows) if rows else None, experts


def positions(model, inputs):
    ids = inputs["input_ids"]
    if not any(key in inputs for key in GRIDS):
        return torch.arange(ids.shape[1]).expand(3, -1), torch.zeros(1, dtype=torch.long)
    ids_3n, delta = model.model.get_rope_index(ids, inputs["mm_token_type_ids"],
                                               *[inputs.get(key) for key in GRIDS])
    return ids_3n[:, 0], delta.reshape(1)


def relative_l2(got, want):
    return ((got.double() - want.double()).norm() / want.double().norm()).item()


def cosine(got, want):
    return torch.nn.functional.cosine_similarity(got.double().flatten(), want.double().flatten(), 0).item()


def largest(got, want):
    return (got - want).abs().max().item()


def bf16_values(logits, rows, want_logits, want_rows):
    values = {"bf16 logits, relative L2": relative_l2(logits, want_logits),
              "bf16 logits, cosine": cosine(logits, want_logits)}
    if want_rows is not None:
        values["bf16 vision rows, rel. L2"] = relative_l2(rows, want_rows)
    return values


def glmv_values(got, bf16, want_logits, want_rows, tie):
    values = bf16_values(bf16["logits"], bf16.get("vision_rows"), want_logits, want_rows)
    if tie != 0:
        values["fp32 logits"] = largest(got["logits"][:tie], want_logits[:tie])
        values["fp32 logits, relative L2"] = relative_l2(got["logits"][:tie], want_logits[:tie])
    if want_rows is not None:
        values["fp32 vision rows"] = largest(got["vision_rows"], want_rows)
    if "pinned_logits" in got:
        values["fp32 pinned logits"] = largest(got["pinned_logits"], want_logits)
        values["fp32 pinned, relative L2"] = relative_l2(got["pinned_logits"], want_logits)
        values["bf16 pinned, relative L2"] = relative_l2(bf16["pinned_logits"], want_logits)
        values["bf16 pinned, cosine"] = cosine(bf16["pinned_logits"], want_logits)
    return values


class Table:
    def __init__(self):
        self.rows, self.failures = {}, 0

    def row(self, checkpoint, check):
        empty = {"good": 0, "ties": 0, "bad": 0, "gate": "", "worst": None, "own": None}
        return self.rows.setdefault((checkpoint, check), empty)

    def exact(self, checkpoint, check, good):
        self.row(checkpoint, check)["good" if good else "bad"] += 1
        self.failures += not good

    def gate(self, checkpoint, check, gate, value, own, tie):
        """own: the same distance between the reference's bf16 and fp32 runs, or None"""
        limit, minimum = gate
        worse = min if minimum else max
        good = value >= limit if minimum else value <= limit
        row = self.row(checkpoint, check)
        row["ties" if good and tie is not None else "good" if good else "bad"] += 1
        row["gate"] = f"{'>=' if minimum else '<='} {limit:.3g}"
        for key, new in (("worst", value), ("own", own)):
            row[key] = new if row[key] is None else row[key] if new is None else worse(row[key], new)
        self.failures += not good

    def print(self):
        print(f"\n{'checkpoint':<26} {'check':<26} {'good':>4} {'ties':>4} {'bad':>4}  {'worst':<11} {'gate':<11} "
              "reference's bf16")
        for (checkpoint, check), row in self.rows.items():
            worst, own = ("" if row[key] is None else f"{row[key]:.5g}" for key in ("worst", "own"))
            print(f"{checkpoint:<26} {check:<26} {row['good']:>4} {row['ties']:>4} {row['bad']:>4}  "
                  f"{worst:<11} {row['gate']:<11} {own}".rstrip())


def compare_checkpoint(table, folder, prompts, arguments, work):
    label = folder.name
    model, processor, _ = checkpoints.load(folder)
    in_bf16, _, _ = checkpoints.load(folder, torch.bfloat16)
    tower = copy.deepcopy(model.model.visual).double()
    distances = []  # of bf16 logits: (glmv's, the reference's own)
    all_inputs, wanted, routing = [], [], []
    for i, prompt in enumerate(prompts):
        inputs = reference_inputs(processor, prompt)
        inputs.pop("token_type_ids", None)
        all_inputs.append(inputs)
        # The reference's model takes pictures or videos, not both in one prompt.
        wanted.append(None if all(key in inputs for key in GRIDS) else run_reference(model, inputs, tower))
        experts = wanted[-1][2] if wanted[-1] else {}
        routing.append(work / f"{label}-{i}-experts.safetensors" if experts else None)
        if experts:
            safetensors.torch.save_file(experts, routing[-1])
    outputs = {}
    for dtype in ("float32", "bfloat16"):
        outputs[dtype] = work / f"{label}-{dtype}-out"
        run_glmv(arguments.forward, folder, dtype, prompt_lines(prompts, routing), outputs[dtype])
    for i, (prompt, inputs) in enumerate(zip(prompts, all_inputs)):
        got = safetensors.torch.load_file(outputs["float32"] / f"{i}.safetensors")
        bf16 = safetensors.torch.load_file(outputs["bfloat16"] / f"{i}.safetensors")
        same = torch.equal(got["input_ids"], inputs["input_ids"][0])
        table.exact(label, "token ids", same)
        if not same:
            print(f"{label}, {prompt.kind}: {json.dumps(prompt.messages)}\n  "
                  f"want {processor.tokenizer.decode(inputs['input_ids'][0])!r}\n  "
                  f"got  {processor.tokenizer.decode(got['input_ids'])!r}")
            continue
        want_positions, want_delta = positions(model, inputs)
        table.exact(label, "position ids", torch.equal(got["position_ids"], want_positions))
        table.exact(label, "rope delta", torch.equal(got["rope_delta"], want_delta))
        if wanted[i] is None:
            continue
        logits, rows, experts = wanted[i]
        tie = first_near_tie(experts)
        values = glmv_values(got, bf16, logits, rows, tie)
        own = bf16_values(*run_reference(in_bf16, inputs)[:2], logits, rows)
        for check, gate in (EXPERTS if experts else DENSE).items():
            if check in values:
                # A near tie concerns only what the routers of glmv choose in fp32.
                tied = tie if check.startswith("fp32 logits") else None
                table.gate(label, check, gate, values[check], own.get(check), tied)
        distances.append([1 - row["bf16 logits, cosine"] for row in (values, own)])
    if len(distances) >= ENOUGH_PROMPTS:
        mean, own_mean = map(statistics.mean, zip(*distances))
        table.gate(label, "bf16 mean of 1 - cosine", (BF16_MEAN_RATIO * own_mean, False), mean, own_mean, None)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("glmv")
    parser.add_argument("forward")
    parser.add_argument("--prompts", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="*", choices=list(checkpoints.MODELS), default=list(checkpoints.MODELS))
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(1)
    table = Table()
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        checkpoints.compare_all(
            arguments.glmv, arguments.only, work, arguments.prompts, arguments.seed,
            lambda folder, prompts: compare_checkpoint(table, folder, prompts, arguments, work))
    table.print()
    print("\n" + ("no difference" if table.failures == 0 else f"{table.failures} differences"))
    sys.exit(0 if table.failures == 0 else 1)


if __name__ == "__main__":
    main()
