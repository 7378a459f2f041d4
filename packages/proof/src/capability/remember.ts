import { amount, having } from '../argument.ts';
import type { CryptoPort } from '../crypto.ts';
import type { PublicJwk } from '../jwk.ts';
import { createRecent } from '../recent.ts';

/** What a Data Integrity proof signs, and its signature: both always of this length, so that no two cases have one key. */
const bytes = 64;

/**
 * A port that remembers good signatures over 64 bytes: whether a signature is one of a key over some bytes never changes. For
 * `delegationCrypto`, since the same delegations come with every invocation; everything else that is asked of them (the time, the
 * root, where the key is listed, whether they were revoked) is asked anew each time. A single-use invocation is not worth remembering.
 *
 * @param size signatures that are remembered at least; twice as many at most, of some 500 bytes each
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

/** One for each byte. Spread into arguments one by one they would take five times as long, which is felt at every invocation. */
function letters(bytes: Uint8Array): string {
  return String.fromCharCode.apply(null, bytes as unknown as number[]);
}

/** All of the key, never its `kid`. */
function nameOf(jwk: PublicJwk): string | undefined {
  if (jwk.kty === 'RSA') return undefined;
  return jwk.kty === 'EC' ? `${jwk.x} ${jwk.y}` : jwk.x;
}
