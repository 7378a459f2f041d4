import { decodeBase64url } from './base64url.ts';
import { type PublicJwk, publicJwk } from './jwk.ts';
import { toBigInt } from './key-material.ts';

/**
 * Tells whether a stranger can compute the private key of an RSA key, because its generator made one of the known
 * mistakes. Call it when a key is registered: it takes milliseconds. For other kinds of keys the result is false.
 *
 * 1. A factor below 4096: most moduli with a flipped bit have one.
 * 2. ROCA (CVE-2017-15361): the primes of Infineon's chips are k·M + (65537^a mod M), M a product of small primes. So
 *    modulo each of them the modulus is a power of 65537; of other moduli this is true for one in 100 million.
 * 3. The same prime several times.
 * 4. Two primes so close to each other that Fermat's method finds them in a hundred steps (CVE-2022-26320).
 *
 * It does not test whether the modulus itself is a prime: that would take too long here.
 *
 * @throws {TypeError} if the key is not one that `parsePublicJwk` returned
 * @example
 * const isWeak = isFactorable(agent.jwk);
 * isWeak; // → false
 */
export function isFactorable(jwk: PublicJwk): boolean {
  publicJwk(jwk, 'jwk');
  if (jwk.kty !== 'RSA') return false;
  const n = toBigInt(decodeBase64url(jwk.n, jwk.n.length) as Uint8Array);
  return hasSmallFactor(n) || isRoca(n) || isPower(n) || hasCloseFactors(n);
}

const smallPrimes = primesBelow(4096);
const rocaPrimes = primesBelow(168)
  .slice(1)
  .map((prime) => ({ prime, powers: powersOf65537(prime) }));
const fermatSteps = 100;

function hasSmallFactor(n: bigint): boolean {
  return smallPrimes.some((prime) => n % BigInt(prime) === 0n);
}

function isRoca(n: bigint): boolean {
  return rocaPrimes.every(({ prime, powers }) => powers.has(Number(n % BigInt(prime))));
}

function isPower(n: bigint): boolean {
  return [2, 3, 5, 7].some((exponent) => root(n, exponent) ** BigInt(exponent) === n);
}

/** n = a² − b² = (a + b)(a − b). */
function hasCloseFactors(n: bigint): boolean {
  let a = root(n, 2) + 1n;
  for (let step = 0; step < fermatSteps; step++, a++) if (isSquare(a * a - n)) return true;
  return false;
}

/** A square has one of only twelve remainders modulo 64. */
const squaresBy64 = new Set(Array.from({ length: 32 }, (_, i) => (i * i) % 64));

function isSquare(value: bigint): boolean {
  return squaresBy64.has(Number(BigInt.asUintN(6, value))) && root(value, 2) ** 2n === value;
}

/** The whole part of the root, by Newton's method from above. */
function root(value: bigint, exponent: number): bigint {
  if (value < 2n) return value;
  const k = BigInt(exponent);
  let low = 1n << BigInt(Math.ceil((value.toString(16).length * 4) / exponent));
  for (;;) {
    const next = ((k - 1n) * low + value / low ** (k - 1n)) / k;
    if (next >= low) return low;
    low = next;
  }
}

function primesBelow(limit: number): readonly number[] {
  const primes: number[] = [];
  for (let candidate = 2; candidate < limit; candidate++) {
    if (primes.every((prime) => candidate % prime !== 0)) primes.push(candidate);
  }
  return primes;
}

function powersOf65537(prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * 65_537) % prime) powers.add(power);
  return powers;
}
