// The tree of messages, what a stream does to a reply, lists, settings, and what is sent.
import { describe, expect, test } from 'vitest';
import { answerForHistory, chatBody } from '../../src/lib/api/chat_request';
import { SseParser } from '../../src/lib/api/sse';
import { kFields, parsedValue } from '../../src/lib/state/fields';
import { groupConversations } from '../../src/lib/state/groups';
import { applyChunk, applyFarewell, newLive, settle, statsToGoOn } from '../../src/lib/state/reply';
import { conversationInHash, hashOf } from '../../src/lib/state/router';
import { readSettings } from '../../src/lib/state/settings.svelte';
import { keysOf } from '../../src/lib/state/shortcuts';
import { childrenOf, leafAfterDelete, pathTo, siblingIndex, siblingsOf, subtree, titleOf, youngestLeaf } from '../../src/lib/state/tree';
import type { Conversation, Message } from '../../src/lib/state/types';

let clock = 0;
function message(id: string, parent: string | null, fields: Partial<Message> = {}): Message {
  return { id, conv: 'c', parent, role: 'user', text: id, think: '', parts: [], status: 'done', stats: {}, created: clock++, ...fields };
}
const all = (...messages: Message[]) => new Map(messages.map((each) => [each.id, each]));

describe('tree', () => {
  const tree = all(
    message('q1', null), message('a1', 'q1', { role: 'assistant' }), message('q2', 'a1'),
    message('a1b', 'q1', { role: 'assistant' }), message('q2b', 'a1b'), message('q1b', null),
  );
  test('path', () => {
    expect(pathTo(tree, 'q2').map((m) => m.id)).toEqual(['q1', 'a1', 'q2']);
    expect(pathTo(tree, 'q1b').map((m) => m.id)).toEqual(['q1b']);
    expect(pathTo(tree, null)).toEqual([]);
    expect(pathTo(tree, 'gone')).toEqual([]);
  });
  test('siblings are of the same role, oldest first', () => {
    expect(siblingsOf(tree, 'a1b').map((m) => m.id)).toEqual(['a1', 'a1b']);
    expect(siblingsOf(tree, 'q1').map((m) => m.id)).toEqual(['q1', 'q1b']);
    for (const id of tree.keys()) expect(siblingIndex(tree).get(id)).toEqual(siblingsOf(tree, id).map((m) => m.id));
    expect(childrenOf(tree, 'a1').map((m) => m.id)).toEqual(['q2']);
  });
  test('the youngest leaf', () => {
    expect(youngestLeaf(tree, 'q1')).toBe('q2b');
    expect(youngestLeaf(tree, 'a1')).toBe('q2');
    expect(youngestLeaf(tree, 'q2')).toBe('q2');
  });
  test('deleting', () => {
    expect(subtree(tree, 'a1b')).toEqual(['a1b', 'q2b']);
    expect(leafAfterDelete(tree, 'a1b')).toBe('q2');
    expect(leafAfterDelete(tree, 'q1')).toBe('q1b');
    expect(leafAfterDelete(tree, 'q2')).toBe('a1');
    expect(leafAfterDelete(all(message('x', null)), 'x')).toBeNull();
  });
  test('a ring ends', () => {
    const ring = all(message('a', 'b'), message('b', 'a'));
    expect(pathTo(ring, 'a')).toHaveLength(2);
    expect(youngestLeaf(ring, 'a')).toBeDefined();
    expect(subtree(ring, 'a')).toHaveLength(2);
  });
  test('titles', () => {
    expect(titleOf('  one\ntwo ')).toBe('one two');
    expect(titleOf('x'.repeat(40))).toBe('x'.repeat(30) + '…');
    expect(Array.from(titleOf('😀'.repeat(40)))).toHaveLength(31);
    expect(titleOf('')).toBe('');
  });
});

