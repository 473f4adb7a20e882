"""OpenAI's Python client against `glmv serve` of models/nano; tools/clients/run calls it.

GLMV_SERVER=http://127.0.0.1:8000 pytest tools/clients/openai_test.py
"""

import base64
import os
import pathlib

import openai
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SERVER = os.environ.get("GLMV_SERVER", "http://127.0.0.1:8000")


@pytest.fixture(scope="module")
def client():
    return openai.OpenAI(base_url=SERVER + "/v1", api_key=os.environ.get("GLMV_KEY", "none"))


def user(*content):
    return [{"role": "user", "content": list(content) if len(content) > 1 else content[0]}]


def picture():
    data = base64.b64encode((ROOT / "examples" / "pictures" / "shapes.png").read_bytes()).decode()
    return {"type": "image_url", "image_url": {"url": "data:image/png;base64," + data}}


def ask(client, content="What colour is the star?", **more):
    more.setdefault("max_tokens", 20)
    messages = content if isinstance(content, list) else user(content)
    return client.chat.completions.create(model="nano", messages=messages, **more)


def test_models(client):
    [model] = client.models.list().data
    assert model.id == "nano" and model.object == "model" and model.owned_by == "glmv"
    assert client.models.retrieve("nano").max_model_len > 0
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("other")


def test_whole_reply(client):
    reply = ask(client, temperature=0)
    [choice] = reply.choices
    assert choice.message.role == "assistant" and choice.finish_reason in ("stop", "length")
    usage = reply.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert reply.id.startswith("chatcmpl-") and reply._request_id


def test_stream_is_the_whole_reply(client):
    for content in (
        "What colour is the star?",
        user(picture(), {"type": "text", "text": "How many shapes are there?"}),
    ):
        whole = ask(client, content, temperature=0, max_tokens=60)
        text, thought, finish, usage = "", "", None, None
        for chunk in ask(
            client,
            content,
            temperature=0,
            max_tokens=60,
            stream=True,
            stream_options={"include_usage": True},
        ):
            for choice in chunk.choices:
                text += choice.delta.content or ""
                thought += getattr(choice.delta, "reasoning_content", None) or ""
                finish = choice.finish_reason or finish
            usage = chunk.usage or usage
        message = whole.choices[0].message
        assert text == message.content
        assert thought == (getattr(message, "reasoning_content", None) or "")
        assert finish == whole.choices[0].finish_reason
        assert usage.completion_tokens == whole.usage.completion_tokens


def test_pictures_are_counted(client):
    reply = ask(client, user(picture(), {"type": "text", "text": "How many shapes are there?"}))
    assert reply.usage.prompt_tokens_details.image_tokens > 0


def test_seed_and_choices(client):
    texts = [
        [c.message.content for c in ask(client, seed=5, n=3, temperature=1.5).choices]
        for _ in range(2)
    ]
    assert texts[0] == texts[1] and len(texts[0]) == 3


def test_logprobs(client):
    reply = ask(client, logprobs=True, top_logprobs=3, temperature=0)
    rows = reply.choices[0].logprobs.content
    assert len(rows) > 0
    for row in rows:
        assert (
            row.logprob <= 0
            and len(row.top_logprobs) == 3
            and bytes(row.bytes).decode(errors="replace") == row.token
        )


def test_stop(client):
    whole = ask(client, temperature=0, max_tokens=60).choices[0].message.content
    if len(whole) > 4:
        stop = whole[2:4]
        cut = ask(client, temperature=0, max_tokens=60, stop=[stop]).choices[0]
        assert stop not in cut.message.content and cut.finish_reason == "stop"


def test_parse_helper(client):
    with client.chat.completions.stream(
        model="nano", messages=user("What colour is the star?"), max_tokens=20
    ) as stream:
        events = [event.type for event in stream]
        assert (
            "chunk" in events
            and stream.get_final_completion().choices[0].message.role == "assistant"
        )


@pytest.mark.parametrize(
    "more, error, code",
    [
        (dict(temperature=7), openai.BadRequestError, "invalid_value"),
        (dict(messages=[]), openai.BadRequestError, "invalid_value"),
        (
            dict(messages=[{"role": "robot", "content": "x"}]),
            openai.BadRequestError,
            "invalid_value",
        ),
        (dict(messages=user("word " * 20000)), openai.BadRequestError, "context_length_exceeded"),
        (
            dict(
                messages=user(
                    {"type": "image_url", "image_url": {"url": "http://127.0.0.1/x.png"}},
                    {"type": "text", "text": "x"},
                )
            ),
            openai.UnprocessableEntityError,
            "media_not_allowed",
        ),
        (dict(model="other"), openai.NotFoundError, "model_not_found"),
    ],
)
def test_errors(client, more, error, code):
    for stream in (False, True):
        with pytest.raises(error) as caught:
            client.chat.completions.create(
                **{"model": "nano", "messages": user("hi"), "stream": stream} | more
            )
        assert caught.value.code == code and caught.value.type == (
            "not_found_error" if code == "model_not_found" else "invalid_request_error"
        )
        if code == "context_length_exceeded":
            for words in (
                "maximum context length is",
                "prompt is too long",
                "context_length_exceeded",
            ):
                assert words in str(caught.value)


def test_leaving_early_frees_the_place(client):
    for _ in range(5):
        with ask(client, stream=True, max_tokens=500, extra_body={"ignore_eos": True}) as stream:
            next(iter(stream))
    assert ask(client).choices
