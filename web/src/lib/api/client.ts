// Requests to the server that gave this page. The key lives here, in memory, and nowhere else.

export class ApiError extends Error {
  constructor(
    readonly status: number, // 0: no answer at all
    readonly code: string,
    message: string,
    readonly param: string = '',
    readonly retryAfterS: number = 0,
  ) {
    super(message);
  }
}

let key = '';
export function setKey(value: string): void {
  key = value;
}
export function hasKey(): boolean {
  return key !== '';
}

export function authHeaders(): Record<string, string> {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  let error: { message?: string; code?: string; param?: string } = {};
  try {
    error = JSON.parse(text).error ?? {};
  } catch {
    error = { message: text.slice(0, 300) };
  }
  return new ApiError(
    response.status,
    error.code ?? `http_${response.status}`,
    error.message || response.statusText || `HTTP ${response.status}`,
    error.param ?? '',
    Number(response.headers.get('Retry-After')) || 0,
  );
}

// Throws ApiError for what is not 2xx, and for no answer; lets AbortError through.
export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers: { ...authHeaders(), ...init.headers } });
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, 'unreachable', 'The server does not answer.');
  }
  if (!response.ok) throw await errorOf(response);
  return response;
}

export async function getJson<T>(path: string, init?: RequestInit): Promise<T> {
  return (await request(path, init)).json() as Promise<T>;
}

export async function postJson<T>(path: string, body: unknown, init: RequestInit = {}): Promise<T> {
  return getJson<T>(path, {
    ...init,
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...init.headers },
    body: JSON.stringify(body),
  });
}
