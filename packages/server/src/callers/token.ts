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
  return unverifiedText(token, 1, 'iss');
}

/** Only chooses the verification, which then requires this type. */
export function unverifiedType(token: string): string | undefined {
  return unverifiedText(token, 0, 'typ');
}

function unverifiedText(token: string, part: 0 | 1, member: string): string | undefined {
  try {
    const text = Buffer.from(token.split('.')[part] ?? '', 'base64url').toString();
    const value = (JSON.parse(text) as Record<string, unknown> | null)?.[member];
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
