// Pieces of the page that come later. The server may be away just then: it is asked again. After an
// update it has other pieces than this page knows of, so the page is loaded anew, once a minute at most.
import { server } from './server.svelte';

const kWaitMs = 1000;
const kTries = 3;
const kReloadedAt = 'glmv-reloaded-at';

function reloadOnce(): void {
  try {
    if (Date.now() - Number(sessionStorage.getItem(kReloadedAt) ?? 0) < 60_000) return;
    sessionStorage.setItem(kReloadedAt, String(Date.now()));
  } catch {
    return; // without a note of it, this could go on for ever
  }
  location.reload();
}

export async function persistently<T>(load: () => Promise<T>): Promise<T> {
  for (let failures = 1; ; failures++) {
    try {
      return await load();
    } catch {
      if (server.state === 'up' && failures >= kTries) reloadOnce();
      await new Promise((go) => setTimeout(go, kWaitMs));
    }
  }
}
