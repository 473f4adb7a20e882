// Dialogs, notes, and what is told to screen readers.
import type { Part } from './types';

export type DialogName = 'settings' | 'shortcuts';

export interface Toast {
  id: number;
  text: string;
  kind: 'info' | 'error';
  action?: { label: string; run: () => void };
}

export const ui = $state<{
  dialog: DialogName | null;
  settingsTab: string;
  drawer: boolean; // the rail on narrow screens
  panelDrawer: boolean;
  toasts: Toast[];
  said: string;
  viewer: Viewer | null;
  editing: string | null; // the message whose text is being edited
}>({
  dialog: null, settingsTab: 'general', drawer: false, panelDrawer: false, toasts: [], said: '',
  viewer: null, editing: null,
});

export interface Viewer {
  parts: Part[];
  index: number;
  // The text whose boxes are drawn, if any.
  boxesIn?: string;
  page?: number; // of a document, where boxes are drawn
  at?: number; // seconds of a video
  marksIn?: string; // the text whose times are marked on its timeline
  editable?: boolean; // pages and clips may still be chosen
}

let nextToast = 1;
export function dropToast(id: number): void {
  ui.toasts = ui.toasts.filter((each) => each.id !== id);
}

// One with an action stays long enough to be reached.
export function toast(text: string, kind: Toast['kind'] = 'info', action?: Toast['action']): void {
  const id = nextToast++;
  ui.toasts.push({ id, text, kind, action });
  announce(text);
  setTimeout(() => dropToast(id), action ? 12_000 : kind === 'error' ? 8000 : 4000);
}

export function announce(text: string): void {
  // Equal texts in a row would not be spoken again.
  ui.said = ui.said === text ? `${text}\u200b` : text;
}

export function openSettings(tab = 'general'): void {
  ui.settingsTab = tab;
  ui.dialog = 'settings';
}
