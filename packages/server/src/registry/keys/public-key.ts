import type { PublicJwk } from '@countersign/proof';
import { z } from 'zod';
import { Problem } from '../../kernel/problem.ts';
import { isComputableKey } from '../../subject/secrets/factoring.ts';
import { maxKeyText, pemText, readOfferedKey } from '../../subject/secrets/offered-key.ts';

/** A key in a body: a JWK (also with `x5c`), or the PEM of a public key or a certificate. */
export const offeredKeySchema = z.union(
  [z.record(z.string(), z.unknown()), z.string().max(maxKeyText).regex(pemText)],
  {
    error: 'must be a JWK, or text: PEM of a public key or of a certificate',
  },
);

/** A key with the dates of its certificate, in epoch milliseconds. */
export interface DatedKey {
  readonly jwk: PublicJwk;
  readonly notBefore: number | undefined;
  readonly notAfter: number | undefined;
}

/** @throws {Problem} `registry.key` with a pointer to the faulty member */
export function requirePublicKey(value: unknown, pointer: string): DatedKey {
  const read = readOfferedKey(value);
  if (read.ok) return read;
  const at = read.member === '' ? pointer : `${pointer}/${read.member}`;
  throw new Problem('registry.key', { detail: `${at}: ${read.reason}.`, pointer: at });
}

/** The validity of a key that is registered now: within the dates of its certificate. @throws {Problem} `registry.key` */
export function requireValidity(
  { notBefore, notAfter }: Pick<DatedKey, 'notBefore' | 'notAfter'>,
  wanted: { readonly from: number; readonly until?: number | null },
  pointer: string,
): { readonly notBefore: number; readonly notAfter: number | null } {
  const begin = Math.max(wanted.from, notBefore ?? 0);
  const ends = [wanted.until, notAfter].filter((end) => typeof end === 'number');
  const end = ends.length === 0 ? null : Math.min(...ends);
  if (end !== null && end <= begin) {
    throw new Problem('registry.key', {
      detail: `${pointer}: the certificate has expired, or ends too early.`,
      pointer,
    });
  }
  return { notBefore: begin, notAfter: end };
}

export const computableKey = 'the private key can be computed from this number: make a new key with other software';

/**
 * Called before a key is registered, or before a signature is checked with the caller's key.
 *
 * @throws {Problem} `registry.key`
 */
export async function requireSecretHalf(jwk: PublicJwk, pointer: string): Promise<void> {
  if (!(await isComputableKey(jwk))) return;
  const at = `${pointer}/n`;
  throw new Problem('registry.key', { detail: `${at}: ${computableKey}.`, pointer: at });
}

/** Both checks, for callers who are authenticated. @throws {Problem} `registry.key` */
export async function requireNewKey(value: unknown, pointer: string): Promise<DatedKey> {
  const key = requirePublicKey(value, pointer);
  await requireSecretHalf(key.jwk, pointer);
  return key;
}
