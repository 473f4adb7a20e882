// Conversations of earlier days, so that the list of conversations has something to list.
const kDayMs = 86_400_000;
const kTitles: [title: string, daysAgo: number, pinned?: boolean][] = [
  ['Floor plan: measure the rooms', 2, true],
  ['Quarterly report, pages 3 to 9', 0.1],
  ['Which mushroom is this?', 0.2],
  ['Receipts of the trip as a table', 1],
  ['Whiteboard from the workshop', 1.2],
  ['Where does the ball cross the line?', 3],
  ['Handwritten recipe to text', 5],
  ['Wiring diagram explained', 12],
];

export function history(): string {
  const conversations = kTitles.map(([title, daysAgo, pinned = false], i) => {
    const time = Date.now() - daysAgo * kDayMs;
    const conv = { id: `c${i}`, title, named: true, created: time, updated: time, pinned, leaf: `m${i}b`, params: {}, system: '' };
    const message = { conv: conv.id, think: '', parts: [], status: 'done', stats: {}, created: time };
    return {
      conv,
      msgs: [
        { ...message, id: `m${i}a`, parent: null, role: 'user', text: title },
        { ...message, id: `m${i}b`, parent: `m${i}a`, role: 'assistant', text: 'Done.' },
      ],
    };
  });
  return JSON.stringify({ format: 'glmv-conversations', v: 1, exported: Date.now(), conversations, blobs: {} });
}
