import { type Kysely, sql } from 'kysely';
import type { EventTable, Schema } from '../store/schema.ts';

export async function listUnsealed(db: Kysely<Schema>, limit: number): Promise<EventTable[]> {
  return db.selectFrom('event').selectAll().where('seq', 'is', null).orderBy('id').limit(limit).execute();
}

export async function headOfChain(db: Kysely<Schema>): Promise<{ seq: number; hash: string } | undefined> {
  const row = await db
    .selectFrom('event')
    .select(['seq', 'hash'])
    .where('seq', 'is not', null)
    .orderBy('seq', 'desc')
    .limit(1)
    .executeTakeFirst();
  return row === undefined ? undefined : { seq: row.seq as number, hash: row.hash as string };
}

/** One statement for the whole batch: a round trip for each event would hold the lease too long. */
export async function sealEvents(
  db: Kysely<Schema>,
  links: readonly { id: string; seq: number; hash: string }[],
): Promise<void> {
  const rows = sql.join(links.map((link) => sql`(${link.id}, cast(${link.seq} as bigint), ${link.hash})`));
  await sql`
    with link (id, seq, hash) as (values ${rows})
    update event set seq = link.seq, hash = link.hash from link where event.id = link.id and event.seq is null`.execute(
    db,
  );
}

export async function sealedAfter(db: Kysely<Schema>, seq: number, limit: number): Promise<EventTable[]> {
  return db.selectFrom('event').selectAll().where('seq', '>', seq).orderBy('seq').limit(limit).execute();
}

/**
 * Newest first, of one realm or of all, below the sequence number `before`. New events are sealed within about a
 * second.
 */
export async function listEvents(
  db: Kysely<Schema>,
  realm: string | undefined,
  before: number,
  limit: number,
): Promise<EventTable[]> {
  let query = db.selectFrom('event').selectAll().where('seq', '<', before);
  if (realm !== undefined) query = query.where('realm', '=', realm);
  return query.orderBy('seq', 'desc').limit(limit).execute();
}

/** Newest first. No index leads there: it is asked rarely, and every event would have to keep it. */
export async function listEventsAbout(
  db: Kysely<Schema>,
  realm: string,
  object: string,
  limit: number,
): Promise<EventTable[]> {
  return db
    .selectFrom('event')
    .selectAll()
    .where('realm', '=', realm)
    .where((e) => e.or([e('object', '=', object), e('actor', '=', object)]))
    .orderBy('id', 'desc')
    .limit(limit)
    .execute();
}
