import { algorithms } from '@countersign/proof';
import { enumNameOf, type Problem, rendering } from '../kernel/problem.ts';
import type { Answer } from './answer.ts';
import type { Call } from './call.ts';

/** How a caller proves itself, for the challenge of a 401 and for `/openapi.json`. */
export type Security = 'none' | 'client' | 'bearer' | 'session' | 'administrator' | 'participant';

/** RFC 9457 problem documents, RFC 6749 §5.2 objects, or those of the documented corporate calls. */
export type Refusals = 'problem' | 'oauth' | 'corporate';

export function jsonAnswer(status: number, value: unknown, headers: Answer['headers'] = {}): Answer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) };
}

/** `headers` stay plain members, so the adapter need not build a Headers object. */
export function toResponse({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers });
}

export function json(status: number, value: unknown, headers: Answer['headers'] = {}): Response {
  return toResponse(jsonAnswer(status, value, headers));
}

export function noContent(): Response {
  return new Response(null, { status: 204 });
}

export function refusal(...refused: Parameters<typeof refusalAnswer>): Response {
  return toResponse(refusalAnswer(...refused));
}

/** The refusal in the form of this route. */
export function refusalAnswer(
  problem: Problem,
  route: { readonly refusals: Refusals; readonly security: Security },
  call: Pick<Call, 'requestId' | 'params'>,
): Answer {
  const { status, headers, body } = renderers[route.refusals](problem, call.requestId);
  return {
    status,
    headers: {
      ...headers,
      ...(problem.retryAfter === undefined ? {} : { 'retry-after': String(problem.retryAfter) }),
      ...(status === 401 || (isInsufficient(problem) && route.security !== 'client')
        ? { 'www-authenticate': challenge(problem, route, call) }
        : {}),
    },
    body,
  };
}

const renderers: Record<Refusals, (problem: Problem, requestId: string) => Answer> = {
  problem: problemDocument,
  oauth: oauthRefusal,
  corporate: corporateRefusal,
};

/**
 * The form of the documented calls: a 400 lists the faults by field. All others have an upper-case name, under both
 * member names that their callers know.
 */
function corporateRefusal(problem: Problem, requestId: string): Answer {
  const { status, text } = rendering(problem);
  if (status === 400) {
    const name = (problem.pointer ?? '').replace(/^\//, '').replaceAll('/', '.');
    return jsonAnswer(400, {
      message: 'JSON request violated validation rules',
      validation: { invalid: true, fields: [{ name, errors: [problem.message] }] },
      requestId,
    });
  }
  const code = enumNameOf(problem.code);
  const message = status >= 500 ? text : problem.message;
  return jsonAnswer(status, { code, errorCode: code, message, ...problem.members, requestId });
}

/** RFC 9457. `code` is stable, `detail` is for people, and `pointer` names the faulty place in the request. */
function problemDocument(problem: Problem, requestId: string): Answer {
  const { status, text } = rendering(problem);
  const body = {
    type: `urn:countersign:problem:${problem.code}`,
    title: text,
    status,
    code: problem.code,
    // A server fault tells no details.
    ...(status >= 500 || problem.message === text ? {} : { detail: problem.message }),
    ...(problem.pointer === undefined ? {} : { pointer: problem.pointer }),
    requestId,
  };
  return jsonAnswer(status, body, { 'content-type': 'application/problem+json' });
}

/** RFC 6749 §5.2. `error_description` may hold only %x20-21 / %x23-5B / %x5D-7E. */
function oauthRefusal(problem: Problem): Answer {
  const { oauth, oauthStatus, text } = rendering(problem);
  const description = oauthStatus >= 500 ? text : problem.message;
  return jsonAnswer(oauthStatus, { error: oauth, error_description: description.replace(/[^\x20-\x7e]|["\\]/g, '?') });
}

/** RFC 7617 for clients, RFC 6750 §3 for tokens. An error code only if the caller presented a token. */
export function challenge(
  problem: Problem,
  route: { readonly security: Security },
  call: Pick<Call, 'params'>,
): string {
  const realm = (call.params['realm'] ?? 'countersign').replace(/[^a-z0-9-]/g, '');
  if (route.security === 'client' || (route.security === 'participant' && !problem.code.startsWith('token.')))
    return `Basic realm="${realm}", charset="UTF-8"`;
  if (problem.code === 'token.missing') return `Bearer realm="${realm}"`;
  const error = `realm="${realm}", error="${rendering(problem).oauth}"`;
  // RFC 9449 §7.1.
  if (problem.code.startsWith('dpop.')) return `DPoP ${error}, algs="${Object.keys(algorithms).join(' ')}"`;
  const scope = isInsufficient(problem) ? problem.members?.scope : undefined;
  return typeof scope === 'string' ? `Bearer ${error}, scope="${scope}"` : `Bearer ${error}`;
}

/** RFC 6750 §3.1: the token is good and allows too little, so the challenge may say what it takes. */
function isInsufficient({ code }: Problem): boolean {
  return code === 'token.insufficient_scope' || code === 'token.insufficient_role';
}
