/**
 * Seals a private key under a passphrase: scrypt (RFC 7914) derives a key from the passphrase, and AES-256-GCM seals with it.
 * The realm and the DID are sealed along as additional data, so that a stranger cannot move the key to another realm or DID.
 */
import { decodeBase64url, encodeBase64url, isJsonObject, type JsonObject, type JsonValue } from '@countersign/proof';
import { scrypt } from '#platform-scrypt';
import { ClientError } from '../error.ts';
import type { ScryptCost } from './scrypt.ts';

/** OWASP's choice: 128 MiB and a third of a second for each guess. */
const defaultCost: ScryptCost = { N: 131_072, r: 8, p: 1 };
/** A profile that needs more than a gigabyte to open is refused: it was made to keep the program busy. */
const costs = { least: 16_384, most: 1_048_576 } as const;
const saltBytes = 16;
const ivBytes = 12;
const tagBytes = 16;
/** Shorter passphrases can be guessed, even if a guess is expensive. */
const minPassphrase = 8;
const maxPassphrase = 1_024;

export interface SealedKey {
  readonly kdf: ScryptCost & { readonly salt: Uint8Array };
  readonly iv: Uint8Array;
  readonly sealed: Uint8Array;
}

/** @throws {ClientError} `profile.passphrase` if the passphrase is too short or too long */
export async function seal(
  secret: Uint8Array,
  passphrase: string,
  belongsTo: Uint8Array,
  cost = defaultCost,
): Promise<SealedKey> {
  const { length } = [...passphrase.normalize('NFKC')];
  if (length < minPassphrase || length > maxPassphrase) {
    throw new ClientError(
      'profile.passphrase',
      `A passphrase has from ${minPassphrase} to ${maxPassphrase} characters.`,
    );
  }
  const kdf = { ...cost, salt: random(saltBytes) };
  const iv = random(ivBytes);
  const key = await keyOf(passphrase, kdf, 'encrypt');
  const sealed = await crypto.subtle.encrypt(gcm(iv, belongsTo), key, own(secret));
  return { kdf, iv, sealed: new Uint8Array(sealed) };
}

/** @throws {ClientError} `profile.passphrase` if it does not open: the passphrase is wrong, or the profile was changed */
export async function unseal(
  { kdf, iv, sealed }: SealedKey,
  passphrase: string,
  belongsTo: Uint8Array,
): Promise<Uint8Array> {
  const key = await keyOf(passphrase, kdf, 'decrypt');
  try {
    return new Uint8Array(await crypto.subtle.decrypt(gcm(iv, belongsTo), key, own(sealed)));
  } catch {
    throw new ClientError('profile.passphrase', 'The passphrase is wrong, or the profile was changed.');
  }
}

export function sealedJson({ kdf: { salt, ...cost }, iv, sealed }: SealedKey): JsonObject {
  const kdf = { name: 'scrypt', ...cost, salt: encodeBase64url(salt) };
  return { kdf, cipher: 'A256GCM', iv: encodeBase64url(iv), sealed: encodeBase64url(sealed) };
}

/** Undefined for every value that `sealedJson` does not write. */
export function readSealed(value: JsonValue | undefined): SealedKey | undefined {
  if (!isJsonObject(value) || !hasExactly(value, ['kdf', 'cipher', 'iv', 'sealed'])) return undefined;
  const { kdf, cipher } = value;
  if (cipher !== 'A256GCM' || !isJsonObject(kdf) || !hasExactly(kdf, ['name', 'N', 'r', 'p', 'salt'])) return undefined;
  const { name, N, r, p } = kdf;
  const isAffordable = typeof N === 'number' && N >= costs.least && N <= costs.most && Number.isInteger(Math.log2(N));
  if (name !== 'scrypt' || !isAffordable || r !== 8 || p !== 1) return undefined;
  const salt = bytesOf(kdf.salt, saltBytes);
  const iv = bytesOf(value.iv, ivBytes);
  const sealed = bytesOf(value.sealed, 32 + tagBytes);
  return salt && iv && sealed && { kdf: { N, r, p, salt }, iv, sealed };
}

async function keyOf(passphrase: string, { salt, ...cost }: SealedKey['kdf'], use: 'encrypt' | 'decrypt') {
  const password = new TextEncoder().encode(passphrase.normalize('NFKC'));
  const bytes = await scrypt(password, salt, cost);
  return crypto.subtle.importKey('raw', own(bytes), 'AES-GCM', false, [use]);
}

function gcm(iv: Uint8Array, additionalData: Uint8Array) {
  return { name: 'AES-GCM', iv: own(iv), additionalData: own(additionalData) };
}

function bytesOf(value: JsonValue | undefined, length: number): Uint8Array | undefined {
  const bytes = typeof value === 'string' ? decodeBase64url(value, 2 * length) : undefined;
  return bytes?.length === length ? bytes : undefined;
}

function hasExactly(object: JsonObject, names: readonly string[]): boolean {
  return Object.keys(object).length === names.length && names.every((name) => Object.hasOwn(object, name));
}

function random(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

/** A copy, because WebCrypto refuses shared memory. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(bytes);
}