describe('a reply', () => {
  const chunk = (delta: object, more: object = {}) => ({ choices: [{ delta, ...more }] });
  test('grows by its stream', () => {
    const reply = message('r', 'q', { role: 'assistant', text: '', status: 'streaming' });
    const live = newLive(reply);
    applyChunk(reply, live, { id: 'x', model: 'm', ...chunk({ role: 'assistant', content: '' }) }, 1000);
    expect(live.thinkingSince).toBe(0);
    applyChunk(reply, live, { prompt_progress: { phase: 'vision', processed: 1, total: 2 } }, 1100);
    expect(live.progress?.phase).toBe('vision');
    applyChunk(reply, live, chunk({ reasoning_content: 'a', reasoning: 'a' }), 1500);
    applyChunk(reply, live, chunk({ reasoning: 'b' }), 2500);
    applyChunk(reply, live, chunk({ content: 'c' }), 2600);
    applyChunk(reply, live, chunk({ content: 'd' }), 2700);
    expect(reply).toMatchObject({ think: 'ab', text: 'cd', stats: { thinkMs: 1000, reasoningTokens: 2, model: 'm' } });
    expect(live).toMatchObject({ requestId: 'x', progress: null, thinkingSince: 1500 });
    applyChunk(reply, live, { ...chunk({}, { finish_reason: 'length', x_repetition: true, x_restated: true }), timings: { predicted_per_second: 8 } }, 2800);
    applyChunk(reply, live, { choices: [], usage: { prompt_tokens: 5, completion_tokens: 4, completion_tokens_details: { reasoning_tokens: 2 } } }, 2801);
    expect(reply.stats).toMatchObject({ finish: 'length', stopReason: 'repetition', restated: true, perSecond: 8, promptTokens: 5, reasoningTokens: 2 });
    settle(reply, live);
    expect(reply.status).toBe('done');
  });
  test('that goes on forgets how it had ended, and adds up what it costs', () => {
    const before = { stopReason: 'cancelled', finish: 'stop', restated: true, completionTokens: 10, reasoningTokens: 4, thinkMs: 2000, decodeMs: 900 };
    const reply = message('r', 'q', { role: 'assistant', think: 'a', text: 'b', status: 'streaming', stats: statsToGoOn(before), stream: { id: 's', next: 0 } });
    const live = newLive(reply);
    applyChunk(reply, live, chunk({ reasoning_content: 'c' }), 5000);
    applyChunk(reply, live, chunk({ reasoning_content: 'd' }), 5500);
    expect(reply.stats).toMatchObject({ thinkMs: 2500, reasoningTokens: 6 });
    applyChunk(reply, live, { ...chunk({}, { finish_reason: 'stop' }), timings: { predicted_ms: 100 } }, 6000);
    applyChunk(reply, live, { choices: [], usage: { prompt_tokens: 5, completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 2 } } }, 6000);
    settle(reply, live);
    expect(reply.status).toBe('done');
    expect(reply.stats).toMatchObject({ finish: 'stop', completionTokens: 13, reasoningTokens: 6, decodeMs: 1000 });
    expect(reply.stats.stopReason).toBeUndefined();
    expect(reply.stats.restated).toBeUndefined();
  });
  test('that was stopped takes its figures still, and no words', () => {
    const reply = message('r', 'q', { role: 'assistant', text: 'so far', status: 'stopped', stats: { stopReason: 'cancelled' } });
    applyFarewell(reply, { model: 'm', ...chunk({ content: ' more' }) });
    applyFarewell(reply, { choices: [], usage: { prompt_tokens: 5, completion_tokens: 3 }, timings: { predicted_per_second: 8 } });
    applyFarewell(reply, null);
    expect(reply).toMatchObject({ text: 'so far', status: 'stopped', stats: { stopReason: 'cancelled', completionTokens: 3, perSecond: 8, model: 'm' } });
  });
  test('whose thought is taken up after a reload keeps its clock and count', () => {
    const reply = message('r', 'q', { role: 'assistant', think: 'a', text: '', status: 'streaming', stats: { reasoningTokens: 30, thinkMs: 4000 }, stream: { id: 's', next: 31, thinkingSince: 1000 } });
    const live = newLive(reply, true);
    applyChunk(reply, live, chunk({ reasoning_content: 'b' }), 9000);
    expect(reply.stats).toMatchObject({ reasoningTokens: 31, thinkMs: 8000 });
    // Read long after it was written, its time follows from its speed.
    applyChunk(reply, live, { ...chunk({}, { finish_reason: 'stop' }), timings: { predicted_per_second: 10 } }, 99_000);
    settle(reply, live);
    expect(reply.stats.thinkMs).toBe(3100);
  });
  test('ends in an error, or stopped', () => {
    const broken = message('r', 'q');
    applyChunk(broken, newLive(broken), { error: { message: 'bad', code: 'internal_error' } }, 0);
    settle(broken, newLive(broken));
    expect(broken).toMatchObject({ status: 'error', error: { code: 'internal_error', message: 'bad' } });
    const stopped = message('r', 'q');
    applyChunk(stopped, newLive(stopped), chunk({}, { finish_reason: 'stop', stop_reason: 'cancelled' }), 0);
    settle(stopped, newLive(stopped));
    expect(stopped.status).toBe('stopped');
  });
});

