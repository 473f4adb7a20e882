// What the pictured conversations are about, drawn here: a still life, a chart, a report, a film.
import { execFileSync } from 'node:child_process';

import type { Browser, Page } from 'playwright-core';

// A kitchen table; its things stand where kThings says, in thousandths.
export const kThings = {
  cup: '[[387,536,529,772]]', lamp: '[[700,222,850,778]]', plant: '[[566,389,671,768]]', books: '[[112,653,346,772]]',
};
const kStillLife = `<svg xmlns="http://www.w3.org/2000/svg" width="1200" height="720" viewBox="0 0 1200 720">
<defs>
  <linearGradient id="wall" x1="0" x2="1" y1="0" y2=".6"><stop stop-color="#dfe9e6"/><stop offset="1" stop-color="#f5e8cd"/></linearGradient>
  <linearGradient id="sky" x2="0" y2="1"><stop stop-color="#7fb6d9"/><stop offset="1" stop-color="#e6f1ef"/></linearGradient>
  <linearGradient id="wood" x2="0" y2="1"><stop stop-color="#c1936a"/><stop offset="1" stop-color="#94663f"/></linearGradient>
  <linearGradient id="red" x2="1"><stop stop-color="#e05a4a"/><stop offset="1" stop-color="#a92f27"/></linearGradient>
  <linearGradient id="pot" x2="1"><stop stop-color="#d98a5c"/><stop offset="1" stop-color="#a85a34"/></linearGradient>
  <linearGradient id="shade" x2="0" y2="1"><stop stop-color="#f7cf62"/><stop offset="1" stop-color="#ffe9a6"/></linearGradient>
  <radialGradient id="glow"><stop stop-color="#ffe08a" stop-opacity=".75"/><stop offset="1" stop-color="#ffe08a" stop-opacity="0"/></radialGradient>
</defs>
<rect width="1200" height="720" fill="url(#wall)"/>
<rect x="86" y="56" width="320" height="330" rx="6" fill="#fff"/><rect x="102" y="72" width="288" height="298" fill="url(#sky)"/>
<circle cx="318" cy="142" r="30" fill="#fff4cf"/>
<path d="M102 320q70-70 140-20t148-40v110H102z" fill="#8fb996"/><path d="M102 346q90-46 170-12t118-16v52H102z" fill="#5f9a76"/>
<path d="M102 217h288M246 72v298" stroke="#fff" stroke-width="10"/><rect x="74" y="384" width="344" height="16" rx="4" fill="#fff"/>
<circle cx="930" cy="290" r="270" fill="url(#glow)"/>
<rect y="520" width="1200" height="200" fill="url(#wood)"/>
<path d="M0 520h1200" stroke="#7d5432" stroke-width="5"/>
<path d="M0 575q300 14 600 0t600 4M0 640q260-12 620 4t580-6" stroke="#7d5432" stroke-opacity=".28" stroke-width="3" fill="none"/>
<g fill="#000" opacity=".16"><ellipse cx="275" cy="556" rx="155" ry="13"/><ellipse cx="545" cy="557" rx="100" ry="13"/><ellipse cx="742" cy="554" rx="74" ry="11"/><ellipse cx="930" cy="560" rx="100" ry="13"/></g>
<rect x="138" y="522" width="274" height="32" rx="4" fill="#3f6c8f"/><rect x="152" y="528" width="246" height="20" fill="#f3ecdc"/><rect x="138" y="522" width="60" height="32" rx="4" fill="#34597a"/>
<rect x="150" y="494" width="250" height="28" rx="4" fill="#b8863b"/><rect x="370" y="498" width="28" height="20" fill="#f3ecdc"/>
<rect x="164" y="472" width="214" height="22" rx="4" fill="#7b4a63"/><rect x="350" y="476" width="26" height="14" fill="#f3ecdc"/>
<path d="M466 398h128l-10 122q-2 34-34 34h-40q-32 0-34-34z" fill="url(#red)"/><ellipse cx="530" cy="398" rx="64" ry="13" fill="#7c1f1a"/><ellipse cx="530" cy="400" rx="54" ry="9" fill="#3f1d10"/>
<path d="M590 424q44-4 42 38t-52 44" stroke="#b6352c" stroke-width="15" fill="none"/><path d="M482 420l6 92q2 20 12 26" stroke="#fff" stroke-opacity=".35" stroke-width="7" fill="none" stroke-linecap="round"/>
<path d="M508 372q-14-22 2-44t2-46M550 372q14-22-2-44t-2-42" stroke="#fff" stroke-opacity=".7" stroke-width="6" fill="none" stroke-linecap="round"/>
<g fill="#3d8a60"><path d="M740 468q-70-40-58-126 54 30 58 126z"/><path d="M740 468q66-36 62-120-58 30-62 120z"/><path d="M742 468q-30-84 0-186 34 92 0 186z" fill="#54a677"/><path d="M738 470q-50-10-56-62 52 8 56 62z" fill="#54a677"/><path d="M744 470q50-14 60-58-56 4-60 58z" fill="#2f7350"/></g>
<path d="M690 462h104l-14 90h-76z" fill="url(#pot)"/><rect x="682" y="448" width="120" height="24" rx="5" fill="#c4764a"/>
<rect x="921" y="300" width="18" height="240" fill="#53575c"/><rect x="850" y="536" width="160" height="24" rx="9" fill="#43474c"/>
<path d="M884 160h92l44 146H840z" fill="url(#shade)"/><path d="M884 160h92l6 20H878z" fill="#e6b94b"/>
</svg>`;

