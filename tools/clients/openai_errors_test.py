"""OpenAI's Python client: every row of the error table, and how often the client tries it again."""

import concurrent.futures
import json
import signal
import time
import urllib.error
import urllib.request

import openai
import pytest
from conftest import started


def client_of(server, **more):
    return openai.OpenAI(base_url=server.url + "/v1", **{"api_key": "none"} | more)


@pytest.fixture(scope="module")
def client(scripted):
    return client_of(scripted)


def ask(client, content="SCRIPT:x", **more):
    return client.chat.completions.create(
        **{"model": "scripted", "messages": [{"role": "user", "content": content}]} | more
    )


def picture(url):
    return [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "x"}]


def check(error, status, type_, code, param=None):
    assert error.status_code == status and error.request_id
    assert (error.type, error.code, error.param) == (type_, code, param)
    assert error.body["message"] and error.body["message"] in str(error)
    assert error.response.headers["content-type"] == "application/json"
    assert set(error.response.json()) == {"error"} and set(error.body) == {
        "message",
        "type",
        "param",
        "code",
    }


INVALID = "invalid_request_error"


@pytest.mark.parametrize(
    "more, code, param",
    [
        (dict(temperature=7), "invalid_value", "temperature"),
        (dict(messages=[]), "invalid_value", "messages"),
        (dict(messages=[{"role": "robot", "content": "x"}]), "invalid_value", "messages[0].role"),
        (
            dict(messages=[{"role": "user", "content": [{"type": "what"}]}]),
            "invalid_value",
            "messages[0].content[0].type",
        ),
        (dict(n=0), "invalid_value", "n"),
        (dict(n=1 << 40), "invalid_value", "n"),
        (dict(n=2, temperature=0), "invalid_value", "n"),
        (dict(max_tokens=0), "invalid_value", "max_tokens"),
        (dict(stop=""), "invalid_value", "stop"),
        (dict(stop=["x"] * 17), "invalid_value", "stop"),
        (dict(top_logprobs=2), "invalid_value", "top_logprobs"),
        (dict(logprobs=True, top_logprobs=21), "invalid_value", "top_logprobs"),
        (dict(logit_bias={"x": 1}), "invalid_value", "logit_bias"),
        (dict(logit_bias={"99999999": 1}), "invalid_value", "logit_bias"),
        (dict(stream_options={"include_usage": True}), "invalid_value", "stream_options"),
        (dict(extra_body={"cache_salt": "x" * 129}), "invalid_value", "cache_salt"),
        (dict(top_p=0), "invalid_value", "top_p"),
        (dict(presence_penalty=3), "invalid_value", "presence_penalty"),
    ],
)
def test_400(client, scripted, more, code, param):
    before = scripted.errors(code)
    with pytest.raises(openai.BadRequestError) as caught:
        ask(client, **more)
    check(caught.value, 400, INVALID, code, param)
    assert scripted.errors(code) == before + 1


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"a": NaN}', b"\xff", b'{"messages": "\\ud800"}', b"[" * 100000, b""]
)
def test_400_of_bodies_that_are_no_json(scripted, body):
    request = urllib.request.Request(
        scripted.url + "/v1/chat/completions",
        body,
        {"Content-Type": "application/json"},
        method="POST",
    )
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request)
    error = json.load(caught.value)["error"]
    assert caught.value.code == 400 and error["code"] == "invalid_json" and error["type"] == INVALID


def test_400_of_a_prompt_that_is_too_long(client):
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as caught:
            ask(client, "word " * 100000, stream=stream)
        check(caught.value, 400, INVALID, "context_length_exceeded", "messages")
        for words in (
            "maximum context length is 65536 tokens",
            "prompt is too long",
            "context_length_exceeded",
        ):
            assert words in str(caught.value)


def test_401():
    with started("--api-key", "secret") as server:
        assert ask(client_of(server, api_key="secret")).choices
        for key in ("wrong", "secre", "secrets"):
            before = server_requests_denied(server)
            with pytest.raises(openai.AuthenticationError) as caught:
                ask(client_of(server, api_key=key))
            check(caught.value, 401, "authentication_error", "invalid_api_key")
            assert server_requests_denied(server) == before
        # The public ones need none.
        assert urllib.request.urlopen(server.url + "/health").status == 200
        assert urllib.request.urlopen(server.url + "/ready").status == 200


def server_requests_denied(server):
    """Metrics need the key too: a request without it is denied like any other."""
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(server.url + "/metrics")
    return caught.value.code


def test_403():
    with started("--allowed-hosts", "good.example") as server:
        good = client_of(server, default_headers={"Host": "good.example"})
        assert ask(good).choices
        with pytest.raises(openai.PermissionDeniedError) as caught:
            ask(client_of(server, default_headers={"Host": "evil.example"}))
        check(caught.value, 403, "permission_error", "forbidden")


def test_404(client, scripted):
    before = scripted.errors("model_not_found")
    with pytest.raises(openai.NotFoundError) as caught:
        ask(client, model="other")
    check(caught.value, 404, "not_found_error", "model_not_found", "model")
    assert scripted.errors("model_not_found") == before + 1
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("other")
    check(caught.value, 404, "not_found_error", "model_not_found", "model")
    with pytest.raises(openai.NotFoundError) as caught:
        client.images.generate(prompt="x")
    check(caught.value, 404, "not_found_error", "route_not_found")


