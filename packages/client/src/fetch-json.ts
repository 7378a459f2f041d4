import { type JsonValue, parseJson } from '@countersign/proof';
import { ClientError } from './error.ts';

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** How to reach the issuer. */
export interface Transport {
  /** Default: the fetch of the runtime. */
  readonly fetch?: Fetch;
  /** For a whole exchange, body included. Default 5000. */
  readonly timeoutMilliseconds?: number;
}

export interface JsonAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined where a refusal (status 400 and above) came without JSON. */
  readonly value: JsonValue | undefined;
}

export interface JsonRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly maxBytes: number;
}

/**
 * One exchange that ends: within the time, within the size, without following anybody elsewhere. The answer must be strict JSON.
 *
 * @throws {ClientError} `http.unreachable`, `http.timeout`, `http.redirect`, `http.too_large`, `http.json`
 */
export async function fetchJson(url: string, request: JsonRequest, transport: Transport): Promise<JsonAnswer> {
  const { fetch = globalThis.fetch, timeoutMilliseconds = 5000 } = transport;
  const { maxBytes, ...init } = request;
  const signal = AbortSignal.timeout(timeoutMilliseconds);
  const headers = { accept: 'application/json', ...request.headers };
  try {
    const response = await fetch(url, { ...init, headers, redirect: 'manual', credentials: 'omit', signal });
    // A browser shows a redirect that was not followed as an opaque answer of status 0.
    if (response.type === 'opaqueredirect' || (response.status >= 300 && response.status < 400)) {
      await response.body?.cancel();
      throw new ClientError('http.redirect', `${place(url)} redirects, which is not followed.`);
    }
    const parsed = parseJson(await readBody(response, url, maxBytes), { maxBytes });
    if (!parsed.ok && response.ok)
      throw new ClientError('http.json', `${place(url)} does not answer with strict JSON.`);
    return { status: response.status, headers: response.headers, value: parsed.ok ? parsed.value : undefined };
  } catch (error) {
    if (error instanceof ClientError) throw error;
    if (signal.aborted) throw new ClientError('http.timeout', `${place(url)} did not answer in time.`);
    throw new ClientError('http.unreachable', `${place(url)} cannot be reached.`, { cause: error });
  }
}

/** Never holds more than one chunk over the limit. */
async function readBody(response: Response, url: string, maxBytes: number): Promise<Uint8Array> {
  const reader = response.body?.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (let part = await reader?.read(); part?.value !== undefined; part = await reader?.read()) {
    size += part.value.length;
    if (size > maxBytes) {
      await reader?.cancel();
      throw new ClientError('http.too_large', `${place(url)} answers with more than ${maxBytes} bytes.`);
    }
    chunks.push(part.value);
  }
  const body = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.length;
  }
  return body;
}

/** What an error may say of a URL: no query. */
function place(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
