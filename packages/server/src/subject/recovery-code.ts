import type { Random } from '../kernel/random.ts';
import type { Vault } from './vault.ts';

/**
 * One-time codes for the owner of a lost second factor.
 *
 * 24 letters of an alphabet of 32 (Crockford's: no I, L, O, U), 120 bits, written in groups of four. ASVS 5.0 6.5.2: with 112 bits
 * and more a digest is enough, and no slow hash is needed. Codes from before have 16 letters (80 bits); they work until they are
 * used or renewed.
 */
const recoveryCodeCount = 10;
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const length = 24;
const lengthBefore = 16;
const purpose = 'recovery-code';

export interface RecoveryCodes {
  /** To be shown once. */
  readonly codes: readonly string[];
  /** To be kept. */
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

/** The one of these digests that the code has; undefined for none. Whoever calls this takes it off, by compare-and-set. */
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

/** For a lookup by digest. Undefined for what cannot be a recovery code. */
export function digestOf(vault: Vault, code: string, owner: string): string | undefined {
  const letters = lettersOf(code);
  return letters === undefined ? undefined : vault.digest(purpose, bound(letters, owner));
}

/** A digest that is copied to another owner is of no use there. */
function bound(letters: string, owner: string): string {
  return `${owner}\0${letters}`;
}

/** As people type it: in small letters, without the dashes, with an O for the zero, in full width. */
function lettersOf(code: string): string | undefined {
  if (code.length > 64) return undefined;
  const letters = code.normalize('NFKC').toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  if (letters.length !== length && letters.length !== lengthBefore) return undefined;
  return /^[0-9A-HJKMNP-TV-Z]+$/.test(letters) ? letters : undefined;
}
