import type { Kysely, Selectable } from 'kysely';
import type { KeyOwnerTable, ParticipantKeyTable, Schema } from '../../store/schema.ts';
import { inChunks } from '../chunk.ts';

export type ParticipantKeyRow = Selectable<ParticipantKeyTable>;
export type KeyOwnerRow = Selectable<KeyOwnerTable>;

/** All keys of these participants, also retired ones, each participant's oldest first. */
export async function listKeys(
  db: Kysely<Schema>,
  realm: string,
  participantIds: readonly string[],
): Promise<ParticipantKeyRow[]> {
  return inChunks(participantIds, (ids) =>
    db
      .selectFrom('participant_key')
      .selectAll()
      .where('realm', '=', realm)
      .where('participant_id', 'in', ids)
      .orderBy('not_before')
      .orderBy('created_at')
      .orderBy('thumbprint')
      .execute(),
  );
}

/**
 * Claims the thumbprints. A thumbprint that is taken keeps its owner. Returns the present owners of all thumbprints.
 */
export async function claimThumbprints(
  db: Kysely<Schema>,
  realm: string,
  claims: readonly KeyOwnerRow[],
): Promise<KeyOwnerRow[]> {
  await inChunks(claims, async (rows) => {
    await db
      .insertInto('key_owner')
      .values(rows)
      .onConflict((conflict) => conflict.doNothing())
      .execute();
    return [];
  });
  return listOwners(
    db,
    realm,
    claims.map((claim) => claim.thumbprint),
  );
}

/** The owners of these thumbprints. A thumbprint that was never registered has none. */
export async function listOwners(
  db: Kysely<Schema>,
  realm: string,
  thumbprints: readonly string[],
): Promise<KeyOwnerRow[]> {
  return inChunks(thumbprints, (some) =>
    db.selectFrom('key_owner').selectAll().where('realm', '=', realm).where('thumbprint', 'in', some).execute(),
  );
}

export async function findKeyOwner(db: Kysely<Schema>, realm: string, thumbprint: string): Promise<string | undefined> {
  return (await listOwners(db, realm, [thumbprint]))[0]?.organisation_id;
}

/** The participants of the owning organisation that have or had the key. */
export async function listHolders(db: Kysely<Schema>, realm: string, thumbprint: string): Promise<string[]> {
  // Joins over the owner's participants, because they have an index.
  const rows = await db
    .selectFrom('key_owner')
    .innerJoin('participant', (join) =>
      join
        .onRef('participant.realm', '=', 'key_owner.realm')
        .onRef('participant.organisation_id', '=', 'key_owner.organisation_id'),
    )
    .innerJoin('participant_key', (join) =>
      join
        .onRef('participant_key.realm', '=', 'participant.realm')
        .onRef('participant_key.participant_id', '=', 'participant.id')
        .onRef('participant_key.thumbprint', '=', 'key_owner.thumbprint'),
    )
    .select('participant.id')
    .where('key_owner.realm', '=', realm)
    .where('key_owner.thumbprint', '=', thumbprint)
    .orderBy('participant.id')
    .execute();
  return rows.map(({ id }) => id);
}

export async function insertKeys(db: Kysely<Schema>, keys: readonly ParticipantKeyRow[]): Promise<void> {
  await inChunks(keys, async (rows) => {
    await db.insertInto('participant_key').values(rows).execute();
    return [];
  });
}

export async function updateKey(
  db: Kysely<Schema>,
  key: Pick<ParticipantKeyRow, 'realm' | 'participant_id' | 'thumbprint'>,
  change: Partial<Pick<ParticipantKeyRow, 'not_before' | 'not_after'>>,
): Promise<void> {
  await db
    .updateTable('participant_key')
    .set(change)
    .where('realm', '=', key.realm)
    .where('participant_id', '=', key.participant_id)
    .where('thumbprint', '=', key.thumbprint)
    .execute();
}

/** Ends every key of the participant at `at`, unless it ends earlier. */
export async function endKeysAt(db: Kysely<Schema>, realm: string, participantId: string, at: number): Promise<void> {
  await db
    .updateTable('participant_key')
    .set({ not_after: at })
    .where('realm', '=', realm)
    .where('participant_id', '=', participantId)
    .where((e) => e.or([e('not_after', 'is', null), e('not_after', '>', at)]))
    .execute();
}
