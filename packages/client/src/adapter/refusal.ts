import { MessageProblem, problem } from '../message-problem.ts';

/** The answer to a request that is refused, or to a response that could not be signed. */
export interface Refusal {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Seconds. */
const unavailableFor = 1;

/**
 * RFC 9457. Nothing of what was presented is in it, nor what only the log should know. It is not signed: whoever gets it is not
 * authenticated, and must not make us sign.
 */
export function refusalOf(error: unknown): Refusal {
  const refused = error instanceof MessageProblem ? error : problem('internal');
  const { code, status, message, retryAfter = status === 503 ? unavailableFor : undefined } = refused;
  return {
    status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      ...(status === 401 ? { 'www-authenticate': challenge(refused) } : {}),
      ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
      ...(status === 413 ? { connection: 'close' } : {}),
    },
    body: JSON.stringify({ type: `urn:countersign:problem:${code}`, title: message, status, code }),
  };
}

/**
 * RFC 6750 §3: an error only where the token is at fault, so that nobody asks for a new one in vain. RFC 9470 §3: where the token
 * is good and the login behind it is not, what is missing.
 */
function challenge({ code, message, challenge: wanted, scheme }: MessageProblem): string {
  if (scheme !== undefined) return scheme;
  if (wanted !== undefined) {
    const parameters = { error: 'insufficient_user_authentication', error_description: message, ...wanted };
    return `Bearer ${Object.entries(parameters)
      .map(([name, value]) => `${name}="${value}"`)
      .join(', ')}`;
  }
  // RFC 9449 §7.1.
  if (code.startsWith('dpop.')) return 'DPoP error="invalid_dpop_proof", algs="EdDSA ES256"';
  const isOfToken =
    /^(?:jws|jwt|access_token|transaction_token|wallet_token|token|session|capability)\./.test(code) &&
    code !== 'token.missing';
  return isOfToken ? 'Bearer error="invalid_token"' : 'Bearer';
}
