// A small server that keeps docs/web-contract.md, with scripted replies, delays and faults.
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { extname, join, normalize } from 'node:path';
import { bodyOf, framesOf, inspect, partOf, thumbOf, wireFile, type FakeFile } from './fake/files';
import { page } from './fake/png';
import { continuation, scriptFor } from './fake/scripts';
import { FakeStream } from './fake/streams';

const kPagePolicy = "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const kPreviewPolicy = "sandbox allow-scripts; default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'self'";
const kTypes: Record<string, string> = {
  '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml', '.md': 'text/plain; charset=utf-8', '.woff2': 'font/woff2',
};

export interface FakeOptions {
  dist: string;
  port?: number;
  key?: string;
  delayMs?: number;
  store?: boolean;
  pages?: Buffer[]; // pictures of the pages of every document
  still?: Buffer; // of every video
  info?: { limits?: object; capabilities?: object; model?: string }; // in place of its own
}

type Json = Record<string, unknown>;

export class FakeServer {
  requests: { method: string; path: string; body?: Json; headers: IncomingMessage['headers'] }[] = [];
  streams = new Map<string, FakeStream>();
  files = new Map<string, FakeFile>();
  conversations = new Map<string, { version: number; body: Json }>();
  deleted = new Map<string, number>();
  blobs = new Map<string, { mime: string; bytes: Buffer }>();
  private version = 0;
  port = 0;
  private http: Server | null = null;
  private sockets = new Set<Socket>();
  private instance = '';

  constructor(readonly options: FakeOptions) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<this> {
    this.instance = randomBytes(4).toString('hex');
    this.streams.clear();
    this.files.clear();
    this.http = createServer((request, response) => {
      this.handle(request, response).catch((error: unknown) => {
        if (!response.headersSent) this.fail(response, 500, 'internal_error', String(error));
      });
    });
    this.http.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    const port = this.port || this.options.port || 0;
    await new Promise<void>((resolve) => this.http!.listen(port, '127.0.0.1', resolve));
    this.port = (this.http.address() as AddressInfo).port;
    return this;
  }

