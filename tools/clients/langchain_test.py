"""LangChain's ChatOpenAI."""

import asyncio

import openai
import pydantic
import pytest
from conftest import call_text, picture_url
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI


@tool
def get_weather(city: str, days: int = 1) -> str:
    """The weather of a town."""
    return f"SCRIPT:Sunny in {city}"


CALL = call_text("get_weather", city="Paris", days="3")


@pytest.fixture(scope="module")
def model(scripted):
    return ChatOpenAI(
        base_url=scripted.url + "/v1",
        api_key="none",
        model="scripted",
        stream_usage=True,
        max_retries=0,
    )


def test_invoke(model):
    reply = model.invoke(
        [SystemMessage("Be brief."), HumanMessage("SCRIPT:<think>hm</think>Hello")]
    )
    assert reply.content == "Hello" and reply.response_metadata["finish_reason"] == "stop"
    usage = reply.usage_metadata
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"] > 0
    assert usage["output_token_details"]["reasoning"] > 0


def test_stream(model):
    chunks = list(model.stream("SCRIPT:Hello, you"))
    assert len(chunks) > 3
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert whole.content == "Hello, you" and whole.usage_metadata["output_tokens"] > 0
    assert whole.response_metadata["finish_reason"] == "stop"


def test_tools(model):
    bound = model.bind_tools([get_weather])
    question = HumanMessage("SCRIPT:" + CALL)
    first = bound.invoke([question])
    [call] = first.tool_calls
    assert (call["name"], call["args"]) == (
        "get_weather",
        {"city": "Paris", "days": 3},
    ) and first.invalid_tool_calls == []
    result = get_weather.invoke(call)
    assert isinstance(result, ToolMessage)
    assert bound.invoke([question, first, result]).content == "Sunny in Paris"
    chunks = list(bound.stream([HumanMessage("SCRIPT:" + CALL + CALL)]))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole += chunk
    assert [c["args"] for c in whole.tool_calls] == [{"city": "Paris", "days": 3}] * 2


@pytest.mark.parametrize("choice", ["auto", "any", "required", "get_weather"])
def test_tool_choice(model, choice):
    reply = model.bind_tools([get_weather], tool_choice=choice).invoke("SCRIPT:" + CALL)
    assert reply.tool_calls[0]["name"] == "get_weather"


def test_picture(model):
    content = [
        {"type": "text", "text": "Look."},
        {"type": "image_url", "image_url": {"url": picture_url()}},
        {"type": "text", "text": "SCRIPT:a star"},
    ]
    plain = model.invoke("Look.SCRIPT:a star").usage_metadata["input_tokens"]
    reply = model.invoke([HumanMessage(content)])
    assert reply.content == "a star" and reply.usage_metadata["input_tokens"] > plain + 10
    standard = [
        {"type": "image", "base64": picture_url().split(",")[1], "mime_type": "image/png"},
        {"type": "text", "text": "SCRIPT:a star"},
    ]
    assert model.invoke([HumanMessage(standard)]).content == "a star"


def test_async(model):
    async def run():
        replies = await asyncio.gather(*(model.ainvoke(f"SCRIPT:reply {i}") for i in range(4)))
        streamed = "".join([chunk.content async for chunk in model.astream("SCRIPT:streamed")])
        return [r.content for r in replies], streamed

    assert asyncio.run(run()) == ([f"reply {i}" for i in range(4)], "streamed")


def test_batch(model):
    assert [r.content for r in model.batch(["SCRIPT:a", "SCRIPT:b"])] == ["a", "b"]


def test_logprobs(model):
    rows = (
        model.bind(logprobs=True, top_logprobs=2)
        .invoke("SCRIPT:Hi")
        .response_metadata["logprobs"]["content"]
    )
    assert "".join(row["token"] for row in rows).startswith("Hi")


def test_overflow_is_recognised(model):
    with pytest.raises(ContextOverflowError) as caught:
        model.invoke("word " * 100000)
    assert isinstance(caught.value, openai.BadRequestError)
    for words in ("maximum context length is", "prompt is too long", "context_length_exceeded"):
        assert words in str(caught.value)


class Fact(pydantic.BaseModel):
    """A thing and how often it is there."""

    name: str
    count: int


def test_structured_by_function_calling(model):
    fact = model.with_structured_output(Fact, method="function_calling").invoke(
        "SCRIPT:" + call_text("Fact", name="star", count="3")
    )
    assert fact == Fact(name="star", count=3)


@pytest.mark.parametrize("method", ["json_schema", "json_mode"])
def test_structured(model, method):
    try:
        fact = model.with_structured_output(Fact, method=method).invoke(
            'SCRIPT:{"name": "star", "count": 3}'
        )
    except openai.BadRequestError as error:
        if error.code == "unsupported_parameter":
            pytest.skip("this server does not take response_format: " + error.body["message"])
        raise
    assert fact == Fact(name="star", count=3)


def test_responses_api(scripted):
    model = ChatOpenAI(
        base_url=scripted.url + "/v1", api_key="none", model="scripted", use_responses_api=True
    )
    reply = model.invoke("SCRIPT:<think>hm</think>Hello")
    assert (
        isinstance(reply, AIMessage)
        and reply.text == "Hello"
        and reply.usage_metadata["output_tokens"] > 0
    )
    assert "".join(chunk.text for chunk in model.stream("SCRIPT:Hello")) == "Hello"
