// The conversations that are pictured, as an archive that the page imports. Their figures are those of
// one run of the model each, so that they agree with each other.
import { createHash } from 'node:crypto';
import { kReportPages, kThings, type Art } from './art';

const kDayMs = 86_400_000;
const kPerSecond = 8.6;
const kModel = 'GLM-4.1V-9B-Thinking';

type Fields = Record<string, unknown>;
interface Turn {
  text: string;
  parts?: Fields[];
  think?: string;
  tokens?: number; // of the reply, thought included
  prompt?: number;
  image?: number;
  more?: Fields; // of the message
}
export interface Talk {
  id: string;
  title: string;
  daysAgo: number;
  pinned?: boolean;
  turns: Turn[];
  // Other versions of the message with this index.
  versions?: { of: number; turns: Turn[] }[];
}

// A token is about four letters, or one and a half of Chinese.
const tokensOf = (text: string) => Math.max(1, Math.round((text.match(/[\u4e00-\u9fff]/g)?.length ?? 0) * 0.65 + text.replace(/[\u4e00-\u9fff]/g, '').length / 3.9));

function statsOf({ text, think = '', prompt = 60, image = 0, tokens = tokensOf(text + think) }: Turn): Fields {
  const reasoning = think ? tokensOf(think) : 0;
  const visionMs = image * 4.1;
  const prefillMs = (prompt + image) * 9.4;
  return {
    model: kModel, promptTokens: prompt + image, imageTokens: image, completionTokens: tokens, reasoningTokens: reasoning,
    visionMs, prefillMs, ttftMs: visionMs + prefillMs + 130, decodeMs: (1000 * tokens) / kPerSecond, perSecond: kPerSecond,
    thinkMs: (1000 * reasoning) / kPerSecond, finish: 'stop',
  };
}

function messagesOf(talk: Talk, created: number): { msgs: Fields[]; leaf: string } {
  const msgs: Fields[] = [];
  const add = (turns: Turn[], first: string | null, name: string, later: number, beginsWithUser: boolean) => {
    let parent = first;
    turns.forEach((turn, i) => {
      const id = `${talk.id}-${name}${i}`;
      const isUser = (i % 2 === 0) === beginsWithUser;
      msgs.push({
        id, conv: talk.id, parent, role: isUser ? 'user' : 'assistant', text: turn.text, think: turn.think ?? '', parts: turn.parts ?? [],
        status: 'done', stats: isUser ? {} : statsOf(turn), created: created + later + i, ...turn.more,
      });
      parent = id;
    });
    return parent!;
  };
  for (const [n, version] of (talk.versions ?? []).entries()) {
    const parent = version.of === 0 ? null : `${talk.id}-m${version.of - 1}`;
    add(version.turns, parent, `v${n}-`, -1000 + n, version.of % 2 === 0);
  }
  return { leaf: add(talk.turns, null, 'm', 0, true), msgs };
}

// What the list shows around the conversation that is open.
const kTitles: [en: string, zh: string, daysAgo: number, pinned?: boolean][] = [
  ['Which mushroom is this?', '这是哪种蘑菇？', 40, true],
  ['Receipts of the trip as a table', '把旅行收据整理成表格', 1],
  ['Whiteboard from the workshop', '研讨会的白板内容', 1.2],
  ['Where does the ball cross the line?', '球在哪里越过边线？', 3],
  ['Handwritten recipe to text', '手写菜谱转文字', 5],
  ['Wiring diagram explained', '讲解接线图', 12],
];
function history(language: 'en' | 'zh'): Talk[] {
  return kTitles.map(([en, zh, daysAgo, pinned], i) => ({
    id: `h${i}`, title: language === 'zh' ? zh : en, daysAgo, pinned, turns: [{ text: language === 'zh' ? zh : en }, { text: language === 'zh' ? '好的。' : 'Done.' }],
  }));
}

export class Talks {
  private readonly blobs: Record<string, { mime: string; base64: string }> = {};

  constructor(private readonly art: Art) {}

  private part(kind: string, name: string, mime: string, bytes: Buffer, more: Fields): Fields {
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    this.blobs[sha256] = { mime, base64: bytes.toString('base64') };
    // A name that no server has: the page sends it again.
    return { kind, name, mime, bytes: bytes.length, sha256, fileId: `f_${sha256.slice(0, 20)}`, ...more };
  }
  stillLife = (name = 'kitchen.png') => this.part('image', name, 'image/png', this.art.stillLife, { w: 1200, h: 720, estTokens: 1118 });
  chart = (name = 'visitors.png') => this.part('image', name, 'image/png', this.art.chart, { w: 960, h: 560, estTokens: 688 });
  report = (name = 'annual-report.pdf', pageSel?: string) =>
    this.part('doc', name, 'application/pdf', this.art.report, { w: 595, h: 842, pages: kReportPages, estTokens: kReportPages * 640, pageSel });
  film = (name = 'harbour.webm') => this.part('video', name, 'video/webm', this.art.film, { w: 640, h: 360, duration: 6, fps: 10, estTokens: 1980 });

