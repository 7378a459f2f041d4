import type { PublicJwk } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { realmKey } from '../../kernel/id.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Writing } from '../../store/write.ts';
import { lookUpParticipant } from '../participant.ts';
import { claimThumbprints, endKeysAt, insertKeys, listKeys, listOwners, updateKey } from './participant-key.store.ts';
import { currentOf, isValidAt, type RegisteredKey, toRegisteredKey } from './registered-key.ts';

export type { RegisteredKey } from './registered-key.ts';

/** A key that is being registered. Times are epoch milliseconds. */
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
 * Adds a key to the participant's keys. One thumbprint belongs to one organisation. Otherwise an organisation could
 * register a stranger's public key and pass off the stranger's signatures as its own.
 *
 * @throws {Problem} `registry.key_taken`, also if another organisation was faster by a moment; `registry.conflict` if
 * this participant has or had the key already
 */
export async function registerKey(tx: Writing, key: NewKey): Promise<void> {
  const known = await listKeys(tx.db, key.realm, [key.participantId]);
  const again = known.some((row) => row.thumbprint === key.thumbprint);
  if ((await registerKeys(tx, key.realm, again ? [] : [key])) !== undefined) throw new Problem('registry.key_taken');
  if (again) throw new Problem('registry.conflict', { detail: 'The participant has or had this key already.' });
  tx.changed('participant', realmKey(key.realm, key.participantId));
}

/**
 * Registers keys of several participants. No participant may have its key already. The order of the list is the order
 * in which they count as added. Returns the first key that belongs to another organisation, else undefined. The caller
 * removes changed participants from the caches.
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

/** The keys that are valid now, from the cache. None for an unknown participant. The clock decides about validity. */
export async function validKeys(
  context: Context,
  realm: string,
  participantId: string,
): Promise<readonly RegisteredKey[]> {
  const now = context.clock.now();
  const participant = await lookUpParticipant(context, realm, participantId);
  return (participant?.keys ?? []).filter((key) => isValidAt(key, now));
}

/** The newest of the valid keys. */
export async function currentKey(
  context: Context,
  realm: string,
  participantId: string,
): Promise<RegisteredKey | undefined> {
  return currentOf(await validKeys(context, realm, participantId), context.clock.now());
}

/** Every key of the participant, oldest first, read past the cache. */
export async function readKeys(tx: Writing, realm: string, participantId: string): Promise<readonly RegisteredKey[]> {
  return (await listKeys(tx.db, realm, [participantId])).map(toRegisteredKey);
}

/** The same for many participants. */
export async function readKeysOf(
  tx: Pick<Writing, 'db'>,
  realm: string,
  participantIds: readonly string[],
): Promise<ReadonlyMap<string, readonly RegisteredKey[]>> {
  const rows = Map.groupBy(await listKeys(tx.db, realm, participantIds), (row) => row.participant_id);
  return new Map([...rows].map(([participantId, own]) => [participantId, own.map(toRegisteredKey)]));
}

/** The ones of these keys that are or were registered in the realm. */
export async function knownThumbprints(
  { store }: Context,
  realm: string,
  thumbprints: readonly string[],
): Promise<ReadonlySet<string>> {
  return new Set((await listOwners(store.db, realm, thumbprints)).map(({ thumbprint }) => thumbprint));
}

/** Changes the validity of a key. Not for a retired key, which must stay retired. */
export async function changeKeyValidity(
  tx: Writing,
  key: { readonly realm: string; readonly participantId: string; readonly thumbprint: string },
  validity: { readonly notBefore: number; readonly notAfter: number | null },
): Promise<void> {
  const row = { realm: key.realm, participant_id: key.participantId, thumbprint: key.thumbprint };
  await updateKey(tx.db, row, { not_before: validity.notBefore, not_after: validity.notAfter });
  tx.changed('participant', realmKey(key.realm, key.participantId));
}

/**
 * Ends the validity of a key, which stays in the registry as history. Idempotent.
 *
 * @throws {Problem} `registry.unknown`
 */
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

/** Ends all keys of the participant now. */
export async function retireAllKeys(tx: Writing, realm: string, participantId: string): Promise<void> {
  await endKeysAt(tx.db, realm, participantId, tx.now);
  tx.changed('participant', realmKey(realm, participantId));
}
