// Errors in the language of the page. The server speaks English: in another language its codes are
// translated, and what it said stands behind it.
import en from './en.json';
import { language, t, type Key } from './index.svelte';

export interface Fault {
  code: string;
  message: string;
}

function ofCode(code: string): string {
  const key = `fault.${code}`;
  return key in en ? t(key as Key) : '';
}

export function faultText({ code, message }: Fault): string {
  if (language() === 'en') return message || ofCode(code) || code;
  return ofCode(code) || t('fault.other');
}

// What the server said in its own words, where faultText() does not; empty: nothing more.
export function faultDetail({ code, message }: Fault): string {
  return faultText({ code, message }) === message ? '' : message;
}

// How a reply ended: a word of the protocol, or the text that the user chose as an end.
export function endText(reason: string): string {
  const key = `end.${reason}`;
  return key in en ? t(key as Key) : reason;
}
