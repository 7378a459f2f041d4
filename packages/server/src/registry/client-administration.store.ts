import type { Kysely } from 'kysely';
import type { Schema } from '../store/schema.ts';

/** A client with the suspension of its subject. */
export async function findClientState(db: Kysely<Schema>, realm: string, id: string) {
  return clientStates(db, realm).where('client.id', '=', id).executeTakeFirst();
}

export async function listClientStates(db: Kysely<Schema>, realm: string, after: string, limit: number) {
  return clientStates(db, realm).where('client.id', '>', after).orderBy('client.id').limit(limit).execute();
}

function clientStates(db: Kysely<Schema>, realm: string) {
  return db
    .selectFrom('client')
    .innerJoin('subject', (join) =>
      join.onRef('subject.realm', '=', 'client.realm').onRef('subject.id', '=', 'client.subject_id'),
    )
    .selectAll('client')
    .select('subject.suspended_at')
    .where('client.realm', '=', realm);
}
