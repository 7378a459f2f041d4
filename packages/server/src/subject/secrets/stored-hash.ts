import { Problem } from '../../kernel/problem.ts';

/**
 * How the hash of a password is spelled in the store: the PHC string format, strictly, and bcrypt's own.
 *
 * $argon2id$v=19$m=19456,t=2,p=1$<salt>$<tag>      argon2i and argon2d too; without v: version 16
 * $argon2id$v=19$m=19456,t=2,p=1,keyid=MQ$…        the same under a pepper, by its number (`pepper.ts`) in base64
 * $scrypt$ln=15,r=8,p=1$<salt>$<tag> $pbkdf2-sha256$i=600000$<salt>$<tag>             sha1 and sha512 too; PHC has no
 * entry for it, this is our spelling $2b$12$<22 letters of salt><31 of tag>           $2a$ and $2y$ too; not $2x$,
 * which marks hashes of a faulty program
 *
 * Salt and tag are base64 without padding. The cost of a stored hash is bounded, because it may be imported and each
 * login pays it.
 */
export type StoredHash = Argon2Hash | ScryptHash | Pbkdf2Hash | BcryptHash;

interface Salted {
  readonly salt: Uint8Array;
  readonly tag: Uint8Array;
}

export interface Argon2Hash extends Salted {
  readonly scheme: 'argon2';
  readonly type: 'd' | 'i' | 'id';
  readonly version: 16 | 19;
  /** KiB. */
  readonly memory: number;
  readonly passes: number;
  readonly lanes: number;
  /** The number of the pepper that is its secret value K; absent where it has none. */
  readonly pepper?: number;
}

export interface ScryptHash extends Salted {
  readonly scheme: 'scrypt';
  /** Binary logarithm of N. */
  readonly logN: number;
  readonly blockSize: number;
  readonly lanes: number;
}

export interface Pbkdf2Hash extends Salted {
  readonly scheme: 'pbkdf2';
  readonly digest: 'sha1' | 'sha256' | 'sha512';
  readonly iterations: number;
}

export interface BcryptHash {
  readonly scheme: 'bcrypt';
  readonly text: string;
  readonly cost: number;
}

/** The least that OWASP and our contract ask for: 19 MiB, two passes, one lane. */
export const today = { type: 'id', version: 19, memory: 19_456, passes: 2, lanes: 1 } as const;

/** The most that a stored hash may cost: KiB of memory, and work in hashes of today's parameters. */
export const mostMemory = 262_144;
export const mostWork = 100;

const argon2Form =
  /^\$argon2(id|i|d)(?:\$v=(16|19))?\$m=(\d{1,6}),t=(\d{1,4}),p=(\d{1,2})(?:,keyid=([^$,]+))?\$([^$]+)\$([^$]+)$/;
const scryptForm = /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,2}),p=(\d{1,2})\$([^$]+)\$([^$]+)$/;
const pbkdf2Form = /^\$pbkdf2-(sha1|sha256|sha512)\$i=(\d{1,7})\$([^$]+)\$([^$]+)$/;
const bcryptForm = /^\$2[aby]\$(\d{2})\$[./A-Za-z0-9]{53}$/;

/** Each scheme with its form and the function that builds the hash from the parts. */
const forms: readonly (readonly [RegExp, (...parts: string[]) => StoredHash])[] = [
  [
    argon2Form,
    (type, version, memory, passes, lanes, keyId, salt, tag) =>
      ({
        scheme: 'argon2',
        type: type as Argon2Hash['type'],
        version: version === '19' ? 19 : 16,
        memory: count('m', memory),
        passes: count('t', passes),
        lanes: count('p', lanes),
        ...(keyId !== undefined && { pepper: count('keyid', bytesOf(keyId, 'keyid').toString()) }),
        ...salted(salt, tag, 8),
      }) satisfies Argon2Hash,
  ],
  [
    scryptForm,
    (logN, blockSize, lanes, salt, tag) => ({
      scheme: 'scrypt',
      logN: count('ln', logN),
      blockSize: count('r', blockSize),
      lanes: count('p', lanes),
      ...salted(salt, tag, 4),
    }),
  ],
  [
    pbkdf2Form,
    (digest, iterations, salt, tag) => ({
      scheme: 'pbkdf2',
      digest: digest as Pbkdf2Hash['digest'],
      iterations: count('i', iterations),
      ...salted(salt, tag, 4),
    }),
  ],
  [bcryptForm, (cost) => ({ scheme: 'bcrypt', text: '', cost: bcryptCost(cost as string) })],
];

