// Conversations in the browser's database, as files, and what happens where it cannot be written.
import 'fake-indexeddb/auto';
import { describe, expect, test } from 'vitest';
import { ImportError, importArchive, makeArchive } from '../../src/lib/state/archive';
import * as chats from '../../src/lib/state/chats.svelte';
import * as db from '../../src/lib/state/db';
import type { Part } from '../../src/lib/state/types';

const part = (sha256: string): Part => ({ kind: 'image', name: 'a.png', mime: 'image/png', bytes: 3, sha256 });
const bytes = (text: string) => new TextEncoder().encode(text).buffer as ArrayBuffer;

describe('the database', () => {
  test('keeps a conversation, its messages and its files', async () => {
    const conv = chats.create();
    await chats.open(conv.id);
    await db.putBlob({ sha256: 's1', mime: 'image/png', bytes: bytes('abc') });
    await db.putBlob({ sha256: 's2', mime: 'image/png', bytes: bytes('def') });
    const asked = await chats.addUserMessage(conv, null, 'What is on this picture, and where?', [part('s1')]);
    const reply = await chats.addMessage(conv, { role: 'assistant', parent: asked.id, text: 'A cup.' });
    expect(conv).toMatchObject({ title: 'What is on this picture, and w…', leaf: reply.id });
    expect(chats.shownPath().map((message) => message.text)).toEqual(['What is on this picture, and where?', 'A cup.']);
    expect((await db.messagesOf(conv.id)).length).toBe(2);
    await db.sweepBlobs();
    expect(await db.getBlob('s1')).toBeDefined();
    expect(await db.getBlob('s2')).toBeUndefined();
  });

  test('an archive brings all back, and newer conversations win', async () => {
    const [conv] = await db.allConversations();
    const text = JSON.stringify(await makeArchive([conv!.id]));
    await chats.removeConversation(conv!.id);
    expect(await db.allConversations()).toEqual([]);
    expect(await db.getBlob('s1')).toBeUndefined();
    expect(await importArchive(text)).toBe(1);
    expect(await importArchive(text)).toBe(0);
    expect((await db.messagesOf(conv!.id)).map((message) => message.text).sort()).toEqual(['A cup.', 'What is on this picture, and where?']);
    expect(new TextDecoder().decode((await db.getBlob('s1'))!.bytes)).toBe('abc');
  });

  test('a stream that was cut by a crash is stopped after an import', async () => {
    const conv = { id: 'x', title: 't', created: 1, updated: 1 };
    const msgs = [{ id: 'y', conv: 'x', parent: null, role: 'assistant', text: 'a', parts: [], status: 'streaming' }];
    await importArchive(JSON.stringify({ format: 'glmv-conversations', v: 1, conversations: [{ conv, msgs }] }));
    expect((await db.messagesOf('x'))[0]).toMatchObject({ status: 'stopped', think: '', stats: {} });
  });

  test('what an import has of another kind than a screen expects is left out', async () => {
    const params = { temperature: 'hot', top_p: 0.5, stop: [1, 'end'], thinking: 'maybe', other: 1 };
    const conv = { id: 'z', title: 't', created: 1, updated: 1, params, system: 7, leaf: 3 };
    const msgs = [{ id: 'w', conv: 'z', parent: null, role: 'assistant', text: 'a', parts: [], think: 1, stats: 2, error: 'x' }];
    await importArchive(JSON.stringify({ format: 'glmv-conversations', v: 1, conversations: [{ conv, msgs }] }));
    expect(chats.plain('z')).toMatchObject({ params: { top_p: 0.5, stop: ['end'] }, system: '', leaf: null });
    expect(chats.plain('z')!.params).not.toHaveProperty('temperature');
    expect((await db.messagesOf('z'))[0]).toMatchObject({ think: '', stats: {}, error: undefined });
  });

  test.each([
    '', '{', 'null', '[]', '{"format":"other","v":1}', '{"format":"glmv-conversations","v":2,"conversations":[]}',
    '{"format":"glmv-conversations","v":1,"conversations":[{}]}',
    '{"format":"glmv-conversations","v":1,"conversations":[{"conv":{"id":"a","title":"b","created":1,"updated":1},"msgs":[{"id":1}]}]}',
    '{"format":"glmv-conversations","v":1,"conversations":[{"conv":{"id":"a","title":"b","created":1,"updated":1},"msgs":[{"id":"m","conv":"other","parent":null,"role":"user","text":"","parts":[]}]}]}',
    ...['[null]', '[{"kind":"image"}]', '[{"kind":"other","name":"a","sha256":"b"}]'].map(
      (parts) => `{"format":"glmv-conversations","v":1,"conversations":[{"conv":{"id":"a","title":"b","created":1,"updated":1},"msgs":[{"id":"m","conv":"a","parent":null,"role":"user","text":"","parts":${parts}}]}]}`,
    ),
  ])('refuses %j', async (text) => {
    await expect(importArchive(text)).rejects.toThrow(ImportError);
  });

  test('branches and deleting', async () => {
    const conv = chats.create();
    await chats.open(conv.id);
    const asked = await chats.addUserMessage(conv, null, 'q', []);
    const first = await chats.addMessage(conv, { role: 'assistant', parent: asked.id, text: '1' });
    const second = await chats.addMessage(conv, { role: 'assistant', parent: asked.id, text: '2', created: first.created + 1 });
    expect(chats.branchOf(second.id)).toEqual({ ids: [first.id, second.id], index: 1 });
    await chats.showBranch(first.id);
    expect(conv.leaf).toBe(first.id);
    await chats.removeMessage(first.id);
    expect(conv.leaf).toBe(second.id);
    const removed = await chats.removeMessage(asked.id);
    expect(conv.leaf).toBeNull();
    expect(await db.messagesOf(conv.id)).toEqual([]);
    await chats.putBack(removed!);
    expect(conv.leaf).toBe(second.id);
    expect((await db.messagesOf(conv.id)).map((message) => message.text).sort()).toEqual(['2', 'q']);
    expect(chats.shownPath().map((message) => message.text)).toEqual(['q', '2']);
  });

  // Last: the database stays closed.
  test('that cannot be written is told of once, and the page goes on', async () => {
    let told = 0;
    db.onStorageFailure(() => told++);
    const conv = chats.create();
    await chats.open(conv.id);
    const cyclic: Record<string, unknown> = { id: 'm', conv: conv.id, parts: [] };
    cyclic.run = () => {}; // no database takes a function
    await db.putMessage(cyclic as never);
    await db.putMessage(cyclic as never);
    expect(told).toBe(1);
    await chats.addUserMessage(conv, null, 'still here', []);
    expect(chats.shownPath()).toHaveLength(1);
  });
});
