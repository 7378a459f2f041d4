import { encodeBase64url, encodeTextBase64url } from '@countersign/proof';
import { digest } from '../signing-key.ts';
import type { Device } from './device.ts';
import { newNonce } from './device.ts';
import { bareJwk } from './device-key.ts';

/** RFC 9449 §4.2: that we hold the key of the token, for one call. `htu` is the address below the realm, whatever way the call goes. */
export async function dpopProof({ issuer, key, now }: Device, path: string, token?: string): Promise<string> {
  const header = { typ: 'dpop+jwt', alg: 'EdDSA', jwk: bareJwk(key.publicJwk) };
  const ath = token === undefined ? {} : { ath: await digest(new TextEncoder().encode(token)) };
  const claims = { htm: 'POST', htu: issuer + path, iat: Math.floor(now() / 1000), jti: newNonce(), ...ath };
  const input = `${encodeTextBase64url(JSON.stringify(header))}.${encodeTextBase64url(JSON.stringify(claims))}`;
  return `${input}.${encodeBase64url(await key.sign(new TextEncoder().encode(input)))}`;
}
