import type { Context } from '../context.ts';
import { isoDate, latestPast } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import type { Source } from '../kernel/source.ts';
import type { SessionTable } from '../store/schema.ts';
import type { Writing } from '../store/write.ts';
import { type Realm, requireRealm } from './realm.ts';
import {
  deleteSessionsEndedBefore,
  deleteSessionsOf,
  endSessionRow,
  findSession,
  findSessionByToken,
  findStanding,
  insertSession,
  listOpenSessions,
  listSessionsOf,
  touchSession,
} from './session.store.ts';
import { type CredentialSubject, lookUpSubjectState, presentSubjectState } from './subject.ts';
import { revokeSession } from './tokens/revocation.ts';

/**
 * Sessions: opened at login, ended by logout, by force, or by time; "independent of the secret type used to create it".
 *
 * 1. An opaque token of 256 random bits represents a session. Only its digest is stored.
 * 2. A session lives while it has not been ended, its subject is live in the generation in which it was opened, its
 *    last use is within the idle limit, and its absolute limit, which no use extends, has not come. A change that ends
 *    all sessions of a subject (a new password, a disabled credential) begins a new generation and touches no session.
 * 3. A check is one cached or one indexed read; before a token is made from the session, always one read of the
 *    database. Use is written at most every half minute, so with several nodes a session may idle out up to that much
 *    early. Within one process it is exact to the millisecond.
 * 4. A restricted session may do one thing, once.
 */
export interface Session {
  readonly id: string;
  readonly realm: string;
  readonly subject: CredentialSubject;
  readonly acr: Acr;
  /** Milliseconds: when the holder last proved itself. */
  readonly authTime: number;
  readonly createdAt: number;
  /** When the session began, or the earlier session that it continues. */
  readonly beganAt: number;
  /** Milliseconds: the absolute limit, as set when the session was opened. */
  readonly endsAt: number;
  readonly restriction: Restriction | undefined;
}

/** The one thing that a restricted session may do. */
export type Restriction =
  | { readonly to: 'update-password'; readonly version: number }
  | { readonly to: 'second-factor' }
  | { readonly to: 'enrol-factor' };

/** Authentication assurance levels of NIST SP 800-63B-4: one factor, two factors. */
export type Acr = 'aal1' | 'aal2';

export interface OpenedSession {
  readonly token: string;
  readonly session: Session;
}

/** The first letters of a session token, so that a finder can tell what it is. */
const sessionTokenPrefix = 'css_';
const tokenShape = /^css_[A-Za-z0-9_-]{43}$/;

/** Milliseconds. */
const touchPause = 30_000;
const restrictedLife = 5 * 60_000;
/** Milliseconds that ended sessions are kept, to be able to tell why they ended. */
const kept = 24 * 3_600_000;

/** An entry of the cache. `seenAt` is at most half a minute newer than the written value. */
interface Known {
  readonly row: SessionTable;
  readonly session: Session;
  seenAt: number;
  writtenAt: number;
}

export interface SessionTerms {
  readonly acr: Acr;
  /** When the holder proved itself, in milliseconds. Default: now. */
  readonly authTime?: number;
  readonly restriction?: Restriction;
  /** Where the session comes from, for the list of sessions that its holder sees. */
  readonly source?: Source;
  readonly agent?: string;
  /** The session that continues under a new token. Its absolute limit stays. */
  readonly goesOn?: Pick<Session, 'beganAt' | 'endsAt'>;
}

/**
 * What a session under the next token gets of this one: its absolute limit. The five minutes of a restricted session
 * are its own, but the limit of the session before it stays.
 */
export function continuedBy({ beganAt, endsAt, restriction }: Session): NonNullable<SessionTerms['goesOn']> {
  return { beganAt, endsAt: restriction === undefined ? endsAt : Number.MAX_SAFE_INTEGER };
}

