"""OpenAI's Python client: streams say what the whole reply says, and end when left."""

import asyncio
import json
import urllib.request

import httpx
import openai
import pytest
from conftest import CLOCK, WEATHER, call_text, random_scripts

TOOLS = [{"type": "function", "function": f} for f in (WEATHER, CLOCK)]


@pytest.fixture(scope="module")
def client(scripted):
    return openai.OpenAI(base_url=scripted.url + "/v1", api_key="none", max_retries=0)


def ask(client, script, **more):
    return client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": script}], **more
    )


def whole_parts(choice):
    message = choice.message
    calls = [(c.function.name, c.function.arguments) for c in message.tool_calls or []]
    return (
        message.content or "",
        message.model_extra.get("reasoning_content", ""),
        calls,
        choice.finish_reason,
    )


def streamed_parts(chunks):
    text, thought, calls, finish = "", "", [], None
    for chunk in chunks:
        for choice in chunk.choices:
            assert finish is None, "nothing comes behind the finish"
            text += choice.delta.content or ""
            extra = choice.delta.model_extra or {}
            assert extra.get("reasoning") == extra.get("reasoning_content")
            thought += extra.get("reasoning_content") or ""
            for call in choice.delta.tool_calls or []:
                if call.index == len(calls):
                    assert (
                        call.id.startswith("call_")
                        and len(call.id) >= 21
                        and call.type == "function"
                    )
                    calls.append([call.function.name, ""])
                calls[call.index][1] += call.function.arguments
            finish = choice.finish_reason
    return text, thought, [tuple(c) for c in calls], finish


@pytest.mark.parametrize("tools", [False, True])
def test_stream_is_the_whole_reply(client, tools):
    more = {"tools": TOOLS} if tools else {}
    for i, script in enumerate(random_scripts(200, seed=11 + tools)):
        if i % 3 == 0:
            more["max_tokens"] = 1 + i % 40
        else:
            more.pop("max_tokens", None)
        whole = whole_parts(ask(client, script, **more).choices[0])
        streamed = streamed_parts(ask(client, script, stream=True, **more))
        assert streamed == whole, (script, more.get("max_tokens"))
        for _, arguments in whole[2]:
            assert isinstance(json.loads(arguments), dict), script


