// OpenAI's client for Node.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { callText, metric, picture, server, soon, weather } from "./wire.mjs";

const client = new OpenAI({ baseURL: server + "/v1", apiKey: "none", maxRetries: 0 });
const user = (content) => [{ role: "user", content }];
const ask = (content, more = {}) =>
  client.chat.completions.create({ model: "scripted", messages: user(content), ...more });
const tools = [{ type: "function", function: { name: "get_weather", parameters: weather } }];
const call = callText("get_weather", { city: "Paris", days: 3 });

test("models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.deepEqual(ids, ["scripted"]);
  await assert.rejects(client.models.retrieve("other"), OpenAI.NotFoundError);
});

test("whole reply, thought and answer", async () => {
  const reply = await ask("SCRIPT:<think>hm</think>Hello");
  const { message, finish_reason } = reply.choices[0];
  assert.equal(message.content, "Hello");
  assert.equal(message.reasoning_content, "hm");
  assert.equal(message.reasoning, "hm");
  assert.equal(finish_reason, "stop");
  assert.equal(reply.usage.total_tokens, reply.usage.prompt_tokens + reply.usage.completion_tokens);
  assert.ok(reply._request_id);
});

test("picture", async () => {
  const reply = await ask([
    { type: "image_url", image_url: { url: picture() } },
    { type: "text", text: "SCRIPT:a star" },
  ]);
  assert.equal(reply.choices[0].message.content, "a star");
  assert.ok(reply.usage.prompt_tokens_details.image_tokens > 0);
});

test("stream", async () => {
  let text = "",
    thought = "",
    usage = null;
  const stream = await ask("SCRIPT:<think>hm</think>né€😀", {
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    thought += chunk.choices[0]?.delta.reasoning_content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, "né€😀");
  assert.equal(thought, "hm");
  assert.ok(usage.completion_tokens > 0);
});

test("stream helper", async () => {
  const stream = client.chat.completions.stream({
    model: "scripted",
    messages: user("SCRIPT:Let me see." + call + call),
    tools,
  });
  const seen = new Set();
  for (const event of [
    "chunk",
    "content.delta",
    "content.done",
    "tool_calls.function.arguments.delta",
    "tool_calls.function.arguments.done",
  ])
    stream.on(event, () => seen.add(event));
  const { choices } = await stream.finalChatCompletion();
  assert.equal(seen.size, 5);
  assert.equal(choices[0].finish_reason, "tool_calls");
  const values = choices[0].message.tool_calls.map((c) => JSON.parse(c.function.arguments));
  assert.deepEqual(values, [
    { city: "Paris", days: 3 },
    { city: "Paris", days: 3 },
  ]);
});

const runnable = (asked) => [
  {
    type: "function",
    function: {
      name: "get_weather",
      description: "The weather",
      parameters: weather,
      parse: JSON.parse,
      function: ({ city, days }) => {
        asked.push([city, days]);
        return `SCRIPT:Sunny in ${city}`;
      },
    },
  },
];

for (const stream of [false, true])
  test(`tool runner, stream ${stream}`, async () => {
    const asked = [];
    const runner = client.chat.completions.runTools({
      model: "scripted",
      messages: user("SCRIPT:" + call),
      tools: runnable(asked),
      stream,
    });
    assert.equal(await runner.finalContent(), "Sunny in Paris");
    assert.deepEqual(asked, [["Paris", 3]]);
  });

test("completions", async () => {
  const reply = await client.completions.create({
    model: "scripted",
    prompt: "SCRIPT:Hi",
    echo: true,
  });
  assert.equal(reply.choices[0].text, "SCRIPT:HiHi");
});

test("responses", async () => {
  const reply = await client.responses.create({
    model: "scripted",
    input: "SCRIPT:<think>hm</think>Hello",
  });
  assert.equal(reply.output_text, "Hello");
  const stream = client.responses.stream({ model: "scripted", input: "SCRIPT:Hello" });
  let text = "";
  for await (const event of stream)
    if (event.type === "response.output_text.delta") text += event.delta;
  assert.equal(text, "Hello");
  assert.equal((await stream.finalResponse()).status, "completed");
});

for (const [more, error, code] of [
  [{ temperature: 9 }, OpenAI.BadRequestError, "invalid_value"],
  [{ model: "other" }, OpenAI.NotFoundError, "model_not_found"],
  [{ messages: user("word ".repeat(100000)) }, OpenAI.BadRequestError, "context_length_exceeded"],
  [
    { messages: user([{ type: "image_url", image_url: { url: "http://127.0.0.1/a.png" } }]) },
    OpenAI.UnprocessableEntityError,
    "media_not_allowed",
  ],
])
  test("error " + code, async () => {
    for (const stream of [false, true])
      await assert.rejects(ask("SCRIPT:x", { ...more, stream }), (caught) => {
        assert.ok(caught instanceof error);
        assert.equal(caught.code, code);
        assert.ok(caught.requestID && caught.message);
        return true;
      });
  });

test("leaving a stream ends it", async () => {
  const before = await metric("requests_cancelled_total");
  const stream = await ask("SCRIPT[5]*2000:on ", { stream: true });
  let count = 0;
  for await (const _ of stream) if (++count === 8) break;
  assert.ok(
    await soon(
      async () =>
        (await metric("requests_cancelled_total")) === before + 1 &&
        (await metric("num_requests_running")) === 0,
    ),
  );
});

test("parse", async (t) => {
  const { zodResponseFormat } = await import("openai/helpers/zod");
  const { z } = await import("zod");
  const fact = z.object({ name: z.string(), count: z.number().int() });
  try {
    const reply = await client.chat.completions.parse({
      model: "scripted",
      messages: user('SCRIPT:{"name": "star", "count": 3}'),
      response_format: zodResponseFormat(fact, "fact"),
    });
    assert.deepEqual(reply.choices[0].message.parsed, { name: "star", count: 3 });
  } catch (error) {
    if (error.code !== "unsupported_parameter") throw error;
    t.skip("this server does not take response_format: " + error.message);
  }
});
