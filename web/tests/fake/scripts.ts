// What the fake server says. A message that contains the name of a script gets that reply.

export interface Script {
  think?: string;
  text: string;
  delayMs?: number; // between tokens
  finish?: string;
  stopReason?: string;
  restated?: boolean;
  failAfter?: number; // tokens; then an error in the stream
  status?: { http: number; code: string; message: string; retryAfter?: number };
  cutAfter?: number; // tokens; then the connection is cut, and generation goes on
  prefillMs?: number;
}

const B = '<|begin_of_box|>';
const E = '<|end_of_box|>';

const kLong = Array.from({ length: 24 }, (_, i) => `Sentence ${i + 1} of a long and patient answer.`).join(' ');

export const kScripts: Record<string, Script> = {
  'script:slow': { think: 'I take my time. '.repeat(4), text: kLong, delayMs: 40 },
  'script:camera': {
    think:
      'The question is how a camera turns light into colour. Start with the sensor: each photosite counts photons, whatever their wavelength. So colour must come from filters. The Bayer pattern has two green filters for each red and blue one, because eyes are most sensitive to green. Then the missing values are interpolated, white is balanced, and the result is mapped to the colours of a screen. I should keep it to four steps and mention why green is doubled.',
    text: '1. **Light** falls through the lens onto a sensor of millions of photosites.\n2. **Filters** in red, green and blue cover them in a mosaic.\n3. **Interpolation** fills in the two colours that each place lacks.\n4. **White balance** makes a white wall white.',
    delayMs: 40,
  },
  'script:plain': { text: 'A plain answer without a thought.' },
  'script:locate': {
    think: 'The red cup stands left of the middle. The lamp is on the right.',
    text: `Two objects match:\n\n- the red cup ${B}[[187,494,397,768]]${E}\n- the lamp ${B}[[724,279,943,781]]${E}\n`,
  },
  'script:boxed': {
    think: 'Seven bars. Add the first and the last: $12 + 30 = 42$.',
    text: `The chart shows seven bars. The first is **12**, the last **30**, so their sum is\n\n${B}42${E}`,
  },
  'script:timeline': {
    text: 'What happens:\n\n- **00:01** a bar comes in from the left\n- **00:03 - 00:04** the colours turn\n- **5.5s** the picture fades\n',
  },
  'script:math': {
    text: 'The roots of $ax^2+bx+c=0$ are\n\n$$x_{1,2}=\\frac{-b\\pm\\sqrt{b^2-4ac}}{2a}$$\n\nBoth are real numbers where $b^2 \\ge 4ac$.',
  },
  'script:code': {
    text: 'A loop in C++:\n\n```cpp\n#include <print>\nint main() {\n  for (int i = 0; i < 3; ++i) std::println("{}", i);\n}\n```\n\nand in Python:\n\n```python\nfor i in range(3):\n    print(i)\n```\n',
  },
  'script:html': {
    text: 'Here is the page:\n\n<!DOCTYPE html>\n<html>\n<body style="font-family:sans-serif">\n<h1 id="title">Hello</h1>\n<button onclick="document.getElementById(\'title\').textContent=\'Clicked\'">Press</button>\n</body>\n</html>\n\nThat is all.',
  },
  'script:table': {
    text: '| quarter | revenue | change |\n|---|---:|---:|\n| Q1 | 4.2 M | |\n| Q2 | 4.9 M | +17 % |\n| Q3 | 5.6 M | +14 % |\n\nThe best quarter is Q3.',
  },
  'script:image': { text: 'See ![a chart](https://pictures.example/chart.png) and [a link](https://example.org).' },
  'script:xss': {
    text: 'Careful <img src=x onerror="window.pwned=1"> [x](javascript:window.pwned=1)\n\n<script>window.pwned=1</script>',
  },
  'script:repeat': { text: 'The same again. '.repeat(8), finish: 'length', stopReason: 'repetition' },
  'script:restated': { text: 'It is a lamp.\n\nIt is a lamp.', restated: true },
  'script:length': { think: 'Short.', text: 'This answer is cut in the mid', finish: 'length' },
  'script:thought': { think: 'I begin to think, and the limit comes', text: '', finish: 'length' },
  'script:fail': { text: kLong, failAfter: 5 },
  'script:refuse': { text: '', status: { http: 400, code: 'context_length_exceeded', message: 'The prompt has 70,000 tokens; the context holds 65,536.' } },
  'script:busy': { text: '', status: { http: 503, code: 'queue_full', message: 'The queue is full.', retryAfter: 2 } },
  'script:cut': { text: kLong, delayMs: 30, cutAfter: 12 },
  'script:prefill': { text: 'Ready.', prefillMs: 1500 },
};

// What is said of a picture.
export const kPicture: Script = {
  think: 'A table with things on it. I name them from left to right and say how the light falls.',
  text: 'A quiet still life on a wooden table: a **red cup** with its handle to the right, a **green bottle** with a pale label and a yellow cap, and a **lamp** whose yellow shade glows.\n\nThe wall behind is plain and lit from the right, so the eye goes from the lamp to the cup.',
};

// "echo:" gives back what follows it.
export function scriptFor(text: string, media: string[]): Script {
  const echo = text.indexOf('echo:');
  if (echo >= 0) return { text: text.slice(echo + 5) };
  const named = Object.keys(kScripts).find((name) => text.includes(name));
  if (named) return kScripts[named]!;
  const spoken: [RegExp, string][] = [
    [/where|locate|box|在哪|定位/i, 'script:locate'],
    [/\bsum\b|how many/i, 'script:boxed'],
    [/roots|equation/i, 'script:math'],
    [/loop|code/i, 'script:code'],
    [/web page/i, 'script:html'],
    [/step by step/i, 'script:camera'],
  ];
  const meant = spoken.find(([words]) => words.test(text));
  if (meant) return kScripts[meant[1]]!;
  if (media.includes('video')) return kScripts['script:timeline']!;
  if (media.includes('doc')) return kScripts['script:table']!;
  if (media.includes('image')) return kPicture;
  return { think: 'A short question. I answer it in one sentence.', text: `You wrote: ${text.slice(0, 200)}` };
}

export function continuation(): Script {
  return { text: 'dle, and this is its end.' };
}

export function tokensOf(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}