def test_order_of_the_stream(client):
    chunks = list(
        ask(
            client,
            "SCRIPT:<think>hm</think>Yes",
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert len({(c.id, c.object, c.created, c.model) for c in chunks}) == 1
    assert chunks[0].object == "chat.completion.chunk"
    first = chunks[0].choices[0].delta
    assert (first.role, first.content) == ("assistant", "") and chunks[0].choices[
        0
    ].finish_reason is None
    assert all(c.usage is None for c in chunks[:-1]) and "usage" in chunks[0].model_fields_set
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert (
        chunks[-2].choices[0].finish_reason == "stop"
        and chunks[-2].choices[0].delta.content is None
    )
    whole = ask(client, "SCRIPT:<think>hm</think>Yes")
    assert chunks[-1].usage.model_dump(exclude={"prompt_tokens_details"}) == whole.usage.model_dump(
        exclude={"prompt_tokens_details"}
    )


def test_no_usage_unless_asked(client):
    assert all("usage" not in c.model_fields_set for c in ask(client, "SCRIPT:Yes", stream=True))


def test_bytes_of_the_stream(scripted):
    body = json.dumps(
        {"messages": [{"role": "user", "content": "SCRIPT:né€😀"}], "stream": True}
    ).encode()
    with urllib.request.urlopen(
        urllib.request.Request(scripted.url + "/v1/chat/completions", body)
    ) as reply:
        headers, data = reply.headers, reply.read()
    assert headers["Content-Type"] == "text/event-stream; charset=utf-8"
    assert headers["Cache-Control"] == "no-cache" and headers["X-Accel-Buffering"] == "no"
    assert (
        headers["x-request-id"]
        and headers["Transfer-Encoding"] == "chunked"
        and headers["Content-Encoding"] is None
    )
    events = data.decode().split("\n\n")
    assert events.pop() == "" and events[-1] == "data: [DONE]"
    assert all(e.startswith("data: ") and "\n" not in e for e in events if not e.startswith(":"))


def test_choices_side_by_side(client):
    chunks = list(
        ask(
            client,
            "SCRIPT[2]:Hello you",
            stream=True,
            n=3,
            temperature=1,
            stream_options={"include_usage": True},
        )
    )
    texts, ends = {}, []
    for choice in (c for chunk in chunks for c in chunk.choices):
        texts[choice.index] = texts.get(choice.index, "") + (choice.delta.content or "")
        if choice.finish_reason:
            ends.append(choice.index)
    assert texts == dict.fromkeys(range(3), "Hello you") and sorted(ends) == [0, 1, 2]


def test_logprobs_of_a_stream(client):
    whole = ask(client, "SCRIPT:né€ ok", logprobs=True, top_logprobs=2).choices[0].logprobs.content
    rows = [
        row
        for chunk in ask(client, "SCRIPT:né€ ok", logprobs=True, top_logprobs=2, stream=True)
        for choice in chunk.choices
        if choice.logprobs
        for row in choice.logprobs.content
    ]
    assert [(r.token, r.bytes) for r in rows] == [(r.token, r.bytes) for r in whole]


def test_stream_helper(client):
    script = "SCRIPT:<think>which?</think>Let me see." + call_text(
        "get_weather", city="Rome", days="3"
    )
    with client.chat.completions.stream(
        model="scripted", messages=[{"role": "user", "content": script}], tools=TOOLS
    ) as stream:
        events = [event for event in stream]
    kinds = [event.type for event in events]
    assert {
        "chunk",
        "content.delta",
        "content.done",
        "tool_calls.function.arguments.delta",
        "tool_calls.function.arguments.done",
    } <= set(kinds)
    choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.content.strip() == "Let me see."
    assert json.loads(choice.message.tool_calls[0].function.arguments) == {
        "city": "Rome",
        "days": 3,
    }


class Recorded(httpx.SyncByteStream):
    def __init__(self, stream, pieces):
        self.stream = stream
        self.pieces = pieces

    def __iter__(self):
        for piece in self.stream:
            self.pieces.append(piece)
            yield piece

    def close(self):
        self.stream.close()


class RecordingTransport(httpx.HTTPTransport):
    """Keeps the bytes of the replies as the client gets them."""

    def __init__(self):
        super().__init__()
        self.pieces = []

    def handle_request(self, request):
        response = super().handle_request(request)
        response.stream = Recorded(response.stream, self.pieces)
        return response


def test_keep_alive_is_ignored(scripted):
    # A reply that is silent for longer than a heartbeat: 12 s a token.
    transport = RecordingTransport()
    client = openai.OpenAI(
        base_url=scripted.url + "/v1",
        api_key="none",
        max_retries=0,
        http_client=httpx.Client(transport=transport, timeout=60),
    )
    text, _, _, finish = streamed_parts(ask(client, "SCRIPT[12000]:a", stream=True, max_tokens=2))
    assert text == "a" and finish in ("stop", "length")
    assert b": keep-alive\n\n" in b"".join(transport.pieces)


def nothing_runs(scripted):
    return (
        scripted.metric("num_requests_running") == 0
        and scripted.metric("num_requests_waiting") == 0
    )


@pytest.mark.parametrize("n", [1, 3])
def test_leaving_a_stream_ends_it(client, scripted, n):
    before = scripted.metric("requests_cancelled_total")
    stream = ask(client, "SCRIPT[5]*2000:on ", stream=True, n=n, temperature=1)
    for _, chunk in zip(range(10), stream):
        assert chunk.choices
    assert scripted.metric("num_requests_running") >= 1
    stream.close()
    assert scripted.wait_for(
        lambda: scripted.metric("requests_cancelled_total") >= before + n
        and nothing_runs(scripted),
        1.0,
    )


def test_leaving_a_whole_reply_ends_it(scripted):
    before = scripted.metric("requests_cancelled_total")
    impatient = openai.OpenAI(
        base_url=scripted.url + "/v1", api_key="none", max_retries=0, timeout=0.5
    )
    with pytest.raises(openai.APITimeoutError):
        ask(impatient, "SCRIPT[5]*2000:on ")
    assert scripted.wait_for(
        lambda: scripted.metric("requests_cancelled_total") == before + 1
        and nothing_runs(scripted),
        1.0,
    )


def test_cancel_by_id(client, scripted):
    stream = ask(
        client, "SCRIPT[5]*2000:on ", stream=True, extra_headers={"X-Request-Id": "to-be-ended"}
    )
    next(iter(stream))
    found = client.post("/requests/to-be-ended/cancel", cast_to=object)
    assert found["found"] is True
    list(stream)
    assert scripted.wait_for(lambda: nothing_runs(scripted), 1.0)


def test_end_thinking_by_id(client):
    stream = ask(
        client,
        "SCRIPT[5]:<think>" + "on and " * 300,
        stream=True,
        max_tokens=60,
        extra_headers={"X-Request-Id": "think"},
    )
    chunks = iter(stream)
    for _ in range(5):
        next(chunks)
    client.post("/requests/think/end_thinking", cast_to=object)
    assert streamed_parts(chunks)[0]


def test_async_client(scripted):
    async def both():
        async with openai.AsyncOpenAI(base_url=scripted.url + "/v1", api_key="none") as client:

            async def one(i):
                stream = await client.chat.completions.create(
                    model="scripted",
                    messages=[{"role": "user", "content": f"SCRIPT[1]:reply {i}"}],
                    stream=True,
                )
                return "".join([c.choices[0].delta.content or "" async for c in stream])

            return await asyncio.gather(*(one(i) for i in range(8)))

    assert asyncio.run(both()) == [f"reply {i}" for i in range(8)]
