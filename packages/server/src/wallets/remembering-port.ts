import { cryptoPort, type SynchronousCryptoPort } from '@countersign/client/node-crypto';

/**
 * Verifies delegations, and remembers those that were good: the same ones come with every invocation of a device. What was signed and
 * by which key is part of what is remembered, so that nothing else passes for it. Two generations bound the memory.
 */
const size = 4_096;
let young = new Set<string>();
let old = new Set<string>();

export const rememberingPort: SynchronousCryptoPort = {
  ...cryptoPort,
  verify(alg, jwk, data, signature) {
    const name = `${alg} ${'x' in jwk ? jwk.x : ''}${'y' in jwk ? jwk.y : ''} ${text(signature)}${text(data)}`;
    if (young.has(name)) return true;
    const isGood = old.has(name) || cryptoPort.verify(alg, jwk, data, signature);
    if (isGood) remember(name);
    return isGood;
  },
};

function remember(name: string): void {
  if (young.size >= size) {
    old = young;
    young = new Set();
  }
  young.add(name);
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
