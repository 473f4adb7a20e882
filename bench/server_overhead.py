#!/usr/bin/env python3
"""What a step costs beside the model: HTTP, scheduling, sampling, detokenising, parsing, JSON.

    ninja -C build/release glmv_scripted_server
    bench/server_overhead.py                       # all rows: streams x logits x sampling
    bench/server_overhead.py --streams 1 --vocab 151552 --sampling greedy

Streams replies of the scripted server (tools/clients/scripted_server.cc), whose "model" only writes
a row of logits, and prints per row, over --runs runs: milliseconds of a step on the clock (minimum and
median), and of processor time of the server a step and a token (from /proc, median). On a machine
that does other things too, the processor time is the figure to go by. Standard library only.
"""

import argparse
import contextlib
import os
import pathlib
import random
import re
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench/serve"))
import load  # noqa: E402

SAMPLING = {
    "greedy": {"temperature": 0},
    "glm": {"temperature": 0.8, "top_p": 0.6, "top_k": 2},  # generation_config.json of GLM-4.1V
    "plain": {"temperature": 0.8},
}
TICKS_MS = 1000 / os.sysconf("SC_CLK_TCK")


def processor_ms(pid):
    """Of all threads since the start; the kernel counts in steps of TICKS_MS."""
    try:  # nanoseconds, where the kernel has them
        tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e6
    except (FileNotFoundError, IndexError):
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) * TICKS_MS


def request(script, tokens, sampling):
    return "/v1/chat/completions", {
        "messages": [{"role": "user", "content": "SCRIPT:" + script}],
        "max_tokens": tokens,
        **SAMPLING[sampling],
        "seed": 1,
    }


def one_run(server, port, streams, script, tokens, sampling):
    """(ms a step on the clock, ms a step of processor time); reading the prompt is part of it."""
    before, start = processor_ms(server.pid), time.perf_counter()
    replies = load.run(port, streams, [request(script, tokens, sampling)] * streams)
    elapsed, spent = (time.perf_counter() - start) * 1000, processor_ms(server.pid) - before
    if any(reply.usage("completion_tokens") != tokens for reply in replies):
        raise SystemExit("a reply ended early: the script is too short for --tokens")
    return elapsed / tokens, spent / tokens


@contextlib.contextmanager
def server_of(binary, vocab):
    process = subprocess.Popen(
        [binary, ROOT / "models/nano", "--vocab", str(vocab)], stderr=subprocess.PIPE, text=True
    )
    try:
        line = process.stderr.readline()
        found = re.search(r":(\d+)$", line.strip())
        if not found:
            raise SystemExit("the server did not start: " + line + process.stderr.read())
        yield process, int(found[1])
    finally:
        process.terminate()
        process.wait()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--binary", default=ROOT / "build/release/tools/clients/glmv_scripted_server"
    )
    parser.add_argument("--tokens", type=int, default=2000, help="of a reply")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument(
        "--vocab", type=int, nargs="+", default=[796, 151552], help="logits of a step"
    )
    parser.add_argument("--sampling", choices=SAMPLING, nargs="+", default=list(SAMPLING))
    args = parser.parse_args()
    rng = random.Random(1)
    # Random letters, so that no loop is found in them; more of them than tokens.
    script = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz ") for _ in range(args.tokens * 4))
    print(
        "| logits | sampling | streams | clock, ms a step: min, median | processor, ms a step | a token |"
    )
    print("|---|---|---|---|---|---|")
    for vocab in args.vocab:
        with server_of(args.binary, vocab) as (server, port):
            one_run(server, port, 1, script, args.tokens, "greedy")  # memory and caches
            for sampling in args.sampling:
                for streams in args.streams:
                    rows = [
                        one_run(server, port, streams, script, args.tokens, sampling)
                        for _ in range(args.runs)
                    ]
                    clock, processor = zip(*rows)
                    spent = statistics.median(processor)
                    print(
                        f"| {vocab:,} | {sampling} | {streams} | {min(clock):.3f}, {statistics.median(clock):.3f} "
                        f"| {spent:.3f} | {spent / streams:.3f} |",
                        flush=True,
                    )


if __name__ == "__main__":
    main()
