"""Streams of requests against a server, from one process that reads as little of them as it can.

A load is `streams` clients, each sending its next request as soon as the reply before has ended. Of
a reply only moments are kept: sent, first and second event, end; and its last bytes, where the usage
stands. Standard library only.
"""

import contextlib
import json
import os
import pathlib
import re
import selectors
import shutil
import socket
import statistics
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
END_BYTES = 4096


class Reply:
    """One streamed request: when it was sent, began and ended; what its end says."""

    def __init__(self, port, path, body):
        data = json.dumps({**body, "stream": True, "stream_options": {"include_usage": True}}).encode()
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sent = time.perf_counter()
        self.first = self.second = self.ended = None  # first and second event, end
        self.socket.sendall(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Connection: close\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data
        )
        self.head = self.end = b""  # what came first, what came last
        self.left = False  # hung up before the end

    def read(self):
        """Takes what has come; whether more is to come."""
        try:
            data = self.socket.recv(1 << 18)
        except ConnectionError:
            data = b""
        now = time.perf_counter()
        self.head = (self.head + data)[:64]
        self.end = (self.end + data)[-END_BYTES:]
        if self.second is None and (self.first or self.end.count(b"data: {") > 1):
            self.second = now
        if self.first is None and b"data: {" in self.end:
            self.first = now
        if data and b"data: [DONE]" not in self.end:
            return True
        self.close(now)
        return False

    def close(self, now=None):
        self.ended = now or time.perf_counter()
        self.socket.close()

    def complete(self):
        return b"data: [DONE]" in self.end

    def usage(self, name):
        found = re.search(rb'"%s":\s*(\d+)' % name.encode(), self.end)
        if not found:
            raise SystemExit("a stream ended early: " + self.end.decode(errors="replace"))
        return int(found[1])


def run(port, streams, requests, on_reply=None, leaves=lambda reply: False):
    """Replies of `streams` clients that take their requests, (path, body), from an iterator.

    Returns the replies in the order of their ends; with on_reply, hands each to it instead. A client
    for which leaves(reply), asked at every piece, says so hangs up.
    """
    replies, requests = [], iter(requests)

    def send(selector):
        request = next(requests, None)
        if request is not None:
            reply = Reply(port, *request)
            selector.register(reply.socket, selectors.EVENT_READ, reply)

    with selectors.DefaultSelector() as selector:
        for _ in range(streams):
            send(selector)
        while selector.get_map():
            for key, _ in selector.select():
                more = key.data.read()
                if more and not leaves(key.data):
                    continue
                selector.unregister(key.fileobj)
                if more:
                    key.data.close()
                (on_reply or replies.append)(key.data)
                send(selector)
    return replies


def summary(replies):
    """Requests and tokens a second, and first-token times in ms, of one run's replies."""
    elapsed = max(r.ended for r in replies) - min(r.sent for r in replies)
    first = sorted((r.first - r.sent) * 1000 for r in replies)
    return {
        "requests_s": len(replies) / elapsed,
        "tokens_s": sum(r.usage("completion_tokens") for r in replies) / elapsed,
        "ttft_p50_ms": statistics.median(first),
        "ttft_p99_ms": first[min(len(first) - 1, int(len(first) * 0.99))],
    }


@contextlib.contextmanager
def server(command, log, ready="/ready", seconds=300):
    """(process, port) of a server started with `command`, whose last words are --port PORT."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with open(log, "w") as output:
        process = subprocess.Popen(
            [*map(str, command), "--port", str(port)], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        deadline = time.monotonic() + seconds
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{ready}", timeout=5) as answer:
                    if answer.status == 200:
                        break
            except OSError:
                pass
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} did not start; see {log}")
            time.sleep(0.05)
        yield process, port
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def model_folder(config_dir, folder, layers=None):
    """The config's shapes for --load-format dummy, with the embedded model's tokenizer and the ids of
    its special tokens; optionally with so many decoder layers."""
    nano = ROOT / "models/nano"
    config = json.loads((config_dir / "config.json").read_text())
    own = json.loads((nano / "config.json").read_text())
    config |= {key: value for key, value in own.items() if key.endswith("_token_id")}
    for key in ("eos_token_id", "pad_token_id"):
        config["text_config"][key] = own["text_config"][key]
    if layers:
        config["text_config"]["num_hidden_layers"] = layers
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(nano / name, folder / name)
    return config


def resident_kb(pid):
    """Resident memory without the pages of files (mapped weights come and go)."""
    fields = dict(
        line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    )
    return int(fields["RssAnon"].split()[0])


def threads():
    return len(os.sched_getaffinity(0))