  archive(talks: Talk[], language: 'en' | 'zh'): string {
    const conversations = [...history(language), ...talks].map((talk) => {
      const time = Date.now() - talk.daysAgo * kDayMs;
      const { msgs, leaf } = messagesOf(talk, time);
      const conv = { id: talk.id, title: talk.title, named: true, created: time, updated: time, pinned: talk.pinned ?? false, leaf, params: {}, system: '' };
      return { conv, msgs };
    });
    return JSON.stringify({ format: 'glmv-conversations', v: 1, exported: Date.now(), conversations, blobs: this.blobs });
  }

  all(): Record<string, Talk> {
    const box = (coords: string) => `<|begin_of_box|>${coords}<|end_of_box|>`;
    const talk = (id: string, title: string, turns: Turn[], more: Partial<Talk> = {}): [string, Talk] => [id, { id, title, daysAgo: 0.01, turns, ...more }];
    return Object.fromEntries([
      talk('describe', 'Describe this picture.', [
        { text: 'Describe this picture.', parts: [this.stillLife()] },
        {
          prompt: 24, image: 1118, think: 'A kitchen table by a window. I name the things from left to right and say how the light falls.',
          text: 'A kitchen table in the afternoon. From left to right there are **three books**, a **red cup** that steams, a **plant** in a clay pot and a **lamp** that is already lit.\n\nBehind them a window opens on green hills. Its cool light meets the warm one of the lamp in the middle of the picture, just where the cup stands.',
        },
      ]),
      talk('locate', 'Locate the cup and the lamp.', [
        { text: 'Locate the cup and the lamp.', parts: [this.stillLife()] },
        {
          prompt: 31, image: 1118, think: 'The red cup stands a little left of the middle. The lamp, with its base and its shade, is on the right.',
          text: `Two things match:\n\n- the red cup ${box(kThings.cup)}\n- the lamp ${box(kThings.lamp)}`,
        },
      ]),
      talk('answer', 'Sum of the first and the last bar', [
        { text: 'What is the sum of the first and the last bar?', parts: [this.chart()] },
        {
          prompt: 27, image: 688, think: 'The bars stand for seven days. The first one, Monday, is labelled 12. The last one, Sunday, is labelled 30. Their sum is 12 + 30 = 42. The unit is thousands a day.',
          text: `The chart counts visitors for seven days. Monday has **12** thousand, Sunday **30** thousand, so their sum is\n\n${box('42')}`,
        },
      ]),
      talk('code', 'Count the visitors of a week', [
        { text: 'Write a function that gives the best day of a week, and show its numbers as a table.' },
        {
          prompt: 35, think: 'Days with their numbers of visitors. A small class and max() do it.',
          text: '```python\nfrom dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Day:\n    name: str\n    visitors: int  # thousands\n\ndef best_day(days: list[Day]) -> Day:\n    """The day with the most visitors; of equals the first."""\n    if not days:\n        raise ValueError("no days")\n    return max(days, key=lambda day: day.visitors)\n```\n\n| Day | Visitors | Change |\n|---|---:|---:|\n| Mon | 12,000 | |\n| Tue | 18,000 | +50 % |\n| Wed | 15,000 | -17 % |\n| Thu | 22,000 | +47 % |\n\nFor these four it gives `Day("Thu", 22)`.',
        },
      ]),
      talk('math', 'Roots of a quadratic equation', [
        { text: 'How many roots has a quadratic equation, and what are they?' },
        {
          prompt: 22, think: 'Complete the square; the discriminant decides.',
          text: 'With the discriminant $D = b^2 - 4ac$ the roots of $ax^2 + bx + c = 0$ are\n\n$$x_{1,2} = \\frac{-b \\pm \\sqrt{b^2 - 4ac}}{2a}$$\n\n| $D$ | roots | example |\n|---|---|---|\n| $> 0$ | two real ones | $x^2 - 3x + 2$ |\n| $= 0$ | one, twice | $x^2 - 2x + 1$ |\n| $< 0$ | two complex ones | $x^2 + 1$ |\n\nTheir sum is $-\\tfrac{b}{a}$ and their product $\\tfrac{c}{a}$, which is a quick test of a result.',
        },
      ]),
      talk('html', 'A small timer as a web page', [
        { text: 'Make a small web page with a tea timer.' },
        { prompt: 18, text: kTimerPage },
      ]),
      talk('document', 'Key figures of the annual report', [
        { text: 'Summarise the revenue of this report in a table.', parts: [this.report(undefined, '4-6')] },
        {
          prompt: 30, image: 1920, think: 'Page 4 has the revenue by quarter. I take the four rows and add up the year.',
          text: 'Revenue rose until autumn and fell a little in winter (page 4):\n\n| Quarter | Revenue | Change |\n|---|---:|---:|\n| Q1 | 4.2 M | |\n| Q2 | 4.9 M | +17 % |\n| Q3 | 5.6 M | +14 % |\n| Q4 | 5.3 M | -5 % |\n| **Year** | **20.0 M** | |\n\nThe report names two replaced turbines and the new store of heat as its causes.',
        },
      ]),
      talk('pages', 'Where are the table and the chart?', [
        { text: 'Where on page 4 are the table and the chart?', parts: [this.report(undefined, '3-5')] },
        {
          prompt: 34, image: 1920, think: 'Page 4: a heading, two sentences, the table, two more sentences, the chart below.',
          text: `On page 4:\n\n- the table ${box('[[97,252,903,471]]')}\n- the chart ${box('[[97,612,903,825]]')}`,
        },
      ]),
      talk('video', 'What happens in the harbour?', [
        { text: 'List what happens, with its times.', parts: [this.film()] },
        {
          prompt: 26, image: 1980, think: 'Frames twice a second. The boat is first seen at about one second. The sun reaches the sea after the middle. Near the end there is a beam of light.',
          text: '- **0:01** a sailing boat comes in from the left\n- **0:03 - 0:04** the sun goes down behind it\n- **0:05** the lighthouse is lit\n- **0:09** the boat lands',
        },
      ]),
      talk('branches', 'A name for the boat', [
        { text: 'Suggest a name for a small sailing boat. It should be short and old.' },
        { prompt: 25, text: '**Skua**: a seabird that goes far out, four letters, and a word that sailors have used for centuries.' },
        { text: 'And one from the sea charts of the north?' },
        { prompt: 61, text: '**Fair Isle**, after the island between Orkney and Shetland. On old charts it stands as *Faire Ile*.' },
      ], { versions: [
        { of: 0, turns: [{ text: 'Suggest a name for a boat.' }, { text: '**Aurora** is a name that many boats have.', prompt: 12 }] },
        { of: 3, turns: [{ text: '**Viking**, the name of a sea area in the forecasts.', prompt: 61 }] },
      ] }),
      talk('errors', 'A very long report', [
        { text: 'Compare all nine pages with last year.', parts: [this.report()] },
        { text: 'The two reports follow the same plan. Revenue rose by 4 %, while', prompt: 40, image: 5760, more: { status: 'done', stats: { finish: 'length', perSecond: 8.6, completionTokens: 16, promptTokens: 5800, imageTokens: 5760 } } },
        { text: 'Now in five languages.' },
        { text: '', more: { status: 'error', stats: {}, error: { code: 'context_length_exceeded', message: 'The prompt has 70,412 tokens; the context holds 65,536.' } } },
      ]),
      talk('chinese', '图片中有什么？', [
        { text: '找出杯子和台灯，并说明光线。', parts: [this.stillLife('厨房.png')] },
        {
          prompt: 29, image: 1118, tokens: 96, think: '红色马克杯在中间偏左，台灯在右侧，灯已经亮了。',
          text: `- 红色马克杯 ${box(kThings.cup)}\n- 黄色台灯 ${box(kThings.lamp)}\n\n窗外的冷光与台灯的暖光在画面中间相遇。`,
        },
      ]),
    ]);
  }
}

