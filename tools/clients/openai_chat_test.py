"""OpenAI's Python client: whole chat completions, with replies that are scripted."""

import json
import time
import urllib.request

import openai
import pytest
from conftest import picture_url


@pytest.fixture(scope="module")
def client(scripted):
    return openai.OpenAI(base_url=scripted.url + "/v1", api_key="none", max_retries=0)


def ask(client, script, **more):
    return client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": script}], **more
    )


def test_envelope(client):
    before = int(time.time())
    reply = ask(client, "SCRIPT:Hello", extra_headers={"X-Request-Id": "my-id.1"})
    assert reply.id == "chatcmpl-my-id.1" and reply._request_id == "my-id.1"
    assert (
        reply.object == "chat.completion"
        and reply.model == "scripted"
        and reply.system_fingerprint == "glmv-scripted"
    )
    assert before <= reply.created <= time.time() + 1
    [choice] = reply.choices
    assert (choice.index, choice.finish_reason, choice.logprobs) == (0, "stop", None)
    assert (choice.message.role, choice.message.content, choice.message.refusal) == (
        "assistant",
        "Hello",
        None,
    )
    assert choice.message.tool_calls is None
    # Both names are absent where there is no thought.
    assert not {"reasoning", "reasoning_content"} & set(choice.message.model_extra)
    usage = reply.usage
    assert (
        usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
        and usage.completion_tokens > 0
    )
    assert usage.completion_tokens_details.reasoning_tokens == 0
    assert (
        usage.prompt_tokens_details.cached_tokens >= 0
        and usage.prompt_tokens_details.text_tokens == usage.prompt_tokens
    )


@pytest.mark.parametrize("given", ["x" * 129, "a b", "é"])
def test_request_ids_that_no_header_holds_are_replaced(scripted, given):
    request = urllib.request.Request(
        scripted.url + "/v1/models",
        headers={"X-Request-Id": given.encode("latin-1").decode("latin-1")},
    )
    made = urllib.request.urlopen(request).headers["x-request-id"]
    assert made and made != given and len(made) <= 128


def test_thought_and_answer(client):
    message = ask(client, "SCRIPT:<think>hm, let me see</think>It is red.").choices[0].message
    assert message.content == "It is red."
    assert (
        message.model_extra["reasoning_content"]
        == message.model_extra["reasoning"]
        == "hm, let me see"
    )
    usage = ask(client, "SCRIPT:<think>hm, let me see</think>It is red.").usage
    assert 0 < usage.completion_tokens_details.reasoning_tokens < usage.completion_tokens


def test_thought_can_be_left_out(client):
    message = (
        ask(client, "SCRIPT:<think>hm</think>Yes", extra_body={"include_reasoning": False})
        .choices[0]
        .message
    )
    assert message.content == "Yes" and "reasoning" not in message.model_extra
    raw = (
        ask(client, "SCRIPT:<think>hm</think>Yes", extra_body={"reasoning_format": "none"})
        .choices[0]
        .message
    )
    assert raw.content == "<think>hm</think>Yes"


def test_answer_without_thought_is_content(client):
    message = ask(client, "SCRIPT:  plain").choices[0].message
    assert message.content.strip() == "plain" and "reasoning" not in message.model_extra


@pytest.mark.parametrize(
    "script, content, boxed",
    [
        ("<think>a</think><answer>It is 7</answer>", "It is 7", None),
        ("So <|begin_of_box|>42<|end_of_box|>.", "So 42.", ["42"]),
        ("<answer><|begin_of_box|>b<|end_of_box|></answer>", "b", ["b"]),
    ],
)
def test_markers(client, script, content, boxed):
    message = ask(client, "SCRIPT:" + script).choices[0].message
    assert message.content == content
    if boxed:
        assert message.model_extra["x_boxed"] == boxed


def test_markers_can_be_kept(client):
    script = "SCRIPT:So <|begin_of_box|>42<|end_of_box|>."
    message = ask(client, script, extra_body={"box_markers": "keep"}).choices[0].message
    assert message.content == "So <|begin_of_box|>42<|end_of_box|>."


def test_length(client):
    choice = ask(client, "SCRIPT*100:word ", max_tokens=5).choices[0]
    assert choice.finish_reason == "length" and choice.message.content
    # 3 tokens are what ends a thought; of 80 a quarter is kept for the answer.
    thinking = ask(client, "SCRIPT:<think>" + "long " * 50, max_tokens=3).choices[0]
    assert thinking.finish_reason == "length" and thinking.message.content == ""
    ended = ask(client, "SCRIPT:<think>" + "long " * 50, max_tokens=80).choices[0]
    assert ended.finish_reason == "length" and ended.message.content and ended.message.reasoning


