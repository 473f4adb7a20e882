// The messages of a conversation form a tree: an edit is a new sibling of a user's message, a
// regenerated reply a new sibling of the reply. What is shown is the path from a root to a leaf.
import type { Message } from './types';

type Messages = ReadonlyMap<string, Message>;

export function pathTo(messages: Messages, leaf: string | null): Message[] {
  const path: Message[] = [];
  const seen = new Set<string>(); // imported files may hold rings
  for (let id = leaf; id !== null && !seen.has(id); ) {
    const message = messages.get(id);
    if (!message) break;
    seen.add(id);
    path.push(message);
    id = message.parent;
  }
  return path.reverse();
}

export function childrenOf(messages: Messages, parent: string | null): Message[] {
  const children: Message[] = [];
  for (const message of messages.values()) if (message.parent === parent) children.push(message);
  return children.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1));
}

export function siblingsOf(messages: Messages, id: string): Message[] {
  const message = messages.get(id);
  if (!message) return [];
  return childrenOf(messages, message.parent).filter((other) => other.role === message.role);
}

// siblingsOf for all messages at once, by their ids.
export function siblingIndex(messages: Messages): Map<string, string[]> {
  const families = new Map<string, Message[]>();
  for (const message of messages.values()) {
    const family = `${message.role} ${message.parent}`;
    const members = families.get(family);
    if (members) members.push(message);
    else families.set(family, [message]);
  }
  const index = new Map<string, string[]>();
  for (const members of families.values()) {
    const ids = members.sort((a, b) => a.created - b.created || (a.id < b.id ? -1 : 1)).map((message) => message.id);
    for (const id of ids) index.set(id, ids);
  }
  return index;
}

// The leaf below `id` that follows the youngest child at each step.
export function youngestLeaf(messages: Messages, id: string): string {
  const seen = new Set<string>();
  let leaf = id;
  while (!seen.has(leaf)) {
    seen.add(leaf);
    const last = childrenOf(messages, leaf).at(-1);
    if (!last) break;
    leaf = last.id;
  }
  return leaf;
}

// `id` and all below it.
export function subtree(messages: Messages, id: string): string[] {
  const found = [id];
  const seen = new Set(found);
  for (let i = 0; i < found.length; i++) {
    for (const child of childrenOf(messages, found[i]!)) {
      if (seen.has(child.id)) continue;
      seen.add(child.id);
      found.push(child.id);
    }
  }
  return found;
}

// What is shown after `id` and all below it are gone: a sibling's newest end, else the parent.
export function leafAfterDelete(messages: Messages, id: string): string | null {
  const message = messages.get(id);
  if (!message) return null;
  const others = siblingsOf(messages, id).filter((other) => other.id !== id);
  const neighbour = others.findLast((other) => other.created <= message.created) ?? others[0];
  return neighbour ? youngestLeaf(messages, neighbour.id) : message.parent;
}

export function titleOf(text: string): string {
  const line = text.trim().replace(/\s+/g, ' ');
  const letters = Array.from(line);
  return letters.length > 30 ? letters.slice(0, 30).join('').trimEnd() + '…' : line;
}
