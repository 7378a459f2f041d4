import { discoverOnce, endpoint } from '../discovery.ts';
import type { Transport } from '../fetch-json.ts';
import { type KeySource, remoteJwks } from './jwks.ts';

/** The JWKS that the issuer's discovery document names, cached as by `createRemoteJwks`. */
export function issuerKeys(options: Transport & { readonly issuer: string; readonly now?: () => number }): KeySource {
  const discovery = discoverOnce(options.issuer, options);
  return remoteJwks({ ...options, uri: async () => endpoint(await discovery(), 'jwks_uri') });
}