  // As with kill -9: all connections break.
  async kill(): Promise<void> {
    for (const stream of this.streams.values()) stream.kill();
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.http?.close(resolve) ?? resolve(null));
  }

  // Cuts connections, and goes on working.
  dropConnections(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  private json(response: ServerResponse, status: number, body: unknown): void {
    response.writeHead(status, { 'Content-Type': 'application/json', 'X-Content-Type-Options': 'nosniff' });
    response.end(JSON.stringify(body));
  }
  private fail(response: ServerResponse, status: number, code: string, message: string, param: string | null = null, retryAfter = 0): void {
    if (retryAfter) response.setHeader('Retry-After', String(retryAfter));
    this.json(response, status, { error: { message, type: 'invalid_request_error', param, code } });
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const { pathname: path, searchParams: query } = url;
    const method = request.method ?? 'GET';
    if (!/^\/(api|v1|health)/.test(path)) return this.file(path, response);
    const record: FakeServer['requests'][number] = { method, path: path + url.search, headers: request.headers };
    this.requests.push(record);
    if (path === '/health') return this.json(response, 200, {});
    if (this.options.key && request.headers.authorization !== `Bearer ${this.options.key}`)
      return this.fail(response, 401, 'invalid_api_key', 'A key is needed.');
    if (path === '/api/info') return this.json(response, 200, this.info());
    if (path.startsWith('/api/files')) return this.uploads(request, response, path, query);
    if (path.startsWith('/api/conversations')) return this.stored(request, response, path, query);
    if (path.startsWith('/api/blobs/')) return this.blob(request, response, path);
    if (path === '/v1/stream') return this.stream(request, response, query);
    if (path === '/v1/streams')
      return this.json(response, 200, { object: 'list', data: [...this.streams.values()].map((s) => ({ conversation_id: s.id, status: s.status, num_events: s.events.length, ended: s.ended })) });
    if (path.endsWith('/end_thinking')) {
      const id = path.split('/')[3];
      for (const stream of this.streams.values()) if (stream.requestId === id) stream.endThinking = true;
      return this.json(response, 200, { object: 'request', found: true });
    }
    if (method !== 'POST') return this.fail(response, 404, 'not_found', `no ${path}`);
    const body = JSON.parse((await bodyOf(request)).toString()) as Json;
    record.body = body;
    if (path === '/api/tokens') {
      if (this.isMissing(body)) return this.missing(response);
      const cost = this.cost(body);
      return this.json(response, 200, { object: 'response.input_tokens', input_tokens: cost.tokens, image_tokens: cost.images });
    }
    if (path === '/v1/chat/completions') return this.chat(request, response, body);
    this.fail(response, 404, 'not_found', `no ${path}`);
  }

  private async file(path: string, response: ServerResponse): Promise<void> {
    const name = path === '/' ? '/index.html' : normalize(path);
    let content: Buffer;
    try {
      content = await readFile(join(this.options.dist, name));
    } catch {
      return this.fail(response, 404, 'not_found', `no ${path}`);
    }
    response.writeHead(200, {
      'Content-Type': kTypes[extname(name)] ?? 'application/octet-stream',
      'Content-Security-Policy': name === '/preview.html' ? kPreviewPolicy : kPagePolicy,
      'X-Content-Type-Options': 'nosniff', 'Referrer-Policy': 'no-referrer',
      'Cache-Control': name.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
    response.end(content);
  }

  private info(): object {
    return {
      name: 'glmv', version: '0.1.0', model: this.options.info?.model ?? 'GLM-4.1V-9B-Thinking', family: 'glm4v', instance: this.instance,
      context: 65536, store: this.options.store ?? false,
      capabilities: { image: true, video: true, doc: true, mix: false, think_switch: true, ...this.options.info?.capabilities },
      limits: { images: 10, videos: 1, docs: 1, file_bytes: 52_428_800, image_bytes: 10_485_760, video_bytes: 20_971_520, doc_bytes: 31_457_280, doc_pages: 60, ...this.options.info?.limits },
      defaults: { temperature: 1, top_p: 0.6, top_k: 2, min_p: 0, repetition_penalty: 1.1, presence_penalty: 0, frequency_penalty: 0, max_tokens: 8192 },
    };
  }

  private async uploads(request: IncomingMessage, response: ServerResponse, path: string, query: URLSearchParams): Promise<void> {
    if (request.method === 'POST') {
      const part = partOf(await bodyOf(request), request.headers['content-type'] ?? '');
      if (!part) return this.fail(response, 400, 'invalid_value', 'No part "file".');
      const file = inspect(part.name, part.content);
      if ('http' in file) return this.fail(response, file.http, file.code, file.message);
      this.files.set(file.id, file);
      return this.json(response, 201, wireFile(file));
    }
    const [, , , id = '', what, n] = path.split('/');
    const file = this.files.get(id);
    if (!file) return this.fail(response, 404, 'file_not_found', 'There is no such file.');
    if (request.method === 'DELETE') {
      this.files.delete(id);
      return void response.writeHead(204).end();
    }
    const picture = (mime: string, content: Buffer) =>
      void response.writeHead(200, { 'Content-Type': mime, 'X-Content-Type-Options': 'nosniff' }).end(content);
    if (!what) return this.json(response, 200, wireFile(file));
    if (what === 'content') return picture(file.mime, file.content);
    if (what === 'frames' && n === undefined) return this.json(response, 200, framesOf(file, query));
    const pages = this.options.pages ?? [];
    if (what === 'pages') return picture('image/png', pages[(Number(n) - 1) % pages.length] ?? page(Number(n)));
    const drawn = file.kind === 'doc' ? pages[0] : file.kind === 'video' ? this.options.still : undefined;
    const thumb = drawn ? { mime: 'image/png', content: drawn } : thumbOf(file);
    return picture(thumb.mime, thumb.content);
  }

  private async stored(request: IncomingMessage, response: ServerResponse, path: string, query: URLSearchParams): Promise<void> {
    if (!this.options.store) return this.fail(response, 404, 'route_not_found', 'Started without --store.');
    const id = path.split('/')[3];
    const words = query.get('q')?.toLowerCase();
    if (!id) {
      const tag = `"${this.version}"`;
      response.setHeader('ETag', tag);
      if (words === undefined && request.headers['if-none-match'] === tag) return void response.writeHead(304).end();
      const data = Array.from(this.conversations.values())
        .filter(({ body }) => words === undefined || JSON.stringify(body).toLowerCase().includes(words))
        .map(({ version, body }) => {
          const { id: cid, title, created, updated, pinned } = body.conv as Json;
          return { id: cid, title, created, updated, pinned, version };
        });
      return this.json(response, 200, { data, deleted: Array.from(this.deleted, ([gone, at]) => ({ id: gone, deleted: at })) });
    }
    const known = this.conversations.get(id);
    const { 'if-match': match, 'if-none-match': none } = request.headers;
    if (request.method === 'PUT') {
      const body = JSON.parse((await bodyOf(request)).toString()) as Json;
      if ((match && match !== `"${known?.version}"`) || (none === '*' && known)) return this.fail(response, 412, 'conversation_changed', 'It has changed meanwhile.');
      this.conversations.set(id, { version: ++this.version, body });
      this.deleted.delete(id);
      response.setHeader('ETag', `"${this.version}"`);
    } else if (request.method === 'DELETE') {
      if (this.conversations.delete(id)) this.deleted.set(id, Date.now());
      this.version++;
    } else {
      if (!known) return this.fail(response, 404, 'conversation_not_found', 'No such conversation.');
      response.setHeader('ETag', `"${known.version}"`);
      return this.json(response, 200, known.body);
    }
    response.writeHead(204).end();
  }

  private async blob(request: IncomingMessage, response: ServerResponse, path: string): Promise<void> {
    if (!this.options.store) return this.fail(response, 404, 'route_not_found', 'Started without --store.');
    const sha256 = path.split('/')[3]!;
    if (request.method === 'PUT') {
      this.blobs.set(sha256, { mime: request.headers['content-type'] ?? '', bytes: await bodyOf(request) });
      return void response.writeHead(204).end();
    }
    const blob = this.blobs.get(sha256);
    if (!blob) return this.fail(response, 404, 'conversation_not_found', 'No such bytes.');
    response.writeHead(200, { 'Content-Type': blob.mime }).end(blob.bytes);
  }

  private stream(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): void {
    const stream = this.streams.get(query.get('conv_id') ?? '');
    if (request.method === 'DELETE') {
      stream?.cancel();
      return this.json(response, 200, { object: 'stream', found: stream !== undefined });
    }
    if (!stream) return this.fail(response, 404, 'stream_not_found', 'No such stream.');
    stream.follow(response, Number(query.get('from') ?? 0));
  }

  private parts(body: Json): Json[] {
    return (body.messages as Json[]).flatMap((m) => (Array.isArray(m.content) ? (m.content as Json[]) : []));
  }
  private fileIdOf(part: Json): string | null {
    const url = ((part.image_url ?? part.video_url) as { url?: string } | undefined)?.url;
    if (url) return url.startsWith('file:') ? url.slice(5) : null;
    return (part.file as { file_id?: string } | undefined)?.file_id ?? null;
  }
  private isMissing(body: Json): boolean {
    return this.parts(body).some((part) => {
      const id = this.fileIdOf(part);
      return id !== null && !this.files.has(id);
    });
  }
  private missing(response: ServerResponse): void {
    this.fail(response, 404, 'file_not_found', 'The file is not here any more.', 'messages[0].content[0]');
  }
  private cost(body: Json): { tokens: number; images: number } {
    const text = JSON.stringify(body.messages).length;
    const images = this.parts(body).reduce((sum, part) => sum + (this.files.get(this.fileIdOf(part) ?? '')?.est_tokens ?? 0), 0);
    return { tokens: images + Math.ceil(text / 4), images };
  }

  private chat(request: IncomingMessage, response: ServerResponse, body: Json): void {
    const messages = body.messages as { role: string; content: unknown }[];
    if (this.isMissing(body)) return this.missing(response);
    const last = messages.findLast((m) => m.role === 'user')?.content ?? '';
    const list = Array.isArray(last) ? (last as Json[]) : [];
    const text = typeof last === 'string' ? last : String(list.find((p) => p.type === 'text')?.text ?? '');
    const media = list.map((p) => this.files.get(this.fileIdOf(p) ?? '')?.kind ?? '');
    const script = body.continue_final_message ? continuation() : scriptFor(text, media);
    if (script.status) {
      const { http, code, message, retryAfter } = script.status;
      return this.fail(response, http, code, message, null, retryAfter);
    }
    const header = request.headers['x-conversation-id'];
    const id = typeof header === 'string' ? header : randomBytes(8).toString('hex');
    this.streams.get(id)?.cancel();
    const stream = new FakeStream(id, 'chatcmpl-' + randomBytes(6).toString('hex'), typeof header === 'string');
    this.streams.set(id, stream);
    stream.follow(response, 0);
    const cost = this.cost(body);
    stream.run(script, this.options.delayMs ?? 5, cost.tokens, cost.images, body.enable_thinking !== false);
  }
}
