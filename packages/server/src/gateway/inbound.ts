/**
 * Calls to a participant's API behind the gateway:
 *
 * 1. Requests that must not reach an application are refused. The gateway's own paths never reach it.
 * 2. The whole body is read, up to its bound, because a signature covers all of it. Before a body that would go to the
 *    disk, token and status are verified.
 * 3. Token, status, sender and signature are verified.
 * 4. The request goes to the application, its target byte for byte, with the sender in one field that the gateway
 *    signs.
 * 5. The response is read, signed over its exact bytes and sent. On routes declared unsigned it streams through.
 */
import type { IncomingMessage } from 'node:http';
import type { Participant, Verified } from '@countersign/client';
import { Problem } from '../kernel/problem.ts';
import { answerFields, fieldsForApplication, type Placement, statusOf, streamAnswer } from './application.ts';
import {
  type Answerer,
  type Call,
  dropBody,
  type Outcome,
  requestFields,
  sendLong,
  sendWhole,
  takeBody,
} from './call.ts';
import type { Field } from './fields.ts';
import { refusalOf } from './refusal.ts';
import { absoluteTarget, checkRequestLine, isOwn, matches } from './request-line.ts';
import type { ResponseSigner } from './response-signature.ts';
import type { Room } from './room.ts';
import { held, memoryBytes, type Spooled, spool } from './spool.ts';
import { type SubjectSigner, subjectField } from './subject-header.ts';
import type { Upstream } from './upstream.ts';

export interface InboundOptions extends Placement {
  readonly participant: Pick<Participant, 'verifyHeaders' | 'verifyRequest'>;
  readonly upstream: Upstream;
  readonly subject: SubjectSigner;
  readonly signer: ResponseSigner;
  readonly unsigned: readonly string[];
  readonly maxBody: number;
  readonly maxResponse: number;
  readonly spoolDir: string;
  readonly room: Room;
}

/** A request that was verified. */
interface Admitted {
  readonly method: string;
  readonly requestTarget: string;
  readonly body: Spooled;
  readonly verified: Verified;
  readonly subject: string;
}

export function inbound(options: InboundOptions): Answerer {
  return async (call) => {
    const { method, requestTarget } = checkRequestLine(call.request);
    if (isOwn(requestTarget)) throw new Problem('request.not_found');
    const target = absoluteTarget(requestTarget, options.publicUrl);
    if (mayBeSpooled(call)) await checkHeaders(call, options);
    const body = await takeBody(call, { dir: options.spoolDir, maxBytes: options.maxBody });
    try {
      const admitted = await admit(call, { method, requestTarget, target, body }, options);
      return await pass(call, admitted, options);
    } finally {
      await body.discard();
    }
  };
}

/** A small body stays in memory, where verifying the token twice would cost more than the body. */
function mayBeSpooled({ request: { headers } }: Call): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > memoryBytes;
}

/** The body of a refused caller is read and dropped, because a caller that still sends would miss the refusal. */
async function checkHeaders(call: Call, { participant, maxBody }: InboundOptions): Promise<void> {
  try {
    await participant.verifyHeaders(requestFields(call));
  } catch (refusal) {
    await dropBody(call, maxBody);
    throw refusal;
  }
}

/** Step 3, and the field of step 4. */
async function admit(
  call: Call,
  { target, ...request }: Pick<Admitted, 'method' | 'requestTarget' | 'body'> & { readonly target: string },
  { participant, subject, room }: InboundOptions,
): Promise<Admitted> {
  return room.with(request.body.size, async () => {
    const { method, requestTarget } = request;
    const bytes = await request.body.bytes();
    const headers = requestFields(call);
    const verified = await participant.verifyRequest({ method, target, requestTarget, headers, body: bytes });
    return { ...request, verified, subject: await subject.sign({ method, requestTarget, body: bytes, verified }) };
  });
}

/** Steps 4 and 5. The caller is known now, so refusals are signed too and the caller can trust them. */
async function pass(call: Call, admitted: Admitted, options: InboundOptions): Promise<Outcome> {
  const participantId = admitted.verified.participant.id;
  try {
    const { method, requestTarget, body } = admitted;
    const fields = fieldsForApplication(call, options, [[subjectField, admitted.subject]]);
    const answer = await options.upstream.send({ method, requestTarget, fields, body }, call.gone);
    if (matches(requestTarget, options.unsigned)) await streamAnswer(call, answer, options.upstream);
    else await sign(call, answer, admitted, options);
    return { status: answer.statusCode as number, reason: 'passed', participantId };
  } catch (error) {
    if (call.response.headersSent || call.gone.aborted || !(error instanceof Problem)) throw error;
    const { status, code, fields, body } = refusalOf(error);
    const signature = await options.signer.sign(admitted.verified, status, held(isHead(call) ? empty : body));
    sendWhole(call.request, call.response, status, [...fields, signature], body);
    return { status, reason: code, participantId };
  }
}

const empty = new Uint8Array();

async function sign(
  call: Call,
  answer: IncomingMessage,
  { verified }: Admitted,
  options: InboundOptions,
): Promise<void> {
  const status = statusOf(answer);
  const limits = { dir: options.spoolDir, maxBytes: options.maxResponse };
  const body = await spool(options.upstream.body(answer), limits);
  if (body === undefined) throw new Problem('gateway.response_too_large');
  try {
    const signature = await options.signer.sign(verified, status, body);
    // In an answer without a body, the length is that of the body which another request would get (RFC 9110 §8.6).
    const isBodiless = isHead(call) || status === 304;
    const length: readonly Field[] = isBodiless || status === 204 ? [] : [['Content-Length', String(body.size)]];
    const fields = answerFields(answer).filter(([name]) => isBodiless || name.toLowerCase() !== 'content-length');
    await sendLong(call.response, status, [...fields, ...length, signature], body.parts());
  } finally {
    await body.discard();
  }
}

function isHead({ request }: Call): boolean {
  return request.method === 'HEAD';
}
