#!/usr/bin/env python3
"""Many clients for a long time: does the server stay whole, and does its memory stay flat?

    bench/serve_soak.py                      # 64 streams, 30 minutes, the embedded model
    bench/serve_soak.py --minutes 1440       # a day

Clients send a random mix: texts with and without a common beginning, pictures new and known, several
choices, schemas, tools, long replies, faulty requests, hang-ups. Every 10 s the memory of the server
(without mapped files) and its counters are read. At the end: requests by outcome, the slope of the
memory over the second half with its standard error, and what the cache holds once all is quiet.
Exit code 1: an unexpected outcome, a leaked block, or a slope surely above --slope. A plot goes to
build/compare/soak.png where matplotlib is there. Ctrl-C ends early, with the report.
"""

import argparse
import base64
import collections
import json
import math
import pathlib
import random
import re
import struct
import sys
import time
import urllib.request
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench/serve"))
import load  # noqa: E402

CHAT = "/v1/chat/completions"
WORDS = "red green blue circle square star left right how many is the what where count 1 2 3".split()
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 8}, "n": {"type": "integer"}},
    "required": ["name", "n"],
}
BLOCKS = 10  # of the second half
T_95 = 1.86  # one-sided 95 % of Student's t with BLOCKS - 2 degrees of freedom
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": SCHEMA}}]


def picture(rng, width, height):
    """Random stripes as PNG, in a data URL."""
    rows = [bytes(rng.randrange(256) for _ in range(3)) * width for _ in range(height)]
    data = zlib.compress(b"".join(b"\0" + row for row in rows))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    file = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    file += chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(file).decode()


class Mix:
    """Requests until the time is over; knows which of them are meant to fail."""

    def __init__(self, seed, seconds):
        self.rng, self.end = random.Random(seed), time.monotonic() + seconds
        self.known = [picture(self.rng, 112, 112) for _ in range(4)]

    def __iter__(self):
        while time.monotonic() < self.end:
            yield self.one()

    def text(self, words):
        return " ".join(self.rng.choice(WORDS) for _ in range(words))

    def one(self):
        rng = self.rng
        body = {
            "messages": [{"role": "user", "content": self.text(rng.randrange(1, 60))}],
            "max_tokens": rng.choice((8, 32, 64, 256)),
            "temperature": rng.choice((0, 0.8, 1.2)),
            "seed": rng.randrange(1000),
        }
        kind = rng.choices(
            ("text", "prefix", "new", "known", "choices", "schema", "tools", "raw", "fault"),
            (20, 15, 10, 20, 5, 10, 5, 10, 5),
        )[0]
        if kind == "prefix":
            start = {"role": "system", "content": "count the red stars. " * 30}
            body["messages"].insert(0, start)
        elif kind in ("new", "known"):
            side = rng.choice((56, 112, 224))
            url = picture(rng, side, side) if kind == "new" else rng.choice(self.known)
            body["messages"][0]["content"] = [
                {"type": "image_url", "image_url": {"url": url}},
                {"type": "text", "text": self.text(5)},
            ]
        elif kind == "choices":
            body |= {"n": 3, "temperature": 1}
        elif kind == "schema":
            body["response_format"] = {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": SCHEMA},
            }
        elif kind == "tools":
            body |= {"tools": TOOLS, "tool_choice": "required"}
        elif kind == "raw":
            prompt = {"prompt": [rng.randrange(700) for _ in range(rng.randrange(1, 500))]}
            return "/v1/completions", {**prompt, "max_tokens": 32, "ignore_eos": True}
        elif kind == "fault":
            broken = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
            body |= rng.choice(
                ({"max_tokens": -1}, {"messages": []}, {"messages": [{"role": "user", "content": [broken]}]})
            )
        return CHAT, body


def metrics(port):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return {
        name: float(value) for name, value in re.findall(r"^([a-z_:]+)(?:\{[^}]*\})? (\S+)$", text, re.M)
    }


def line(points):
    """Least squares: (rise for each unit, its standard error if what is left of each is by chance)."""
    n = len(points)
    mean_x, mean_y = (sum(p[i] for p in points) / n for i in (0, 1))
    xx = sum((x - mean_x) ** 2 for x, _ in points)
    b = sum((x - mean_x) * (y - mean_y) for x, y in points) / xx
    left = sum((y - mean_y - b * (x - mean_x)) ** 2 for x, y in points)
    return b, math.sqrt(left / (n - 2) / xx)


