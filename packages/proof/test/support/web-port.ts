import { algorithms, type CryptoPort, type PublicJwk } from '../../src/index.ts';

/** The smallest port there can be: every call imports its key again. */
export const webPort: CryptoPort = {
  async verify(alg, jwk, data, signature) {
    const { web } = algorithms[alg];
    const key = await crypto.subtle.importKey('jwk', material(jwk), web.importKey, false, ['verify']);
    return crypto.subtle.verify(web.verify, key, copy(signature), copy(data));
  },
  async sha256(bytes) {
    return new Uint8Array(await crypto.subtle.digest('SHA-256', copy(bytes)));
  },
};

/** WebCrypto judges `alg` itself, by names that differ between versions: it gets the numbers only. */
function material(jwk: PublicJwk) {
  const { alg, use, kid, ...numbers } = jwk;
  return numbers;
}

function copy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}
