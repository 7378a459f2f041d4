import type { Kysely } from 'kysely';
import type { Schema, SessionTable } from '../store/schema.ts';

export async function insertSession(db: Kysely<Schema>, row: SessionTable): Promise<void> {
  await db.insertInto('session').values(row).execute();
}

/** Searches all realms: a token belongs to one session. */
export async function findSessionByToken(db: Kysely<Schema>, digest: string): Promise<SessionTable | undefined> {
  return db.selectFrom('session').selectAll().where('token_digest', '=', digest).executeTakeFirst();
}

export async function findSession(db: Kysely<Schema>, realm: string, id: string): Promise<SessionTable | undefined> {
  return db.selectFrom('session').selectAll().where('realm', '=', realm).where('id', '=', id).executeTakeFirst();
}

/** A session with the present state of its subject, in one read. */
export async function findStanding(db: Kysely<Schema>, realm: string, id: string) {
  return db
    .selectFrom('session')
    .innerJoin('subject', (join) =>
      join.onRef('subject.realm', '=', 'session.realm').onRef('subject.id', '=', 'session.subject_id'),
    )
    .select(['session.ended_at', 'session.generation', 'subject.generation as present'])
    .select(['subject.suspended_at', 'subject.ended_at as subject_ended_at'])
    .where('session.realm', '=', realm)
    .where('session.id', '=', id)
    .executeTakeFirst();
}

/** The open, unrestricted sessions of a subject's present generation that were used after `seenAfter`, newest first. */
export async function listOpenSessions(
  db: Kysely<Schema>,
  realm: string,
  subjectId: string,
  generation: number,
  { now, seenAfter, limit }: { readonly now: number; readonly seenAfter: number; readonly limit: number },
): Promise<SessionTable[]> {
  return db
    .selectFrom('session')
    .selectAll()
    .where('realm', '=', realm)
    .where('subject_id', '=', subjectId)
    .where('generation', '=', generation)
    .where('ended_at', 'is', null)
    .where('ends_at', '>', now)
    .where('restriction', 'is', null)
    .where('seen_at', '>', seenAfter)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(limit)
    .execute();
}

/** False if the session had ended already. */
export async function endSessionRow(
  db: Kysely<Schema>,
  realm: string,
  id: string,
  endedAt: number,
  endedBy: NonNullable<SessionTable['ended_by']>,
): Promise<boolean> {
  const row = await db
    .updateTable('session')
    .set({ ended_at: endedAt, ended_by: endedBy })
    .where('realm', '=', realm)
    .where('id', '=', id)
    .where('ended_at', 'is', null)
    .returning('id')
    .executeTakeFirst();
  return row !== undefined;
}

/** Never sets the time back, whichever node writes later. */
export async function touchSession(db: Kysely<Schema>, realm: string, id: string, seenAt: number): Promise<void> {
  await db
    .updateTable('session')
    .set({ seen_at: seenAt })
    .where('realm', '=', realm)
    .where('id', '=', id)
    .where('seen_at', '<', seenAt)
    .execute();
}

export async function deleteSessionsEndedBefore(db: Kysely<Schema>, before: number): Promise<void> {
  await db.deleteFrom('session').where('ends_at', '<', before).execute();
}

export async function deleteSessionsOf(db: Kysely<Schema>, realm: string, subjectId: string): Promise<void> {
  await db.deleteFrom('session').where('realm', '=', realm).where('subject_id', '=', subjectId).execute();
}

/** All of a subject, ended ones too, newest first. */
export async function listSessionsOf(
  db: Kysely<Schema>,
  realm: string,
  subjectId: string,
  limit: number,
): Promise<SessionTable[]> {
  return db
    .selectFrom('session')
    .selectAll()
    .where('realm', '=', realm)
    .where('subject_id', '=', subjectId)
    .orderBy('created_at', 'desc')
    .orderBy('id')
    .limit(limit)
    .execute();
}
