import { type Kysely, type Selectable, sql } from 'kysely';
import type { ParticipantTable, Schema } from '../store/schema.ts';
import { inChunks } from './chunk.ts';

export type ParticipantRow = Selectable<ParticipantTable>;
/** A participant with the id of its client, if it has one. */
export type ParticipantWithClient = ParticipantRow & { readonly client_id: string | null };

/**
 * Waits for the changes of a participant and its client that are under way, and holds back others until the transaction
 * ends. Without it, a participant that changes its secrets in a loop could keep an administrator from suspending it.
 */
export async function lockParticipant(db: Kysely<Schema>, realm: string, id: string): Promise<void> {
  const same = { version: sql<number>`version` };
  await db.updateTable('participant').set(same).where('realm', '=', realm).where('id', '=', id).execute();
  await db.updateTable('client').set(same).where('realm', '=', realm).where('participant_id', '=', id).execute();
}

export async function findParticipant(
  db: Kysely<Schema>,
  realm: string,
  id: string,
): Promise<ParticipantRow | undefined> {
  return db.selectFrom('participant').selectAll().where('realm', '=', realm).where('id', '=', id).executeTakeFirst();
}

/** The existing ones of these ids, in no order. */
export async function listParticipantsById(
  db: Kysely<Schema>,
  realm: string,
  ids: readonly string[],
): Promise<ParticipantWithClient[]> {
  return inChunks(ids, (some) => withClient(db, realm).where('participant.id', 'in', some).execute());
}

export interface ParticipantFilter {
  readonly role?: string | undefined;
  readonly status?: string | undefined;
}

/** One page, ordered by id. */
export async function listParticipants(
  db: Kysely<Schema>,
  realm: string,
  after: string,
  limit: number,
  filter: ParticipantFilter = {},
): Promise<ParticipantWithClient[]> {
  let query = withClient(db, realm).where('participant.id', '>', after);
  if (filter.role !== undefined) query = query.where('participant.role', '=', filter.role);
  if (filter.status !== undefined) query = query.where('participant.status', '=', filter.status);
  return query.orderBy('participant.id').limit(limit).execute();
}

export async function insertParticipants(
  db: Kysely<Schema>,
  participants: readonly Omit<ParticipantRow, 'version'>[],
): Promise<void> {
  await inChunks(participants, async (rows) => {
    await db.insertInto('participant').values(rows).execute();
    return [];
  });
}

function withClient(db: Kysely<Schema>, realm: string) {
  return db
    .selectFrom('participant')
    .leftJoin('client', (join) =>
      join.onRef('client.realm', '=', 'participant.realm').onRef('client.participant_id', '=', 'participant.id'),
    )
    .selectAll('participant')
    .select('client.id as client_id')
    .where('participant.realm', '=', realm);
}
