"""OpenAI's Python client: answers of a given form. Runs once the server takes response_format."""

import json

import openai
import pydantic
import pytest


class Fact(pydantic.BaseModel):
    name: str = pydantic.Field(max_length=20)
    count: int = pydantic.Field(ge=0, le=9)


@pytest.fixture(scope="module", params=["scripted", "nano"])
def case(request):
    server = request.getfixturevalue(request.param)
    client = openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    try:
        client.chat.completions.create(
            model=request.param,
            messages=[{"role": "user", "content": "SCRIPT:{}"}],
            response_format={"type": "json_object"},
            max_tokens=60,
        )
    except openai.BadRequestError as error:
        if error.code == "unsupported_parameter":
            pytest.skip("this server does not take response_format: " + error.body["message"])
        raise
    return client, request.param


def question(model):
    return [
        {
            "role": "user",
            "content": (
                'SCRIPT:{"name": "star", "count": 3}' if model == "scripted" else "Describe it."
            ),
        }
    ]


def test_parse(case):
    client, model = case
    message = (
        client.chat.completions.parse(
            model=model, messages=question(model), response_format=Fact, max_tokens=400
        )
        .choices[0]
        .message
    )
    assert isinstance(message.parsed, Fact)
    if model == "scripted":
        assert message.parsed == Fact(name="star", count=3)


def test_parse_stream(case):
    client, model = case
    with client.chat.completions.stream(
        model=model, messages=question(model), response_format=Fact, max_tokens=400
    ) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_completion().choices[0].message.parsed, Fact)


def test_json_object(case):
    client, model = case
    reply = client.chat.completions.create(
        model=model,
        messages=question(model),
        max_tokens=400,
        response_format={"type": "json_object"},
    ).choices[0]
    if reply.finish_reason == "stop":
        assert isinstance(json.loads(reply.message.content), dict)


def test_parse_of_a_cut_answer(case):
    client, model = case
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(
            model=model, messages=question(model), response_format=Fact, max_tokens=2
        )


def test_responses_parse(case):
    client, model = case
    reply = client.responses.parse(
        model=model, input=question(model), text_format=Fact, max_output_tokens=400
    )
    assert isinstance(reply.output_parsed, Fact)


def test_schema_is_missing(case):
    client, model = case
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model=model, messages=question(model), response_format={"type": "json_schema"}
        )
    assert caught.value.param.startswith("response_format")
