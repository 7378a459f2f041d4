import { dpopProof } from '../token/dpop-proof.ts';
import type { Device } from './device.ts';
import { bareJwk } from './device-key.ts';

/** A proof of the device's key for one request. `uri` has no query and no fragment. */
export function deviceProof(
  { key, now }: Pick<Device, 'key' | 'now'>,
  request: { readonly method: string; readonly uri: string },
  token?: string,
): Promise<string> {
  const bound = token === undefined ? {} : { token };
  return dpopProof({ alg: 'EdDSA', jwk: bareJwk(key.publicJwk), sign: key.sign }, { ...request, now, ...bound });
}
