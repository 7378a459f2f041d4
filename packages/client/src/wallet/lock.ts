import { verifySignature } from '@countersign/proof';
import { amount, type Checks, having, optional, options as optionsOf, text } from '@countersign/proof/argument';
import { cryptoPort } from '#platform-crypto';
import { ClientError } from '../error.ts';
import { type DeviceKey, deviceKey, deviceKeyOfSeed, didOf, makeKey } from './device-key.ts';
import type { KeyStore, StoredKey, StoredKeyName } from './key-store.ts';
import { boundTo, type WalletProfile } from './profile.ts';
import type { ScryptCost } from './scrypt.ts';
import { type SealedKey, seal, unseal } from './seal.ts';

/** The protection of a device's key: a passphrase, or a store of the platform. */
export type Lock =
  | { readonly passphrase: string; readonly keyStore?: undefined; readonly cost?: ScryptCost }
  | { readonly keyStore: KeyStore; readonly passphrase?: undefined };

const costChecks: Checks<ScryptCost> = { N: amount, r: amount, p: amount };

export const lockChecks = {
  passphrase: optional(text),
  keyStore: optional(having('create', 'open')),
  cost: optional((value, name) => optionsOf(value as ScryptCost, name, costChecks)),
} as const;

export interface Unlocked {
  readonly profile: WalletProfile;
  readonly key: DeviceKey;
}

/** Makes a new key, and the profile of a device without a capability. */
export async function makeDevice(issuer: string, lock: Lock): Promise<Unlocked> {
  if (lock.keyStore !== undefined) {
    const stored = await lock.keyStore.create();
    const did = didOf(stored.publicKey);
    return {
      profile: { issuer, did, key: { store: lock.keyStore.name, id: stored.id } },
      key: await proven(did, stored),
    };
  }
  const { did, seed } = await makeKey();
  const sealed = await seal(seed, lock.passphrase, boundTo({ issuer, did }), lock.cost);
  return { profile: { issuer, did, key: sealed }, key: await deviceKeyOfSeed(did, seed) };
}

/**
 * @throws {ClientError} `profile.passphrase`, `profile.key_store` if the key is protected in the other way,
 *   `profile.key_missing`, `signing_key.private` if the key does not belong to the DID
 */
export async function unlock(profile: WalletProfile, lock: Lock): Promise<DeviceKey> {
  const { key, did } = profile;
  if ('store' in key) return fromStore(did, key, lock.keyStore);
  if (lock.passphrase === undefined) {
    throw new ClientError('profile.key_store', 'The key of this profile is sealed under a passphrase.');
  }
  return deviceKeyOfSeed(did, await unseal(key as SealedKey, lock.passphrase, boundTo(profile)));
}

async function fromStore(
  did: string,
  { store, id }: StoredKeyName,
  keyStore: KeyStore | undefined,
): Promise<DeviceKey> {
  if (keyStore?.name !== store) {
    throw new ClientError('profile.key_store', 'The key of this profile is in a key store, which must be given.');
  }
  const stored = await keyStore.open(id);
  if (stored === undefined) throw new ClientError('profile.key_missing', 'The key store has no such key.');
  return proven(did, stored);
}

/** Makes a trial signature: signatures of a wrong key from the store would always be refused. */
async function proven(did: string, { sign }: StoredKey): Promise<DeviceKey> {
  const key = deviceKey(did, sign);
  const trial = new TextEncoder().encode('countersign trial signature');
  if (await verifySignature(cryptoPort, 'Ed25519', key.publicJwk, trial, await sign(trial))) return key;
  throw new ClientError('signing_key.private', 'The key in the store is not the one of the DID.');
}
