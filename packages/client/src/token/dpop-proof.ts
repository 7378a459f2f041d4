import { type AlgorithmName, encodeBase64url, encodeTextBase64url, type JsonObject } from '@countersign/proof';
import type { Sign } from '../message/private-jwk.ts';
import { digest } from '../message/signing-key.ts';

/** The key of a bound token. */
export interface ProofKey {
  readonly alg: AlgorithmName;
  /** Its public members, without any other. */
  readonly jwk: JsonObject;
  readonly sign: Sign;
}

/**
 * A proof of the token's key for one request (RFC 9449 §4.2). `uri` has no query and no fragment; `now` is in milliseconds since
 * the epoch.
 */
export async function dpopProof(
  { alg, jwk, sign }: ProofKey,
  {
    method,
    uri,
    now,
    token,
  }: { readonly method: string; readonly uri: string; now(): number; readonly token?: string },
): Promise<string> {
  const ath = token === undefined ? {} : { ath: await digest(new TextEncoder().encode(token)) };
  const jti = encodeBase64url(crypto.getRandomValues(new Uint8Array(16)));
  const claims = { htm: method, htu: uri, iat: Math.floor(now() / 1000), jti, ...ath };
  const input = [{ typ: 'dpop+jwt', alg, jwk }, claims]
    .map((part) => encodeTextBase64url(JSON.stringify(part)))
    .join('.');
  return `${input}.${encodeBase64url(await sign(new TextEncoder().encode(input)))}`;
}
