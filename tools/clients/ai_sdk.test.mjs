// Vercel's AI SDK with its OpenAI-compatible provider.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { APICallError, generateText, stepCountIs, streamText, tool } from "ai";
import { z } from "zod";
import { callText, metric, picture, server, soon } from "./wire.mjs";

const model = createOpenAICompatible({ name: "glmv", baseURL: server + "/v1", includeUsage: true })(
  "scripted",
);
const call = callText("get_weather", { city: "Paris", days: 3 });
const weather = (asked) => ({
  get_weather: tool({
    description: "The weather",
    inputSchema: z.object({ city: z.string(), days: z.number().int().optional() }),
    execute: async (input) => {
      asked.push(input);
      return `SCRIPT:Sunny in ${input.city}`;
    },
  }),
});

test("text, thought and usage", async () => {
  const reply = await generateText({ model, prompt: "SCRIPT:<think>hm</think>Hello" });
  assert.equal(reply.text, "Hello");
  assert.equal(reply.reasoningText, "hm");
  assert.equal(reply.finishReason, "stop");
  assert.equal(reply.usage.totalTokens, reply.usage.inputTokens + reply.usage.outputTokens);
});

test("stream of text and thought", async () => {
  const reply = streamText({ model, prompt: "SCRIPT:<think>hm, yes</think>né€😀 there" });
  let text = "",
    thought = "";
  for await (const part of reply.fullStream) {
    assert.notEqual(part.type, "error");
    if (part.type === "text-delta") text += part.text;
    if (part.type === "reasoning-delta") thought += part.text;
  }
  assert.equal(text, "né€😀 there");
  assert.equal(thought, "hm, yes");
  assert.ok((await reply.usage).outputTokens > 0);
});

test("picture", async () => {
  const { text, usage } = await generateText({
    model,
    messages: [
      {
        role: "user",
        content: [
          { type: "file", mediaType: "image/png", data: picture() },
          { type: "text", text: "SCRIPT:a star" },
        ],
      },
    ],
  });
  assert.equal(text, "a star");
  assert.ok(usage.inputTokens > 20);
});

test("tools, two steps", async () => {
  const asked = [];
  const reply = await generateText({
    model,
    prompt: "SCRIPT:" + call,
    tools: weather(asked),
    stopWhen: stepCountIs(3),
  });
  assert.deepEqual(asked, [{ city: "Paris", days: 3 }]);
  assert.equal(reply.text, "Sunny in Paris");
  assert.deepEqual(
    reply.steps.map((s) => s.finishReason),
    ["tool-calls", "stop"],
  );
});

test("tools of a stream", async () => {
  const asked = [];
  const reply = streamText({
    model,
    prompt: "SCRIPT:" + call + call,
    tools: weather(asked),
    stopWhen: stepCountIs(3),
  });
  let text = "";
  for await (const piece of reply.textStream) text += piece;
  assert.equal(asked.length, 2);
  assert.equal(text, "Sunny in Paris");
});

test("length and stop", async () => {
  assert.equal(
    (await generateText({ model, prompt: "SCRIPT*99:word ", maxOutputTokens: 4 })).finishReason,
    "length",
  );
  assert.equal(
    (await generateText({ model, prompt: "SCRIPT:one, two", stopSequences: [", "] })).text,
    "one",
  );
});

test("errors carry the message of the server", async () => {
  for (const [prompt, temperature, words, status] of [
    ["SCRIPT:x", 9, /temperature/, 400],
    ["word ".repeat(100000), 1, /maximum context length is 65536/, 400],
  ])
    await assert.rejects(generateText({ model, prompt, temperature, maxRetries: 0 }), (error) => {
      assert.ok(APICallError.isInstance(error));
      assert.equal(error.statusCode, status);
      assert.match(error.message, words);
      assert.equal(error.isRetryable, false);
      return true;
    });
});

test("leaving a stream ends it", async () => {
  const before = await metric("requests_cancelled_total");
  const abort = new AbortController();
  const reply = streamText({
    model,
    prompt: "SCRIPT[5]*2000:on ",
    abortSignal: abort.signal,
    onError() {},
  });
  let count = 0;
  for await (const _ of reply.textStream) if (++count === 5) abort.abort();
  assert.ok(
    await soon(
      async () =>
        (await metric("requests_cancelled_total")) === before + 1 &&
        (await metric("num_requests_running")) === 0,
    ),
  );
});
