import type { Kysely, Selectable } from 'kysely';
import type { ApplicationTable, Schema } from '../../store/schema.ts';

export type ApplicationRow = Selectable<ApplicationTable>;

export async function findApplication(
  db: Kysely<Schema>,
  realm: string,
  id: string,
): Promise<ApplicationRow | undefined> {
  return db.selectFrom('application').selectAll().where('realm', '=', realm).where('id', '=', id).executeTakeFirst();
}

export async function listApplications(
  db: Kysely<Schema>,
  realm: string,
  status: string | undefined,
  after: string,
  limit: number,
): Promise<ApplicationRow[]> {
  let query = db.selectFrom('application').selectAll().where('realm', '=', realm).where('id', '>', after);
  if (status !== undefined) query = query.where('status', '=', status);
  return query.orderBy('id').limit(limit).execute();
}

/** Counts the realm's applications with one of these statuses, up to `bound`. */
export async function countApplications(
  db: Kysely<Schema>,
  realm: string,
  statuses: readonly string[],
  bound: number,
): Promise<number> {
  const rows = await db
    .selectFrom('application')
    .select('id')
    .where('realm', '=', realm)
    .where('status', 'in', statuses)
    .limit(bound)
    .execute();
  return rows.length;
}

export async function insertApplication(db: Kysely<Schema>, row: Omit<ApplicationRow, 'version'>): Promise<void> {
  await db.insertInto('application').values(row).execute();
}

export async function organisationExists(db: Kysely<Schema>, realm: string, organisationId: string): Promise<boolean> {
  const row = await db
    .selectFrom('participant')
    .select('id')
    .where('realm', '=', realm)
    .where('organisation_id', '=', organisationId)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
