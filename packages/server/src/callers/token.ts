import type { WireRequest } from '../http/call.ts';
import { Problem } from '../kernel/problem.ts';

/**
 * The token of `Authorization: Bearer …` (RFC 6750 §2.1, the scheme in any case). Tokens in forms and queries are not
 * read.
 */
export function bearerToken(request: WireRequest): string {
  return bearerTokenIn(request.headers.get('authorization'));
}

export function bearerTokenIn(header: string | null): string {
  if (header === null) throw new Problem('token.missing');
  const match = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header);
  if (match === null) throw new Problem('token.invalid', { reason: 'not a bearer header' });
  return match[1] as string;
}

/** Only chooses the keys to verify with. The verification then requires this issuer. */
export function unverifiedIssuer(token: string): string | undefined {
  try {
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      iss?: unknown;
    } | null;
    return typeof claims?.iss === 'string' ? claims.iss : undefined;
  } catch {
    return undefined;
  }
}