const kTimerPage = 'A timer that fits in one file:\n\n```html\n<!doctype html>\n<meta name="color-scheme" content="light dark">\n<style>\n  body { margin: 0; height: 100vh; display: grid; place-items: center; font-family: sans-serif;\n    background: light-dark(#eaf4f0, #10211d); color: light-dark(#123a32, #d9f2ea) }\n  .ring { width: 190px; height: 190px; border-radius: 50%; display: grid; place-items: center;\n    background: conic-gradient(#1c9c82 68%, light-dark(#cfe3dc, #22413a) 0) }\n  .time { width: 158px; height: 158px; border-radius: 50%; display: grid; place-items: center;\n    background: light-dark(#fff, #0b1714); font-size: 44px; font-weight: 700 }\n  p { margin: 14px 0 0; text-align: center }\n  button { padding: 10px 22px; border: 0; border-radius: 10px; background: #1c7f6b; color: #fff; font-size: 15px }\n</style>\n<main>\n  <div class="ring"><div class="time" id="time">2:03</div></div>\n  <p><button onclick="left = 180">Three minutes</button></p>\n</main>\n<script>\n  let left = 123;\n  setInterval(() => {\n    left = Math.max(0, left - 1);\n    time.textContent = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;\n  }, 1000);\n</script>\n```\n\nThe button sets it to three minutes.';
