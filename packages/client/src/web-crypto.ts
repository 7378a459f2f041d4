/** The crypto port over WebCrypto: browsers, and any runtime that has `globalThis.crypto.subtle`. */
import { algorithms, type CryptoPort, type PublicJwk } from '@countersign/proof';
import type { PrivateSigner } from './message/private-jwk.ts';

type SubtleKey = Awaited<ReturnType<typeof crypto.subtle.importKey>>;

const imported = new WeakMap<PublicJwk, Promise<SubtleKey>>();

/**
 * The port over WebCrypto, for browsers and every runtime that has `globalThis.crypto.subtle`. It answers with
 * promises.
 */
export const cryptoPort: CryptoPort = {
  async verify(alg, jwk, data, signature) {
    const key = await subtleKey(jwk);
    return crypto.subtle.verify(algorithms[alg].web.verify, key, unshared(signature), unshared(data));
  },
  async sha256(bytes) {
    return new Uint8Array(await crypto.subtle.digest('SHA-256', unshared(bytes)));
  },
};

function subtleKey(jwk: PublicJwk): Promise<SubtleKey> {
  let key = imported.get(jwk);
  if (key === undefined) {
    // WebCrypto would check these members by its own rules and names; parsePublicJwk has checked them already.
    const { alg, kid, use, ...numbers } = jwk;
    key = crypto.subtle.importKey('jwk', numbers, algorithms[alg].web.importKey, false, ['verify']);
    imported.set(jwk, key);
  }
  return key;
}

export const privateSigner: PrivateSigner = async (alg, jwk) => {
  const { alg: _alg, use: _use, key_ops: _ops, kid: _kid, ...numbers } = jwk;
  const key = await crypto.subtle.importKey('jwk', numbers, algorithms[alg].web.importKey, false, ['sign']);
  return async (bytes) => new Uint8Array(await crypto.subtle.sign(algorithms[alg].web.verify, key, unshared(bytes)));
};

/** HMAC-SHA-256 under a new random key that cannot be exported. */
export function newMac(): (bytes: Uint8Array) => Promise<Uint8Array> {
  const algorithm = { name: 'HMAC', hash: 'SHA-256', length: 256 };
  const key = crypto.subtle.generateKey(algorithm, false, ['sign']) as Promise<SubtleKey>;
  return async (bytes) => new Uint8Array(await crypto.subtle.sign('HMAC', await key, unshared(bytes)));
}

/** Copies shared memory, which WebCrypto refuses. */
function unshared(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer ? (bytes as Uint8Array<ArrayBuffer>) : Uint8Array.from(bytes);
}