def test_max_completion_tokens_wins(client):
    reply = ask(client, "SCRIPT*100:word ", max_tokens=50, max_completion_tokens=3)
    assert reply.usage.completion_tokens == 3


def test_thinking_budget(client):
    script = "SCRIPT:<think>" + "on and on " * 40
    reply = ask(client, script, max_tokens=200, extra_body={"thinking_token_budget": 8})
    assert (
        reply.usage.completion_tokens_details.reasoning_tokens <= 10
        and reply.choices[0].message.content
    )


def token_ids(scripted, text):
    request = urllib.request.Request(
        scripted.url + "/tokenize", json.dumps({"prompt": text}).encode()
    )
    return json.load(urllib.request.urlopen(request))["tokens"]


def test_n_with_seed(client, scripted):
    # Letters that are made as likely as what the script says.
    bias = {str(token_ids(scripted, letter)[0]): 40 for letter in "uvwxyz"}

    def texts(**more):
        reply = ask(
            client, "SCRIPT:aaaaaaaaaaaa", temperature=1, max_tokens=8, logit_bias=bias, **more
        )
        assert [choice.index for choice in reply.choices] == list(range(len(reply.choices)))
        return [choice.message.content for choice in reply.choices], reply.usage.prompt_tokens

    three, prompt_tokens = texts(n=3, seed=7)
    assert (three, prompt_tokens) == texts(n=3, seed=7) and len(set(three)) == 3
    # Choice i is that of the seed + i, and the prompt counts once.
    assert texts(seed=8) == ([three[1]], prompt_tokens)


def test_logprobs(client):
    text = "né€😀 ok"
    reply = ask(client, "SCRIPT:" + text, logprobs=True, top_logprobs=4, temperature=1)
    rows = reply.choices[0].logprobs.content
    assert b"".join(bytes(row.bytes) for row in rows).decode().startswith(text)
    for row in rows:
        assert bytes(row.bytes).decode(errors="replace") == row.token
        assert -1e-3 < row.logprob <= 0 and len(row.top_logprobs) == 4
        assert row.top_logprobs[0].bytes == row.bytes
        assert [t.logprob for t in row.top_logprobs] == sorted(
            (t.logprob for t in row.top_logprobs), reverse=True
        )
        assert all(t.logprob >= -9999.0 for t in row.top_logprobs)
    plain = ask(client, "SCRIPT:" + text, logprobs=True).choices[0].logprobs.content
    assert [row.top_logprobs for row in plain] == [[]] * len(plain)


def test_logit_bias(client, scripted):
    tokens = token_ids(scripted, "z")
    reply = ask(
        client, "SCRIPT:aaaa", logit_bias={str(tokens[0]): 100}, max_tokens=4, temperature=0
    )
    assert reply.choices[0].message.content == "zzzz"


@pytest.mark.parametrize(
    "stop, content", [("lo", "Hel"), (["zz", ", w"], "Hello"), ("nothing", "Hello, world")]
)
def test_stop(client, stop, content):
    choice = ask(client, "SCRIPT:Hello, world", stop=stop).choices[0]
    assert choice.message.content == content and choice.finish_reason == "stop"
    if content != "Hello, world":
        assert choice.model_extra["stop_reason"] in stop
        kept = ask(
            client,
            "SCRIPT:Hello, world",
            stop=stop,
            extra_body={"include_stop_str_in_output": True},
        ).choices[0]
        assert kept.message.content == content + choice.model_extra["stop_reason"]


def test_picture(client):
    content = [
        {"type": "image_url", "image_url": {"url": picture_url(), "detail": "low"}},
        {"type": "text", "text": "SCRIPT:A star"},
    ]
    reply = client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": content}]
    )
    details = reply.usage.prompt_tokens_details
    assert reply.choices[0].message.content == "A star" and details.image_tokens > 0
    assert details.image_tokens + details.text_tokens == reply.usage.prompt_tokens


def test_fields_of_other_servers_are_ignored(client):
    reply = ask(
        client,
        "SCRIPT:ok",
        store=True,
        metadata={"a": "b"},
        service_tier="auto",
        user="me",
        verbosity="low",
        prompt_cache_key="k",
        safety_identifier="s",
        modalities=["text"],
    )
    assert reply.choices[0].message.content == "ok"