describe('the request', () => {
  const options = { model: 'm', system: '', params: {}, continued: false };
  test('media stand before the text; files are in it', () => {
    const parts = [
      { kind: 'image', name: 'a.png', mime: '', bytes: 1, sha256: '1', fileId: 'f1' },
      { kind: 'text', name: 'b.py', mime: '', bytes: 1, sha256: '2', text: 'x = "```"' },
      { kind: 'doc', name: 'c.pdf', mime: '', bytes: 1, sha256: '3', fileId: 'f3', pageSel: '1-3' },
      { kind: 'video', name: 'd.mp4', mime: '', bytes: 1, sha256: '4', fileId: 'f4', clip: [1, 2] },
    ] as Message['parts'];
    const body = chatBody([message('q', null, { text: 'What?', parts })], { ...options, system: 'Be brief.', params: { video_fps: 2, temperature: 0.5, thinking: 'off' } });
    expect(body).toMatchObject({ stream: true, box_markers: 'keep', temperature: 0.5, enable_thinking: false });
    expect(body).not.toHaveProperty('video_fps');
    expect(body.messages).toEqual([
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [
        { type: 'image_url', image_url: { url: 'file:f1' } },
        { type: 'file', file: { file_id: 'f3' }, pages: '1-3' },
        { type: 'video_url', video_url: { url: 'file:f4' }, start: 1, end: 2, fps: 2 },
        { type: 'text', text: 'b.py\n````py\nx = "```"\n````\n\nWhat?' },
      ] },
    ]);
  });
  test('thoughts never go back; an empty answer is left out', () => {
    const path = [
      message('q', null, { text: 'q' }), message('a', 'q', { role: 'assistant', text: 'It is <|begin_of_box|>42<|end_of_box|>', think: 'hm' }),
      message('q2', 'a', { text: 'q2' }), message('a2', 'q2', { role: 'assistant', text: '', think: 'cut' }), message('q3', 'a2', { text: 'q3' }),
    ];
    expect(chatBody(path, options).messages).toEqual([
      { role: 'user', content: 'q' }, { role: 'assistant', content: 'It is 42' }, { role: 'user', content: 'q2' }, { role: 'user', content: 'q3' },
    ]);
    expect(answerForHistory({ think: '', text: '<think>a</think><answer>b</answer>' })).toBe('b');
    expect(answerForHistory({ think: 'hm', text: 'Write </think> and </answer>.' })).toBe('Write </think> and </answer>.');
  });
  test('going on', () => {
    const path = [message('q', null, { text: 'q' }), message('a', 'q', { role: 'assistant', text: 'So', think: 'hm' })];
    const body = chatBody(path, { ...options, continued: true });
    expect(body).toMatchObject({ continue_final_message: true, add_generation_prompt: false });
    expect((body.messages as object[]).at(-1)).toEqual({ role: 'assistant', content: 'So', reasoning_content: 'hm' });
  });
});

