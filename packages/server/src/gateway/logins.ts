/**
 * Calls to an application whose callers log in:
 *
 * 1. Requests that must not reach an application are refused. The gateway's own paths never reach it.
 * 2. Name and password, or the session token, are exchanged for a signed subject before the body is read.
 * 3. The request goes to the application, its target byte for byte, with the signed subject as its bearer token.
 * 4. The response streams through unsigned, because these callers could not verify a signature.
 */
import type { Authenticated, Edge } from '@countersign/client';
import { Problem } from '../kernel/problem.ts';
import { fieldsForApplication, type Placement, streamAnswer } from './application.ts';
import { type Answerer, type Call, type Outcome, requestFields, takeBody } from './call.ts';
import type { Field } from './fields.ts';
import type { Accepted } from './options.ts';
import { absoluteTarget, checkRequestLine, isOwn } from './request-line.ts';
import type { Upstream } from './upstream.ts';

export interface LoginsOptions extends Placement {
  readonly edge: Pick<Edge, 'authenticateBasic' | 'authenticateSession'>;
  readonly accept: readonly Accepted[];
  readonly upstream: Upstream;
  readonly maxBody: number;
  readonly spoolDir: string;
}

export function logins(options: LoginsOptions): Answerer {
  return async (call) => {
    const { method, requestTarget } = checkRequestLine(call.request);
    if (isOwn(requestTarget)) throw new Problem('request.not_found');
    absoluteTarget(requestTarget, options.publicUrl);
    const caller = await authenticate(call, options);
    const body = await takeBody(call, { dir: options.spoolDir, maxBytes: options.maxBody });
    try {
      const fields = fieldsForApplication(call, options, subjectFields(caller));
      const answer = await options.upstream.send({ method, requestTarget, fields, body }, call.gone);
      await streamAnswer(call, answer, options.upstream);
      const outcome = { status: answer.statusCode as number, reason: 'passed' };
      return { ...outcome, credential: caller.subject.id } satisfies Outcome;
    } finally {
      await body.discard();
    }
  };
}

function authenticate(call: Call, { edge, accept, sourceOf }: LoginsOptions): Promise<Authenticated> {
  const headers = requestFields(call);
  const shown = { headers, address: sourceOf(call.request).address };
  const isSession = accept.includes('session') && (!accept.includes('basic') || presents(headers, /^bearer /i));
  return isSession ? edge.authenticateSession(shown) : edge.authenticateBasic(shown);
}

/**
 * Shows the application the transaction under which the subject was signed, whether the caller or the gateway named it.
 */
function subjectFields({ token, correlationId = '' }: Authenticated): readonly Field[] {
  return [
    ['Authorization', `Bearer ${token}`],
    ['X-CallRef', correlationId],
  ];
}

/**
 * Decides whether a call is a login, where signed messages are accepted too. A call without any proof counts as a
 * login, so that the answer says how to log in.
 */
export function logsIn(call: Call, accept: readonly Accepted[]): boolean {
  if (!accept.includes('message')) return true;
  const headers = requestFields(call);
  const isBare = !headers.some(([name]) =>
    ['authorization', 'x-jws-signature', 'signature'].includes(name.toLowerCase()),
  );
  return (
    (accept.includes('basic') && (isBare || presents(headers, /^basic(?: |$)/i))) ||
    (accept.includes('session') && presents(headers, /^bearer +css_/i))
  );
}

function presents(headers: readonly Field[], scheme: RegExp): boolean {
  return headers.some(([name, value]) => name.toLowerCase() === 'authorization' && scheme.test(value));
}