def test_roles(client):
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello", "reasoning_content": "greet"},
        {"role": "user", "content": "SCRIPT:fine"},
    ]
    assert (
        client.chat.completions.create(model="scripted", messages=messages)
        .choices[0]
        .message.content
        == "fine"
    )


def raw(scripted, path, body):
    request = urllib.request.Request(
        scripted.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as reply:
        return json.load(reply), reply.headers


def test_extra_body_literally(scripted):
    reply, headers = raw(
        scripted,
        "/v1/chat/completions",
        {
            "messages": [{"role": "user", "content": "SCRIPT:" + "word " * 30}],
            "max_tokens": 3,
            "extra_body": {
                "max_tokens": 9,
                "include_stop_str_in_output": True,
                "n": 2,
                "temperature": 1,
            },
        },
    )
    assert (
        reply["usage"]["completion_tokens"] == 6 and len(reply["choices"]) == 2
    )  # the explicit key wins
    assert "extra_body" in headers["x-glmv-warning"]


OFF = "<think></think>"


@pytest.mark.parametrize(
    "fields, off",
    [
        ({}, False),
        ({"chat_template_kwargs": {"enable_thinking": False}}, True),
        ({"chat_template_kwargs": {"enable_thinking": True}, "enable_thinking": False}, False),
        ({"enable_thinking": False}, True),
        ({"enable_thinking": True, "thinking": {"type": "disabled"}}, False),
        ({"thinking": {"type": "disabled"}}, True),
        ({"thinking": {"type": "enabled"}, "reasoning_effort": "none"}, False),
        ({"reasoning_effort": "none"}, True),
        ({"reasoning_effort": "minimal"}, False),
        ({"reasoning_effort": "max"}, False),
        ({"extra_body": {"chat_template_kwargs": {"enable_thinking": False}}}, True),
    ],
)
def test_thinking_switches(client, scripted, fields, off):
    messages = [{"role": "user", "content": "SCRIPT:ok"}]
    prompt = raw(scripted, "/apply-template", {"messages": messages} | fields)[0]["prompt"]
    assert (OFF in prompt.split("<|assistant|>")[-1]) == off
    # The reply says the same: with thought closed by the prompt all is content.
    extra = dict(fields)
    reply = client.chat.completions.create(model="scripted", messages=messages, extra_body=extra)
    assert reply.choices[0].message.content == "ok"


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"enable_thinking": "no"}, "enable_thinking"),
        ({"thinking": {"type": "off"}}, "thinking"),
        ({"reasoning_effort": "huge"}, "reasoning_effort"),
        ({"chat_template_kwargs": []}, "chat_template_kwargs"),
        ({"thinking_token_budget": -2}, "thinking_token_budget"),
        ({"include_reasoning": 1}, "include_reasoning"),
    ],
)
def test_thinking_switches_of_a_wrong_form(client, fields, param):
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, "SCRIPT:x", extra_body=fields)
    assert caught.value.param == param


def test_models(client):
    [model] = client.models.list().data
    assert (model.id, model.object, model.owned_by) == ("scripted", "model", "glmv") and isinstance(
        model.created, int
    )
    assert model.model_extra["root"] == "scripted" and model.model_extra["parent"] is None
    assert set(model.model_extra["capabilities"]) >= {"vision", "video", "tools", "reasoning"}
    assert client.models.retrieve("scripted").max_model_len == 65536


def test_tokens(scripted):
    found = raw(scripted, "/tokenize", {"prompt": "Hello <|user|>", "return_token_strs": True})[0]
    assert (
        found["count"] == len(found["tokens"]) == len(found["token_strs"])
        and found["max_model_len"] == 65536
    )
    assert (
        raw(scripted, "/detokenize", {"tokens": found["tokens"]})[0]["prompt"] == "Hello <|user|>"
    )
    content = [
        {"type": "image_url", "image_url": {"url": picture_url()}},
        {"type": "text", "text": "x"},
    ]
    messages = [{"role": "user", "content": content}]
    media = raw(scripted, "/tokenize", {"messages": messages})[0]
    [medium] = media["media"]
    assert (
        medium["kind"] == "image"
        and medium["tokens"] == medium["grid_thw"][1] * medium["grid_thw"][2] // 4
    )
    cost = raw(scripted, "/v1/chat/completions/input_tokens", {"messages": messages})[0]
    assert cost["input_tokens"] == media["count"] and cost["image_tokens"] == medium["tokens"]