def slope(points):
    """(kB an hour, its standard error) over (s, kB). Memory is nearly the same 10 s later, so single
    points count for more than they tell; means of BLOCKS stretches are nearly independent."""
    size = len(points) // BLOCKS
    if size < 1:
        return 0.0, math.inf
    blocks = [points[i * size : (i + 1) * size] for i in range(BLOCKS)]
    b, error = line([[sum(p[i] for p in block) / size for i in (0, 1)] for block in blocks])
    return b * 3600, error * 3600


class Soak:
    def __init__(self, args, process, port):
        self.args, self.process, self.port = args, process, port
        self.outcomes, self.points = collections.Counter(), []
        self.start = self.last = time.monotonic()
        self.rng = random.Random(args.seed + 1)
        self.strange = []

    def on_reply(self, reply):
        status = int(reply.head[9:12]) if reply.head.startswith(b"HTTP/1.1 ") else 0
        outcome = f"{status} " + (
            "hung up" if reply.left else "whole" if reply.complete() else "error"
        )
        if status == 200 and b'"error"' in reply.end and not reply.left:
            outcome = "200 with an error"
        self.outcomes[outcome] += 1
        if outcome not in ("200 whole", "400 error", "422 error") and not reply.left:
            self.strange.append(outcome + ": " + reply.end[-400:].decode(errors="replace"))
        now = time.monotonic()
        if now - self.last >= 10:
            self.last = now
            self.sample(now - self.start)

    def leaves(self, reply):
        if not hasattr(reply, "patience"):
            reply.patience = self.rng.randrange(1, 40) if self.rng.random() < 0.05 else None
        if reply.patience is None:
            return False
        reply.patience -= 1
        reply.left = reply.patience <= 0
        return reply.left

    def sample(self, seconds):
        self.points.append((seconds, load.resident_kb(self.process.pid)))
        done = sum(self.outcomes.values())
        left = max(0, self.args.minutes * 60 - seconds)
        print(
            f"\r{seconds:5.0f} s, {done} requests, {done / seconds:.1f}/s, "
            f"{self.points[-1][1] / 1024:.0f} MB, {left:.0f} s left ",
            end="",
            file=sys.stderr,
            flush=True,
        )


def report(soak, args):
    time.sleep(2)
    held = metrics(soak.port)
    leaks = {
        name: value
        for name, value in held.items()
        if value and re.search(r"num_requests_(running|waiting)$|kv_cache_usage_perc$", name)
    }
    kb, error = slope(soak.points[len(soak.points) // 2 :])
    print(f"\n\n{sum(soak.outcomes.values())} requests in {time.monotonic() - soak.start:.0f} s")
    for outcome, count in sorted(soak.outcomes.items()):
        print(f"  {outcome}: {count}")
    print(f"memory, second half: {kb / 1024:+.2f} MB an hour, standard error {error / 1024:.2f}")
    print(f"held at the end: {leaks or 'nothing'}")
    for text in soak.strange[:5]:
        print("unexpected:", text)
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        figure, axis = plt.subplots(figsize=(8, 3.2))
        axis.plot([s / 60 for s, _ in soak.points], [kb / 1024 for _, kb in soak.points])
        axis.set(xlabel="minutes", ylabel="resident memory, MB", title=f"{args.streams} streams")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        figure.tight_layout()
        figure.savefig(ROOT / "build/compare/soak.png", dpi=110)
    except ImportError:
        pass
    return not soak.strange and not leaks and (kb - T_95 * error) / 1024 <= args.slope


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--binary", default=ROOT / "build/release/apps/glmv/glmv")
    parser.add_argument("--model", default=ROOT / "models/nano")
    parser.add_argument("--streams", type=int, default=64)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--slope", type=float, default=1, help="MB an hour that count as flat")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("serve_flags", nargs="*", help="behind --: more flags of glmv serve")
    args = parser.parse_args()
    log = ROOT / "build/compare/soak.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [args.binary, "serve", "-m", args.model, "--max-queue", 4 * args.streams]
    # Caches that are full within a minute: what grows after that is a leak.
    command += ["--encoder-cache-mb", 2, "--media-cache-mb", 2, "--kv-cache-tokens", 16384]
    command += args.serve_flags
    with load.server(command, log) as (process, port):
        soak = Soak(args, process, port)
        try:
            load.run(port, args.streams, Mix(args.seed, args.minutes * 60), soak.on_reply, soak.leaves)
        except KeyboardInterrupt:
            pass
        good = report(soak, args)
    if process.returncode != 0:
        print(f"the server ended with {process.returncode}; see {log}")
    sys.exit(0 if good and process.returncode == 0 else 1)


if __name__ == "__main__":
    main()
