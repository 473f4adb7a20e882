// Replies that outlive their connection: section 5 of docs/web-contract.md.
import type { ServerResponse } from 'node:http';
import { tokensOf, type Script } from './scripts';

export interface StoredEvent {
  id: number;
  data: string;
}

export class FakeStream {
  events: StoredEvent[] = [];
  followers = new Set<ServerResponse>();
  status = 'running';
  ended: number | null = null;
  endThinking = false;
  private cancelled = false;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    readonly id: string,
    readonly requestId: string,
    readonly resumable: boolean,
  ) {}

  private emit(data: string): void {
    const event = { id: this.events.length, data };
    this.events.push(event);
    for (const follower of this.followers) this.write(follower, event);
  }
  private write(response: ServerResponse, event: StoredEvent): void {
    response.write(`${this.resumable ? `id: ${event.id}\n` : ''}data: ${event.data}\n\n`);
  }

  follow(response: ServerResponse, from: number): void {
    response.writeHead(200, { 'Content-Type': 'text/event-stream; charset=utf-8', 'Cache-Control': 'no-cache' });
    for (const event of this.events) if (event.id >= from) this.write(response, event);
    if (this.ended !== null) return void response.end();
    this.followers.add(response);
    response.on('close', () => {
      this.followers.delete(response);
      if (!this.resumable && this.followers.size === 0) this.cancel();
    });
  }

  cancel(): void {
    this.cancelled = true;
  }

  // The server dies: nothing is said any more.
  kill(): void {
    clearTimeout(this.timer);
    for (const follower of this.followers) follower.destroy();
  }

  private chunk(delta: object, more: object = {}, choice: object = {}): string {
    return JSON.stringify({
      id: this.requestId, object: 'chat.completion.chunk', created: 0, model: 'GLM-4.1V-9B-Thinking',
      choices: [{ index: 0, delta, finish_reason: null, ...choice }], ...more,
    });
  }

  run(script: Script, delayMs: number, promptTokens: number, imageTokens: number, thinking: boolean): void {
    const steps: (() => void)[] = [];
    const think = thinking && script.think ? tokensOf(script.think) : [];
    const text = tokensOf(script.text);
    let spoken = 0;
    let thought = 0;
    const started = Date.now();
    this.emit(this.chunk({ role: 'assistant', content: '' }));
    if (script.prefillMs) {
      for (let i = 1; i <= 5; i++)
        steps.push(() => this.emit(this.chunk({}, { prompt_progress: { phase: i < 3 ? 'vision' : 'prefill', processed: i * 200, total: 1000 } })));
    }
    for (const token of think)
      steps.push(() => {
        if (this.endThinking) return;
        thought++;
        this.emit(this.chunk({ reasoning_content: token, reasoning: token }));
      });
    text.forEach((token, i) =>
      steps.push(() => {
        spoken++;
        this.emit(this.chunk({ content: token }));
        if (script.cutAfter === i) for (const follower of this.followers) follower.destroy();
      }),
    );
    const end = (choice: object) => {
      const ms = Math.max(1, Date.now() - started);
      const n = spoken + thought;
      this.emit(this.chunk({}, { timings: { queue_ms: 2, vision_ms: imageTokens ? 310 : 0, prompt_ms: 420, predicted_ms: ms, predicted_n: n, predicted_per_second: 8.6, time_to_first_token_ms: 730 } }, choice));
      this.emit(JSON.stringify({ id: this.requestId, choices: [], usage: {
        prompt_tokens: promptTokens, completion_tokens: n, total_tokens: promptTokens + n,
        prompt_tokens_details: { cached_tokens: 0, image_tokens: imageTokens },
        completion_tokens_details: { reasoning_tokens: thought } } }));
      this.finish(this.cancelled ? 'cancelled' : 'done');
    };
    const step = (i: number) => {
      if (this.cancelled) return end({ finish_reason: 'stop', stop_reason: 'cancelled' });
      if (script.failAfter !== undefined && i > script.failAfter) {
        this.emit(JSON.stringify({ error: { message: 'A step of the engine gave no finite numbers.', type: 'server_error', code: 'internal_error', param: null } }));
        return this.finish('error');
      }
      if (i < steps.length) {
        steps[i]!();
        const wait = script.prefillMs && i < 5 ? script.prefillMs / 5 : (script.delayMs ?? delayMs);
        this.timer = setTimeout(() => step(i + 1), this.endThinking && i < think.length ? 0 : wait);
        return;
      }
      end({
        finish_reason: script.finish ?? 'stop',
        ...(script.stopReason ? { stop_reason: script.stopReason } : {}),
        ...(script.restated ? { x_restated: true } : {}),
      });
    };
    this.timer = setTimeout(() => step(0), delayMs);
  }

  private finish(status: string): void {
    this.status = status;
    this.ended = Math.floor(Date.now() / 1000);
    this.emit('[DONE]');
    for (const follower of this.followers) follower.end();
    this.followers.clear();
  }
}
