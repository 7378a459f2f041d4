import type { Kysely } from 'kysely';
import type { Schema, SubjectTable } from '../store/schema.ts';

export async function findSubject(db: Kysely<Schema>, realm: string, id: string): Promise<SubjectTable | undefined> {
  return db.selectFrom('subject').selectAll().where('realm', '=', realm).where('id', '=', id).executeTakeFirst();
}

export async function insertSubjects(db: Kysely<Schema>, rows: readonly SubjectTable[]): Promise<void> {
  await db.insertInto('subject').values(rows).execute();
}

/** The new generation. Undefined if the subject is unknown or has ended. */
export async function nextGeneration(
  db: Kysely<Schema>,
  realm: string,
  id: string,
  change: Partial<SubjectTable>,
): Promise<Pick<SubjectTable, 'generation' | 'kind'> | undefined> {
  return db
    .updateTable('subject')
    .set((row) => ({ ...change, generation: row('generation', '+', 1) }))
    .where('realm', '=', realm)
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returning(['generation', 'kind'])
    .executeTakeFirst();
}

export async function updateSubject(
  db: Kysely<Schema>,
  realm: string,
  id: string,
  change: Partial<SubjectTable>,
): Promise<void> {
  await db.updateTable('subject').set(change).where('realm', '=', realm).where('id', '=', id).execute();
}
