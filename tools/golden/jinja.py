#!/usr/bin/env python3
"""Writes tests/golden/jinja/*.jsonl with Jinja2 in transformers' own environment.

    python3 tools/golden/jinja.py      (transformers >= 5.23, jinja2 >= 3.1.6)

snippets.jsonl       one feature a line: template, variables, and the output or that it fails
conversations.jsonl  generated conversations through the built-in templates
spec.jsonl           renders of the two template families, written out by hand
"""
import json
import random
import re
from pathlib import Path

from transformers.utils.chat_template_utils import _compile_jinja_template, render_jinja_template

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "tests/golden/jinja"
SOURCE = (ROOT / "glmv/text/builtin_templates.cc").read_text()
TEMPLATES = dict(zip(["glm4v", "glm4v_moe"], re.findall(r'R"jinja\((.*?)\)jinja"', SOURCE, re.S)))

VARS = {
    "s": " Hello W\u00f6rld ", "e": "", "n": 5, "f": 2.5, "t": True, "z": None,
    "l": [3, 1, 2], "w": ["b", "A", "c"], "u": "\u4f60\u597d \U0001f600 ok", "lines": "a\nb\n\nc\r\nd",
    "d": {"b": 1, "a": [1, {"x": None}], "items": 7}, "big": 1e16, "tiny": 1e-7,
    "rows": [{"k": "x", "v": 2}, {"k": "y", "v": 1}, {"k": "x", "v": 0}],
    "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "yo"}],
}

SNIPPETS = (Path(__file__).with_name("jinja_snippets.txt").read_text().split("\n%%\n"))


def write(name, rows):
    with open(OUT / name, "w") as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    print(name, len(rows))


def snippets():
    rows = []
    for text in SNIPPETS:
        row = {"template": text, "variables": VARS if not rows else None}
        try:
            row["output"] = _compile_jinja_template(text).render(**VARS)
        except Exception as error:  # any failure of the reference is a failure of ours
            row["error"] = type(error).__name__
        rows.append(row)
    write("snippets.jsonl", rows)


def render(family, messages, tools=None, gen=True, cont=False, **kwargs):
    return render_jinja_template([messages], tools=tools, chat_template=TEMPLATES[family],
                                 add_generation_prompt=gen, continue_final_message=cont, **kwargs)[0][0]


WORDS = ["hi", " lead", "trail ", "\n", "\u4f60\u597d", "\U0001f600", "<think>", "</think>", "a\tb", "'q'", '"d"',
         "/nothink", "<|user|>", "\u00e9", "\\n", "{{ x }}", "\u2028", "0", "\u00a0"]
TOOLS = [{"type": "function", "function": {"name": "f", "description": "d\u00e9 <b>", "parameters": {
    "type": "object", "properties": {"a": {"type": "string"}, "n": {"type": "number", "default": 1.0}}}}}]


def text(rng):
    return "".join(rng.choice(WORDS) for _ in range(rng.randint(0, 5)))


def parts(rng):
    make = [lambda: {"type": "text", "text": text(rng)}, lambda: {"type": "image"}, lambda: {"type": "video"}]
    return [rng.choice(make)() for _ in range(rng.randint(0, 4))]


def conversation(rng):
    messages = []
    if rng.random() < 0.4:
        messages.append({"role": "system", "content": text(rng)})
    for _ in range(rng.randint(0, 4)):
        messages.append({"role": "user", "content": text(rng) if rng.random() < 0.5 else parts(rng)})
        while rng.random() < 0.6:
            turn = {"role": "assistant", "content": text(rng)}
            if rng.random() < 0.4:
                turn[rng.choice(["reasoning_content", "reasoning", "thinking"])] = text(rng)
            if rng.random() < 0.4:
                value = rng.choice(["x", "", 1, -2.5, 1e20, True, None, [1, "\u00e9"], {"k": {}}])
                call = {"name": "f", "arguments": {"a": value, "b c": text(rng)} if rng.random() < 0.8 else {}}
                turn["tool_calls"] = [{"type": "function", "function": call}] if rng.random() < 0.5 else [call]
            messages.append(turn)
            if "tool_calls" in turn:
                for _ in range(rng.randint(0, 2)):
                    content = text(rng) if rng.random() < 0.6 else parts(rng) + rng.choice(
                        [[], ["plain"], [{"output": "O"}], [{"type": "json", "v": 1}]])
                    messages.append({"role": "tool", "content": content})
    return messages


def conversations():
    rng = random.Random(20260)
    rows = []
    for i in range(300):
        family = ["glm4v", "glm4v_moe"][i % 2]
        row = {"family": family, "messages": conversation(rng), "gen": rng.random() < 0.7}
        if rng.random() < 0.4:
            row["tools"] = TOOLS
        if rng.random() < 0.5:
            row["enable_thinking"] = rng.random() < 0.5
        last = row["messages"][-1] if row["messages"] else {}
        if rng.random() < 0.3 and isinstance(last.get("content"), str):
            row["continue"] = True
            row["gen"] = False
        kwargs = {k: row[k] for k in ["enable_thinking"] if k in row}
        try:
            row["output"] = render(family, row["messages"], row.get("tools"), row["gen"],
                                   row.get("continue", False), **kwargs)
        except Exception as error:
            row["error"] = type(error).__name__
        rows.append(row)
    write("conversations.jsonl", rows)


