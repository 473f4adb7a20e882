"""Ollama's Python client against /api."""

import asyncio

import ollama
import pytest
from conftest import ROOT, WEATHER, call_text, picture_base64

CALL = call_text("get_weather", city="Paris", days="3")
TOOLS = [{"type": "function", "function": WEATHER}]


@pytest.fixture(scope="module")
def client(scripted):
    return ollama.Client(host=scripted.url)


def chat(client, script, **more):
    messages = script if isinstance(script, list) else [{"role": "user", "content": script}]
    return client.chat(model="scripted", messages=messages, **more)


def test_chat(client):
    reply = chat(client, "SCRIPT:<think>hm</think>Hello", think=True)
    assert (reply.message.role, reply.message.content, reply.message.thinking) == (
        "assistant",
        "Hello",
        "hm",
    )
    assert (
        reply.done
        and reply.done_reason == "stop"
        and reply.model == "scripted"
        and reply.created_at
    )
    assert reply.prompt_eval_count > 0 and reply.eval_count > 0 and reply.total_duration > 0
    assert reply.eval_duration > 0 and reply.prompt_eval_duration > 0


def test_chat_stream(client):
    pieces = list(chat(client, "SCRIPT:<think>hm</think>Hello, né€", stream=True))
    assert "".join(p.message.content or "" for p in pieces) == "Hello, né€"
    assert "".join(p.message.thinking or "" for p in pieces) == "hm"
    assert [p.done for p in pieces] == [False] * (len(pieces) - 1) + [True] and pieces[
        -1
    ].eval_count > 0


def test_options(client):
    reply = chat(
        client,
        "SCRIPT*99:word ",
        options={"num_predict": 4, "temperature": 0, "seed": 3, "top_k": 5, "num_ctx": 4096},
    )
    assert reply.eval_count == 4 and reply.done_reason == "length"
    assert chat(client, "SCRIPT:one, two", options={"stop": [", "]}).message.content == "one"
    assert (
        chat(client, "SCRIPT:fine", options={"num_predict": -1}, keep_alive="5m").message.content
        == "fine"
    )


def test_name_with_a_tag(client):
    assert (
        client.chat(
            model="scripted:latest", messages=[{"role": "user", "content": "SCRIPT:x"}]
        ).message.content
        == "x"
    )


def test_picture(client, tmp_path):
    plain = chat(client, "SCRIPT:a star").prompt_eval_count
    for image in (
        ROOT / "examples/pictures/shapes.png",
        picture_base64(),
        (ROOT / "examples/pictures/shapes.png").read_bytes(),
    ):
        reply = chat(client, [{"role": "user", "content": "SCRIPT:a star", "images": [image]}])
        assert reply.message.content == "a star" and reply.prompt_eval_count > plain + 5


def test_tools(client):
    first = chat(client, "SCRIPT:" + CALL, tools=TOOLS)
    [call] = first.message.tool_calls
    assert (call.function.name, dict(call.function.arguments)) == (
        "get_weather",
        {"city": "Paris", "days": 3},
    )
    turns = [
        {"role": "user", "content": "SCRIPT:" + CALL},
        first.message,
        {"role": "tool", "tool_name": "get_weather", "content": "SCRIPT:Sunny"},
    ]
    assert chat(client, turns, tools=TOOLS).message.content == "Sunny"
    calls = [
        c
        for p in chat(client, "SCRIPT:" + CALL + CALL, tools=TOOLS, stream=True)
        for c in p.message.tool_calls or []
    ]
    assert len(calls) == 2

    def get_weather(city: str, days: int = 1) -> str:
        """The weather of a town.

        Args:
          city: its name
          days: how many
        """
        return city

    assert chat(client, "SCRIPT:" + CALL, tools=[get_weather]).message.tool_calls


def test_generate(client):
    reply = client.generate(
        model="scripted", prompt="SCRIPT:<think>hm</think>Hello", system="Be brief.", think=True
    )
    assert (reply.response, reply.thinking, reply.done) == (
        "Hello",
        "hm",
        True,
    ) and reply.eval_count > 0
    pieces = list(client.generate(model="scripted", prompt="SCRIPT:Hello", stream=True))
    assert "".join(p.response for p in pieces) == "Hello" and pieces[-1].done
    picture = client.generate(model="scripted", prompt="SCRIPT:a star", images=[picture_base64()])
    assert picture.response == "a star" and picture.prompt_eval_count > reply.prompt_eval_count
    assert (
        client.generate(model="scripted", prompt="SCRIPT:<think>a", raw=True).response == "<think>a"
    )


def test_models(client):
    [model] = client.list().models
    assert (
        model.model == "scripted:latest"
        and model.modified_at
        and model.digest
        and model.details.family == "glm4v"
    )
    shown = client.show("scripted")
    assert (
        shown.template
        and shown.details.family == "glm4v"
        and {"vision", "tools", "thinking"} <= set(shown.capabilities)
    )
    assert shown.modelinfo["glm4v.context_length"] == 65536
    [running] = client.ps().models
    assert running.model == "scripted:latest" and running.context_length == 65536


def test_structured(client):
    try:
        reply = chat(
            client,
            'SCRIPT:{"a": 1}',
            format={"type": "object", "properties": {"a": {"type": "integer"}}},
        )
    except ollama.ResponseError as error:
        if error.status_code == 400 and "format" in error.error:
            pytest.skip("this server does not take format: " + error.error)
        raise
    assert reply.message.content.replace(" ", "") == '{"a":1}'


@pytest.mark.parametrize(
    "call, status",
    [
        (lambda c: c.show("other"), 404),
        (lambda c: c.chat(model="other", messages=[{"role": "user", "content": "x"}]), 404),
        (lambda c: c.generate(model="scripted", prompt="x", options={"temperature": 9}), 400),
        (lambda c: c.generate(model="scripted", prompt="x", suffix="y"), 400),
        (lambda c: c.embed(model="scripted", input="x"), 501),
        (
            lambda c: list(
                c.chat(model="other", messages=[{"role": "user", "content": "x"}], stream=True)
            ),
            404,
        ),
    ],
)
def test_errors(client, call, status):
    with pytest.raises(ollama.ResponseError) as caught:
        call(client)
    assert (
        caught.value.status_code == status
        and caught.value.error
        and "{" not in caught.value.error[:1]
    )


def test_async(scripted):
    async def run():
        client = ollama.AsyncClient(host=scripted.url)
        stream = await client.chat(
            model="scripted", messages=[{"role": "user", "content": "SCRIPT:Hello"}], stream=True
        )
        return "".join([piece.message.content or "" async for piece in stream])

    assert asyncio.run(run()) == "Hello"


def test_leaving_early(client, scripted):
    before = scripted.metric("requests_cancelled_total")
    stream = chat(client, "SCRIPT[5]*2000:on ", stream=True)
    for _, _piece in zip(range(8), stream):
        pass
    stream.close()
    assert scripted.wait_for(
        lambda: scripted.metric("requests_cancelled_total") == before + 1
        and scripted.metric("num_requests_running") == 0,
        1.0,
    )
