import type { Kysely } from 'kysely';
import type { MailTable, Schema } from '../store/schema.ts';

export async function insertMail(db: Kysely<Schema>, row: MailTable): Promise<void> {
  await db.insertInto('mail').values(row).execute();
}

/** The newest mail with this reference: ids sort by the time they were made. */
export async function findMailAbout(
  db: Kysely<Schema>,
  realm: string,
  reference: string,
): Promise<MailTable | undefined> {
  return db
    .selectFrom('mail')
    .selectAll()
    .where('realm', '=', realm)
    .where('reference', '=', reference)
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/** Due mails of all realms, longest waiting first. Also those set to wait past `latest`, which no mail should. */
export async function listDueMails(
  db: Kysely<Schema>,
  { now, latest }: { readonly now: number; readonly latest: number },
  limit: number,
): Promise<MailTable[]> {
  return db
    .selectFrom('mail')
    .selectAll()
    .where((e) => e.or([e('next_at', '<=', now), e('next_at', '>', latest)]))
    .orderBy('next_at')
    .limit(limit)
    .execute();
}

/** The mail that has waited longest. Ids sort by the time they were made. */
export async function findOldestWaiting(db: Kysely<Schema>): Promise<MailTable | undefined> {
  return db
    .selectFrom('mail')
    .selectAll()
    .where('state', '=', 'waiting')
    .where('attempts', '>', 0)
    .orderBy('created_at')
    .limit(1)
    .executeTakeFirst();
}

type Version = Pick<MailTable, 'realm' | 'id' | 'attempts'>;

/** False if another node was faster or has settled the mail. */
export async function claimMail(db: Kysely<Schema>, seen: Version, until: number): Promise<boolean> {
  return changeMail(db, seen, { attempts: seen.attempts + 1, next_at: until });
}

/** Changes a mail that was not claimed since it was read. */
export async function changeMail(db: Kysely<Schema>, seen: Version, change: Partial<MailTable>): Promise<boolean> {
  const row = await db
    .updateTable('mail')
    .set(change)
    .where('realm', '=', seen.realm)
    .where('id', '=', seen.id)
    .where('attempts', '=', seen.attempts)
    .where('state', '=', 'waiting')
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

export async function deleteSettledMails(db: Kysely<Schema>, before: number): Promise<void> {
  await db.deleteFrom('mail').where('settled_at', '<', before).execute();
}

export async function listSealedMails(db: Kysely<Schema>): Promise<Pick<MailTable, 'realm' | 'id' | 'sealed'>[]> {
  return db.selectFrom('mail').select(['realm', 'id', 'sealed']).where('sealed', 'is not', null).execute();
}

export async function updateSealedMail(db: Kysely<Schema>, realm: string, id: string, sealed: string): Promise<void> {
  await db.updateTable('mail').set({ sealed }).where('realm', '=', realm).where('id', '=', id).execute();
}
