import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { MessageProblem } from '@countersign/client';
import type { Log } from '../kernel/log.ts';
import { Problem } from '../kernel/problem.ts';
import { server, traced } from '../kernel/trace.ts';
import { transferCodingFault } from '../kernel/transfer-coding.ts';
import { type Field, fieldsOf, flat } from './fields.ts';
import { bodyTooLarge, refusalOf } from './refusal.ts';
import { pathOf } from './request-line.ts';
import { type Spooled, type SpoolOptions, spool } from './spool.ts';

/** One request at a port of the gateway, with its response. */
export interface Call {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** The caller sends its body only after "100 Continue" (RFC 9110 §10.1.1). */
  readonly waits: boolean;
  /** Aborted once the caller has gone away. */
  readonly gone: AbortSignal;
}

/** The result of one call, for the log and the counters. */
export interface Outcome {
  readonly status: number;
  /** The code of the refusal, or `passed`. */
  readonly reason: string;
  readonly participantId?: string;
  /** The credential that logged in. */
  readonly credential?: string;
}

/** Answers a call, or throws the refusal. After the first byte of an answer, a throw can only cut the connection. */
export type Answerer = (call: Call) => Promise<Outcome>;

export interface CallOptions {
  readonly direction: 'inbound' | 'forward';
  readonly log: Log;
  readonly count: (direction: string, outcome: Outcome) => void;
}

/** The request listener of a server: catches whatever is thrown and answers every request. */
export function answering(answer: Answerer, { direction, log, count }: CallOptions) {
  return async (request: IncomingMessage, response: ServerResponse, waits = false): Promise<void> => {
    const began = performance.now();
    const leaving = new AbortController();
    response.on('close', () => leaving.abort());
    // A caller that disconnects in the middle of an answer is not an error of the gateway.
    response.on('error', () => {});
    let outcome: Outcome;
    try {
      const call = { request, response, waits, gone: leaving.signal };
      outcome = await traced(`countersign.gateway.${direction}`, () => answer(call), {
        kind: server,
        from: request.headers,
      });
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
    // A caller that sends too much must still receive the refusal, so the connection stays open after the loop stops
    // reading.
    body = await spool(request.iterator({ destroyOnReturn: false }), options);
  } catch (cause) {
    if (request.complete || cause instanceof Problem) throw cause;
    throw new MessageProblem('body.incomplete', 400, 'The body ended too early.', { cause });
  }
  if (body === undefined) throw bodyTooLarge(maxBytes);
  return body;
}

/** Reads the body of a call as far as it would be taken, and keeps nothing. */
export async function dropBody({ request, waits }: Call, maxBytes: number): Promise<void> {
  if (waits || Number(request.headers['content-length'] ?? 0) > maxBytes) return;
  let size = 0;
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      size += (chunk as Uint8Array).length;
      if (size > maxBytes) return;
    }
  } catch {
    // The caller has gone away.
  }
}

/** A short answer that the gateway itself gives. */
export function sendWhole(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  fields: readonly Field[],
  body: Uint8Array,
): void {
  const length: Field = ['Content-Length', String(body.length)];
  // Unread bytes of this body would be parsed as the next request, or others see another end of it: the connection closes.
  const isOver = request.complete && transferCodingFault(request) === undefined;
  const close: readonly Field[] = isOver ? [] : [['Connection', 'close']];
  response.writeHead(status, flat([...fields, length, ...close]));
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** A long answer at the caller's pace: the next part is read only after the part before it was sent. */
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

/** Writes each part after the part before it was handed to the system, because the receiver may be slow or gone. */
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