// Seven bars; the first is 12, the last 30.
const kVisitors = [12, 18, 15, 22, 27, 24, 30];
const kDays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const kChart = `<svg xmlns="http://www.w3.org/2000/svg" width="960" height="560" viewBox="0 0 960 560" font-family="sans-serif">
<rect width="960" height="560" fill="#fff"/><text x="60" y="62" font-size="30" font-weight="700" fill="#1d2b27">Visitors of the harbour museum</text>
<text x="60" y="94" font-size="20" fill="#5f6c67">thousands a day, first week of May</text>
${[0, 10, 20, 30].map((n) => `<path d="M80 ${480 - n * 11}H910" stroke="#dfe5e2" stroke-width="2"/><text x="66" y="${487 - n * 11}" font-size="18" text-anchor="end" fill="#5f6c67">${n}</text>`).join('')}
${kVisitors.map((n, i) => `<rect x="${110 + i * 114}" y="${480 - n * 11}" width="74" height="${n * 11}" rx="5" fill="${i === 0 || i === 6 ? '#0b6b5b' : '#8cc3b4'}"/><text x="${147 + i * 114}" y="${470 - n * 11}" font-size="22" font-weight="700" text-anchor="middle" fill="#1d2b27">${n}</text><text x="${147 + i * 114}" y="516" font-size="20" text-anchor="middle" fill="#5f6c67">${kDays[i]}</text>`).join('')}
<path d="M80 480H910" stroke="#84918b" stroke-width="3"/></svg>`;

const kWords = [
  'The cooperative sold more electricity than in any year before, although the wind was weak in spring.',
  'Two turbines were replaced; the third follows in autumn, when the cranes are free again.',
  'Members paid 4.1 cents less for a kilowatt-hour than the average household of the region.',
  'The new store of heat below the market hall held its first winter, and lost less than was planned.',
  'Reserves grew to a quarter of the yearly turnover, as the statutes ask for.',
  'Schools and the swimming pool are heated with what the server rooms of the port give off.',
];
const paragraph = (n: number, lines: number) => `<p>${Array.from({ length: lines }, (_, i) => kWords[(n + i) % kWords.length]).join(' ')}</p>`;
const bars = (n: number) => `<svg width="100%" height="190" viewBox="0 0 480 190">${[5, 8, 7, 10, 12, 15].map((h, i) => `<rect x="${20 + i * 78}" y="${165 - h * 10}" width="48" height="${h * 10}" rx="3" fill="${i === (n % 6) ? '#0b6b5b' : '#a8cdc3'}"/><text x="${44 + i * 78}" y="184" font-size="13" text-anchor="middle" fill="#5f6c67">${2020 + i}</text>`).join('')}<path d="M0 166H480" stroke="#84918b"/></svg>`;
const table = `<table><tr><th>Quarter</th><th>Revenue</th><th>Change</th></tr><tr><td>Q1</td><td>4.2 M</td><td></td></tr><tr><td>Q2</td><td>4.9 M</td><td>+17 %</td></tr><tr><td>Q3</td><td>5.6 M</td><td>+14 %</td></tr><tr><td>Q4</td><td>5.3 M</td><td>-5 %</td></tr></table>`;
const kTitles = ['Contents', 'A letter to our members', 'Revenue by quarter', 'Electricity', 'Heat', 'Grid and storage', 'People', 'Outlook'];

