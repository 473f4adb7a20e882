// What the user has set for this browser. Never the key.
import { setLanguage, type Language } from '../i18n/index.svelte';
import type { Params } from './types';

export interface Settings {
  language: Language;
  theme: 'system' | 'light' | 'dark';
  sendKey: 'enter' | 'ctrl-enter';
  fontSize: 'small' | 'medium' | 'large';
  openThinking: boolean;
  railOpen: boolean;
  panelOpen: boolean;
  params: Params;
}

const kKey = 'glmv-settings';
const kChoices: Partial<Record<keyof Settings, unknown[]>> = {
  language: ['en', 'zh'],
  theme: ['system', 'light', 'dark'],
  sendKey: ['enter', 'ctrl-enter'],
  fontSize: ['small', 'medium', 'large'],
};

function defaults(): Settings {
  return {
    language: navigator.language?.toLowerCase().startsWith('zh') ? 'zh' : 'en',
    theme: 'system',
    sendKey: 'enter',
    fontSize: 'medium',
    openThinking: false,
    railOpen: true,
    panelOpen: false,
    params: {},
  };
}

// What another version or a hand has written is taken field by field, where it fits.
export function readSettings(text: string | null): Settings {
  const settings = defaults();
  let saved: unknown = null;
  try {
    saved = JSON.parse(text ?? 'null');
  } catch {
    return settings;
  }
  if (typeof saved !== 'object' || saved === null) return settings;
  for (const [name, value] of Object.entries(saved)) {
    const field = name as keyof Settings;
    if (!(field in settings) || typeof value !== typeof settings[field] || value === null) continue;
    if (kChoices[field] && !kChoices[field].includes(value)) continue;
    Object.assign(settings, { [field]: value });
  }
  return settings;
}

export const settings = $state<Settings>(readSettings(stored()));

function stored(): string | null {
  try {
    return localStorage.getItem(kKey);
  } catch {
    return null; // storage is closed to this page; the settings last as long as it does
  }
}

// Call once, inside a component.
export function keepSettings(): void {
  $effect(() => {
    const text = JSON.stringify(settings);
    try {
      localStorage.setItem(kKey, text);
    } catch {
      // see stored()
    }
  });
  $effect(() => {
    void setLanguage(settings.language);
  });
  $effect(() => {
    const root = document.documentElement;
    root.dataset.theme = settings.theme;
    root.dataset.fontSize = settings.fontSize;
  });
}