/** Opens a session. Its token is shown only now. The caller records the event. */
export async function openSession(
  context: Context,
  tx: Writing,
  realm: Realm,
  subject: CredentialSubject,
  terms: SessionTerms,
): Promise<OpenedSession> {
  const token = sessionTokenPrefix + context.random.token(32);
  const { restriction } = terms;
  const limit = restriction === undefined ? realm.settings.sessionMaxSeconds * 1000 : restrictedLife;
  const { generation, amr, ...identified } = subject;
  const row: SessionTable = {
    realm: realm.name,
    id: context.random.uuid(),
    token_digest: digestOf(context, token),
    subject_id: subject.id,
    generation,
    subject: JSON.stringify(identified),
    amr: amr.join(' '),
    acr: terms.acr,
    auth_time: terms.authTime ?? tx.now,
    source: terms.source?.address ?? null,
    agent: terms.agent ?? null,
    created_at: tx.now,
    seen_at: tx.now,
    ends_at: Math.min(terms.goesOn?.endsAt ?? Number.MAX_SAFE_INTEGER, tx.now + limit),
    began_at: terms.goesOn?.beganAt ?? null,
    ended_at: null,
    ended_by: null,
    restriction: restriction === undefined ? null : JSON.stringify(restriction),
  };
  await insertSession(tx.db, row);
  return { token, session: toSession(row) };
}

export function isSessionToken(presented: string): boolean {
  return presented.startsWith(sessionTokenPrefix);
}

/**
 * The living session of a token. Using it restarts the idle limit. The caller must check its restriction.
 *
 * @throws {Problem} `session.invalid`, with the reason for the log only
 */
export async function authenticateSession(context: Context, token: string): Promise<Session> {
  if (!tokenShape.test(token)) throw refused('no session token');
  const known = await lookUpSession(context, digestOf(context, token));
  const session = known === undefined ? undefined : await aliveSession(context, known);
  if (session === undefined) throw refused('unknown, ended, or idle for too long');
  return session;
}

/**
 * Checks a session in the database, past the cache: before anything is made from it, and in the transaction of a change
 * that its holder began earlier. So after a session's end was answered on any node, no node makes anything more from it.
 *
 * @throws {Problem} `session.invalid`
 */
export async function requireStanding(db: Context['store']['db'], { realm, id }: Session): Promise<void> {
  const row = await findStanding(db, realm, id);
  const isLive = row?.ended_at === null && row.suspended_at === null && row.subject_ended_at === null;
  if (!isLive || row.present !== row.generation) throw refused('ended a moment ago');
}

/** True if the session of a derived token is still alive. */
export async function isSessionAlive(context: Context, realm: string, id: string): Promise<boolean> {
  const row = await findSession(context.store.db, realm, id);
  return row !== undefined && (await isAlive(context, toKnown(row)));
}

/**
 * Ends a session here at once, and everywhere else within two seconds. False if it had ended already. The caller
 * records the event.
 */
export async function endSession(
  tx: Writing,
  realm: string,
  id: string,
  by: NonNullable<SessionTable['ended_by']>,
): Promise<boolean> {
  const row = await findSession(tx.db, realm, id);
  if (row === undefined || !(await endSessionRow(tx.db, realm, id, tx.now, by))) return false;
  await revokeSession(tx, realm, id);
  tx.changed('session', row.token_digest);
  return true;
}

/** Each login opens a session, so the holder of a password can open any number. */
const mostListed = 1_000;

/** The newest open sessions of a subject, newest first, without restricted ones. */
export async function openSessionsOf(
  context: Context,
  realm: Realm,
  subjectId: string,
): Promise<readonly SessionTable[]> {
  const state = await lookUpSubjectState(context, realm.name, subjectId);
  if (state === undefined || !state.live) return [];
  const now = context.clock.now();
  const seenAfter = now - realm.settings.sessionIdleSeconds * 1000 - touchPause;
  const asked = { now, seenAfter, limit: mostListed };
  const rows = await listOpenSessions(context.store.db, realm.name, subjectId, state.generation, asked);
  return rows.filter((row) => now < absoluteEnd(realm, row));
}

export async function findSessionRow(context: Context, realm: string, id: string): Promise<SessionTable | undefined> {
  return findSession(context.store.db, realm, id);
}

/** Deletes the sessions of a subject that has ended. */
export async function removeSessionsOf(tx: Writing, realm: string, subjectId: string): Promise<void> {
  await deleteSessionsOf(tx.db, realm, subjectId);
}

