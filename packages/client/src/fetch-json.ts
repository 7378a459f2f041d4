import { type JsonValue, parseJson } from '@countersign/proof';
import { amount, type Checks, callable, optional } from '@countersign/proof/argument';
import { readBounded } from './bounded-body.ts';
import { ClientError } from './error.ts';

/** A function that calls URLs like the global `fetch`. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** How to reach the issuer. */
export interface Transport {
  /** Default: the fetch of the runtime. */
  readonly fetch?: Fetch;
  /** The time limit for a whole exchange, body included, in milliseconds. Default 5000. */
  readonly timeoutMilliseconds?: number;
}

export const transportChecks: Checks<Transport> = { fetch: optional(callable), timeoutMilliseconds: optional(amount) };

/** The options of the transport alone, for a part that takes no others. */
export function transportOf({ fetch, timeoutMilliseconds }: Transport): Transport {
  return {
    ...(fetch && { fetch }),
    ...(timeoutMilliseconds !== undefined && { timeoutMilliseconds }),
  };
}

export interface JsonAnswer {
  readonly status: number;
  readonly headers: Headers;
  /** Undefined for a refusal (status 400 and above) without JSON, and for 204. */
  readonly value: JsonValue | undefined;
}

export interface JsonRequest {
  readonly method?: 'GET' | 'POST';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly maxBytes: number;
}

export interface BytesAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Uint8Array;
}

/**
 * Like `fetchBytes`, but the answer must be strict JSON.
 *
 * @throws {ClientError} `http.unreachable`, `http.timeout`, `http.redirect`, `http.too_large`, `http.json`
 */
export async function fetchJson(url: string, request: JsonRequest, transport: Transport): Promise<JsonAnswer> {
  const headers = { accept: 'application/json', ...request.headers };
  const { status, headers: answered, bytes } = await fetchBytes(url, { ...request, headers }, transport);
  const parsed = parseJson(bytes, { maxBytes: request.maxBytes });
  if (!parsed.ok && status >= 200 && status < 300 && status !== 204)
    throw new ClientError('http.json', `${place(url)} does not answer with strict JSON.`);
  return { status, headers: answered, value: parsed.ok ? parsed.value : undefined };
}

/**
 * One exchange, with limits for time and size. Redirects are not followed.
 *
 * @throws {ClientError} `http.unreachable`, `http.timeout`, `http.redirect`, `http.too_large`
 */
export async function fetchBytes(url: string, request: JsonRequest, transport: Transport): Promise<BytesAnswer> {
  const { fetch = globalThis.fetch, timeoutMilliseconds = 5000 } = transport;
  const { maxBytes, ...init } = request;
  const signal = AbortSignal.timeout(timeoutMilliseconds);
  try {
    const response = await fetch(url, { ...init, redirect: 'manual', credentials: 'omit', signal });
    if (isRedirect(response)) {
      await response.body?.cancel();
      throw new ClientError('http.redirect', `${place(url)} redirects, which is not followed.`);
    }
    const bytes = await readBounded(response.body, maxBytes);
    if (bytes === undefined)
      throw new ClientError('http.too_large', `${place(url)} answers with more than ${maxBytes} bytes.`);
    return { status: response.status, headers: response.headers, bytes };
  } catch (error) {
    if (error instanceof ClientError) throw error;
    if (signal.aborted) throw new ClientError('http.timeout', `${place(url)} did not answer in time.`);
    throw new ClientError('http.unreachable', `${place(url)} cannot be reached.`, { cause: error });
  }
}

/** A browser shows a redirect that was not followed as an opaque answer of status 0. 304 is not a redirect. */
function isRedirect({ type, status }: Response): boolean {
  return type === 'opaqueredirect' || (status >= 300 && status < 400 && status !== 304);
}

/** The URL for an error text: without the query. */
function place(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
