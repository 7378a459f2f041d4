import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { joined } from '../bounded-body.ts';
import { problem } from '../message/message-problem.ts';
import { refusalOf } from './refusal.ts';
import '../message/message-refusal.ts';

export interface ResponseSigning {
  readonly maxBytes: number;
  /** HEAD: only the header fields of the answer are sent, not its body. */
  readonly isHead: boolean;
  sign(status: number, body: Uint8Array): Promise<Readonly<Record<string, string>>>;
  report(error: unknown): void;
}

type Callback = (error?: Error | null) => void;
type Headers = OutgoingHttpHeaders | readonly OutgoingHttpHeader[];

const held = ['writeHead', 'write', 'end', 'flushHeaders', 'headersSent', 'writableEnded'] as const;

/**
 * Keeps a response back until it is complete, and then signs it: the signature field comes before the body, so nothing may be
 * sent before the last byte is known. If a response cannot be signed, a 500 is sent in its place.
 */
export function signWhenWhole(response: ServerResponse, signing: ResponseSigning): void {
  const before = held.map((name) => [name, Object.getOwnPropertyDescriptor(response, name)] as const);
  const chunks: Uint8Array[] = [];
  let size = 0;
  let hasBegun = false;
  let hasEnded = false;
  let isTooLarge = false;

  function keep(chunk: unknown, encoding: unknown): void {
    hasBegun = true;
    if (chunk === undefined || chunk === null || isTooLarge) return;
    const bytes =
      typeof chunk === 'string'
        ? Buffer.from(chunk, typeof encoding === 'string' ? (encoding as BufferEncoding) : 'utf8')
        : // A copy: a writer may use its buffer again as soon as its callback was called.
          Buffer.from(chunk as Uint8Array);
    size += bytes.length;
    if (size > signing.maxBytes) {
      isTooLarge = true;
      chunks.length = 0;
    } else chunks.push(bytes);
  }

  async function send(callback: Callback | undefined): Promise<void> {
    const { statusCode } = response;
    const isBodiless = signing.isHead || statusCode === 204 || statusCode === 304;
    try {
      if (isTooLarge) throw problem('response.too_large');
      const body = joined(chunks, size);
      const fields = await signing.sign(statusCode, isBodiless ? new Uint8Array(0) : body);
      for (const [name, value] of Object.entries(fields)) response.setHeader(name, value);
      restore();
      response.end(body, callback);
    } catch (error) {
      signing.report(error);
      restore();
      sendRefusal(response, error, callback);
    }
  }

  /** Restores the earlier methods, also those that other middleware had installed before. */
  function restore(): void {
    for (const [name, descriptor] of before) {
      Reflect.deleteProperty(response, name);
      if (descriptor !== undefined) Object.defineProperty(response, name, descriptor);
    }
  }

  Object.defineProperties(response, {
    writeHead: {
      configurable: true,
      value(status: number, second?: string | Headers, third?: Headers) {
        response.statusCode = status;
        if (typeof second === 'string') response.statusMessage = second;
        setHeaders(response, typeof second === 'string' ? third : second);
        hasBegun = true;
        return response;
      },
    },
    write: {
      configurable: true,
      value(chunk: unknown, encoding?: unknown, callback?: Callback) {
        if (hasEnded) return false;
        keep(chunk, encoding);
        const done = typeof encoding === 'function' ? (encoding as Callback) : callback;
        if (done !== undefined) queueMicrotask(() => done(null));
        return true;
      },
    },
    end: {
      configurable: true,
      value(chunk?: unknown, encoding?: unknown, callback?: Callback) {
        if (hasEnded) return response;
        const done = [chunk, encoding, callback].find((one) => typeof one === 'function') as Callback | undefined;
        keep(typeof chunk === 'function' ? undefined : chunk, encoding);
        hasEnded = true;
        void send(done);
        return response;
      },
    },
    flushHeaders: {
      configurable: true,
      value() {
        hasBegun = true;
      },
    },
    headersSent: { configurable: true, get: () => hasBegun },
    writableEnded: { configurable: true, get: () => hasEnded },
  });
}

/** Sends the refusal without any field of the answer that could not be signed. */
export function sendRefusal(response: ServerResponse, error: unknown, callback?: Callback): void {
  const { status, headers, body } = refusalOf(error);
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  response.statusCode = status;
  response.statusMessage = '';
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.end(body, callback);
}

/** Node accepts a record, or a flat list of names and values. */
function setHeaders(response: ServerResponse, headers: Headers | undefined): void {
  if (headers === undefined) return;
  if (!Array.isArray(headers)) {
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) response.setHeader(name, value);
    return;
  }
  const flat = headers.flat();
  for (let at = 0; at < flat.length; at += 2) response.removeHeader(String(flat[at]));
  for (let at = 0; at < flat.length; at += 2) response.appendHeader(String(flat[at]), String(flat[at + 1]));
}
