import { encodeBase64url } from './base64url.ts';
import type { CryptoPort } from './crypto.ts';
import { type PublicJwk, publicJwk } from './jwk.ts';

/**
 * Writes the text that a thumbprint hashes (RFC 7638 §3): the required members in lexicographic order. Their values are
 * base64url, so they need no escapes.
 *
 * @throws {TypeError} if the key is not one that `parsePublicJwk` returned
 * @example
 * const text = thumbprintInput(agent.jwk);
 * Object.keys(JSON.parse(text)); // → ['crv', 'kty', 'x']
 */
export function thumbprintInput(jwk: PublicJwk): string {
  publicJwk(jwk, 'jwk');
  if (jwk.kty === 'RSA') return `{"e":"${jwk.e}","kty":"RSA","n":"${jwk.n}"}`;
  if (jwk.kty === 'EC') return `{"crv":"${jwk.crv}","kty":"EC","x":"${jwk.x}","y":"${jwk.y}"}`;
  return `{"crv":"${jwk.crv}","kty":"OKP","x":"${jwk.x}"}`;
}

/**
 * Computes the thumbprint of a key (RFC 7638, with SHA-256): 43 characters of base64url.
 *
 * @throws {TypeError} if the key is not one that `parsePublicJwk` returned
 * @example
 * const print = await thumbprint(agent.jwk, cryptoPort);
 * print.length; // → 43
 */
export async function thumbprint(jwk: PublicJwk, crypto: Pick<CryptoPort, 'sha256'>): Promise<string> {
  return encodeBase64url(await crypto.sha256(new TextEncoder().encode(thumbprintInput(jwk))));
}
