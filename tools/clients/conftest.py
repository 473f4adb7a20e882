"""What the suites share: the two servers of tools/clients/run, and more with other flags."""

import base64
import contextlib
import os
import pathlib
import random
import re
import subprocess
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTED_BINARY = os.environ.get(
    "GLMV_SCRIPTED_BINARY", ROOT / "build/release/tools/clients/glmv_scripted_server"
)


def address(variable):
    if variable not in os.environ:
        pytest.fail(f"{variable} is not set: start the suites by tools/clients/run")
    return os.environ[variable]


class Server:
    """A running server, and what its /metrics say."""

    def __init__(self, url, process=None):
        self.url = url
        self.process = process
        self.key = ""

    def get(self, path):
        request = urllib.request.Request(self.url + path, headers={"x-api-key": self.key})
        return urllib.request.urlopen(request).read().decode()

    def metric(self, name, **labels):
        """The sum of all rows with these labels; 0 where there is none."""
        total = 0.0
        for line in self.get("/metrics").splitlines():
            row = re.fullmatch(r"glmv:(\w+)\{(.*)\} (\S+)", line)
            if row and row[1] == name and all(f'{k}="{v}"' in row[2] for k, v in labels.items()):
                total += float(row[3])
        return total

    def errors(self, code):
        return self.metric("request_errors_total", code=code)

    def wait_for(self, condition, seconds=5.0):
        """Whether it became true within that time, and the seconds it took."""
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            if condition():
                return time.monotonic() - start
            time.sleep(0.01)
        return None


@contextlib.contextmanager
def started(*flags):
    """The scripted server with these flags."""
    process = subprocess.Popen(
        [SCRIPTED_BINARY, ROOT / "models/nano", *flags], stderr=subprocess.PIPE, text=True
    )
    try:
        found = re.search(r"on (http:\S+)", process.stderr.readline())
        assert found, process.stderr.read()
        yield Server(found[1], process)
    finally:
        process.terminate()
        process.wait(40)


@pytest.fixture(scope="session")
def nano():
    return Server(address("GLMV_SERVER"))


@pytest.fixture(scope="session")
def scripted():
    return Server(address("GLMV_SCRIPTED"))


def picture_base64():
    return base64.b64encode((ROOT / "examples/pictures/shapes.png").read_bytes()).decode()


def picture_url():
    return "data:image/png;base64," + picture_base64()


WEATHER = {
    "name": "get_weather",
    "description": "The weather of a town",
    "parameters": {
        "type": "object",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "exact": {"type": "boolean"},
        },
        "required": ["city"],
    },
}
CLOCK = {
    "name": "get_time",
    "description": "The time",
    "parameters": {"type": "object", "properties": {}},
}


def call_text(name, /, **arguments):
    """A call as the model writes it; values that are no strings are written in JSON."""
    pairs = "".join(
        f"\n<arg_key>{k}</arg_key>\n<arg_value>{v}</arg_value>" for k, v in arguments.items()
    )
    return f"<tool_call>{name}{pairs}\n</tool_call>"


ALPHABET = 'abc xyz .,\n"{}[]\\/<>|é€中文字😀🏽\u200dà'


def random_text(rng, longest=30):
    return "".join(rng.choice(ALPHABET) for _ in range(rng.randint(1, longest))).strip() or "x"


def random_scripts(count, seed=1):
    """Replies of every form: thought, answer, markers, calls whole and broken, in random tokens."""
    rng = random.Random(seed)
    scripts = []
    for i in range(count):
        text = ""
        if rng.random() < 0.5:
            text += "<think>" + random_text(rng) + ("</think>" if rng.random() < 0.9 else "")
        if rng.random() < 0.4:
            text += "<answer>" + random_text(rng) + ("</answer>" if rng.random() < 0.8 else "")
        elif rng.random() < 0.9:
            text += random_text(rng)
        if rng.random() < 0.3:
            text += f"<|begin_of_box|>{random_text(rng, 8)}<|end_of_box|>" + random_text(rng, 5)
        for _ in range(rng.randint(0, 3) if rng.random() < 0.5 else 0):
            call = call_text(
                rng.choice(["get_weather", "get_time", "unknown"]),
                city=random_text(rng),
                days=rng.choice(["3", "-1.5", "three", '{"a": [1]}']),
            )
            text += call if rng.random() < 0.8 else call[: rng.randint(12, len(call) - 1)]
        scripts.append(f"SCRIPT[0,{i}]:{text}" if rng.random() < 0.6 else f"SCRIPT:{text}")
    return scripts
