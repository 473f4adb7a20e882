#!/usr/bin/env python3
"""The second question about a picture: how soon its answer starts, also after a restart.

    bench/serve_follow_up.py                              # the 9B's shapes, four decoder layers
    bench/serve_follow_up.py --size 1008x1008 --rounds 5 --quant int4

Random weights of the shapes of a config (--load-format dummy), the tokenizer of the embedded model.
Each round: a new picture, a question; another question about it; the server is stopped and started,
and a third question. Prints the time to the first token of each, and its share of the first one's.
"""

import argparse
import pathlib
import random
import shutil
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench/serve"), str(ROOT / "bench")]
import load  # noqa: E402
from serve_soak import picture  # noqa: E402


def first_token_ms(port, url, question):
    body = {
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "image_url", "image_url": {"url": url}},
                    {"type": "text", "text": question},
                ],
            }
        ],
        "max_tokens": 4,
        "ignore_eos": True,
        "temperature": 0,
    }
    reply = load.run(port, 1, [("/v1/chat/completions", body)])[0]
    # The first piece is the role's; the first token comes with the second.
    return (reply.second - reply.sent) * 1000, reply.usage("prompt_tokens")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", default=ROOT / "build/release/apps/glmv/glmv")
    parser.add_argument("--config", type=pathlib.Path, default=ROOT / "bench/configs/glm41v_4layers")
    parser.add_argument("--quant", default="int4")
    parser.add_argument("--size", default="1008x1008")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    out = ROOT / "build/compare"
    kept = out / "follow-up-prefixes"
    shutil.rmtree(kept, ignore_errors=True)
    load.model_folder(args.config, out / "follow-up")
    command = [args.binary, "serve", "-m", out / "follow-up"]
    command += ["--load-format", "dummy", "--quant", args.quant, "--self-test", "off"]
    command += ["--prefix-cache-dir", kept]
    rng, rows = random.Random(1), []
    for _ in range(args.rounds):
        url = picture(rng, width, height)
        with load.server(command, out / "follow-up.log") as (_, port):
            first_token_ms(port, picture(rng, 112, 112), "warm up")
            first, tokens = first_token_ms(port, url, "what is in the picture?")
            second, _ = first_token_ms(port, url, "how many are left of it?")
        with load.server(command, out / "follow-up.log") as (_, port):
            first_token_ms(port, picture(rng, 112, 112), "warm up")
            third, _ = first_token_ms(port, url, "and where is the other one?")
        rows.append((first, second, third))
        print(f"{tokens} tokens: {first:.0f}, {second:.0f}, {third:.0f} ms", file=sys.stderr)
    best, median = (
        [f(column) for column in zip(*rows)] for f in (min, statistics.median)
    )
    print(f"| question ({args.size}, {tokens} tokens) | ms: best | median | share of the first |")
    print("|---|---|---|---|")
    for i, name in enumerate(("first", "second", "third, after a restart")):
        print(f"| {name} | {best[i]:.0f} | {median[i]:.0f} | {median[i] / median[0]:.1%} |")
    shutil.rmtree(kept, ignore_errors=True)


if __name__ == "__main__":
    main()
