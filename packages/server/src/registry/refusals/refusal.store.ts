import { type Kysely, sql } from 'kysely';
import type { RefusalTable, Schema } from '../../store/schema.ts';
import { inChunks } from '../chunk.ts';

/** The participants of these clients. */
export async function findParticipantsOf(db: Kysely<Schema>, realm: string, clientIds: readonly string[]) {
  return inChunks(clientIds, (some) =>
    db
      .selectFrom('client')
      .select(['id', 'participant_id'])
      .where('realm', '=', realm)
      .where('participant_id', 'is not', null)
      .where('id', 'in', some)
      .execute(),
  );
}

export async function findExisting(db: Kysely<Schema>, realm: string, ids: readonly string[]): Promise<Set<string>> {
  const rows = await inChunks(ids, (some) =>
    db.selectFrom('participant').select('id').where('realm', '=', realm).where('id', 'in', some).execute(),
  );
  return new Set(rows.map(({ id }) => id));
}

/** Newest first. */
export async function listRefusals(
  db: Kysely<Schema>,
  realm: string,
  participantId: string,
  proved: 0 | 1,
  limit: number,
): Promise<RefusalTable[]> {
  return ofParticipant(db, realm, participantId, proved)
    .selectAll()
    .orderBy('last_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}

/** Adds the rows. One that exists gets a higher count and a later time. */
export async function addRefusals(db: Kysely<Schema>, rows: readonly RefusalTable[]): Promise<void> {
  for (const row of rows) {
    await db
      .insertInto('refusal')
      .values(row)
      .onConflict((conflict) =>
        conflict.columns(['realm', 'participant_id', 'id']).doUpdateSet({
          count: sql<number>`refusal.count + ${row.count}`,
          last_at: row.last_at,
          request_id: row.request_id,
        }),
      )
      .execute();
  }
}

/** Keeps the newest `limit` rows. */
export async function trimRefusals(
  db: Kysely<Schema>,
  realm: string,
  participantId: string,
  proved: 0 | 1,
  limit: number,
): Promise<void> {
  const rows = await ofParticipant(db, realm, participantId, proved)
    .select('id')
    .orderBy('last_at', 'desc')
    .orderBy('id', 'desc')
    .offset(limit)
    .limit(10_000)
    .execute();
  await inChunks(rows, async (some) => {
    const ids = some.map(({ id }) => id);
    const old = db.deleteFrom('refusal').where('realm', '=', realm).where('participant_id', '=', participantId);
    await old.where('id', 'in', ids).execute();
    return [];
  });
}

export async function deleteRefusalsBefore(db: Kysely<Schema>, at: number): Promise<void> {
  await db.deleteFrom('refusal').where('last_at', '<', at).execute();
}

function ofParticipant(db: Kysely<Schema>, realm: string, participantId: string, proved: 0 | 1) {
  return db
    .selectFrom('refusal')
    .where('realm', '=', realm)
    .where('participant_id', '=', participantId)
    .where('proved', '=', proved);
}
