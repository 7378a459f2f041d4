import { liveWhile, type Subject } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { seconds } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import { processMemory } from '../../kernel/process-memory.ts';
import { currentSequence } from '../../store/write.ts';
import type { Realm } from '../realm.ts';
import { issueStatus, type SignedStatus } from './status.ts';

/**
 * Serves the status feed to many readers with few signatures, and pushes it to watchers.
 *
 * 1. A statement is signed again when anything was committed since, or after a second. In between, readers with the
 *    same `after` share it. So no reader gets a statement from before a change that this database has committed.
 * 2. While there are watchers, the sequence is read twice a second, once for all. News is sent to a watcher at once,
 *    and a statement without news at least every ten seconds, so that the reader's last one does not expire.
 * 3. A watcher whose own token has died, at its end or by the statement itself, gets that statement and is then ended.
 */
export interface Watcher {
  readonly realm: Realm;
  readonly subject: Subject;
  /** False if the reader does not keep up. */
  send(status: SignedStatus): boolean;
  /** Called once. */
  end(): void;
}

/** Milliseconds. */
const statementAge = 1_000;
const pollPause = 500;
/** A poll and a signature less than the ten seconds that readers may count on. */
const heartbeat = 9_000;
const maxStatements = 256;
const maxWatchers = 1_000;
const maxWatchersOfSubject = 16;

interface Statement {
  /** The sequence number when the statement was requested. */
  readonly seq: number;
  /** `clock.elapsed()` at that time. */
  readonly at: number;
  readonly status: Promise<SignedStatus>;
}

interface Watch extends Watcher {
  /** The last sequence number that the watcher was sent. */
  after: number;
  /** `clock.elapsed()` of the last send. */
  toldAt: number;
}

interface Feed {
  readonly statements: Map<string, Statement>;
  readonly watches: Set<Watch>;
  seq: number;
  timer: NodeJS.Timeout | undefined;
}

const feedOf = processMemory((_: Context): Feed => {
  return { statements: new Map(), watches: new Set(), seq: -1, timer: undefined };
});

/**
 * The revocations since `after`, 0 for all. A number that this database has never reached comes from another one: the
 * reader then gets everything, and sees by `after` in the statement that it must start anew.
 */
export async function currentStatus(context: Context, realm: Realm, after: number): Promise<SignedStatus> {
  const seq = await currentSequence(context.store);
  return statementAt(context, realm, after > seq ? 0 : after, seq);
}

function statementAt(context: Context, realm: Realm, after: number, seq: number): Promise<SignedStatus> {
  const { statements } = feedOf(context);
  const key = `${realm.name} ${after}`;
  const known = statements.get(key);
  const at = context.clock.elapsed();
  if (known !== undefined && known.seq === seq && at - known.at < statementAge) return known.status;
  const status = issueStatus(context, realm, after);
  statements.delete(key);
  statements.set(key, { seq, at, status });
  if (statements.size > maxStatements) statements.delete(statements.keys().next().value as string);
  status.catch(() => statements.delete(key));
  return status;
}

/**
 * Sends everything at once, then news, until the returned function is called or the watcher's token has died.
 *
 * @throws {Problem} `attempt.throttled` if this subject watches too often, `store.unavailable` if this process has too
 * many watchers
 */
export async function watchStatus(context: Context, watcher: Watcher): Promise<() => void> {
  const feed = feedOf(context);
  requireCapacity(feed, watcher.subject);
  const watch: Watch = { ...watcher, after: 0, toldAt: context.clock.elapsed() };
  // Counted before the first await, or a burst would pass the bound.
  feed.watches.add(watch);
  try {
    const first = await currentStatus(context, watch.realm, 0);
    tell(context, feed, watch, first);
  } catch (thrown) {
    feed.watches.delete(watch);
    throw thrown;
  }
  keepPolling(context, feed);
  return () => void feed.watches.delete(watch);
}

function requireCapacity(feed: Feed, subject: Subject): void {
  if (feed.watches.size >= maxWatchers) {
    throw new Problem('store.unavailable', { detail: 'Too many readers watch the status here.', retryAfter: 10 });
  }
  let own = 0;
  for (const { subject: other } of feed.watches) if (other.id === subject.id && other.issuer === subject.issuer) own++;
  if (own >= maxWatchersOfSubject) {
    throw new Problem('attempt.throttled', {
      detail: 'This subject watches the status too many times at once.',
      retryAfter: 10,
    });
  }
}

function keepPolling(context: Context, feed: Feed): void {
  if (feed.timer !== undefined || feed.watches.size === 0) return;
  feed.timer = setTimeout(async () => {
    await poll(context, feed);
    feed.timer = undefined;
    keepPolling(context, feed);
  }, pollPause);
  feed.timer.unref();
}

async function poll(context: Context, feed: Feed): Promise<void> {
  try {
    context.cache.requireFresh();
    const seq = await currentSequence(context.store);
    const changed = seq !== feed.seq;
    feed.seq = seq;
    for (const watch of [...feed.watches]) await attend(context, feed, watch, seq, changed);
  } catch (thrown) {
    // A node that has lost its store hears of nothing, so readers must ask another one.
    context.log.warn({ reason: thrown instanceof Error ? thrown.message : 'unknown' }, 'status watchers were ended');
    for (const watch of [...feed.watches]) end(feed, watch);
  }
}

async function attend(context: Context, feed: Feed, watch: Watch, seq: number, changed: boolean): Promise<void> {
  if (watch.subject.expiresAt <= seconds(context.clock.now())) return end(feed, watch);
  const due = context.clock.elapsed() - watch.toldAt >= heartbeat;
  // A watch that began since the last poll may have missed a change.
  if (!changed && !due && watch.after >= seq) return;
  const status = await statementAt(context, watch.realm, watch.after > seq ? 0 : watch.after, seq);
  if (due || status.claims.revoked.length > 0) tell(context, feed, watch, status);
}

function tell(context: Context, feed: Feed, watch: Watch, status: SignedStatus): void {
  if (!feed.watches.has(watch)) return;
  watch.after = status.claims.seq;
  watch.toldAt = context.clock.elapsed();
  if (!watch.send(status) || isRevokedBy(status, watch.subject)) end(feed, watch);
}

function isRevokedBy({ claims }: SignedStatus, subject: Subject): boolean {
  const revoked = new Map(claims.revoked.map(({ kind, id, generation }) => [`${kind} ${id}`, generation]));
  return liveWhile(subject).some((ancestor) => {
    const entry = `${ancestor.kind} ${ancestor.id}`;
    if (ancestor.kind !== 'subject') return revoked.has(entry);
    return (revoked.get(entry) ?? -1) >= ancestor.generation;
  });
}

function end(feed: Feed, watch: Watch): void {
  if (feed.watches.delete(watch)) watch.end();
}