describe('server-sent events', () => {
  const text = ': hello\r\nid: 0\ndata: {"a":1}\n\n: keep-alive\n\ndata: x\ndata: y\n\nevent: e\r\ndata:z\r\n\r\nid: 7\ndata: 你好😀\n\n';
  const events = [
    { id: '0', event: '', data: '{"a":1}' }, { id: '', event: '', data: 'x\ny' }, { id: '', event: 'e', data: 'z' }, { id: '7', event: '', data: '你好😀' },
  ];
  test('in pieces of every size', () => {
    const bytes = new TextEncoder().encode(text);
    for (let size = 1; size <= bytes.length; size++) {
      const parser = new SseParser();
      const found = [];
      for (let at = 0; at < bytes.length; at += size) found.push(...parser.push(bytes.slice(at, at + size)));
      expect(found).toEqual(events);
    }
  });
});

describe('lists and settings', () => {
  const now = new Date('2026-03-10T12:00:00').getTime();
  const conv = (id: string, daysAgo: number, pinned = false): Conversation => ({
    id, title: `title ${id}`, named: false, created: 0, updated: now - daysAgo * 86_400_000, pinned, leaf: null, params: {}, system: '',
  });
  test('groups by day', () => {
    const groups = groupConversations([conv('a', 0), conv('b', 1), conv('c', 3), conv('d', 12), conv('e', 90), conv('p', 50, true)], '', new Set(), now);
    expect(groups.map((g) => [g.name, g.conversations.map((c) => c.id).join()])).toEqual([
      ['pinned', 'p'], ['today', 'a'], ['yesterday', 'b'], ['week', 'c'], ['month', 'd'], ['older', 'e'],
    ]);
  });
  test('search finds titles and messages', () => {
    const found = groupConversations([conv('a', 0), conv('b', 0)], ' TITLE A', new Set(), now);
    expect(found.flatMap((g) => g.conversations.map((c) => c.id))).toEqual(['a']);
    expect(groupConversations([conv('a', 0), conv('b', 0)], 'zzz', new Set(['b']), now)[0]?.conversations[0]?.id).toBe('b');
  });
  test('settings of other versions', () => {
    expect(readSettings('{"theme":"dark","sendKey":"x","fontSize":7,"unknown":1,"openThinking":true}')).toMatchObject({ theme: 'dark', sendKey: 'enter', fontSize: 'medium', openThinking: true });
    for (const text of ['', 'null', '[]', '{', '7', null]) expect(readSettings(text).theme).toBe('system');
    expect(readSettings('{"unknown":1}')).not.toHaveProperty('unknown');
  });
  test('keys: what a sign needs Shift for is no key of its own', () => {
    const keys = (key: string, more: Partial<KeyboardEvent> = {}) => keysOf({ key, ctrlKey: true, ...more } as KeyboardEvent);
    expect(keys('/')).toBe('Control+/');
    expect(keys('/', { shiftKey: true })).toBe('Control+/');
    expect(keys('O', { shiftKey: true })).toBe('Control+Shift+O');
    expect(keys('Escape', { ctrlKey: false, shiftKey: true })).toBe('Shift+Escape');
  });
  test('addresses', () => {
    expect(conversationInHash(hashOf('c1_-'))).toBe('c1_-');
    expect(conversationInHash('#/')).toBeNull();
    expect(conversationInHash('#/c/../x')).toBeNull();
  });
  test('values of fields', () => {
    const field = (name: string) => kFields.find((each) => each.name === name)!;
    expect(parsedValue(field('temperature'), '0.7')).toBe(0.7);
    expect(parsedValue(field('temperature'), '9')).toBe(2);
    expect(parsedValue(field('max_tokens'), '12.6')).toBe(13);
    expect(parsedValue(field('seed'), '')).toBeUndefined();
    expect(parsedValue(field('seed'), 'x')).toBeUndefined();
  });
});
