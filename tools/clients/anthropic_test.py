"""Anthropic's Python client against /v1/messages."""

import urllib.error

import anthropic
import pytest
from conftest import CLOCK, WEATHER, call_text, picture_base64, random_scripts, started

TOOLS = [
    {"name": f["name"], "description": f["description"], "input_schema": f["parameters"]}
    for f in (WEATHER, CLOCK)
]
CALL = call_text("get_weather", city="Paris", days="3")
THINKING = {"type": "enabled", "budget_tokens": 1024}


def client_of(server, **more):
    return anthropic.Anthropic(
        **{"base_url": server.url, "api_key": "none", "max_retries": 0} | more
    )


@pytest.fixture(scope="module")
def client(scripted):
    return client_of(scripted)


def fields(script, **more):
    messages = script if isinstance(script, list) else [{"role": "user", "content": script}]
    return {"model": "scripted", "max_tokens": 500, "messages": messages} | more


def ask(client, script, **more):
    return client.messages.create(**fields(script, **more))


def test_whole(client):
    reply = ask(client, "SCRIPT:Hello", system="Be brief.")
    assert reply.id.startswith("msg_") and (reply.type, reply.role, reply.model) == (
        "message",
        "assistant",
        "scripted",
    )
    [block] = reply.content
    assert (block.type, block.text) == ("text", "Hello") and reply._request_id
    assert (reply.stop_reason, reply.stop_sequence) == ("end_turn", None)
    assert (
        reply.usage.input_tokens + reply.usage.cache_read_input_tokens > 0
        and reply.usage.output_tokens > 0
    )


def test_thinking(client):
    thought, answer = ask(client, "SCRIPT:<think>hm</think>Yes", thinking=THINKING).content
    assert (thought.type, thought.thinking, answer.text) == ("thinking", "hm", "Yes")
    assert [b.type for b in ask(client, "SCRIPT:<think>hm</think>Yes").content] == ["text"]
    assert ask(client, "SCRIPT:Yes", thinking={"type": "disabled"}).content[0].text == "Yes"


def test_stop_reasons(client):
    assert ask(client, "SCRIPT*99:word ", max_tokens=3).stop_reason == "max_tokens"
    stopped = ask(client, "SCRIPT:one, two", stop_sequences=[", "])
    assert (stopped.stop_reason, stopped.stop_sequence, stopped.content[0].text) == (
        "stop_sequence",
        ", ",
        "one",
    )


def test_tools_and_their_result(client):
    first = ask(client, "SCRIPT:Let me see." + CALL, tools=TOOLS)
    text, use = first.content
    assert first.stop_reason == "tool_use" and text.text.strip() == "Let me see."
    assert (use.type, use.name, use.input) == (
        "tool_use",
        "get_weather",
        {"city": "Paris", "days": 3},
    )
    for content in ("SCRIPT:Sunny", [{"type": "text", "text": "SCRIPT:Sunny"}]):
        turns = [
            {"role": "user", "content": "SCRIPT:" + CALL},
            {
                "role": "assistant",
                "content": [b.model_dump(exclude_none=True) for b in first.content],
            },
            {
                "role": "user",
                "content": [{"type": "tool_result", "tool_use_id": use.id, "content": content}],
            },
        ]
        assert ask(client, turns, tools=TOOLS).content[0].text == "Sunny"


@pytest.mark.parametrize(
    "choice",
    [
        {"type": "auto"},
        {"type": "any"},
        {"type": "tool", "name": "get_weather"},
        {"type": "auto", "disable_parallel_tool_use": True},
    ],
)
def test_tool_choice(client, choice):
    reply = ask(client, "SCRIPT:" + CALL + CALL, tools=TOOLS, tool_choice=choice)
    assert len(reply.content) == (1 if choice.get("disable_parallel_tool_use") else 2)
    assert all(b.type == "tool_use" for b in reply.content)
    assert (
        ask(client, "SCRIPT:plain", tools=TOOLS, tool_choice={"type": "none"}).content[0].text
        == "plain"
    )


def test_named_choice_ends_with_tool_use(client):
    reply = ask(
        client, "SCRIPT:" + CALL, tools=TOOLS, tool_choice={"type": "tool", "name": "get_weather"}
    )
    assert reply.stop_reason == "tool_use"


