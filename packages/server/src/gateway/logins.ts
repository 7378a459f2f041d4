/**
 * In front of an application whose callers log in:
 *
 * 1. What no application shall see is refused; what is ours never reaches it.
 * 2. Name and password, or the session token, are turned into a signed subject before anything of the body is taken in.
 * 3. The request goes to the application, its target byte for byte, with the signed subject as its bearer token.
 * 4. The response streams through. Nobody could verify a signature of it.
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

/** The application sees under which transaction the subject was signed, whoever named it. */
function subjectFields({ token, correlationId = '' }: Authenticated): readonly Field[] {
  return [
    ['Authorization', `Bearer ${token}`],
    ['X-CallRef', correlationId],
  ];
}

/**
 * Whether a call is one of somebody who logs in, where signed messages are accepted too. Without any proof it is: it is told how
 * to log in.
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
