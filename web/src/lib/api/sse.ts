// Server-sent events, read from pieces of bytes cut anywhere.

export interface SseEvent {
  id: string; // empty: none was sent
  event: string;
  data: string;
}

export class SseParser {
  private decoder = new TextDecoder();
  private rest = '';
  private id = '';
  private event = '';
  private data: string[] = [];

  push(bytes: Uint8Array): SseEvent[] {
    return this.lines(this.decoder.decode(bytes, { stream: true }));
  }

  private lines(text: string): SseEvent[] {
    const events: SseEvent[] = [];
    this.rest += text;
    for (;;) {
      const end = this.rest.search(/\r\n|\n|\r/);
      // A CR at the very end may be the first half of CRLF.
      if (end < 0 || (this.rest[end] === '\r' && end + 1 === this.rest.length)) return events;
      const line = this.rest.slice(0, end);
      this.rest = this.rest.slice(end + (this.rest.startsWith('\r\n', end) ? 2 : 1));
      this.line(line, events);
    }
  }

  private line(line: string, events: SseEvent[]): void {
    if (line === '') {
      if (this.data.length)
        events.push({ id: this.id, event: this.event, data: this.data.join('\n') });
      this.id = this.event = '';
      this.data = [];
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return; // a comment that keeps the connection alive
    const field = colon < 0 ? line : line.slice(0, colon);
    let value = colon < 0 ? '' : line.slice(colon + 1);
    if (value.startsWith(' ')) value = value.slice(1);
    if (field === 'data') this.data.push(value);
    else if (field === 'id') this.id = value;
    else if (field === 'event') this.event = value;
  }
}

// Ends when the body ends; throws where the connection breaks.
export async function* readEvents(body: ReadableStream<Uint8Array>): AsyncGenerator<SseEvent> {
  const parser = new SseParser();
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(value);
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}
