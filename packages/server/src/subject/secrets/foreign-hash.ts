import { Problem } from '../../kernel/problem.ts';
import { type BcryptHash, type Pbkdf2Hash, readHash, type StoredHash, spellHash } from './stored-hash.ts';

/**
 * Hashes in the spelling of other programs, in addition to those that `readHash` reads.
 *
 * `$pbkdf2-sha256$29000$<salt>$<tag>`: passlib. `$pbkdf2$` is SHA-1. Its base64 has . for +.
 * `pbkdf2_sha256$600000$<salt>$<tag>`: Django, also pbkdf2_sha1. The letters of the salt are the salt.
 */
type Part = string;
const spellings: readonly (readonly [RegExp, (digest: Part, iterations: Part, salt: Part, tag: Part) => string])[] = [
  [
    /^\$pbkdf2(|-sha256|-sha512)\$(\d{1,7})\$([./A-Za-z0-9]+)\$([./A-Za-z0-9]+)$/,
    (digest, iterations, salt, tag) =>
      spellPbkdf2(digest === '' ? 'sha1' : digest.slice(1), iterations, fromPasslib(salt), fromPasslib(tag)),
  ],
  [
    /^pbkdf2_(sha1|sha256)\$(\d{1,7})\$([^$]+)\$([^$]+)$/,
    (digest, iterations, salt, tag) => spellPbkdf2(digest, iterations, Buffer.from(salt), Buffer.from(tag, 'base64')),
  ],
];

/**
 * Turns another program's hash into our spelling.
 *
 * @throws {Problem} `request.invalid` for a hash that no login could use
 */
export function importHash(text: string): string {
  for (const [form, spell] of spellings) {
    const parts = text.length > 512 ? null : form.exec(text);
    if (parts !== null) return requireReadable(spell(...(parts.slice(1) as [Part, Part, Part, Part])));
  }
  return requireReadable(text);
}

/**
 * For programs that store the parts of a hash separately. Checks that the result can be read.
 *
 * @throws {Problem} `request.invalid`
 */
export function importParts(hash: Exclude<StoredHash, BcryptHash>): string {
  return requireReadable(spellHash(hash));
}

function spellPbkdf2(digest: string, iterations: string, salt: Uint8Array, tag: Uint8Array): string {
  return spellHash({
    scheme: 'pbkdf2',
    digest: digest as Pbkdf2Hash['digest'],
    iterations: Number(iterations),
    salt,
    tag,
  });
}

function requireReadable(text: string): string {
  const hash = readHash(text);
  if (hash.scheme === 'argon2' && hash.pepper !== undefined)
    throw new Problem('request.invalid', {
      detail: 'The password hash cannot be taken: it was made under a secret key (keyid) that is not known here.',
    });
  return text;
}

function fromPasslib(text: string): Uint8Array {
  return Buffer.from(text.replaceAll('.', '+'), 'base64');
}
