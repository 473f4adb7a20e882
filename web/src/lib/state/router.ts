// Addresses inside the page: "#/" and "#/c/ID".
export function conversationInHash(hash: string): string | null {
  return /^#\/c\/([A-Za-z0-9_-]+)$/.exec(hash)?.[1] ?? null;
}

export function hashOf(conversation: string | null): string {
  return conversation ? `#/c/${conversation}` : '#/';
}
