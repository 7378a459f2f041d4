import type { Random } from '../../kernel/random.ts';
import type { Vault } from './vault.ts';

/**
 * One-time codes for the owner of a lost second factor.
 *
 * 24 letters of an alphabet of 32 (Crockford's: no I, L, O, U), 120 bits, written in groups of four. ASVS 5.0 6.5.2:
 * from 112 bits on a digest is enough, and no slow hash is needed. Older codes have 16 letters (80 bits) and work until
 * they are used or renewed.
 */
const recoveryCodeCount = 10;
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const length = 24;
const lengthBefore = 16;
const purpose = 'recovery-code';

export interface RecoveryCodes {
  /** Shown once. */
  readonly codes: readonly string[];
  /** Stored. */
  readonly digests: readonly string[];
}

export function makeRecoveryCodes(
  { random, vault }: { readonly random: Random; readonly vault: Vault },
  owner: string,
): RecoveryCodes {
  const codes = Array.from({ length: recoveryCodeCount }, () => {
    const letters = [...random.bytes(length)].map((byte) => alphabet[byte & 31]).join('');
    return letters.replace(/(.{4})(?=.)/g, '$1-');
  });
  return { codes, digests: codes.map((code) => digestOf(vault, code, owner) as string) };
}

/** The digest that matches the code, else undefined. The caller removes it by compare-and-set. */
export function matchRecoveryCode(
  vault: Vault,
  code: string,
  owner: string,
  digests: readonly string[],
): string | undefined {
  const letters = lettersOf(code);
  if (letters === undefined) return undefined;
  let matched: string | undefined;
  for (const digest of digests) if (vault.matches(purpose, bound(letters, owner), digest)) matched = digest;
  return matched;
}

/** The digest for a lookup. Undefined if the text cannot be a recovery code. */
export function digestOf(vault: Vault, code: string, owner: string): string | undefined {
  const letters = lettersOf(code);
  return letters === undefined ? undefined : vault.digest(purpose, bound(letters, owner));
}

/** The owner is part of the digest, so a copied digest is useless for another owner. */
function bound(letters: string, owner: string): string {
  return `${owner}\0${letters}`;
}

/** Accepts a code as people type it: in small letters, without dashes, with O for zero, in full width. */
function lettersOf(code: string): string | undefined {
  if (code.length > 64) return undefined;
  const letters = code.normalize('NFKC').toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  if (letters.length !== length && letters.length !== lengthBefore) return undefined;
  return /^[0-9A-HJKMNP-TV-Z]+$/.test(letters) ? letters : undefined;
}
