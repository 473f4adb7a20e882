// Keys of the page. None of them takes one of the browser's own that people need (reload, close).
import { flushSync } from 'svelte';
import type { Key } from '../i18n/index.svelte';
import { answerForHistory } from '../api/chat_request';
import { copyText, focusComposer, newChat } from './actions';
import { chats, lastOf } from './chats.svelte';
import { isBusy, stopAll } from './generate.svelte';
import { settings } from './settings.svelte';
import { openSettings, ui } from './ui.svelte';

interface Panes {
  toggleRail: () => void;
  togglePanel: () => void;
}

interface Shortcut {
  keys: string; // "Control+Shift+O"; Control is the Command key on a Mac
  text: Key;
  run?: (panes: Panes) => boolean | void; // false: the key goes on to the browser
}

function showSearch(): void {
  if (matchMedia('(max-width: 899px)').matches) ui.drawer = true;
  else settings.railOpen = true;
  // What is typed right behind the keys must arrive there.
  flushSync();
  document.getElementById('search')?.focus();
}

function copyLast(): boolean {
  const last = lastOf('assistant');
  if (last) void copyText(answerForHistory(last));
  return last !== undefined;
}

function stopReply(): boolean {
  if (!isBusy(chats.openId)) return false;
  stopAll(chats.openId);
  return true;
}

// Those without `run` are the composer's.
export const kShortcuts: Shortcut[] = [
  { keys: 'Enter', text: 'key.send' },
  { keys: 'Shift+Enter', text: 'key.newline' },
  { keys: 'ArrowUp', text: 'key.editLast' },
  { keys: 'Escape', text: 'key.stop', run: stopReply },
  { keys: 'Shift+Escape', text: 'key.focus', run: focusComposer },
  { keys: 'Control+Shift+O', text: 'key.new', run: newChat },
  { keys: 'Control+K', text: 'key.search', run: showSearch },
  { keys: 'Control+Shift+C', text: 'key.copyLast', run: copyLast },
  { keys: 'Control+Shift+S', text: 'key.rail', run: (panes) => panes.toggleRail() },
  { keys: 'Control+Shift+P', text: 'key.panel', run: (panes) => panes.togglePanel() },
  { keys: 'Control+,', text: 'key.settings', run: () => openSettings() },
  { keys: 'Control+/', text: 'key.list', run: () => void (ui.dialog = 'shortcuts') },
];

export function keysOf(event: KeyboardEvent): string {
  const parts = [];
  if (event.ctrlKey || event.metaKey) parts.push('Control');
  // Where "/" needs Shift, that is part of the sign.
  const isSign = event.key.length === 1 && event.key.toLowerCase() === event.key.toUpperCase();
  if (event.shiftKey && !isSign) parts.push('Shift');
  if (event.altKey) parts.push('Alt');
  parts.push(event.key.length === 1 ? event.key.toUpperCase() : event.key);
  return parts.join('+');
}

export function handleShortcut(event: KeyboardEvent, panes: Panes): void {
  // The state of a dialog that is just closing comes later than the next key.
  if (event.defaultPrevented || event.isComposing || document.querySelector('dialog[open]')) return;
  const keys = keysOf(event);
  const shortcut = kShortcuts.find((each) => each.run && each.keys === keys);
  if (shortcut && shortcut.run!(panes) !== false) event.preventDefault();
}
