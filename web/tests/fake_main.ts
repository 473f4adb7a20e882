// npm run fake: the fake server on port 8000, for work on the page without a model.
import { resolve } from 'node:path';
import { FakeServer } from './fake_server';

const server = new FakeServer({
  dist: resolve('dist'),
  port: Number(process.env.PORT ?? 8000),
  key: process.env.KEY,
  delayMs: 30,
});
await server.start();
console.log(`fake server on ${server.url}`);
