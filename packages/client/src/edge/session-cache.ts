import type { CredentialSubject } from '@countersign/proof';
import type { OpenedSession } from './realm-sessions.ts';

/** A session that the edge caches for a caller. */
export interface HeldSession {
  readonly token: string;
  /** Milliseconds for which the session lives without use. */
  readonly idle: number;
  readonly openedAt: number;
  /** The time when the realm last accepted it. */
  usedAt: number;
  readonly subjects: Map<string, HeldSubject>;
}

export interface SignedSubject {
  readonly token: string;
  readonly subject: CredentialSubject;
}

/** The signed subject of one session, for one transaction of one end client. */
export interface HeldSubject {
  readonly signed: Promise<SignedSubject>;
  readonly askedAt: number;
  /** Milliseconds after `askedAt` for which it is returned to callers; undefined until the realm has answered. */
  usableFor: number | undefined;
}

/** The table from a caller's key to its session. */
export interface SessionCache {
  find(key: string): HeldSession | undefined;
  keep(key: string, session: HeldSession): void;
  /** Drops only this session: another one may have replaced it. */
  drop(key: string, session: HeldSession): void;
  clear(): void;
}

export interface SessionCacheOptions {
  readonly now: () => number;
  readonly maxSessions: number;
  /** Milliseconds after its opening; use does not extend them. */
  readonly longest: number;
}

/** The largest number of subjects of one session, i.e. of its transactions at the same time. */
const maxSubjects = 8;

/** The cache is bounded: the least recently used session is dropped, and its caller logs in again. */
export function createSessionCache({ now, maxSessions, longest }: SessionCacheOptions): SessionCache {
  const held = new Map<string, HeldSession>();
  return {
    find(key) {
      const session = held.get(key);
      if (session === undefined) return undefined;
      held.delete(key);
      if (!within(now(), session.openedAt, longest) || !within(now(), session.usedAt, session.idle)) return undefined;
      held.set(key, session);
      return session;
    },
    keep(key, session) {
      held.delete(key);
      held.set(key, session);
      const oldest = held.size > maxSessions ? held.keys().next().value : undefined;
      if (oldest !== undefined) held.delete(oldest);
    },
    drop(key, session) {
      if (held.get(key) === session) held.delete(key);
    },
    clear: () => held.clear(),
  };
}

export function heldSession({ token, idle }: OpenedSession, at: number): HeldSession {
  return { token, idle, openedAt: at, usedAt: at, subjects: new Map() };
}

/** Drops expired subjects first, then the oldest. */
export function holdSubject({ subjects }: HeldSession, name: string, subject: HeldSubject, now: number): void {
  subjects.delete(name);
  for (const [other, one] of subjects) if (!isUsable(one, now)) subjects.delete(other);
  const oldest = subjects.size < maxSubjects ? undefined : subjects.keys().next().value;
  if (oldest !== undefined) subjects.delete(oldest);
  subjects.set(name, subject);
}

/** A subject that is still requested counts as usable: callers wait for it. */
export function isUsable({ askedAt, usableFor }: HeldSubject, now: number): boolean {
  return usableFor === undefined || within(now, askedAt, usableFor);
}

/** A moment in the future, from before the clock was set back, counts as long ago. */
function within(now: number, moment: number, span: number): boolean {
  const passed = now - moment;
  return passed >= 0 && passed < span;
}