/** Reads a hash from the store, or for it. The refusal never repeats the hash. @throws {Problem} `request.invalid` */
export function readHash(text: string): StoredHash {
  if (text.length > 512) throw refused('it is too long');
  for (const [form, build] of forms) {
    const parts = form.exec(text);
    if (parts === null) continue;
    const built = build(...parts.slice(1));
    const hash: StoredHash = built.scheme === 'bcrypt' ? { ...built, text } : built;
    requireBounds(hash);
    return hash;
  }
  throw refused('it is not an argon2, scrypt, pbkdf2 or bcrypt hash as the documentation spells them');
}

export function spellHash(hash: Exclude<StoredHash, BcryptHash>): string {
  return `${spellParameters(hash)}$${base64(hash.salt)}$${base64(hash.tag)}`;
}

function spellParameters(hash: Exclude<StoredHash, BcryptHash>): string {
  if (hash.scheme === 'scrypt') return `$scrypt$ln=${hash.logN},r=${hash.blockSize},p=${hash.lanes}`;
  if (hash.scheme === 'pbkdf2') return `$pbkdf2-${hash.digest}$i=${hash.iterations}`;
  const version = hash.version === 19 ? '$v=19' : '';
  const keyId = hash.pepper === undefined ? '' : `,keyid=${base64(Buffer.from(String(hash.pepper)))}`;
  return `$argon2${hash.type}${version}$m=${hash.memory},t=${hash.passes},p=${hash.lanes}${keyId}`;
}

/** True if the hash is weaker than a new one in any respect. `pepper` is the number of the current pepper. */
export function isOutdated(hash: StoredHash, pepper: number | undefined): boolean {
  if (hash.scheme !== 'argon2' || hash.type !== today.type || hash.version !== today.version) return true;
  if (hash.salt.length < 16 || hash.tag.length < 32) return true;
  // Never back to an older pepper: a node that does not know the newest yet would undo another node's work.
  if (pepper !== undefined && (hash.pepper ?? 0) < pepper) return true;
  return hash.memory < today.memory || hash.passes < today.passes;
}

/**
 * The approximate time, in hashes of today's parameters, for the queue. The divisors were measured. An error of a half
 * on another machine does no harm.
 */
export function workOf(hash: StoredHash): number {
  if (hash.scheme === 'argon2') return (hash.memory * hash.passes) / (today.memory * today.passes);
  if (hash.scheme === 'scrypt') return (2 ** hash.logN * hash.blockSize * hash.lanes) / 32_768;
  if (hash.scheme === 'pbkdf2') return hash.iterations / (hash.digest === 'sha512' ? 20_500 : 62_500);
  return 2 ** hash.cost / 168;
}

/** KiB of memory during the computation. */
export function memoryOf(hash: StoredHash): number {
  if (hash.scheme === 'argon2') return hash.memory;
  if (hash.scheme === 'scrypt') return (2 ** hash.logN + hash.lanes) * hash.blockSize * 0.125;
  return 4;
}

function requireBounds(hash: StoredHash): void {
  if (hash.scheme === 'argon2' && hash.memory < 8 * hash.lanes) throw refused('m is less than 8 p');
  if ('lanes' in hash && hash.lanes > 16) throw refused('p is more than 16');
  // RFC 7914 §2. Such a hash would fail at every login.
  if (hash.scheme === 'scrypt' && hash.logN >= 16 * hash.blockSize) throw refused('N is not less than 2^(16 r)');
  if (memoryOf(hash) > mostMemory) throw refused(`it asks for more than ${mostMemory} KiB of memory`);
  if (workOf(hash) > mostWork) throw refused('each login with it would take too long');
}

/** bcrypt allows 2^4 to 2^31 rounds. The bound on work allows 2^14. */
function bcryptCost(text: string): number {
  const cost = Number(text);
  if (cost < 4 || cost > 31) throw refused('its cost is not from 4 to 31');
  return cost;
}

function count(name: string, text: string | undefined): number {
  // PHC: "the minimal decimal encoding", so no leading zeros.
  if (text === undefined || !/^[1-9]\d*$/.test(text)) throw refused(`${name} is not a positive number`);
  return Number(text);
}

function salted(salt: string | undefined, tag: string | undefined, leastSalt: number): Salted {
  const parts = { salt: bytesOf(salt ?? '', 'salt'), tag: bytesOf(tag ?? '', 'tag') };
  if (parts.salt.length < leastSalt || parts.salt.length > 64)
    throw refused(`its salt has not ${leastSalt} to 64 bytes`);
  if (parts.tag.length < 16 || parts.tag.length > 64) throw refused('its tag has not 16 to 64 bytes');
  return parts;
}

function bytesOf(text: string, name: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (base64(bytes) !== text) throw refused(`its ${name} is not base64 without padding`);
  return bytes;
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64').replace(/=+$/, '');
}

function refused(reason: string): Problem {
  return new Problem('request.invalid', { detail: `The password hash cannot be taken: ${reason}.` });
}
