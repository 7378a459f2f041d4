import { type AlgorithmName, algorithms, isAlgorithmName } from '../algorithms.ts';
import { verifySignature } from '../crypto.ts';
import type { JsonObject } from '../json.ts';
import { type PublicJwk, parsePublicJwk, signatureLength } from '../jwk.ts';
import type { MessageExpectation } from './verify.ts';

/** Signature checks for a diagnosis: any key of the sender may match, and the number of checks is limited. */
export interface Trial {
  /** The tried keys, first the one that the header names. */
  readonly keys: readonly PublicJwk[];
  /**
   * Whether one of the keys made the signature over `input`, with `alg`. Without `alg`, the algorithm of the header is used if
   * it exists, else that of the key. False if no check is left. `among` saves checks if only some of the keys can have signed.
   */
  isGood(input: Uint8Array, signature: Uint8Array, alg?: AlgorithmName, among?: readonly PublicJwk[]): Promise<boolean>;
  checks(): number;
}

const maxChecks = 60;
const maxKeys = 8;

export function createTrial({ keys, crypto }: MessageExpectation, header: JsonObject): Trial {
  const named = isAlgorithmName(header.alg) ? header.alg : undefined;
  const all = keys.map(({ jwk }) => jwk);
  const ordered = [...all.filter((jwk) => jwk.kid === header.kid), ...all.filter((jwk) => jwk.kid !== header.kid)];
  const tried = ordered.slice(0, maxKeys);
  const renamed = new Map<string, PublicJwk | undefined>();
  let checks = 0;

  /** A runtime may cache an imported key by the identity of its object, so another algorithm needs another object. */
  function keyFor(jwk: PublicJwk, alg: AlgorithmName): PublicJwk | undefined {
    if (algorithms[jwk.alg].family === algorithms[alg].family) return jwk;
    const place = `${tried.indexOf(jwk)} ${alg}`;
    if (!renamed.has(place)) {
      const parsed = parsePublicJwk({ ...jwk, alg });
      renamed.set(place, parsed.ok ? parsed.key : undefined);
    }
    return renamed.get(place);
  }

  return {
    keys: tried,
    checks: () => checks,
    async isGood(input, signature, wanted, among = tried) {
      for (const jwk of among) {
        const alg = wanted ?? named ?? jwk.alg;
        const key = signatureLength(jwk) === signature.length ? keyFor(jwk, alg) : undefined;
        if (key === undefined || checks >= maxChecks) continue;
        checks++;
        if (await verifySignature(crypto, alg, key, input, signature)) return true;
      }
      return false;
    },
  };
}