function reportPage(n: number): string {
  if (n === 1) return '<div class="cover"><small>Annual report 2025</small><h1>Harbour<br>Energy<br>Cooperative</h1><div class="wave"></div></div>';
  const title = `<h2>${kTitles[n - 2]}</h2>`;
  if (n === 2) return title + kTitles.slice(1).map((each, i) => `<p class="toc"><span>${each}</span><span>${i + 3}</span></p>`).join('');
  if (n === 4) return title + paragraph(n, 2) + table + paragraph(n + 2, 2) + bars(n);
  return title + paragraph(n, 3) + bars(n) + paragraph(n + 3, 3) + paragraph(n + 1, 2);
}
const kReportStyle = `body{margin:0;font:15px/1.55 sans-serif;color:#26332f;background:#fff}.page{width:595px;height:842px;box-sizing:border-box;padding:62px 58px;position:relative;overflow:hidden}
h1{font-size:62px;line-height:1.05;letter-spacing:-2px;margin:18px 0}h2{font-size:30px;letter-spacing:-.6px;margin:0 0 18px;color:#0b6b5b}p{margin:0 0 16px}
.toc{display:flex;justify-content:space-between;border-bottom:1px solid #dfe5e2;padding:8px 0;margin:0}.cover{position:absolute;inset:0;padding:90px 58px;background:#0b4f45;color:#f2f7f5}.cover small{font-size:18px;color:#a8d8cb}
.wave{position:absolute;left:-10%;right:-10%;bottom:-210px;height:420px;border-radius:50%;background:#138a75;box-shadow:0 -46px 0 #0f6d5e}
table{width:100%;border-collapse:collapse;margin:6px 0 22px}th,td{text-align:left;padding:9px 12px;border-bottom:1px solid #cfd8d4}th{background:#eaf2ef}footer{position:absolute;bottom:28px;left:58px;right:58px;color:#84918b;font-size:12px;display:flex;justify-content:space-between}`;
export const kReportPages = 9;

export interface Art {
  stillLife: Buffer;
  chart: Buffer;
  pages: Buffer[];
  report: Buffer; // as a PDF
  film: Buffer;
  still: Buffer; // of the film
}

async function drawn(page: Page, svg: string, width: number, height: number): Promise<Buffer> {
  await page.setViewportSize({ width, height });
  await page.setContent(`<style>body{margin:0}svg{display:block}</style>${svg}`);
  return page.screenshot();
}

const kFilmSeconds = 6;
const kFilmFps = 10;

