import { createPrivateKey, createPublicKey, diffieHellman } from 'node:crypto';
import { promisify } from 'node:util';
import { isFactorable, type PublicJwk } from '@countersign/proof';

/**
 * True if anyone can compute the private key. Also true for a prime modulus, from which the private exponent follows at
 * once. Takes up to a second, so callers throttle first and do not check registered keys again.
 */
export async function isComputableKey(jwk: PublicJwk): Promise<boolean> {
  if (jwk.kty !== 'RSA') return false;
  return isFactorable(jwk) || isPrime(Buffer.from(jwk.n, 'base64url'));
}

const agree = promisify(diffieHellman);

/**
 * Fermat's test to base 2: a prime always passes, an honest product of two primes does not. `checkPrime` does not suit
 * a stranger's number: for a prime of 8192 bits it keeps a thread busy for a minute. Node's only other exponentiation
 * off its main thread is a Diffie-Hellman agreement: the other side's 2 to the power of n modulo n. OpenSSL refuses the
 * results 1 and -1, which only even numbers and multiples of 3 have, and `isFactorable` has found those before.
 */
async function isPrime(n: Buffer): Promise<boolean> {
  const group = der(0x30, dhKeyAgreement, der(0x30, integer(n), two));
  const privateKey = der(0x30, integer(Buffer.of(0)), group, der(0x04, integer(n)));
  const publicKey = der(0x30, group, der(0x03, Buffer.of(0), two));
  const power = await agree({
    privateKey: createPrivateKey({ key: privateKey, format: 'der', type: 'pkcs8' }),
    publicKey: createPublicKey({ key: publicKey, format: 'der', type: 'spki' }),
  });
  return power.at(-1) === 2 && power.subarray(0, -1).every((byte) => byte === 0);
}

/** 1.2.840.113549.1.3.1 (PKCS #3), as a DER object identifier. */
const dhKeyAgreement = Buffer.from('06092a864886f70d010301', 'hex');
const two = integer(Buffer.of(2));

function integer(value: Buffer): Buffer {
  return der(0x02, (value[0] as number) < 0x80 ? Buffer.of() : Buffer.of(0), value);
}

/** X.690 §8.1. Two length bytes suffice for the largest modulus. */
function der(tag: number, ...contents: readonly Buffer[]): Buffer {
  const content = Buffer.concat(contents);
  const { length } = content;
  const size = length < 0x80 ? [length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.of(tag, ...size), content]);
}