def test_picture(client):
    content = [
        {
            "type": "image",
            "source": {"type": "base64", "media_type": "image/png", "data": picture_base64()},
        },
        {"type": "text", "text": "SCRIPT:a star"},
    ]
    reply = ask(client, [{"role": "user", "content": content}])
    assert reply.content[0].text == "a star"
    counted = client.messages.count_tokens(
        model="scripted", messages=[{"role": "user", "content": content}]
    )
    assert counted.input_tokens == reply.usage.input_tokens + reply.usage.cache_read_input_tokens


def test_count_tokens(client):
    messages = [{"role": "user", "content": "SCRIPT:x"}]
    plain = client.messages.count_tokens(model="scripted", messages=messages).input_tokens
    assert (
        client.messages.count_tokens(model="scripted", messages=messages, tools=TOOLS).input_tokens
        > plain
        > 0
    )


def test_stream_helper(client):
    with client.messages.stream(
        **fields("SCRIPT:<think>hm</think>Hello" + CALL, tools=TOOLS, thinking=THINKING)
    ) as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_message()
    assert {
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "thinking",
        "text",
        "input_json",
    } <= set(kinds)
    assert [b.type for b in final.content] == [
        "thinking",
        "text",
        "tool_use",
    ] and final.stop_reason == "tool_use"
    assert final.content[2].input == {"city": "Paris", "days": 3} and final.usage.output_tokens > 0
    with client.messages.stream(**fields("SCRIPT:Hello you")) as stream:
        assert "".join(stream.text_stream) == "Hello you"


def test_stream_is_the_whole_reply(client):
    def blocks(message):
        return message.stop_reason, [
            (b.type, getattr(b, "text", None) or getattr(b, "thinking", None) or b.input)
            for b in message.content
        ]

    for script in random_scripts(60, seed=9):
        whole = ask(client, script, tools=TOOLS, thinking=THINKING)
        with client.messages.stream(**fields(script, tools=TOOLS, thinking=THINKING)) as stream:
            assert blocks(stream.get_final_message()) == blocks(whole), script


@pytest.mark.parametrize(
    "more, error, type_",
    [
        (dict(messages=[]), anthropic.BadRequestError, "invalid_request_error"),
        (dict(extra_body={"temperature": 9}), anthropic.BadRequestError, "invalid_request_error"),
        (dict(max_tokens=0), anthropic.BadRequestError, "invalid_request_error"),
        (
            dict(messages=[{"role": "user", "content": "word " * 100000}]),
            anthropic.BadRequestError,
            "invalid_request_error",
        ),
        (dict(model="other"), anthropic.NotFoundError, "not_found_error"),
        (
            dict(
                messages=[
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "image",
                                "source": {"type": "url", "url": "http://127.0.0.1/a.png"},
                            }
                        ],
                    }
                ]
            ),
            anthropic.UnprocessableEntityError,
            "invalid_request_error",
        ),
    ],
)
def test_errors(client, more, error, type_):
    for call in (
        lambda f: client.messages.create(**f),
        lambda f: list(client.messages.create(**f, stream=True)),
    ):
        with pytest.raises(error) as caught:
            call(fields("SCRIPT:x") | more)
        assert caught.value.body["type"] == "error" and caught.value.body["error"]["type"] == type_
        assert caught.value.body["error"]["message"] and caught.value.request_id


def test_key():
    with started("--api-key", "secret") as server:
        assert ask(client_of(server, api_key="secret"), "SCRIPT:x").content
        with pytest.raises(anthropic.AuthenticationError) as caught:
            ask(client_of(server, api_key="wrong"), "SCRIPT:x")
        assert caught.value.body["error"]["type"] == "authentication_error"


def test_busy():
    with started("--max-queue", "1") as server:
        with client_of(server).messages.stream(**fields("SCRIPT[50]*400:on ")) as busy:
            next(iter(busy))
            with pytest.raises(anthropic.APIStatusError) as caught:
                ask(client_of(server), "SCRIPT:x")
            assert (
                caught.value.status_code == 503
                and caught.value.body["error"]["type"] == "overloaded_error"
            )
            with pytest.raises(urllib.error.HTTPError):
                server.get("/ready")


def test_leaving_early(client, scripted):
    before = scripted.metric("requests_cancelled_total")
    with client.messages.stream(**fields("SCRIPT[5]*2000:on ", max_tokens=3000)) as stream:
        for _, _event in zip(range(8), stream):
            pass
    assert scripted.wait_for(
        lambda: scripted.metric("requests_cancelled_total") == before + 1
        and scripted.metric("num_requests_running") == 0,
        1.0,
    )
