/**
 * The append-only log: who did what, to which object, before and after, without secrets.
 *
 * An event is written in the transaction of its change. The holder of the lease chains it afterwards, in batches,
 * because a chain inside the transaction would make every node wait for every other. Each link is `hash =
 * SHA-256(JSON([previous hash, seq, id, realm, at, type, object, actor, requestId, before, after]))`.
 */
import { createHash } from 'node:crypto';
import type { Context } from '../context.ts';
import { isoDate } from '../kernel/clock.ts';
import type { EventTable } from '../store/schema.ts';
import { headOfChain, listEvents, listEventsAbout, listUnsealed, sealEvents, sealedAfter } from './event.store.ts';
import { holdLease } from './lease.ts';

/** The hash before the first event. */
const genesis = '';
/** Events that one call chains, and that one read of a verification fetches. */
export const sealedAtOnce = 500;
export const sealerLease = 'event-sealer';

/** Chains the events since the last call. Returns their number, or 0 if another node holds the lease. */
export async function sealNewEvents(context: Context, holder: string): Promise<number> {
  // Checked before taking the lease: that is a write, which on SQLite makes every other process wait for the disk.
  if ((await listUnsealed(context.store.db, 1)).length === 0) return 0;
  return context.store.db.transaction().execute(async (tx) => {
    if (!(await holdLease(tx, sealerLease, holder, context.clock.now()))) return 0;
    const events = await listUnsealed(tx, sealedAtOnce);
    if (events.length === 0) return 0;
    const head = await headOfChain(tx);
    let seq = head?.seq ?? 0;
    let hash = head?.hash ?? genesis;
    const links = events.map((event) => {
      seq += 1;
      hash = linkHash(hash, seq, event);
      return { id: event.id, seq, hash };
    });
    await sealEvents(tx, links);
    return links.length;
  });
}

export type ChainVerdict =
  | {
      readonly intact: true;
      readonly events: number;
      readonly seq: number;
      readonly hash: string;
      /** Events with a time well before that of an earlier link. Absent if there are none. */
      readonly backdated?: { readonly events: number; readonly first: number };
    }
  | { readonly intact: false; readonly seq: number; readonly reason: string };

/**
 * Milliseconds. Nodes whose clocks differ, and long transactions, stay within it. A clock that was set back does not.
 * Neither does a row that was put into the database with an earlier time: the sealer chains it like any other.
 */
const backdatedBy = 5 * 60_000;

/**
 * Recomputes the whole chain. An altered, removed or inserted event breaks it at that place. A cut-off end shows only
 * against a head that was exported earlier: `expected`.
 */
export async function verifyChain(
  context: { readonly store: Pick<Context['store'], 'db'> },
  expected?: { readonly seq: number; readonly hash: string },
): Promise<ChainVerdict> {
  let seq = 0;
  let hash = genesis;
  // Starts below the first number, to find rows that were numbered 0 or less.
  let cursor = Number.MIN_SAFE_INTEGER;
  let newest = Number.NEGATIVE_INFINITY;
  const backdated = { events: 0, first: 0 };
  for (;;) {
    const events = await sealedAfter(context.store.db, cursor, sealedAtOnce);
    for (const event of events) {
      if (event.seq !== seq + 1)
        return { intact: false, seq: seq + 1, reason: 'an event is missing or does not belong here' };
      seq += 1;
      cursor = seq;
      hash = linkHash(hash, seq, event);
      if (event.hash !== hash) return { intact: false, seq, reason: 'the event or one before it was altered' };
      if (expected?.seq === seq && expected.hash !== hash)
        return { intact: false, seq, reason: 'the chain is another than the exported head' };
      if (event.at < newest - backdatedBy && ++backdated.events === 1) backdated.first = seq;
      newest = Math.max(newest, event.at);
    }
    if (events.length < sealedAtOnce) break;
  }
  if (expected !== undefined && expected.seq > seq)
    return { intact: false, seq, reason: 'events after this one were cut off' };
  return { intact: true, events: seq, seq, hash, ...(backdated.events > 0 && { backdated }) };
}

/** The time of the oldest event that waits for its place in the chain, and that of the first event of all. */
export async function waitingEvents({
  store,
}: Pick<Context, 'store'>): Promise<{ readonly oldest?: number; readonly first?: number }> {
  const [oldest, first] = [(await listUnsealed(store.db, 1))[0], (await sealedAfter(store.db, 0, 1))[0]];
  return { ...(oldest && { oldest: oldest.at }), ...(first && { first: first.at }) };
}

/** The newest events of a realm with numbers below `before`, newest first. Events of the last second may be missing. */
export async function eventsBefore(context: Context, realm: string, before: number, limit: number) {
  return (await listEvents(context.store.db, realm, before, limit)).map(eventView);
}

/** The newest events that happened to the object, or that it did, newest first. */
export async function eventsAbout(context: Context, realm: string, object: string, limit: number) {
  return (await listEventsAbout(context.store.db, realm, object, limit)).map(eventView);
}

/** The end of the chain now. Exported and signed, it later shows whether events were cut off. */
export async function eventHead(context: Context): Promise<{ readonly seq: number; readonly hash: string }> {
  return (await headOfChain(context.store.db)) ?? { seq: 0, hash: genesis };
}

/** An event as the administration API shows it. */
function eventView(row: EventTable) {
  return {
    id: row.id,
    seq: row.seq,
    at: isoDate(row.at),
    realm: row.realm,
    type: row.type,
    object: row.object,
    actor: row.actor,
    requestId: row.request_id,
    before: row.before === null ? null : (JSON.parse(row.before) as unknown),
    after: row.after === null ? null : (JSON.parse(row.after) as unknown),
    hash: row.hash,
  };
}

function linkHash(previous: string, seq: number, event: EventTable): string {
  const { id, realm, at, type, object, actor, request_id, before, after } = event;
  const link = JSON.stringify([previous, seq, id, realm, at, type, object, actor, request_id, before, after]);
  return createHash('sha256').update(link).digest('base64url');
}
