// The list of conversations: those that match, pinned ones first, then by day.
import type { Conversation } from './types';

export type GroupName = 'pinned' | 'today' | 'yesterday' | 'week' | 'month' | 'older';
export interface Group {
  name: GroupName;
  conversations: Conversation[];
}

const kDayMs = 86_400_000;

function midnight(time: number): number {
  return new Date(time).setHours(0, 0, 0, 0);
}

function groupOf(conv: Conversation, now: number): GroupName {
  if (conv.pinned) return 'pinned';
  // Rounded, because days with a change of clocks are not of 24 hours.
  const days = Math.round((midnight(now) - midnight(conv.updated)) / kDayMs);
  if (days <= 0) return 'today';
  if (days === 1) return 'yesterday';
  return days < 7 ? 'week' : days < 30 ? 'month' : 'older';
}

// `found`: conversations whose messages match; their titles are looked at here.
export function groupConversations(
  all: Iterable<Conversation>,
  query: string,
  found: ReadonlySet<string>,
  now: number,
): Group[] {
  const words = query.trim().toLocaleLowerCase();
  const groups = new Map<GroupName, Conversation[]>(
    (['pinned', 'today', 'yesterday', 'week', 'month', 'older'] as const).map((name) => [name, []]),
  );
  const listed = Array.from(all).sort((a, b) => b.updated - a.updated);
  for (const conv of listed) {
    if (words && !conv.title.toLocaleLowerCase().includes(words) && !found.has(conv.id)) continue;
    groups.get(groupOf(conv, now))!.push(conv);
  }
  return Array.from(groups, ([name, conversations]) => ({ name, conversations })).filter((g) => g.conversations.length > 0);
}
