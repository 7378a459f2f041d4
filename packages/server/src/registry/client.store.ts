import { type CompiledQuery, type Kysely, type Selectable, sql } from 'kysely';
import { processMemory } from '../kernel/process-memory.ts';
import type { Store } from '../store/open.ts';
import type { ClientTable, Schema } from '../store/schema.ts';

export type ClientRow = Selectable<ClientTable>;

export async function findClient(db: Kysely<Schema>, realm: string, id: string): Promise<ClientRow | undefined> {
  return db.selectFrom('client').selectAll().where('realm', '=', realm).where('id', '=', id).executeTakeFirst();
}

/** Waits for the changes of a client that are under way, and holds back others until the transaction ends. */
export async function lockClient(db: Kysely<Schema>, realm: string, id: string): Promise<void> {
  const same = { version: sql<number>`version` };
  await db.updateTable('client').set(same).where('realm', '=', realm).where('id', '=', id).execute();
}

export async function findClientOfParticipant(
  db: Kysely<Schema>,
  realm: string,
  participantId: string,
): Promise<ClientRow | undefined> {
  return db
    .selectFrom('client')
    .selectAll()
    .where('realm', '=', realm)
    .where('participant_id', '=', participantId)
    .executeTakeFirst();
}

export async function insertClient(db: Kysely<Schema>, row: Omit<ClientRow, 'version'>): Promise<void> {
  await db.insertInto('client').values(row).execute();
}

/** Everything about a client that the token endpoint needs, in one read. */
export async function readClientWithParticipant(
  store: Store,
  realm: string,
  id: string,
): Promise<ClientWithParticipant | undefined> {
  const { rows } = await store.db.executeQuery<ClientWithParticipant>({
    ...compiledRead(store),
    parameters: [realm, id],
  });
  return rows[0];
}

/** Compiled once per store, because building the query costs more than running it. */
const compiledRead = processMemory((store: Store) => compileRead(store.db));

export interface ClientWithParticipant extends ClientRow {
  readonly generation: number;
  readonly suspended_at: number | null;
  readonly subject_ended_at: number | null;
  readonly status: string | null;
  readonly role: string | null;
  readonly resources: string | null;
}

function compileRead(db: Kysely<Schema>): CompiledQuery<ClientWithParticipant> {
  return db
    .selectFrom('client')
    .innerJoin('subject', (join) =>
      join.onRef('subject.realm', '=', 'client.realm').onRef('subject.id', '=', 'client.subject_id'),
    )
    .leftJoin('participant', (join) =>
      join.onRef('participant.realm', '=', 'client.realm').onRef('participant.id', '=', 'client.participant_id'),
    )
    .selectAll('client')
    .select(['subject.generation', 'subject.suspended_at', sql<number | null>`subject.ended_at`.as('subject_ended_at')])
    .select(['participant.status', 'participant.role', 'participant.resources'])
    .where('client.realm', '=', '')
    .where('client.id', '=', '')
    .compile();
}
