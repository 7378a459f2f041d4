import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createSecretKey,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto';
import type { Transaction } from 'kysely';
import { Problem } from '../../kernel/problem.ts';
import type { Store } from '../../store/open.ts';
import type { Schema } from '../../store/schema.ts';
import { listAllSigningKeys, updateSigningKey } from '../tokens/signing-key.store.ts';
import { findSealed, insertSealed, listSealed, updateSealed } from './vault.store.ts';

/**
 * Keeps the server's own secrets at rest.
 *
 * - Private keys are sealed with AES-256-GCM under the master key. An envelope is `v1.<key
 *   id>.<nonce>.<ciphertext+tag>`. It also authenticates the place that it belongs to, so an envelope copied to another
 *   row does not open.
 * - Client secrets and one-time codes are kept as HMAC-SHA-256 under a random key, which is sealed too. So a new master
 *   key only re-seals envelopes and kills no secret. No KDF is needed: the digested secrets have 128 bits and more, or
 *   are throttled.
 */
export interface Vault {
  seal(plain: string, boundTo: string): string;
  open(envelope: string, boundTo: string): string;
  /** Digest of a secret for a purpose (`client-secret`, `pick-up`), as base64url. */
  digest(purpose: string, secret: string): string;
  /** True if this secret has this digest. Takes constant time. */
  matches(purpose: string, secret: string, digest: string): boolean;
}

const digestKeyName = 'digest-key';

/** Opens the vault of a store, and makes its digest key at the very first start. A wrong master key stops the start. */
export async function openVault(store: Store, masterKey: Uint8Array): Promise<Vault> {
  const fresh = sealEnvelope(masterKey, randomBytes(32).toString('base64url'), digestKeyName);
  await insertSealed(store.db, { name: digestKeyName, value: fresh });
  const sealed = (await findSealed(store.db, digestKeyName)) as string;
  // A key object, because from bytes Node 24 makes a new one per digest, which takes eight times as long as the digest.
  const digestKey = createSecretKey(Buffer.from(openEnvelope(masterKey, sealed, digestKeyName), 'base64url'));

  const digest = (purpose: string, secret: string) =>
    createHmac('sha256', digestKey).update(`${purpose}\0${secret}`).digest('base64url');
  return {
    seal: (plain, boundTo) => sealEnvelope(masterKey, plain, boundTo),
    open: (envelope, boundTo) => openEnvelope(masterKey, envelope, boundTo),
    digest,
    matches(purpose, secret, expected) {
      // Compared as text: four spellings of the last letter decode to the same digest, and a seal must have only one
      // text.
      const known = Buffer.from(expected);
      const presented = Buffer.from(digest(purpose, secret));
      return known.length === presented.length && timingSafeEqual(known, presented);
    },
  };
}

/** Whether the store is sealed under this master key, another one, or none yet. */
export async function sealedUnder(
  store: Pick<Store, 'db'>,
  masterKey: Uint8Array | undefined,
): Promise<'this' | 'another' | 'none'> {
  const sealed = await findSealed(store.db, digestKeyName);
  if (sealed === undefined) return 'none';
  return masterKey !== undefined && sealed.split('.')[1] === keyId(masterKey) ? 'this' : 'another';
}

/** Seals every envelope of another room again, and returns their number. */
export type Resealing = (
  tx: Transaction<Schema>,
  again: (envelope: string, boundTo: string) => string,
) => Promise<number>;

/** Seals everything again under another master key, in one transaction. No server may run, which `alone` ensures. */
export async function reseal(
  store: Store,
  from: Uint8Array,
  to: Uint8Array,
  elsewhere: readonly Resealing[],
  alone: (tx: Transaction<Schema>) => Promise<void> = async () => {},
  told: () => void = () => {},
): Promise<number> {
  const again = (envelope: string, boundTo: string) => {
    told();
    return sealEnvelope(to, openEnvelope(from, envelope, boundTo), boundTo);
  };
  return store.db.transaction().execute(async (tx) => {
    await alone(tx);
    const sealed = await listSealed(tx);
    for (const { name, value } of sealed) {
      await updateSealed(tx, { name, value: again(value, name) });
    }
    const keys = await listAllSigningKeys(tx);
    for (const { realm, kid, sealed_jwk } of keys) {
      await updateSigningKey(tx, realm, kid, { sealed_jwk: again(sealed_jwk, signingKeyBinding(realm, kid)) });
    }
    let count = sealed.length + keys.length;
    for (const resealing of elsewhere) count += await resealing(tx, again);
    return count;
  });
}

/** The place that a signing key's envelope is bound to. */
export function signingKeyBinding(realm: string, kid: string): string {
  return `signing-key\0${realm}\0${kid}`;
}

/** Identifies the master key without revealing it: the first 64 bits of a hash. */
function keyId(masterKey: Uint8Array): string {
  return createHash('sha256')
    .update('countersign master key\0')
    .update(masterKey)
    .digest()
    .subarray(0, 8)
    .toString('base64url');
}

/** Seals a text under a master key, bound to its place. */
export function sealEnvelope(masterKey: Uint8Array, plain: string, boundTo: string): string {
  const nonce = randomBytes(12);
  const head = `v1.${keyId(masterKey)}`;
  const cipher = createCipheriv('aes-256-gcm', masterKey, nonce).setAAD(Buffer.from(`${head}\0${boundTo}`));
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return `${head}.${nonce.toString('base64url')}.${body.toString('base64url')}`;
}

/** @throws {Problem} `config.invalid` for another master key, `internal` for an envelope that was altered or moved */
export function openEnvelope(masterKey: Uint8Array, envelope: string, boundTo: string): string {
  const [version, id, nonce, body, ...more] = envelope.split('.');
  if (version !== 'v1' || nonce === undefined || body === undefined || more.length > 0) throw damaged();
  if (id !== keyId(masterKey)) {
    throw new Problem('config.invalid', {
      detail: 'COUNTERSIGN_MASTER_KEY does not match this database: it was sealed under another key.',
    });
  }
  const bytes = exactBytes(body);
  try {
    const decipher = createDecipheriv('aes-256-gcm', masterKey, exactBytes(nonce), { authTagLength: 16 })
      .setAAD(Buffer.from(`${version}.${id}\0${boundTo}`))
      .setAuthTag(bytes.subarray(-16));
    return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString('utf8');
  } catch (cause) {
    throw damaged(cause);
  }
}

/** Node's decoder is lenient. Here a value has only one spelling, so that any changed letter is found. */
function exactBytes(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64url');
  if (bytes.toString('base64url') !== text) throw damaged();
  return bytes;
}

function damaged(cause?: unknown): Problem {
  return new Problem('internal', {
    detail: 'A sealed value of the database is damaged or stands in another place.',
    cause,
  });
}
