import type { Call } from '../http/call.ts';
import { Problem } from '../kernel/problem.ts';
import type { PresentedToken } from '../subject/tokens/possession.ts';

/**
 * The token of `Authorization: Bearer …` (RFC 6750 §2.1) or `DPoP …` (RFC 9449 §7.1), the scheme in any case. Tokens in
 * forms and queries are not read.
 */
export function presentedToken(call: Call): PresentedToken {
  const { headers } = call.request;
  const uris = [call.context.config.publicUrl + call.target];
  return presentedIn(headers.get('authorization'), headers.get('dpop'), { method: call.method, uris });
}

export function presentedIn(
  authorization: string | null,
  proof: string | null,
  request: PresentedToken['request'],
): PresentedToken {
  if (authorization === null) throw new Problem('token.missing');
  const [, scheme, token] = /^(Bearer|DPoP) +([A-Za-z0-9._~+/-]+=*) *$/i.exec(authorization) ?? [];
  if (token === undefined) throw new Problem('token.invalid', { reason: 'not a Bearer or DPoP header' });
  return { token, scheme: scheme?.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', proof, request };
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
