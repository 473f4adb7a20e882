// What becomes of a conversation that two browsers have changed.
import { describe, expect, test } from 'vitest';
import { merged } from '../../src/lib/state/merge';
import type { Conversation, Message } from '../../src/lib/state/types';

const conv = (more: Partial<Conversation> = {}): Conversation => ({
  id: 'c', title: 'title', named: false, created: 1, updated: 10, pinned: false, leaf: null, params: {}, system: '', ...more,
});
const message = (id: string, more: Partial<Message> = {}): Message => ({
  id, conv: 'c', parent: null, role: 'user', text: id, think: '', parts: [], status: 'done', stats: {}, created: 1, ...more,
});
const none = new Set<string>();
const ids = (all: Message[]) => all.map((each) => each.id).sort();

describe('what is not unsent here', () => {
  test('is theirs, with what they have deleted', () => {
    const both = merged(
      { conv: conv({ title: 'old', leaf: 'a' }), msgs: [message('a'), message('gone')] },
      { conv: conv({ title: 'new', leaf: 'b' }), msgs: [message('a'), message('b')] }, none);
    expect(ids(both.msgs)).toEqual(['a', 'b']);
    expect(both.conv).toMatchObject({ title: 'new', leaf: 'b', unsent: false });
  });
  test('keeps what is being written here', () => {
    const live = message('b', { status: 'streaming', text: 'so far' });
    const both = merged({ conv: conv(), msgs: [message('a'), live] }, { conv: conv(), msgs: [message('a'), message('b', { text: '' })] }, new Set(['b']));
    expect(both.msgs.find((each) => each.id === 'b')).toBe(live);
    expect(ids(both.msgs)).toEqual(['a', 'b']);
  });
});

describe('changes of both', () => {
  test('are both kept; the later one names it, the leaf is that of here', () => {
    const both = merged(
      { conv: conv({ title: 'mine', updated: 20, leaf: 'm', unsent: true }), msgs: [message('a'), message('m')] },
      { conv: conv({ title: 'theirs', updated: 30, leaf: 't', pinned: true }), msgs: [message('a'), message('t')] }, none);
    expect(ids(both.msgs)).toEqual(['a', 'm', 't']);
    expect(both.conv).toMatchObject({ title: 'theirs', pinned: true, leaf: 'm', unsent: true });
  });
  test('a leaf that is not there is never shown', () => {
    const both = merged({ conv: conv({ leaf: 'x', unsent: true }), msgs: [] }, { conv: conv({ leaf: 't' }), msgs: [message('t')] }, none);
    expect(both.conv.leaf).toBe('t');
    expect(merged({ conv: conv({ leaf: 'x', unsent: true }), msgs: [] }, { conv: conv(), msgs: [] }, none).conv.leaf).toBeNull();
  });
  test.each([
    ['done', 'whole', 'streaming', 'wh', 'whole'],
    ['streaming', 'wh', 'done', 'whole', 'whole'],
    ['stopped', 'longer text', 'stopped', 'long', 'longer text'],
    ['done', 'a', 'done', 'edited there', 'edited there'],
  ] as const)('of one message, %s "%s" here and %s "%s" there, stays "%s"', (status, text, theirStatus, theirText, kept) => {
    const both = merged(
      { conv: conv({ unsent: true }), msgs: [message('a', { status, text })] },
      { conv: conv(), msgs: [message('a', { status: theirStatus, text: theirText })] }, none);
    expect(both.msgs).toHaveLength(1);
    expect(both.msgs[0]!.text).toBe(kept);
  });
});
