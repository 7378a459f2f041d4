/**
 * Signatures over bodies that do not fit into memory. A signature covers `header.` and then the body. `signMessage`
 * gets the message with an empty body and passes `header.` to its port. This port signs it together with the bytes in
 * the spool.
 */
import { createPrivateKey, createSign, sign } from 'node:crypto';
import { type AlgorithmName, algorithms, type PublicJwk } from '@countersign/proof';
import type { Spooled } from './spool.ts';

/** Signs `head` followed by the body. */
export type LongSigner = (head: Uint8Array, body: Spooled) => Promise<Uint8Array>;

/** RSA_PKCS1_PSS_PADDING of OpenSSL. */
const pssPadding = 6;

export function createLongSigner(alg: AlgorithmName, privateJwk: object): LongSigner {
  const key = createPrivateKey({ key: { ...privateJwk }, format: 'jwk' });
  const { hash } = algorithms[alg].node;
  const how = { key, ...spelling(alg) };
  return async (head, body) => {
    // Ed25519 reads its input twice (RFC 8032 §5.1.6), so the whole body must be in memory.
    if (hash === undefined) return sign(null, await joined(head, body), key);
    const digest = createSign(hash).update(head);
    for await (const part of body.parts()) digest.update(part);
    return digest.sign(how);
  };
}

/** True if a key can sign without holding the whole body in memory. */
export function canStream(key: Pick<PublicJwk, 'alg'>): boolean {
  return algorithms[key.alg].node.hash !== undefined;
}

function spelling(alg: AlgorithmName) {
  const { pssSaltBytes, der } = algorithms[alg].node;
  if (pssSaltBytes !== undefined) return { padding: pssPadding, saltLength: pssSaltBytes };
  return der ? ({ dsaEncoding: 'ieee-p1363' } as const) : {};
}

async function joined(head: Uint8Array, body: Spooled): Promise<Uint8Array> {
  return Buffer.concat([head, await body.bytes()]);
}
