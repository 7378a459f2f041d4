import type { PublicJwk } from '@countersign/proof';
import type { Context } from '../context.ts';
import { realmKey } from '../kernel/id.ts';
import { Problem } from '../kernel/problem.ts';
import type { Writing } from '../store/write.ts';
import { lookUpParticipant } from './participant.ts';
import { claimThumbprints, endKeysAt, insertKeys, listKeys, listOwners, updateKey } from './participant-key.store.ts';
import { currentOf, isValidAt, type RegisteredKey, toRegisteredKey } from './registered-key.ts';

export type { RegisteredKey } from './registered-key.ts';

/** A key on its way into the registry. Times are epoch milliseconds. */
export interface NewKey {
  readonly realm: string;
  readonly participantId: string;
  readonly organisationId: string;
  readonly jwk: PublicJwk;
  readonly thumbprint: string;
  readonly notBefore: number;
  readonly notAfter: number | null;
}

/**
 * Registers a key beside those that the participant has. One thumbprint belongs to one organisation: else whoever registers
 * a stranger's public key could pass the stranger's signatures off as its own. Throws `registry.key_taken`, also when another
 * organisation was faster by a moment; `registry.conflict` when this participant has the key already, retired or not.
 */
export async function registerKey(tx: Writing, key: NewKey): Promise<void> {
  const known = await listKeys(tx.db, key.realm, [key.participantId]);
  const again = known.some((row) => row.thumbprint === key.thumbprint);
  if ((await registerKeys(tx, key.realm, again ? [] : [key])) !== undefined) throw new Problem('registry.key_taken');
  if (again) throw new Problem('registry.conflict', 'The participant has or had this key already.');
  tx.changed('participant', realmKey(key.realm, key.participantId));
}

/**
 * Registers keys of several participants at once, none of which its participant has already. The order of the list is the
 * order in which they count as added. Returns the first that belongs to another organisation, and nothing if there is none.
 * The caller drops from the caches what had keys before.
 */
export async function registerKeys(tx: Writing, realm: string, keys: readonly NewKey[]): Promise<NewKey | undefined> {
  const claims = keys.map((key) => ({ realm, thumbprint: key.thumbprint, organisation_id: key.organisationId }));
  const owners = new Map<string, string>();
  for (const owner of await claimThumbprints(tx.db, realm, claims)) owners.set(owner.thumbprint, owner.organisation_id);
  const taken = keys.find((key) => owners.get(key.thumbprint) !== key.organisationId);
  if (taken === undefined)
    await insertKeys(
      tx.db,
      keys.map((key, index) => keyRow(key, tx.now + index)),
    );
  return taken;
}

/** `createdAt` orders keys that begin at the same moment. */
function keyRow(key: NewKey, createdAt: number) {
  return {
    realm: key.realm,
    participant_id: key.participantId,
    thumbprint: key.thumbprint,
    jwk: JSON.stringify(key.jwk),
    not_before: key.notBefore,
    not_after: key.notAfter,
    created_at: createdAt,
  };
}

/** The keys whose signatures count now, from the cache; none for an unknown participant. Validity is decided by the clock. */
export async function validKeys(
  context: Context,
  realm: string,
  participantId: string,
): Promise<readonly RegisteredKey[]> {
  const now = context.clock.now();
  const participant = await lookUpParticipant(context, realm, participantId);
  return (participant?.keys ?? []).filter((key) => isValidAt(key, now));
}

/** Of the valid keys, the one that came last. */
export async function currentKey(
  context: Context,
  realm: string,
  participantId: string,
): Promise<RegisteredKey | undefined> {
  return currentOf(await validKeys(context, realm, participantId), context.clock.now());
}

/** Every key of the participant, past the cache, oldest first. */
export async function readKeys(tx: Writing, realm: string, participantId: string): Promise<readonly RegisteredKey[]> {
  return (await listKeys(tx.db, realm, [participantId])).map(toRegisteredKey);
}

/** The same for many participants at once. */
export async function readKeysOf(
  tx: Pick<Writing, 'db'>,
  realm: string,
  participantIds: readonly string[],
): Promise<ReadonlyMap<string, readonly RegisteredKey[]>> {
  const rows = Map.groupBy(await listKeys(tx.db, realm, participantIds), (row) => row.participant_id);
  return new Map([...rows].map(([participantId, own]) => [participantId, own.map(toRegisteredKey)]));
}

/** Which of these keys are or were registered in the realm. */
export async function knownThumbprints(
  { store }: Context,
  realm: string,
  thumbprints: readonly string[],
): Promise<ReadonlySet<string>> {
  return new Set((await listOwners(store.db, realm, thumbprints)).map(({ thumbprint }) => thumbprint));
}

/** Moves the ends of a key's validity. Not for a retired key: what was retired is not revived. */
export async function changeKeyValidity(
  tx: Writing,
  key: { readonly realm: string; readonly participantId: string; readonly thumbprint: string },
  validity: { readonly notBefore: number; readonly notAfter: number | null },
): Promise<void> {
  const row = { realm: key.realm, participant_id: key.participantId, thumbprint: key.thumbprint };
  await updateKey(tx.db, row, { not_before: validity.notBefore, not_after: validity.notAfter });
  tx.changed('participant', realmKey(key.realm, key.participantId));
}

/** The key is valid no longer; it stays in the registry as history. Idempotent. Throws `registry.unknown`. */
export async function retireKey(
  tx: Writing,
  realm: string,
  participantId: string,
  thumbprint: string,
): Promise<'retired' | 'unchanged'> {
  const row = (await listKeys(tx.db, realm, [participantId])).find((key) => key.thumbprint === thumbprint);
  if (row === undefined) throw new Problem('registry.unknown');
  if (row.not_after !== null && row.not_after <= tx.now) return 'unchanged';
  await updateKey(tx.db, row, { not_after: tx.now });
  tx.changed('participant', realmKey(realm, participantId));
  return 'retired';
}

/** None of its keys is valid from now on. */
export async function retireAllKeys(tx: Writing, realm: string, participantId: string): Promise<void> {
  await endKeysAt(tx.db, realm, participantId, tx.now);
  tx.changed('participant', realmKey(realm, participantId));
}