def spec():
    S, U, A = "[gMASK]<sop>", "<|user|>\n", "<|assistant|>\n"
    I = "<|begin_of_image|><|image|><|end_of_image|>"
    W = "<|begin_of_video|><|video|><|end_of_video|>"
    E = "<think></think>\n"
    img, vid = {"type": "image"}, {"type": "video"}

    def t(x):
        return {"type": "text", "text": x}

    def u(x):
        return {"role": "user", "content": x}

    def a(x, **more):
        return {"role": "assistant", "content": x, **more}

    def tool(x):
        return {"role": "tool", "content": x}

    def call(name, **arguments):
        return {"function": {"name": name, "arguments": arguments}}

    def resp(x):
        return "\n<tool_response>\n" + x + "\n</tool_response>\n"

    both = [
        ([u("Hi")], True, {}, S + U + "Hi" + A),
        ([u("Hi")], False, {}, S + U + "Hi"),
        ([{"role": "system", "content": "S1"}, u("Hi")], True, {}, S + "<|system|>\nS1" + U + "Hi" + A),
        ([u([img, img, t("Q")])], True, {}, S + U + I + I + "Q" + A),
        ([u([t("A1"), img, t("B")])], True, {}, S + U + "A1" + I + "B" + A),
        ([u([vid, img, t("Q")])], True, {}, S + U + W + I + "Q" + A),
        ([u([])], True, {}, S + U + A),
        ([], True, {}, S + A),
        ([u(" q \n")], True, {}, S + U + " q \n" + A),
        ([u("Hi")], True, {"enable_thinking": True}, S + U + "Hi" + A),
    ]
    old = "<think>r1</think><answer>a1</answer>"
    f = a("", tool_calls=[call("f", a="x")], reasoning_content="t")
    fcall = "<tool_call>f\n<arg_key>a</arg_key>\n<arg_value>x</arg_value>\n</tool_call>"
    args = {"city": "\u5317\u4eac", "n": 3, "b": True, "x": None, "o": {"a": [1, 2]}}
    shown = ["\u5317\u4eac", "3", "true", "null", '{"a": [1, 2]}']
    weather = "<tool_call>get_weather\n" + "".join(
        f"<arg_key>{k}</arg_key>\n<arg_value>{v}</arg_value>\n" for k, v in zip(args, shown)) + "</tool_call>"
    only = {
        "glm4v": [
            ([u("Q1"), a(old), u("Q2")], True, {}, S + U + "Q1" + A + old + U + "Q2" + A),
            ([u("Q1"), a("a1\n", reasoning_content="\nr1\n")], False, {}, S + U + "Q1" + A + "a1\n"),
            ([u("Q1"), a("<think>a</think>b</think>c")], False, {}, S + U + "Q1" + A + "<think>a</think>b</think>c"),
            ([u("Hi")], True, {"enable_thinking": False}, S + U + "Hi" + A),
            ([u("Hi"), a(None, tool_calls=[call("noop")])], False, {}, S + U + "Hi" + A + "None"),
            ([u("q"), a("x", metadata="m")], False, {}, S + U + "q<|assistant|>m\nx"),
        ],
        "glm4v_moe": [
            ([u("Q1"), a(old), u("Q2")], True, {}, S + U + "Q1" + A + E + "<answer>a1</answer>" + U + "Q2" + A),
            ([u("Q1"), a("a1\n", reasoning_content="\nr1\n")], False, {}, S + U + "Q1" + A + "<think>r1</think>\na1"),
            ([u("Q1"), a("<think>a</think>b</think>c")], False, {}, S + U + "Q1" + A + "<think>a</think>\nc"),
            ([u("q"), a("<think>a</think>b", reasoning_content="")], False, {}, S + U + "q" + A + E + "<think>a</think>b"),
            ([u("Hi")], True, {"enable_thinking": False}, S + U + "Hi/nothink" + A + E),
            ([u("Hi/nothink")], True, {"enable_thinking": False}, S + U + "Hi/nothink" + A + E),
            ([u("Hi"), a(None, tool_calls=[call("noop")])], False, {},
             S + U + "Hi" + A + E + "None\n<tool_call>noop\n</tool_call>"),
            ([u("Hi"), a("ok", tool_calls=[call("a", k="v"), call("b")]), tool("R1"), tool("R2")], True, {},
             S + U + "Hi" + A + E + "ok\n<tool_call>a\n<arg_key>k</arg_key>\n<arg_value>v</arg_value>\n</tool_call>"
             + "\n<tool_call>b\n</tool_call><|observation|>" + resp("R1") + resp("R2") + A),
            ([u("q"), a("", tool_calls=[call("get_weather", **args)], reasoning_content="need tool")], False, {},
             S + U + "q" + A + "<think>need tool</think>\n" + weather),
            ([u("q"), f, tool("R"), a("done", reasoning_content="t2"), u("n")], True, {},
             S + U + "q" + A + E + fcall + "<|observation|>" + resp("R") + A + E + "done" + U + "n" + A),
            ([u("q"), f, tool("R"), a("done", reasoning_content="t2")], True, {},
             S + U + "q" + A + "<think>t</think>\n" + fcall + "<|observation|>" + resp("R") + A
             + "<think>t2</think>\ndone" + A),
            ([tool([t("R1"), {"type": "image_url"}, {"type": "json", "v": 1}, "plain", {"output": "O"}])], False, {},
             S + '<|observation|>\n<tool_response>\nR1' + I + '{"type": "json", "v": 1}plainO\n</tool_response>'),
        ],
    }
    rows = []
    for family in TEMPLATES:
        for messages, gen, kwargs, want in both + only[family]:
            got = render(family, messages, gen=gen, **kwargs)
            assert got == want, (family, messages, got, want)
            rows.append({"family": family, "messages": messages, "gen": gen, **kwargs, "output": want})
    write("spec.jsonl", rows)


snippets()
spec()
conversations()
