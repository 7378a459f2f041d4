import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { MessageProblem } from '@countersign/client';
import type { Log } from '../kernel/log.ts';
import { type Field, fieldsOf, flat } from './fields.ts';
import { bodyTooLarge, refusalOf } from './refusal.ts';
import { pathOf } from './request-line.ts';
import { type Spooled, type SpoolOptions, spool } from './spool.ts';

/** One request at one of our ports, and how it is answered. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Whether the caller waits for our word before it sends the body (RFC 9110 §10.1.1). */
  readonly waits: boolean;
  /** Aborted once the caller has gone away. */
  readonly gone: AbortSignal;
}

/** What one call came to, for the log and the counters. */
export interface Outcome {
  readonly status: number;
  /** The code of a refusal; `passed` where there was none. */
  readonly reason: string;
  readonly participantId?: string;
  /** Of whoever logged in. */
  readonly credential?: string;
}

/** Answers a call, or throws what is to be refused. Once it has begun to answer, a throw can only cut the connection. */
export type Answerer = (call: Call) => Promise<Outcome>;

export interface CallOptions {
  readonly direction: 'inbound' | 'forward';
  readonly log: Log;
  readonly count: (direction: string, outcome: Outcome) => void;
}

/** What a server calls for each request: nothing that is thrown gets past it, and nothing is left unanswered. */
export function answering(answer: Answerer, { direction, log, count }: CallOptions) {
  return async (request: IncomingMessage, response: ServerResponse, waits = false): Promise<void> => {
    const began = performance.now();
    const leaving = new AbortController();
    response.on('close', () => leaving.abort());
    // Whoever goes away in the middle of an answer is no fault of ours.
    response.on('error', () => {});
    let outcome: Outcome;
    try {
      outcome = await answer({ request, response, waits, gone: leaving.signal });
    } catch (error) {
      const refusal = refusalOf(error);
      outcome = { status: refusal.status, reason: refusal.code };
      if (refusal.status >= 500 && !leaving.signal.aborted) {
        log.error({ direction, reason: refusal.code, err: error }, 'a call could not be answered');
      }
      if (response.headersSent) response.destroy();
      else sendWhole(request, response, refusal.status, refusal.fields, refusal.body);
    }
    count(direction, outcome);
    const milliseconds = Math.round(performance.now() - began);
    const path = pathOf(request.url ?? '');
    log.info({ direction, method: request.method, path, ...outcome, milliseconds }, 'answered');
  };
}

/** The body of a call. @throws {MessageProblem} `body.too_large`, `body.incomplete` */
export async function takeBody({ request, response, waits }: Call, options: SpoolOptions): Promise<Spooled> {
  const { maxBytes } = options;
  if (Number(request.headers['content-length'] ?? 0) > maxBytes) throw bodyTooLarge(maxBytes);
  if (waits) response.writeContinue();
  let body: Spooled | undefined;
  try {
    // Whoever sends too much is to be told so: the connection must outlive the loop that stopped reading.
    body = await spool(request.iterator({ destroyOnReturn: false }), options);
  } catch (cause) {
    throw request.complete ? cause : new MessageProblem('body.incomplete', 400, 'The body ended too early.', { cause });
  }
  if (body === undefined) throw bodyTooLarge(maxBytes);
  return body;
}

/** A short answer of our own. */
export function sendWhole(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  fields: readonly Field[],
  body: Uint8Array,
): void {
  const length: Field = ['Content-Length', String(body.length)];
  // What is left of a body that nobody read would be taken for the next request.
  const close: readonly Field[] = request.complete ? [] : [['Connection', 'close']];
  response.writeHead(status, flat([...fields, length, ...close]));
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** An answer that may be long, at the pace of the caller: a part is only asked for when the one before has gone. */
export async function sendLong(
  response: ServerResponse,
  status: number,
  fields: readonly Field[],
  body: AsyncIterable<Uint8Array>,
): Promise<void> {
  response.writeHead(status, flat(fields));
  await writeParts(response, body);
  response.end();
  await finished(response);
}

/** All parts, each once the one before is with the system: whoever receives may be slow, or gone. */
export async function writeParts(to: Writable, body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const part of body) {
    await new Promise<void>((resolve, reject) => {
      const onClose = () => reject(new Error('The receiver went away.'));
      to.once('close', onClose);
      to.write(part, (error) => {
        to.off('close', onClose);
        if (error) reject(error);
        else resolve();
      });
    });
  }
}

export function requestFields({ request }: Call): readonly Field[] {
  return fieldsOf(request.rawHeaders);
}
