import { amount, having } from '../argument.ts';
import type { CryptoPort } from '../crypto.ts';
import type { PublicJwk } from '../jwk.ts';
import { createRecent } from '../recent.ts';

/**
 * The length of the bytes that a Data Integrity proof signs, and of its signature. It is fixed, so that no two cases share a
 * cache key.
 */
const bytes = 64;

/**
 * Makes a port that remembers good signatures over 64 bytes: a good signature stays good. Use it for
 * `delegationCrypto`, because the same delegations come with every invocation. An invocation comes only once, so its
 * signature is not worth remembering.
 *
 * It remembers nothing else: the time, the root, the document that lists the key, and revocation are checked again each
 * time.
 *
 * @param size the smallest number of remembered signatures; there are at most twice as many, of about 500 bytes each
 * @throws {TypeError} if `crypto` is not a port or `size` is not a number that is zero or more
 * @example
 * const terms = { crypto: cryptoPort, delegationCrypto: rememberSignatures(cryptoPort), now: now * 1000, root };
 * const { actions } = await verifyCapabilityChain(JSON.stringify(capability), terms);
 * actions; // → ['read']
 */
export function rememberSignatures(crypto: CryptoPort, size = 1024): CryptoPort {
  having('verify', 'sha256')(crypto, 'crypto');
  const known = createRecent<true>(amount(size, 'size'));
  return {
    sha256: (data) => crypto.sha256(data),
    verify(alg, jwk, data, signature) {
      const name = nameOf(jwk);
      if (name === undefined || data.length !== bytes || signature.length !== bytes) {
        return crypto.verify(alg, jwk, data, signature);
      }
      const key = `${alg} ${name} ${letters(data)}${letters(signature)}`;
      if (known.get(key) === true) return true;
      const remembered = (isGood: boolean) => {
        if (isGood) known.set(key, true);
        return isGood;
      };
      const answer = crypto.verify(alg, jwk, data, signature);
      return answer instanceof Promise ? answer.then(remembered) : remembered(answer);
    },
  };
}

/** One character for each byte. Spreading the bytes into arguments would take five times as long, at every invocation. */
function letters(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** The whole key material, without the `kid`. */
function nameOf(jwk: PublicJwk): string | undefined {
  if (jwk.kty === 'RSA') return undefined;
  return jwk.kty === 'EC' ? `${jwk.x} ${jwk.y}` : jwk.x;
}
