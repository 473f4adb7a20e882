#!/usr/bin/env python3
"""glmv's server beside llama.cpp's under load, in turn, on random weights of one shape.

    bench/compare_llama_server.py                         # the embedded model's shape, bf16
    bench/compare_llama_server.py --model bench/configs/glm41v_4layers --quant int4 --streams 1 8

Both read prompts of random token ids that share nothing and answer with the same number of tokens
(sampled at temperature 1, stop tokens ignored), at --streams clients that send their next request
when the last reply has ended. Rounds alternate between the servers; a table gives the median of the
rounds (best in brackets) and the ratio; a plot and JSON go to build/compare. llama.cpp's server is
built by tools/llama_server. Runs with the Python of tools/bench_env.
"""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench/serve"), str(ROOT / "bench/llama")]
import load  # noqa: E402

GGUF_TYPES = {"none": "BF16", "int8": "Q8_0", "int4": "Q4_0"}
FIGURES = {  # name: (title, whether more is better)
    "requests_s": ("requests/s", True),
    "tokens_s": ("tokens/s", True),
    "ttft_p50_ms": ("first token, ms, p50", False),
    "ttft_p99_ms": ("first token, ms, p99", False),
}


def requests(args, vocab, streams, seed):
    rng = random.Random(seed)
    for i in range(max(args.requests, 4 * streams)):
        yield "/v1/completions", {
            # One-byte tokens and words of both vocabularies; none of them is a special token.
            "prompt": [rng.randrange(min(vocab, 700)) for _ in range(args.prompt)],
            "max_tokens": args.tokens,
            "ignore_eos": True,
            "temperature": 1,
            "top_k": args.top_k,
            "top_p": 1,
            "min_p": 0,
            "seed": i,
            "samplers": ["top_k", "temperature"],  # llama.cpp: none of its other steps
            "cache_prompt": True,
        }


def commands(args, folder, gguf):
    most = str(max(args.streams))
    glmv = [args.binary, "serve", "-m", folder, "--load-format", "dummy", "--quant", args.quant]
    glmv += ["--act", args.act, "--ctx", args.context, "--max-queue", "1000", "--self-test", "off"]
    glmv += ["--kv-cache-tokens", args.context * max(args.streams)]
    llama = [args.llama, "-m", gguf, "-np", most, "-c", args.context * max(args.streams)]
    llama += ["-t", load.threads(), "-tb", load.threads(), "--no-webui", "-kvu"]
    return {"glmv": glmv, "llama.cpp": llama}


def table(rows, streams):
    lines = ["| streams | figure | glmv | llama.cpp | ratio |", "|---|---|---|---|---|"]
    for count in streams:
        for figure, (title, more) in FIGURES.items():
            values = {name: [run[figure] for run in rows[name][count]] for name in rows}
            median = {name: statistics.median(v) for name, v in values.items()}
            best = {name: (max if more else min)(v) for name, v in values.items()}
            a, b = median["glmv"], median["llama.cpp"]
            lines.append(
                f"| {count} | {title} | {a:.1f} ({best['glmv']:.1f}) | {b:.1f} ({best['llama.cpp']:.1f}) "
                f"| {a / b if more else b / a:.2f} |"
            )
    return "\n".join(lines)


def plot(rows, streams, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(FIGURES), figsize=(14, 3.4))
    for axis, (key, (title, _)) in zip(axes, FIGURES.items()):
        for name, style in (("glmv", "o-"), ("llama.cpp", "s--")):
            axis.plot(
                streams, [statistics.median(r[key] for r in rows[name][n]) for n in streams], style, label=name
            )
        axis.set(title=title, xscale="log", xticks=streams, xticklabels=streams, xlabel="streams")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", default=ROOT / "build/release/apps/glmv/glmv")
    parser.add_argument("--model", type=pathlib.Path, default=ROOT / "models/nano")
    parser.add_argument("--layers", type=int, help="of the decoder (default: the model's)")
    parser.add_argument("--quant", choices=GGUF_TYPES, default="none")
    parser.add_argument("--act", default="bf16", help="activations of glmv's quantised weights")
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--requests", type=int, default=200, help="a round, or four a stream if more; of few, p99 is the slowest")
    parser.add_argument("--prompt", type=int, default=128, help="tokens")
    parser.add_argument("--tokens", type=int, default=64, help="of a reply")
    parser.add_argument("--context", type=int, default=1024, help="tokens a stream")
    parser.add_argument("--top-k", type=int, default=0, help="0: all tokens")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    import random_gguf

    args.llama = subprocess.check_output([ROOT / "tools/llama_server"], text=True).strip()
    out = ROOT / "build/compare"
    folder = out / f"server-{args.model.name}"
    config = load.model_folder(args.model, folder, args.layers)
    vocab = config["text_config"]["vocab_size"]
    gguf, _ = random_gguf.make(folder, GGUF_TYPES[args.quant], None, ROOT / "build/gguf")
    rows = {}
    for round_ in range(args.rounds):
        for name, command in commands(args, folder, gguf).items():
            ready = "/ready" if name == "glmv" else "/health"
            with load.server(command, out / f"server-{name}.log", ready) as (_, port):
                load.run(port, 2, list(requests(args, vocab, 1, 10**6))[:8])  # warm
                for count in args.streams:
                    replies = load.run(port, count, requests(args, vocab, count, round_ * 1000 + count))
                    wrong = [r for r in replies if r.usage("completion_tokens") != args.tokens]
                    if wrong:
                        raise SystemExit(f"{name} ended replies early: " + wrong[0].end.decode())
                    row = load.summary(replies)
                    rows.setdefault(name, {}).setdefault(count, []).append(row)
                    print(round_, name, count, {k: round(v, 1) for k, v in row.items()}, file=sys.stderr)
    (out / "server.json").write_text(json.dumps(rows, indent=1))
    plot(rows, args.streams, out / "server.png")
    print(table(rows, args.streams))
    print(f"\n{out}/server.json, server.png", file=sys.stderr)


if __name__ == "__main__":
    python = subprocess.check_output([ROOT / "tools/bench_env"], text=True).strip()
    if os.path.realpath(sys.prefix) != os.path.realpath(pathlib.Path(python).parents[1]):
        os.execv(python, [python, *sys.argv])
    main()
