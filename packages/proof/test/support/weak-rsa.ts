/** TEST KEYS: RSA keys as faulty generators make them, and the raw signature that fits any of them. */

import { checkPrimeSync, createHash, generatePrimeSync } from 'node:crypto';

export interface WeakKey {
  readonly n: bigint;
  /** Of the public exponent 65537. */
  readonly d: bigint;
}

const e = 65_537n;
const prime = (bits: number) => {
  for (;;) {
    const candidate = generatePrimeSync(bits, { bigint: true });
    if (candidate % e !== 1n) return candidate;
  }
};

/** CVE-2017-15361: k·M + (65537^a mod M), M the product of the first 126 primes, as for keys of 2048 bits. */
function rocaPrime(seed: bigint): bigint {
  let m = 1n;
  for (let candidate = 2n, found = 0; found < 126; candidate++) {
    if (checkPrimeSync(candidate)) {
      m *= candidate;
      found++;
    }
  }
  const lowest = (1n << 1023n) / m + 1n;
  for (let a = seed, k = lowest + (lowest >> 1n); ; a++, k++) {
    const candidate = k * m + power(e, a, m);
    if (candidate % e !== 1n && checkPrimeSync(candidate, { checks: 4 })) return candidate;
  }
}

function nextPrime(after: bigint): bigint {
  for (let candidate = after + 2n; ; candidate += 2n) if (checkPrimeSync(candidate, { checks: 4 })) return candidate;
}

function keyOf(n: bigint, totient: bigint): WeakKey {
  return { n, d: inverse(e, totient) };
}

/** Each as the name of its fault, and the key. */
export const weakKinds: readonly (readonly [string, () => WeakKey])[] = [
  [
    'ROCA',
    () => {
      const [p, q] = [rocaPrime(2n), rocaPrime(10_000n)];
      return keyOf(p * q, (p - 1n) * (q - 1n));
    },
  ],
  [
    'two primes next to each other',
    () => {
      const p = prime(1024);
      const q = nextPrime(p);
      return keyOf(p * q, (p - 1n) * (q - 1n));
    },
  ],
  [
    'the square of a prime',
    () => {
      const p = prime(1024);
      return keyOf(p * p, p * (p - 1n));
    },
  ],
  [
    'the cube of a prime',
    () => {
      const p = prime(688);
      return keyOf(p ** 3n, p * p * (p - 1n));
    },
  ],
  [
    'a multiple of 3',
    () => {
      const p = prime(2047);
      return keyOf(3n * p, 2n * (p - 1n));
    },
  ],
  [
    'a multiple of 4093',
    () => {
      const p = prime(2040);
      return keyOf(4093n * p, 4092n * (p - 1n));
    },
  ],
];

/** Seen from outside it is like any other modulus, until it is tested for primality. */
export function primeModulus(): WeakKey {
  const p = prime(2048);
  return keyOf(p, p - 1n);
}

export function publicJwkOf({ n }: WeakKey) {
  return { kty: 'RSA', alg: 'RS256', n: base64url(n), e: 'AQAB' } as const;
}

/** RS256 without the primes, which Node would want to know (RFC 8017 §8.2.1). */
export function signRs256({ n, d }: WeakKey, text: string): string {
  const length = Math.ceil(n.toString(16).length / 2);
  const info = `3031300d060960864801650304020105000420${createHash('sha256').update(text).digest('hex')}`;
  const padded = `0001${'ff'.repeat(length - 3 - info.length / 2)}00${info}`;
  const signature = power(BigInt(`0x${padded}`), d, n);
  return Buffer.from(signature.toString(16).padStart(length * 2, '0'), 'hex').toString('base64url');
}

function base64url(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === '1') result = (result * base) % modulus;
  }
  return result;
}

function inverse(value: bigint, modulus: bigint): bigint {
  let [a, b, x, y] = [value % modulus, modulus, 1n, 0n];
  while (a > 1n) {
    const whole = b / a;
    [a, b, x, y] = [b % a, a, y - whole * x, x];
  }
  return ((x % modulus) + modulus) % modulus;
}
