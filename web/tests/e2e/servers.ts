// Servers with scripted replies, which the tests start and kill: the fake one, or with
// GLMV_PAGE_SERVER (a path) glmv's own without a model (tests/web/page_server.cc).
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { continuation, kPicture, kScripts } from '../fake/scripts';
import { FakeServer } from '../fake_server';

export interface ServerOptions {
  key?: string;
  delayMs?: number;
  store?: boolean;
}

export interface Recorded {
  method: string;
  path: string;
  body?: Record<string, unknown>;
}

export interface TestServer {
  readonly url: string;
  start(): Promise<void>; // on the same port each time
  kill(): Promise<void>; // as with kill -9
  requests(): Promise<Recorded[]>;
  running(): Promise<number>; // replies in the making
  forgetFiles(): Promise<void>;
  dispose(): Promise<void>;
}

class Fake implements TestServer {
  private readonly server: FakeServer;
  constructor(options: ServerOptions) {
    this.server = new FakeServer({ dist: resolve('dist'), ...options });
  }
  get url() {
    return this.server.url;
  }
  async start() {
    await this.server.start();
  }
  kill = () => this.server.kill();
  dispose = () => this.server.kill();
  requests = async () => this.server.requests as Recorded[];
  running = async () => Array.from(this.server.streams.values()).filter((each) => each.ended === null).length;
  forgetFiles = async () => this.server.files.clear();
}

class Program implements TestServer {
  private readonly folder = mkdtempSync(join(tmpdir(), 'glmv-page-'));
  private child: ChildProcess | null = null;
  private port = 0;

  constructor(
    private readonly path: string,
    private readonly options: ServerOptions,
  ) {
    writeFileSync(join(this.folder, 'scripts.json'), JSON.stringify({ scripts: kScripts, picture: kPicture, continued: continuation() }));
  }
  get url() {
    return `http://127.0.0.1:${this.port}`;
  }
  async start() {
    const flags = [join(this.folder, 'scripts.json'), '--port', String(this.port)];
    if (this.options.key) flags.push('--api-key', this.options.key);
    if (this.options.store) flags.push('--store', join(this.folder, 'store'));
    const child = spawn(this.path, flags, { stdio: ['ignore', 'ignore', 'pipe'] });
    this.child = child;
    let said = '';
    this.port = await new Promise<number>((done, fail) => {
      child.stderr!.on('data', (bytes: Buffer) => {
        said += bytes.toString();
        const port = /http:\/\/127\.0\.0\.1:(\d+)\n/.exec(said)?.[1];
        if (port) done(Number(port));
      });
      child.on('error', fail);
      child.on('exit', () => fail(new Error(`${this.path} has ended: ${said}`)));
    });
  }
  async kill() {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once('exit', done));
    child.kill('SIGKILL');
    await gone;
  }
  async dispose() {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
  private async get<T>(path: string): Promise<T> {
    const headers: Record<string, string> = this.options.key ? { Authorization: `Bearer ${this.options.key}` } : {};
    return (await (await fetch(this.url + path, { headers })).json()) as T;
  }
  requests = () => this.get<Recorded[]>('/test/requests');
  async running() {
    const { data } = await this.get<{ data: { ended: number | null }[] }>('/v1/streams');
    return data.filter((each) => each.ended === null).length;
  }
  async forgetFiles() {
    const named = JSON.stringify(await this.requests()).matchAll(/"(?:file:|file_id":")(\w+)"/g);
    for (const id of new Set(Array.from(named, (match) => match[1]!))) await fetch(`${this.url}/api/files/${id}`, { method: 'DELETE' });
  }
}

const kProgram = process.env.GLMV_PAGE_SERVER || undefined;

export function makeServer(options: ServerOptions): TestServer {
  return kProgram ? new Program(resolve(kProgram), options) : new Fake(options);
}
