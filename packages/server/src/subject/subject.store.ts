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

export async function findEndedSubjects(
  db: Kysely<Schema>,
  realm: string,
  ids: readonly string[],
): Promise<readonly string[]> {
  const ended: string[] = [];
  for (let from = 0; from < ids.length; from += chunk) {
    const rows = await db
      .selectFrom('subject')
      .select('id')
      .where('realm', '=', realm)
      .where('id', 'in', ids.slice(from, from + chunk))
      .where('ended_at', 'is not', null)
      .execute();
    ended.push(...rows.map(({ id }) => id));
  }
  return ended;
}

/** Ids in one statement. */
const chunk = 500;
