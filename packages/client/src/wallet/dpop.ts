import { encodeBase64url, encodeTextBase64url } from '@countersign/proof';
import { digest } from '../message/signing-key.ts';
import type { Device } from './device.ts';
import { newNonce } from './device.ts';
import { bareJwk } from './device-key.ts';

/** A proof of the token's key for one request (RFC 9449 §4.2). `uri` has no query and no fragment. */
export async function dpopProof(
  { key, now }: Pick<Device, 'key' | 'now'>,
  { method, uri }: { readonly method: string; readonly uri: string },
  token?: string,
): Promise<string> {
  const header = { typ: 'dpop+jwt', alg: 'EdDSA', jwk: bareJwk(key.publicJwk) };
  const ath = token === undefined ? {} : { ath: await digest(new TextEncoder().encode(token)) };
  const claims = { htm: method, htu: uri, iat: Math.floor(now() / 1000), jti: newNonce(), ...ath };
  const input = `${encodeTextBase64url(JSON.stringify(header))}.${encodeTextBase64url(JSON.stringify(claims))}`;
  return `${input}.${encodeBase64url(await key.sign(new TextEncoder().encode(input)))}`;
}
