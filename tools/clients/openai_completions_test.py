"""OpenAI's Python client: the older completions."""

import openai
import pytest


@pytest.fixture(scope="module")
def client(scripted):
    return openai.OpenAI(base_url=scripted.url + "/v1", api_key="none", max_retries=0)


def complete(client, prompt="SCRIPT:Hello, né€", **more):
    return client.completions.create(model="scripted", prompt=prompt, **{"max_tokens": 40} | more)


def test_whole(client):
    reply = complete(client)
    [choice] = reply.choices
    assert reply.id.startswith("cmpl-") and reply.object == "text_completion"
    assert (choice.text, choice.index, choice.finish_reason, choice.logprobs) == (
        "Hello, né€",
        0,
        "stop",
        None,
    )
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_the_text_is_raw(client):
    assert complete(client, "SCRIPT:<think>a</think>b").choices[0].text == "<think>a</think>b"


def test_sixteen_tokens_unless_said_otherwise(client):
    reply = client.completions.create(model="scripted", prompt="SCRIPT*90:ab ")
    assert reply.usage.completion_tokens == 16 and reply.choices[0].finish_reason == "length"


def test_echo(client):
    assert complete(client, "SCRIPT:Hi", echo=True).choices[0].text == "SCRIPT:HiHi"
    chunks = complete(client, "SCRIPT:Hi", echo=True, stream=True)
    assert "".join(c.choices[0].text for c in chunks) == "SCRIPT:HiHi"


def test_logprobs(client):
    choice = complete(client, logprobs=2, temperature=1).choices[0]
    rows = choice.logprobs
    assert (
        len(rows.tokens)
        == len(rows.token_logprobs)
        == len(rows.top_logprobs)
        == len(rows.text_offset)
    )
    assert rows.text_offset[0] == 0 and rows.text_offset == sorted(rows.text_offset)
    assert all(-1e-3 < p <= 0 for p in rows.token_logprobs) and all(
        1 <= len(t) <= 2 for t in rows.top_logprobs
    )
    streamed = [
        t
        for c in complete(client, logprobs=2, temperature=1, stream=True)
        if c.choices[0].logprobs
        for t in c.choices[0].logprobs.tokens
    ]
    assert streamed == rows.tokens


def test_stream(client):
    chunks = list(complete(client, stream=True, stream_options={"include_usage": True}))
    assert "".join(c.choices[0].text for c in chunks[:-1]) == "Hello, né€"
    assert {c.object for c in chunks} == {"text_completion"} and len({c.id for c in chunks}) == 1
    assert (
        chunks[-2].choices[0].finish_reason == "stop"
        and chunks[-1].choices == []
        and chunks[-1].usage.completion_tokens
    )


def test_several_prompts_and_choices(client):
    reply = complete(client, ["SCRIPT:a", "SCRIPT:b"], n=2, temperature=1)
    assert [(c.index, c.text) for c in reply.choices] == [(0, "a"), (1, "a"), (2, "b"), (3, "b")]
    streamed = {}
    for chunk in complete(client, ["SCRIPT:a", "SCRIPT:b"], n=2, temperature=1, stream=True):
        [choice] = chunk.choices
        streamed[choice.index] = streamed.get(choice.index, "") + choice.text
    assert streamed == {0: "a", 1: "a", 2: "b", 3: "b"}


def test_token_ids(client):
    ids = client.post("/../tokenize", body={"prompt": "SCRIPT:ids"}, cast_to=object)["tokens"]
    assert complete(client, ids).choices[0].text == "ids"
    assert [c.text for c in complete(client, [ids, ids]).choices] == ["ids", "ids"]


def test_stop(client):
    assert complete(client, stop=", ").choices[0].text == "Hello"


@pytest.mark.parametrize(
    "more, param",
    [
        ({"suffix": "end"}, "suffix"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt[0]"),
        ({"prompt": [-1]}, "prompt"),
        ({"logprobs": 21}, "logprobs"),
        ({"echo": True, "logprobs": 1}, "echo"),
        ({"prompt": "<|image|>"}, "prompt"),
    ],
)
def test_errors(client, more, param):
    with pytest.raises(openai.BadRequestError) as caught:
        complete(client, **more)
    assert caught.value.param == param
