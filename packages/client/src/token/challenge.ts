/** The refusal that the challenge is for. */
export interface Refused {
  readonly code: string;
  readonly message: string;
  readonly challenge: Readonly<Record<string, string>> | undefined;
  readonly scheme: string | undefined;
}

/**
 * RFC 6750 §3: the challenge has an error only if the token is at fault, so that the caller does not get a new token in vain.
 * RFC 6750 §3.1: a good token that allows too little is `insufficient_scope`, with the scopes that are missing.
 * RFC 9470 §3: if the token is good but its login is too weak or too old, the challenge says what is missing.
 */
export function challengeOf({ code, message, challenge: wanted, scheme }: Refused): string {
  if (scheme !== undefined) return scheme;
  if (wanted !== undefined) {
    const parameters = {
      error: isInsufficient(code) ? 'insufficient_scope' : 'insufficient_user_authentication',
      error_description: message,
      ...wanted,
    };
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

/** Whether the token is good, and allows too little: the only 403 with a challenge. */
export function isInsufficient(code: string): boolean {
  return code === 'token.insufficient_scope' || code === 'token.insufficient_role';
}
