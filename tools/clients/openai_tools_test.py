"""OpenAI's Python client: tools in every form."""

import json

import openai
import pytest
from conftest import CLOCK, WEATHER, call_text

TOOLS = [{"type": "function", "function": f} for f in (WEATHER, CLOCK)]
CALL = call_text("get_weather", city="Paris", days="3", exact="true")


@pytest.fixture(scope="module")
def client(scripted):
    return openai.OpenAI(base_url=scripted.url + "/v1", api_key="none", max_retries=0)


def ask(client, script, tools=TOOLS, **more):
    messages = script if isinstance(script, list) else [{"role": "user", "content": script}]
    return client.chat.completions.create(model="scripted", messages=messages, tools=tools, **more)


def arguments(call):
    return json.loads(call.function.arguments)


def test_one_call(client):
    choice = ask(client, "SCRIPT:" + CALL).choices[0]
    [call] = choice.message.tool_calls
    assert choice.finish_reason == "tool_calls" and choice.message.content is None
    assert call.type == "function" and call.id.startswith("call_") and len(call.id) >= 21
    assert call.function.name == "get_weather" and arguments(call) == {
        "city": "Paris",
        "days": 3,
        "exact": True,
    }


def test_two_calls_after_a_thought(client):
    choice = ask(
        client, "SCRIPT:<think>both</think>Two." + CALL + "\n" + call_text("get_time")
    ).choices[0]
    first, second = choice.message.tool_calls
    assert first.id != second.id and (second.function.name, arguments(second)) == ("get_time", {})
    assert choice.message.content.strip() == "Two." and choice.message.reasoning == "both"


def test_values_follow_the_schema(client):
    script = call_text("get_weather", city="12", days="many", other='{"a": [1, null]}')
    [call] = ask(client, "SCRIPT:" + script).choices[0].message.tool_calls
    assert arguments(call) == {"city": "12", "days": "many", "other": {"a": [1, None]}}
    [call] = (
        ask(
            client,
            "SCRIPT:<tool_call>get_weather<arg_key>city</arg_key><arg_value>a</arg_value>"
            "<arg_key>city</arg_key><arg_value>b</arg_value></tool_call>",
        )
        .choices[0]
        .message.tool_calls
    )
    assert arguments(call) == {"city": "b"}


def test_a_function_that_is_not_declared(client):
    [call] = ask(client, "SCRIPT:" + call_text("other", x="1")).choices[0].message.tool_calls
    assert call.function.name == "other" and arguments(call) == {"x": 1}


@pytest.mark.parametrize(
    "choice, reason",
    [
        ("auto", "tool_calls"),
        ("required", "tool_calls"),
        ({"type": "function", "function": {"name": "get_weather"}}, "stop"),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [TOOLS[0]]}},
            "tool_calls",
        ),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOLS[0]]}},
            "tool_calls",
        ),
    ],
)
def test_choice(client, choice, reason):
    reply = ask(client, "SCRIPT:" + CALL, tool_choice=choice).choices[0]
    assert (
        reply.finish_reason == reason and reply.message.tool_calls[0].function.name == "get_weather"
    )
    stream = list(ask(client, "SCRIPT:" + CALL, tool_choice=choice, stream=True))
    assert [c.choices[0].finish_reason for c in stream if c.choices][-1] == reason


def prompt_of(client, **fields):
    return client.with_options().post("/../apply-template", body=fields, cast_to=object)["prompt"]


def test_none_shows_no_tools(client):
    choice = ask(client, "SCRIPT:plain", tool_choice="none").choices[0]
    assert (
        choice.finish_reason == "stop"
        and choice.message.content == "plain"
        and choice.message.tool_calls is None
    )


@pytest.mark.parametrize("tools", [[], openai.NOT_GIVEN])
def test_without_tools(client, tools):
    choice = ask(client, "SCRIPT:plain", tools=tools).choices[0]
    assert choice.message.content == "plain" and choice.message.tool_calls is None
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "SCRIPT:x", tools=tools, tool_choice="required")
    assert caught.value.param == "tool_choice"


@pytest.mark.parametrize(
    "more, param",
    [
        ({"tool_choice": {"type": "function", "function": {"name": "absent"}}}, "tool_choice"),
        ({"tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function"}]}, "tools[0]"),
        ({"tools": [TOOLS[0], {"type": "web_search", "function": {"name": "x"}}]}, "tools[1].type"),
    ],
)
def test_bad_tools(client, more, param):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "SCRIPT:x", **more)
    assert caught.value.param == param


def test_no_parallel_calls(client):
    script = "SCRIPT:" + CALL + call_text("get_time") + CALL
    whole = ask(client, script, parallel_tool_calls=False).choices[0]
    assert len(whole.message.tool_calls) == 1 and whole.finish_reason == "tool_calls"
    names = [
        c.function.name
        for chunk in ask(client, script, parallel_tool_calls=False, stream=True)
        for choice in chunk.choices
        for c in choice.delta.tool_calls or []
        if c.function.name
    ]
    assert names == ["get_weather"]


def test_cut_calls_have_valid_arguments(client):
    for limit in range(1, 60):
        choice = ask(client, "SCRIPT:" + CALL, max_tokens=limit).choices[0]
        for call in choice.message.tool_calls or []:
            assert isinstance(arguments(call), dict)
        pieces = [
            call.function.arguments
            for chunk in ask(client, "SCRIPT:" + CALL, max_tokens=limit, stream=True)
            for c in chunk.choices
            for call in c.delta.tool_calls or []
        ]
        assert not pieces or isinstance(json.loads("".join(pieces)), dict)


def test_a_broken_call_is_text(client):
    choice = ask(client, "SCRIPT:<tool_call>get weather and more").choices[0]
    assert (
        choice.message.tool_calls is None
        and "get weather" in choice.message.content
        and choice.finish_reason == "stop"
    )


def test_a_call_inside_a_thought(client):
    choice = ask(client, "SCRIPT:<think>so I call " + CALL).choices[0]
    assert (
        choice.message.tool_calls[0].function.name == "get_weather"
        and "so I call" in choice.message.reasoning
    )


def test_round_trip(client):
    messages = [{"role": "user", "content": "SCRIPT:" + CALL}]
    first = ask(client, messages).choices[0].message
    messages += [
        first.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "SCRIPT:It is sunny."},
    ]
    assert ask(client, messages).choices[0].message.content == "It is sunny."
    messages[-1]["content"] = [{"type": "text", "text": "SCRIPT:In parts."}]
    assert ask(client, messages).choices[0].message.content == "In parts."
