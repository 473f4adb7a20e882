// Files for the tests, made here.
import { readFileSync } from 'node:fs';
import type { Page } from 'playwright-core';
import { scene } from '../fake/png';

export interface TestFile {
  name: string;
  mimeType: string;
  buffer: Buffer;
}

export const picture = (name = 'scene.png'): TestFile => ({ name, mimeType: 'image/png', buffer: scene() });

export function pdf(pages: number, name = 'report.pdf'): TestFile {
  const kids = Array.from({ length: pages }, (_, i) => `${3 + i} 0 R`).join(' ');
  const objects = [
    '<< /Type /Catalog /Pages 2 0 R >>',
    `<< /Type /Pages /Kids [${kids}] /Count ${pages} >>`,
    ...Array.from({ length: pages }, () => '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] >>'),
  ];
  let body = '%PDF-1.4\n';
  const offsets = objects.map((object, i) => {
    const at = body.length;
    body += `${i + 1} 0 obj\n${object}\nendobj\n`;
    return at;
  });
  const xref = body.length;
  body += `xref\n0 ${objects.length + 1}\n0000000000 65535 f \n`;
  body += offsets.map((at) => `${String(at).padStart(10, '0')} 00000 n \n`).join('');
  body += `trailer\n<< /Size ${objects.length + 1} /Root 1 0 R >>\nstartxref\n${xref}\n%%EOF\n`;
  return { name, mimeType: 'application/pdf', buffer: Buffer.from(body, 'latin1') };
}

export const slides = (): TestFile => ({
  name: 'talk.pptx',
  mimeType: 'application/vnd.openxmlformats-officedocument.presentationml.presentation',
  buffer: readFileSync('../tests/golden/documents/slides.pptx'),
});

// Of two seconds.
export const video = (): TestFile => ({
  name: 'clip.webm',
  mimeType: 'video/webm',
  buffer: readFileSync('../tests/golden/video/vp9.webm'),
});

export async function attach(page: Page, ...files: TestFile[]): Promise<void> {
  await page.locator('#picker').setInputFiles(files);
  await page.locator('li[data-state=reading], li[data-state=sending]').first().waitFor({ state: 'detached' });
}

// Drops or pastes files, as the browser would from a file manager or the clipboard.
export async function transfer(page: Page, how: 'drop' | 'paste', files: TestFile[]): Promise<void> {
  const wire = files.map((file) => ({ name: file.name, type: file.mimeType, base64: file.buffer.toString('base64') }));
  await page.evaluate(
    ({ kind, list }) => {
      const data = new DataTransfer();
      for (const file of list) {
        const bytes = Uint8Array.from(atob(file.base64), (letter) => letter.charCodeAt(0));
        data.items.add(new File([bytes], file.name, { type: file.type }));
      }
      if (kind === 'paste') {
        const area = document.querySelector('#composer')!;
        area.dispatchEvent(new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true }));
        return;
      }
      for (const name of ['dragenter', 'dragover', 'drop'])
        window.dispatchEvent(new DragEvent(name, { dataTransfer: data, bubbles: true, cancelable: true }));
    },
    { kind: how, list: wire },
  );
}