/** What is kept of a subject's newest sessions: never a token, never its digest. */
export async function sessionsHeldOf(context: Context, realm: string, subjectId: string, limit: number) {
  const rows = await listSessionsOf(context.store.db, realm, subjectId, limit);
  return rows.map((row) => ({
    id: row.id,
    amr: row.amr.split(' '),
    acr: row.acr,
    source: row.source,
    userAgent: row.agent,
    createdAt: isoDate(row.created_at),
    seenAt: isoDate(row.seen_at),
    endedAt: row.ended_at === null ? null : isoDate(row.ended_at),
  }));
}

export async function forgetOldSessions(context: Context): Promise<void> {
  await deleteSessionsEndedBefore(context.store.db, context.clock.now() - kept);
}

function lookUpSession(context: Context, digest: string): Promise<Known | undefined> {
  return context.cache.get('session', digest, () => readSession(context, digest));
}

async function readSession(context: Context, digest: string): Promise<Known | undefined> {
  const row = await findSessionByToken(context.store.db, digest);
  return row === undefined ? undefined : toKnown(row);
}

function toKnown(row: SessionTable): Known {
  return { row, session: toSession(row), seenAt: row.seen_at, writtenAt: row.seen_at };
}

async function aliveSession(context: Context, known: Known): Promise<Session | undefined> {
  if (!(await isAlive(context, known))) {
    // Another node may have seen the session in use, so only the database decides that it idled out.
    const fresh = await readSession(context, known.row.token_digest);
    if (fresh === undefined || fresh.seenAt <= known.seenAt || !(await isAlive(context, fresh))) return undefined;
    known.seenAt = fresh.seenAt;
    known.writtenAt = fresh.writtenAt;
  }
  const now = context.clock.now();
  known.seenAt = Math.max(known.seenAt, now);
  if (now - known.writtenAt >= touchPause) {
    // Set before the write, so that a burst of requests makes one write.
    known.writtenAt = now;
    await touchSession(context.store.db, known.row.realm, known.row.id, now);
  }
  return known.session;
}

async function isAlive(context: Context, { row, seenAt }: Known): Promise<boolean> {
  const now = context.clock.now();
  const realm = await requireRealm(context, row.realm);
  if (row.ended_at !== null || now >= absoluteEnd(realm, row)) return false;
  // Times from a clock that was ahead would extend the limits, and let the login count as recent for hours.
  if (Math.max(row.created_at, row.auth_time, seenAt) > latestPast(now)) return false;
  const state = await presentSubjectState(context, row.realm, { id: row.subject_id, generation: row.generation });
  if (state === undefined || !state.live || state.generation !== row.generation) return false;
  return now - seenAt < realm.settings.sessionIdleSeconds * 1000;
}

/** A limit that was lowered since then also holds for open sessions. A raised limit does not. */
export function absoluteEnd({ settings }: Realm, row: SessionTable): number {
  if (row.restriction !== null) return row.ends_at;
  return Math.min(row.ends_at, (row.began_at ?? row.created_at) + settings.sessionMaxSeconds * 1000);
}

/** When a session that was used just now ends if it is not used again. Nothing made from it lives longer. */
export function sessionEnd({ clock }: Context, { settings }: Realm, { beganAt, endsAt }: Session): number {
  const limits = [
    clock.now() + settings.sessionIdleSeconds * 1000,
    beganAt + settings.sessionMaxSeconds * 1000,
    endsAt,
  ];
  return Math.min(...limits);
}

function toSession(row: SessionTable): Session {
  const identified = JSON.parse(row.subject) as Omit<CredentialSubject, 'generation' | 'amr'>;
  return {
    id: row.id,
    realm: row.realm,
    subject: { ...identified, generation: row.generation, amr: row.amr.split(' ') },
    acr: row.acr as Acr,
    authTime: row.auth_time,
    createdAt: row.created_at,
    beganAt: row.began_at ?? row.created_at,
    endsAt: row.ends_at,
    restriction: row.restriction === null ? undefined : (JSON.parse(row.restriction) as Restriction),
  };
}

function digestOf(context: Context, token: string): string {
  return context.vault.digest('session', token);
}

/** The reason is for the log only. */
function refused(reason: string): Problem {
  return new Problem('session.invalid', { reason });
}
