// The key that sends, in the message field and where a message is edited.
import { settings } from './settings.svelte';

// Enter that ends a composition of an input method is not ours; 229 is what some browsers give for it
// after compositionend.
export function isComposing(event: KeyboardEvent): boolean {
  return event.isComposing || event.keyCode === 229;
}

export function isSendKey(event: KeyboardEvent): boolean {
  if (isComposing(event) || event.key !== 'Enter' || event.shiftKey || event.altKey) return false;
  return settings.sendKey === 'enter' || event.ctrlKey || event.metaKey;
}