def test_405(client):
    with pytest.raises(openai.APIStatusError) as caught:
        client.get("/chat/completions", cast_to=object)
    check(caught.value, 405, INVALID, "method_not_allowed")
    assert caught.value.response.headers["allow"] == "POST"


def test_413():
    with started("--max-body", "10000") as server:
        with pytest.raises(openai.APIStatusError) as caught:
            ask(client_of(server), "x" * 20000)
        assert (caught.value.status_code, caught.value.type, caught.value.code) == (
            413,
            INVALID,
            "request_too_large",
        )


def test_415(client):
    with pytest.raises(openai.APIStatusError) as caught:
        ask(client, extra_headers={"Content-Encoding": "gzip"})
    assert (caught.value.status_code, caught.value.type, caught.value.code) == (
        415,
        INVALID,
        "unsupported_media_type",
    )


@pytest.mark.parametrize(
    "url, code",
    [
        ("file:///etc/passwd", "media_not_allowed"),
        ("http://127.0.0.1/x.png", "media_not_allowed"),
        ("data:image/png;base64,AAAA", "media_decode_failed"),
        ("data:image/png;base64,!!!!", "media_decode_failed"),
    ],
)
def test_422(client, scripted, url, code):
    for stream in (False, True):
        before = scripted.errors(code)
        with pytest.raises(openai.APIStatusError) as caught:
            ask(client, picture(url), stream=stream)
        if code == "media_decode_failed" and caught.value.status_code == 400:
            pytest.skip("this server has no media loader yet: a bad picture is a 400")
        assert isinstance(caught.value, openai.UnprocessableEntityError)
        assert (caught.value.type, caught.value.code) == (INVALID, code)
        assert caught.value.param.startswith("messages[0].content[0]")
        assert scripted.errors(code) == before + 1


def test_429_is_tried_again_when_the_server_says():
    with started("--api-key", "k", "--key-requests-per-minute", "60") as server:
        server.key = "k"
        client = client_of(server, api_key="k")
        raw = client.chat.completions.with_raw_response.create(
            model="scripted", messages=[{"role": "user", "content": "SCRIPT:x"}]
        )
        assert raw.headers["x-ratelimit-limit-requests"] == "60"
        assert raw.headers["x-ratelimit-remaining-requests"] == "59"
        hasty = client_of(server, api_key="k", max_retries=0)
        with pytest.raises(openai.RateLimitError) as caught:
            for _ in range(200):
                ask(hasty)
        check(caught.value, 429, "rate_limit_error", "rate_limit_exceeded")
        assert caught.value.response.headers["retry-after"] == "1"
        refused = server.errors("rate_limit_exceeded")
        assert ask(client).choices  # the client waits and asks again
        assert refused <= server.errors("rate_limit_exceeded") <= refused + 2


def test_501(client, scripted):
    before = scripted.errors("not_implemented")
    with pytest.raises(openai.InternalServerError) as caught:
        client.embeddings.create(model="scripted", input="x")
    check(caught.value, 501, "not_supported_error", "not_implemented")
    assert caught.value.response.headers["x-should-retry"] == "false"
    assert scripted.errors("not_implemented") == before + 1  # not tried again


def test_503_is_tried_three_times():
    with started("--max-queue", "1") as server:
        busy = ask(client_of(server), "SCRIPT[50]*4000:on ", stream=True)
        next(iter(busy))
        start = time.monotonic()
        with pytest.raises(openai.InternalServerError) as caught:
            ask(client_of(server))
        check(caught.value, 503, "overloaded_error", "queue_full")
        after = int(caught.value.response.headers["retry-after"])
        assert server.errors("queue_full") == 3 and time.monotonic() - start >= 2 * after
        with pytest.raises(urllib.error.HTTPError) as not_ready:
            server.get("/ready")
        assert not_ready.value.code == 503 and server.get("/health") == "{}"
        busy.close()
        assert server.wait_for(lambda: server.metric("num_requests_running") == 0, 1.0)
        assert ask(client_of(server)).choices


def test_503_is_tried_until_there_is_room():
    with started("--max-queue", "1") as server, concurrent.futures.ThreadPoolExecutor() as pool:
        busy = ask(client_of(server), "SCRIPT[50]*4000:on ", stream=True)
        next(iter(busy))
        waiting = pool.submit(ask, client_of(server))
        assert server.wait_for(lambda: server.errors("queue_full") == 1)
        busy.close()
        assert waiting.result(20).choices


def test_503_while_draining():
    with started() as server:
        keeps = client_of(server, max_retries=0)
        running = ask(keeps, "SCRIPT[20]:" + "word " * 20, stream=True)
        next(iter(running))
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        with pytest.raises(openai.InternalServerError) as caught:
            ask(keeps)
        check(caught.value, 503, "overloaded_error", "draining")
        assert caught.value.response.headers["retry-after"]
        assert "".join(c.choices[0].delta.content or "" for c in running).strip().endswith("word")
        assert server.process.wait(10) == 0
