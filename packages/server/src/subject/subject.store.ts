import type { Kysely } from 'kysely';
import type { Schema, SubjectTable } from '../store/schema.ts';

export async function findSubject(db: Kysely<Schema>, realm: string, id: string): Promise<SubjectTable | undefined> {
  return db.selectFrom('subject').selectAll().where('realm', '=', realm).where('id', '=', id).executeTakeFirst();
}

export async function insertSubject(db: Kysely<Schema>, row: SubjectTable): Promise<void> {
  await db.insertInto('subject').values(row).execute();
}

export async function updateSubject(
  db: Kysely<Schema>,
  realm: string,
  id: string,
  change: Partial<SubjectTable>,
): Promise<void> {
  await db.updateTable('subject').set(change).where('realm', '=', realm).where('id', '=', id).execute();
}
