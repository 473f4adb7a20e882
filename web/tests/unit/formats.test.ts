// Formats of pictures by their bytes; what moves.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { formatOf, isMoving, takeable } from '../../src/lib/media/formats';
import { acceptList, kindOf } from '../../src/lib/media/kinds';

const text = (letters: string) => Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
const zeros = (n: number) => '\0'.repeat(n);
// A GIF of 1 x 1 with so many frames.
const gif = (frames: number) =>
  text(`GIF89a\x01\0\x01\0\x80\0\0${zeros(6)}${`!\xf9\x04${zeros(4)}\0,${zeros(4)}\x01\0\x01\0\0\x02\x02D\x01\0`.repeat(frames)};`);
const png = (...chunks: string[]) => text(`\x89PNG\r\n\x1a\n${chunks.map((name) => `${zeros(4)}${name}${zeros(4)}`).join('')}`);

describe('formats', () => {
  test.each<[string, Uint8Array, string, boolean]>([
    ['JPEG', text('\xff\xd8\xff\xe0'), 'JPEG', false],
    ['PNG', png('IHDR', 'IDAT', 'acTL'), 'PNG', false],
    ['moving PNG', png('IHDR', 'acTL', 'IDAT'), 'PNG', true],
    ['GIF', gif(1), 'GIF', false],
    ['moving GIF', gif(2), 'GIF', true],
    ['GIF that is cut', gif(2).slice(0, 40), 'GIF', false],
    ['WebP', text(`RIFF${zeros(4)}WEBPVP8 ${zeros(8)}`), 'WebP', false],
    ['moving WebP', text(`RIFF${zeros(4)}WEBPVP8X${zeros(4)}\x02${zeros(9)}`), 'WebP', true],
    ['BMP', text('BM'), 'BMP', false],
    ['TIFF', text('II*\0'), 'TIFF', false],
    ['large TIFF', text('MM\0+'), 'TIFF', false],
    ['AVIF', text(`${zeros(4)}ftypavif`), 'AVIF', false],
    ['HEIC', text(`${zeros(4)}ftypheic`), 'HEIC', false],
    ['MP4', text(`${zeros(4)}ftypisom`), '', false],
    ['nothing', text(''), '', false],
  ])('%s', (_, bytes, format, moving) => {
    expect(formatOf(bytes)).toBe(format);
    expect(isMoving(bytes)).toBe(moving);
  });
});

test('what the server takes goes as it is; else the format is told where nobody reads it', async () => {
  const tiff = readFileSync('../tests/golden/media/rgb.tif');
  expect(await takeable(new Uint8Array(tiff).buffer, 'image/tiff')).toBe('TIFF');
  const content = gif(2).buffer as ArrayBuffer;
  expect(await takeable(content, 'image/gif')).toEqual({ content, mime: 'image/gif', moving: true });
});

test('the picker offers what will be taken', () => {
  const offered = acceptList(['image']).split(',');
  expect(offered).toContain('.avif');
  expect(offered).not.toContain('.tif');
  expect(kindOf('a.TIFF', '')).toBe('image');
  expect(kindOf('a.heic', '')).toBe('image');
});
