// Two browsers have changed one conversation: its messages are a tree, so both may be kept.
import type { Conversation, Message } from './types';

interface Whole {
  conv: Conversation;
  msgs: Message[];
}

// `writing`: messages that are being written here, of which others know less. What is not unsent here is
// theirs; else the later change names the conversation, and nothing that either has said is lost.
export function merged(mine: Whole, theirs: Whole, writing: ReadonlySet<string>): Whole {
  const live = mine.msgs.filter((message) => writing.has(message.id));
  if (!mine.conv.unsent) {
    const kept = new Set(live.map((message) => message.id));
    return { conv: { ...theirs.conv, unsent: false }, msgs: [...theirs.msgs.filter((message) => !kept.has(message.id)), ...live] };
  }
  const all = new Map(theirs.msgs.map((message) => [message.id, message]));
  for (const message of mine.msgs) {
    const other = all.get(message.id);
    const better = !other || writing.has(message.id) || (other.status === 'streaming' && message.status !== 'streaming') ||
      (other.status === message.status && message.text.length > other.text.length);
    if (better) all.set(message.id, message);
  }
  const later = mine.conv.updated >= theirs.conv.updated ? mine.conv : theirs.conv;
  // An away conversation has no leaf here.
  const leaf = [mine.conv.leaf, later.leaf, theirs.conv.leaf].find((id) => id !== null && all.has(id)) ?? null;
  return { conv: { ...later, leaf, unsent: true }, msgs: Array.from(all.values()) };
}
