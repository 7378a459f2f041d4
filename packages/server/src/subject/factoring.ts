import { checkPrime } from 'node:crypto';
import { promisify } from 'node:util';
import { isFactorable, type PublicJwk } from '@countersign/proof';

const isPrime = promisify(checkPrime) as (candidate: Buffer) => Promise<boolean>;

/**
 * Whether everybody can compute the private key. Also where the modulus is a prime: the private exponent follows from it at once. Takes up
 * to some milliseconds, so a stranger's throttle comes first; what is registered is not asked again.
 */
export async function isComputableKey(jwk: PublicJwk): Promise<boolean> {
  if (jwk.kty !== 'RSA') return false;
  return isFactorable(jwk) || isPrime(Buffer.from(jwk.n, 'base64url'));
}
