/**
 * Finds the signed subject of a session for a caller from outside:
 *
 * 1. A cached session answers with its cached subject, if the status feed is at most ten seconds old and has not revoked it.
 *    Otherwise the realm is asked for a new subject: an ended session gets none.
 * 2. If no session is cached, or it has ended, a new one is opened. All callers that wait for it share one login. There is no
 *    login if the same one was refused a moment ago, or its end client has tried too often.
 * 3. After a long silence of the feed all cached sessions are dropped.
 */
import { type CredentialSubject, ProofError } from '@countersign/proof';
import { MessageProblem, type MessageProblemCode, orUnavailable, problem } from '../message/message-problem.ts';
import { refuseRevoked } from '../status/liveness.ts';
import type { Trust } from '../trust.ts';
import type { EndClient } from './end-client.ts';
import type { OpenedSession, RealmSessions } from './realm-sessions.ts';
import type { Refusals } from './refusals.ts';
import {
  type HeldSession,
  type HeldSubject,
  heldSession,
  holdSubject,
  isUsable,
  type SessionCache,
  type SignedSubject,
} from './session-cache.ts';
import type { Throttle } from './throttle.ts';
import './login-refusal.ts';

export interface AdmissionOptions {
  readonly trust: Trust;
  readonly realm: RealmSessions;
  readonly cache: SessionCache;
  readonly refusals: Refusals;
  readonly throttle: Throttle;
  /** The audience of the signed subjects. */
  readonly audience: string;
}

/** The purpose of a requested subject. */
export interface Wish {
  readonly client: EndClient;
  readonly callRef: string | undefined;
  /** Requests of one session with the same name share a subject. */
  readonly name: string;
}

export interface Opening {
  /** Callers with the same key wait for the same login. */
  readonly key: string;
  readonly open: () => Promise<OpenedSession>;
}

export interface Admission {
  /** @throws {MessageProblem} `session.unknown` if there is no session and no way to open one */
  admit(key: string, wish: Wish, opening?: Opening): Promise<SignedSubject>;
  /** Opens a new session in any case; it replaces a cached one. */
  openAs(key: string, wish: Wish, opening: Opening): Promise<SignedSubject>;
}

/** The least remaining life of a returned subject, in milliseconds: the chain of services needs this time. */
const margin = 15_000;
/** Milliseconds without the feed. The realm remembers the end of a session for twice as long. */
const longSilence = 300_000;

/** Refusals that will be the same a second later. */
const remembered: ReadonlySet<string> = new Set<MessageProblemCode>([
  'login.failed',
  'login.malformed',
  'login.expired_password',
  'login.second_factor',
  'login.factor_enrolment',
  'session.invalid',
  'session.restricted',
]);

/** Refusals that mean that a session is no longer usable. */
const ended: ReadonlySet<string> = new Set<MessageProblemCode>([
  'session.ended',
  'session.invalid',
  'token.subject_revoked',
  'token.revoked',
]);

export function createAdmission({ trust, realm, cache, refusals, throttle, audience }: AdmissionOptions): Admission {
  const { status, subjects, now } = trust;
  const flights = new Map<string, Promise<HeldSession>>();
  let silentSince: number | undefined;

  /** Whether cached subjects may be used. Step 3. */
  async function hears(): Promise<boolean> {
    const isHeard = await Promise.resolve(status?.ready()).then(
      () => true,
      () => false,
    );
    if (silentSince !== undefined && now() - silentSince > longSilence) cache.clear();
    silentSince = isHeard ? undefined : (silentSince ?? now());
    return isHeard;
  }

  async function obtain({ token }: HeldSession, { callRef, client }: Wish) {
    const request = { audience, callRef, address: client.address };
    const { token: signed, expiresIn } = await realm.signSubject(token, request);
    try {
      const subject = await orUnavailable('keys.unavailable', () => subjects.verify(signed));
      return { token: signed, subject: subject as CredentialSubject, expiresIn };
    } catch (cause) {
      // A token from the realm that does not verify is not a fault of the caller.
      throw cause instanceof ProofError ? problem('login.unavailable', { cause }) : cause;
    }
  }

  function ask(session: HeldSession, wish: Wish): Promise<SignedSubject> {
    const askedAt = now();
    const signed = obtain(session, wish);
    const held: HeldSubject & { usableFor: number | undefined } = { signed, askedAt, usableFor: undefined };
    holdSubject(session, wish.name, held, askedAt);
    signed.then(
      ({ expiresIn }) => {
        held.usableFor = expiresIn - margin;
        session.usedAt = askedAt;
      },
      () => {
        held.usableFor = 0;
      },
    );
    return signed;
  }

  /** Step 1. */
  async function subjectOf(session: HeldSession, wish: Wish, isHeard: boolean): Promise<SignedSubject> {
    const held = session.subjects.get(wish.name);
    const isGood = held !== undefined && isUsable(held, now()) && (isHeard || held.usableFor === undefined);
    const signed = await (isGood ? held.signed : ask(session, wish));
    refuseRevoked(status, signed.subject);
    return signed;
  }

  async function open(wish: Wish, opening: Opening): Promise<HeldSession> {
    const askedAt = now();
    const session = heldSession(await opening.open(), askedAt);
    await subjectOf(session, wish, true);
    return session;
  }

  /** Step 2. There must be no await between the look-up of a login under way and its start. */
  function opened(keepAs: string, wish: Wish, opening: Opening): Promise<HeldSession> {
    const { key } = opening;
    const flight = flights.get(key);
    if (flight !== undefined) return flight;
    const refused = refusals.find(key);
    if (refused !== undefined) throw problem(refused);
    const end = throttle.begin(wish.client.network);
    const own = open(wish, opening)
      .then(
        (session) => {
          cache.keep(keepAs, session);
          end(false);
          return session;
        },
        (error: unknown) => {
          const code = codeOf(error);
          const isRefusal = code !== undefined && remembered.has(code);
          if (isRefusal) refusals.remember(key, code);
          end(isRefusal);
          throw error;
        },
      )
      .finally(() => flights.delete(key));
    flights.set(key, own);
    return own;
  }

  async function openAs(key: string, wish: Wish, opening: Opening): Promise<SignedSubject> {
    const session = await opened(key, wish, opening);
    return subjectOf(session, wish, true);
  }

  return {
    openAs,
    async admit(key, wish, opening) {
      const isHeard = await hears();
      const session = cache.find(key);
      try {
        if (session !== undefined) return await subjectOf(session, wish, isHeard);
      } catch (error) {
        if (!ended.has(codeOf(error) ?? '')) throw error;
        if (session !== undefined) cache.drop(key, session);
        if (opening === undefined) throw error;
      }
      if (opening === undefined) throw problem('session.unknown');
      return openAs(key, wish, opening);
    },
  };
}

function codeOf(error: unknown): MessageProblemCode | undefined {
  return error instanceof MessageProblem ? (error.code as MessageProblemCode) : undefined;
}
