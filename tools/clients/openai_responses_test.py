"""OpenAI's Python client: the Responses API, whole and streamed."""

import json

import openai
import pytest
from conftest import WEATHER, call_text, picture_url, random_scripts

TOOLS = [{"type": "function", **WEATHER, "strict": False}]
CALL = call_text("get_weather", city="Paris", days="3")


@pytest.fixture(scope="module")
def client(scripted):
    return openai.OpenAI(base_url=scripted.url + "/v1", api_key="none", max_retries=0)


def respond(client, script, **more):
    return client.responses.create(model="scripted", input=script, **more)


def test_whole(client):
    reply = respond(
        client, "SCRIPT:<think>hm</think>Hello", instructions="Be brief.", metadata={"a": "b"}
    )
    assert (
        reply.id.startswith("resp_") and reply.object == "response" and reply.status == "completed"
    )
    assert (
        reply.error is None
        and reply.incomplete_details is None
        and reply.instructions == "Be brief."
    )
    assert (
        reply.output_text == "Hello" and reply.metadata == {"a": "b"} and reply.model == "scripted"
    )
    thought, message = reply.output
    assert thought.type == "reasoning" and thought.summary == [] and thought.content[0].text == "hm"
    assert (
        message.type == "message" and message.role == "assistant" and message.status == "completed"
    )
    assert message.content[0].type == "output_text" and message.content[0].annotations == []
    usage = reply.usage
    assert usage.total_tokens == usage.input_tokens + usage.output_tokens
    assert (
        usage.output_tokens_details.reasoning_tokens > 0
        and usage.input_tokens_details.cached_tokens >= 0
    )


def test_incomplete(client):
    reply = respond(client, "SCRIPT*90:word ", max_output_tokens=4)
    assert reply.status == "incomplete" and reply.incomplete_details.reason == "max_output_tokens"
    assert reply.output[-1].status == "incomplete" and reply.usage.output_tokens == 4


def test_call_and_its_result(client):
    first = respond(client, "SCRIPT:" + CALL, tools=TOOLS)
    [call] = first.output
    assert (
        call.type == "function_call" and call.name == "get_weather" and call.status == "completed"
    )
    assert json.loads(call.arguments) == {"city": "Paris", "days": 3} and call.call_id.startswith(
        "call_"
    )
    items = [
        {"role": "user", "content": "SCRIPT:" + CALL},
        call.model_dump(exclude_none=True),
        {"type": "function_call_output", "call_id": call.call_id, "output": "SCRIPT:Sunny"},
    ]
    assert respond(client, items, tools=TOOLS).output_text == "Sunny"


def test_items(client):
    first = respond(client, "SCRIPT:<think>hm</think>Hello")
    items = [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        *(item.model_dump(exclude_none=True) for item in first.output),
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": picture_url(), "detail": "auto"},
                {"type": "input_text", "text": "SCRIPT:a star"},
            ],
        },
    ]
    reply = respond(client, items)
    assert (
        reply.output_text == "a star"
        and reply.usage.input_tokens_details.model_extra["image_tokens"] > 0
    )


@pytest.mark.parametrize(
    "choice",
    [
        "auto",
        "required",
        {"type": "function", "name": "get_weather"},
        {
            "type": "allowed_tools",
            "mode": "auto",
            "tools": [{"type": "function", "name": "get_weather"}],
        },
    ],
)
def test_tool_choice(client, choice):
    reply = respond(
        client, "SCRIPT:" + CALL, tools=TOOLS, tool_choice=choice, parallel_tool_calls=False
    )
    assert [item.type for item in reply.output] == [
        "function_call"
    ] and reply.parallel_tool_calls is False


def test_events(client):
    script = "SCRIPT:<think>hm</think>Hello" + CALL
    events = list(respond(client, script, tools=TOOLS, stream=True))
    kinds = [event.type for event in events]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert (
        kinds[:2] == ["response.created", "response.in_progress"]
        and kinds[-1] == "response.completed"
    )
    order = [k for i, k in enumerate(kinds[2:-1]) if k != kinds[1 + i]]  # without repeated deltas
    assert order == [
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_text.delta",
        "response.reasoning_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
    ]
    whole = respond(client, script, tools=TOOLS)
    last = events[-1].response
    assert [i.type for i in last.output] == [
        i.type for i in whole.output
    ] and last.output_text == whole.output_text


def parts(response):
    out = []
    for item in response.output:
        if item.type == "function_call":
            out.append((item.name, json.loads(item.arguments)))
        else:
            out.append((item.type, "".join(part.text for part in item.content)))
    return response.status, out


def test_stream_is_the_whole_reply(client):
    for script in random_scripts(60, seed=5):
        whole = respond(client, script, tools=TOOLS)
        deltas, last = {}, None
        for event in respond(client, script, tools=TOOLS, stream=True):
            if event.type.endswith(".delta"):
                deltas[event.output_index] = deltas.get(event.output_index, "") + event.delta
            last = event
        assert parts(last.response) == parts(whole), script
        for index, item in enumerate(last.response.output):
            text = (
                item.arguments
                if item.type == "function_call"
                else "".join(p.text for p in item.content)
            )
            assert deltas.get(index, "") == text, script


def test_stream_helper(client):
    with client.responses.stream(
        model="scripted", input="SCRIPT:Hello" + CALL, tools=TOOLS
    ) as stream:
        text = "".join(
            event.delta for event in stream if event.type == "response.output_text.delta"
        )
        final = stream.get_final_response()
    assert text == "Hello" == final.output_text
    assert json.loads(final.output[-1].arguments) == {"city": "Paris", "days": 3}


def test_input_tokens(client):
    counted = client.responses.input_tokens.count(
        model="scripted", input="SCRIPT:Hello", instructions="Be brief."
    )
    assert counted.object == "response.input_tokens"
    assert (
        counted.input_tokens
        == respond(client, "SCRIPT:Hello", instructions="Be brief.").usage.input_tokens
    )


def test_reasoning_effort(client):
    assert respond(client, "SCRIPT:plain", reasoning={"effort": "none"}).output_text == "plain"


@pytest.mark.parametrize(
    "more, param",
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"reasoning": {"effort": "huge"}}, "reasoning.effort"),
        ({"input": []}, "input"),
        ({"input": [{"type": "computer_call"}]}, "input[0].type"),
    ],
)
def test_errors(client, more, param):
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(**{"model": "scripted", "input": "x"} | more)
    assert caught.value.param == param
    if param in ("previous_response_id", "background", "conversation"):
        assert caught.value.code == "unsupported_parameter"


def test_leaving_early(client, scripted):
    before = scripted.metric("requests_cancelled_total")
    stream = respond(client, "SCRIPT[5]*2000:on ", stream=True)
    for _, _event in zip(range(8), stream):
        pass
    stream.close()
    assert scripted.wait_for(
        lambda: scripted.metric("requests_cancelled_total") == before + 1
        and scripted.metric("num_requests_running") == 0,
        1.0,
    )