// A boat comes in from the left, the sun goes down, the lighthouse is lit. Coded by the program ffmpeg: a browser's own
// recorder drops frames and quality when the machine is busy.
async function filmed(page: Page): Promise<{ film: Buffer; still: Buffer }> {
  await page.setContent('<canvas></canvas>');
  const made = await page.evaluate((frames) => {
    const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
    const pen = canvas.getContext('2d')!;
    const shape = (colour: string | CanvasGradient, draw: () => void) => {
      pen.fillStyle = colour;
      pen.beginPath();
      draw();
      pen.fill();
    };
    const ground = (from: number, to: number, ...colours: string[]) => {
      const gradient = pen.createLinearGradient(0, from, 0, to);
      colours.forEach((colour, i) => gradient.addColorStop(i / (colours.length - 1), colour));
      return gradient;
    };
    const mixed = (a: number[], b: number[], x: number) => `rgb(${a.map((n, i) => Math.round(n + (b[i]! - n) * x)).join()})`;
    const draw = (x: number) => {
      shape(ground(0, 240, mixed([96, 158, 205], [52, 48, 92], x), mixed([233, 226, 203], [236, 132, 84], x)), () => pen.rect(0, 0, 640, 360));
      shape('#fff0c2', () => pen.arc(430, 90 + 170 * x, 34, 0, 7));
      shape(ground(232, 360, mixed([70, 132, 158], [72, 62, 104], x), mixed([28, 74, 98], [24, 26, 56], x)), () => pen.rect(0, 232, 640, 128));
      for (let i = 0; i < 14; i++) shape(`rgb(255 236 190 / ${0.1 + 0.25 * x})`, () => pen.rect(400 + Math.sin(i * 9 + x * 30) * 16, 240 + i * 8, 60 - i * 2, 2));
      shape('#2c3b38', () => { pen.moveTo(640, 236); pen.quadraticCurveTo(560, 190, 500, 236); });
      shape('#f1ece0', () => { pen.moveTo(571, 206); pen.lineTo(576, 120); pen.lineTo(592, 120); pen.lineTo(597, 206); });
      for (const y of [136, 168]) shape('#c8433a', () => pen.rect(574, y, 20, 14));
      shape('#3a4245', () => pen.rect(573, 104, 22, 16));
      if (x > 0.78) {
        shape('rgb(255 240 170 / .45)', () => { pen.moveTo(584, 112); pen.lineTo(0, 40); pen.lineTo(0, 170); });
        shape('#fff6c8', () => pen.arc(584, 112, 8, 0, 7));
      }
      const at = -70 + 520 * Math.max(0, x - 0.1);
      const y = 252 + Math.sin(x * 20) * 3;
      shape('#7a3b2a', () => { pen.moveTo(at, y); pen.lineTo(at + 110, y); pen.lineTo(at + 92, y + 24); pen.lineTo(at + 16, y + 24); });
      shape('#4b3a30', () => pen.rect(at + 52, y - 100, 4, 100));
      shape('#f6f1e6', () => { pen.moveTo(at + 58, y - 98); pen.quadraticCurveTo(at + 112, y - 50, at + 104, y - 8); pen.lineTo(at + 58, y - 8); });
      shape('#e7dfcf', () => { pen.moveTo(at + 50, y - 86); pen.lineTo(at + 50, y - 8); pen.lineTo(at + 8, y - 8); });
    };
    const drawn = (x: number) => {
      draw(x);
      return canvas.toDataURL('image/png').split(',')[1]!;
    };
    return { still: drawn(0.62), frames: Array.from({ length: frames }, (_, i) => drawn(i / frames)) };
  }, kFilmSeconds * kFilmFps);
  const bytes = (base64: string) => Buffer.from(base64, 'base64');
  const film = execFileSync('ffmpeg', ['-v', 'error', '-f', 'image2pipe', '-c:v', 'png', '-framerate', `${kFilmFps}`, '-i', '-',
    '-c:v', 'libvpx', '-b:v', '2M', '-crf', '8', '-g', '10', '-pix_fmt', 'yuv420p', '-f', 'webm', '-'],
    { input: Buffer.concat(made.frames.map(bytes)), maxBuffer: 2 ** 26 });
  return { film, still: bytes(made.still) };
}

export async function makeArt(browser: Browser): Promise<Art> {
  const page = await browser.newPage();
  const stillLife = await drawn(page, kStillLife, 1200, 720);
  const chart = await drawn(page, kChart, 960, 560);
  const sheets = Array.from({ length: kReportPages }, (_, i) => `<div class="page">${reportPage(i + 1)}${i ? `<footer><span>Harbour Energy Cooperative</span><span>${i + 1}</span></footer>` : ''}</div>`);
  const pages: Buffer[] = [];
  await page.setViewportSize({ width: 595, height: 842 });
  for (const sheet of sheets) {
    await page.setContent(`<style>${kReportStyle}</style>${sheet}`);
    pages.push(await page.screenshot());
  }
  await page.setContent(`<style>${kReportStyle} @page{margin:0;size:595px 842px}</style>${sheets.join('')}`);
  const report = await page.pdf({ width: '595px', height: '842px', printBackground: true });
  const { film, still } = await filmed(page);
  await page.close();
  return { stillLife, chart, pages, report, film, still };
}
