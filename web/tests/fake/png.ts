// Small pictures as PNG, drawn from rectangles and discs.
import { deflateSync } from 'node:zlib';

export type Colour = [number, number, number];

export class Canvas {
  readonly data: Uint8Array;
  constructor(readonly w: number, readonly h: number, background: Colour) {
    this.data = new Uint8Array(w * h * 3);
    this.rect(0, 0, w, h, background);
  }
  rect(x: number, y: number, w: number, h: number, colour: Colour): this {
    for (let row = Math.max(0, y); row < Math.min(this.h, y + h); row++)
      for (let column = Math.max(0, x); column < Math.min(this.w, x + w); column++)
        this.data.set(colour, (row * this.w + column) * 3);
    return this;
  }
  disc(cx: number, cy: number, r: number, colour: Colour): this {
    for (let row = Math.max(0, cy - r); row < Math.min(this.h, cy + r); row++)
      for (let column = Math.max(0, cx - r); column < Math.min(this.w, cx + r); column++)
        if ((row - cy) ** 2 + (column - cx) ** 2 < r * r)
          this.data.set(colour, (row * this.w + column) * 3);
    return this;
  }
  png(): Buffer {
    const raw = Buffer.alloc(this.h * (this.w * 3 + 1));
    for (let row = 0; row < this.h; row++)
      raw.set(this.data.subarray(row * this.w * 3, (row + 1) * this.w * 3), row * (this.w * 3 + 1) + 1);
    const header = Buffer.alloc(13);
    header.writeUInt32BE(this.w, 0);
    header.writeUInt32BE(this.h, 4);
    header.set([8, 2, 0, 0, 0], 8);
    return Buffer.concat([
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
      chunk('IHDR', header),
      chunk('IDAT', deflateSync(raw)),
      chunk('IEND', Buffer.alloc(0)),
    ]);
  }
}

const kCrcTable = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

function chunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  let crc = 0xffffffff;
  for (const byte of named) crc = kCrcTable[(crc ^ byte) & 255]! ^ (crc >>> 8);
  const out = Buffer.alloc(body.length + 12);
  out.writeUInt32BE(body.length, 0);
  out.set(named, 4);
  out.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 8);
  return out;
}

// A still life: a table, two cups, a lamp.
export function scene(w = 640, h = 400): Buffer {
  const u = w / 640;
  const at = (n: number) => Math.round(n * u);
  return new Canvas(w, h, [226, 232, 229])
    .rect(0, at(270), w, h - at(270), [176, 140, 104])
    .rect(0, at(270), w, at(6), [150, 116, 84])
    .rect(at(120), at(180), at(90), at(100), [196, 62, 54])
    .rect(at(210), at(200), at(22), at(12), [196, 62, 54])
    .rect(at(210), at(242), at(22), at(12), [196, 62, 54])
    .rect(at(226), at(200), at(12), at(54), [196, 62, 54])
    .rect(at(360), at(196), at(80), at(84), [46, 98, 160])
    .disc(at(540), at(130), at(56), [250, 206, 96])
    .rect(at(534), at(180), at(12), at(96), [84, 84, 88])
    .rect(at(506), at(270), at(68), at(12), [84, 84, 88])
    .png();
}

// A page with a heading, lines of text and a chart.
export function page(n: number, w = 420): Buffer {
  const h = Math.round(w * 1.414);
  const canvas = new Canvas(w, h, [255, 255, 255]);
  const ink: Colour = [96, 104, 102];
  canvas.rect(36, 40, w / 2 + ((n * 31) % 60), 16, [32, 44, 40]);
  for (let i = 0; i < 9; i++) canvas.rect(36, 84 + i * 16, w - 72 - ((i * 53 + n * 29) % 90), 6, ink);
  for (let i = 0; i < 6; i++) {
    const bar = 40 + ((i * 37 + n * 61) % 120);
    canvas.rect(60 + i * 52, 430 - bar, 34, bar, i === n % 6 ? [11, 107, 91] : [168, 205, 195]);
  }
  canvas.rect(36, 432, w - 72, 2, ink);
  for (let i = 0; i < 5; i++) canvas.rect(36, 460 + i * 16, w - 72 - ((i * 71 + n * 17) % 110), 6, ink);
  return canvas.png();
}
