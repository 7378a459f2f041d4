/**
 * Follows the status feed of a realm, which lists everything that was revoked before its time.
 *
 * 1. After the first use, the feed is polled every few seconds for new entries; or it pushes them, and is polled only when it
 *    falls silent.
 * 2. The age of a statement counts from its signature. So a replayed or delayed statement does not make the state fresher.
 * 3. When the newest statement is older than the policy allows, tokens are refused (`closed`) or judged by the last known state
 *    (`open`).
 */
import { type Ancestor, type CryptoPort, ProofError } from '@countersign/proof';
import { checkRealm } from '../discovery.ts';
import { ClientError } from '../error.ts';
import { fetchBytes, type Transport } from '../fetch-json.ts';
import type { KeyPurpose } from '../message/key-purpose.ts';
import type { TokenSource } from '../token/token.ts';
import { statusEvents } from './status-events.ts';
import { createStatusState } from './status-state.ts';
import { maxStatement, openStatement } from './status-statement.ts';

/** How the status feed of a realm is followed. */
export interface StatusPolicy {
  /** When the newest statement is older than this, `onStale` decides. Default 60. */
  readonly maxStalenessSeconds?: number;
  /** `closed`: every token is refused. `open`: a token passes if it was good in the last known state. Default `closed`. */
  readonly onStale?: 'closed' | 'open';
  /** Seconds between two polls. Default 3. */
  readonly pollSeconds?: number;
  /** Let the feed push over one open connection, within a second of each change. Default false. */
  readonly events?: boolean;
}

export interface StatusFollowerOptions extends Transport, StatusPolicy {
  readonly issuer: string;
  readonly token: TokenSource;
  readonly keys: KeyPurpose;
  readonly crypto: CryptoPort;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** From 0 to 1; spreads the polls of many processes. */
  readonly random: () => number;
  /** Called when a subject or a key is newly revoked: its registry entry has changed too. */
  readonly onRevoked?: () => void;
}

/** The ids of a token and of everything that it depends on. */
export interface TokenState {
  readonly id: string;
  readonly generation: number;
  readonly jti: string | undefined;
  /** Only for a token that was made from a session. */
  readonly sessionId?: string;
  /** Only for a wallet's token: the capabilities of its chain. */
  readonly capabilities?: readonly string[];
  /** The services that passed it on. */
  readonly actors?: readonly Pick<TokenState, 'id' | 'generation'>[];
  /** Everything else that it was made from. */
  readonly ancestors?: readonly Ancestor[];
}

/**
 * What was revoked: the subject, a service that passed the token on, something that the token was made from, or this one token.
 */
export type TokenFate = 'subject' | 'actor' | 'session' | 'capability' | 'token' | 'ancestor';

export interface StatusFollower {
  /**
   * Returns at once while the state is fresh.
   *
   * @throws {ClientError} `status.stale` if it is not and the policy is `closed`
   */
  ready(): void | Promise<void>;
  /** The reason why a token is dead; undefined for a live one. */
  fate(token: TokenState): TokenFate | undefined;
  /** Whether the key with this thumbprint was retired as compromised. */
  isKeyRevoked(thumbprint: string): boolean;
  /** Stops following. The state then grows stale. */
  close(): void;
}

/** Seconds by which the clocks may differ. */
const clockTolerance = 5;
/** Milliseconds. */
const retryPause = 1_000;
const silence = 12_000;
const reconnectPause = 10_000;

export function createStatusFollower(options: StatusFollowerOptions): StatusFollower {
  const { issuer, token, keys, crypto, now, random, maxStalenessSeconds = 60, onStale = 'closed' } = options;
  checkRealm(issuer);
  const url = `${issuer.replace(/\/$/, '')}/status`;
  const state = createStatusState();
  const closing = new AbortController();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  let confirmedAt = Number.NEGATIVE_INFINITY;
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let flight: Promise<void> | undefined;
  let isFollowing = false;

  function isWithin(moment: number, span: number): boolean {
    const passed = now() - moment;
    return passed > -clockTolerance * 1000 && passed < span;
  }

  function isFresh(): boolean {
    return isWithin(confirmedAt, maxStalenessSeconds * 1000);
  }

  async function open(jwt: string) {
    const expected = {
      issuer,
      jwks: keys.keys,
      crypto,
      now: now() / 1000,
      clockTolerance,
      signedBy: keys.signedBy,
    };
    try {
      return await openStatement(jwt, expected);
    } catch (error) {
      const isUnknownKey = error instanceof ProofError && /^jws\.k(id_unknown|ey_missing)$/.test(error.code);
      if (!isUnknownKey || !(await keys.keys.refresh())) throw error;
      return openStatement(jwt, expected);
    }
  }

  /** Returns true if everything must be asked for again. */
  async function take(jwt: string, asked?: number): Promise<boolean> {
    const statement = await open(jwt);
    if (asked !== undefined && statement.after !== asked && statement.after !== 0) return true;
    const result = state.take(statement, now() / 1000);
    if (result === 'gap') return true;
    // If the realm's clock is ahead, the state must not count as fresh for longer.
    confirmedAt = Math.min(statement.iat * 1000, now());
    if (result === 'new') options.onRevoked?.();
    return false;
  }

  async function ask(after: number): Promise<void> {
    const bearer = await token.token();
    const headers = { accept: 'application/status+jwt', authorization: `Bearer ${bearer}` };
    const { status, bytes } = await fetchBytes(`${url}?after=${after}`, { headers, maxBytes: maxStatement }, options);
    if (status === 401) token.discard?.(bearer);
    if (status !== 200) throw new ClientError('status.unavailable', `The status feed answers ${status}.`);
    const isGap = await take(new TextDecoder().decode(bytes), after);
    if (isGap && after === 0) throw new ClientError('status.malformed', 'The status feed does not begin at 0.');
    if (isGap) await ask(0);
  }

  function poll(): Promise<void> {
    attemptedAt = now();
    flight ??= ask(state.seq()).finally(() => {
      flight = undefined;
    });
    return flight;
  }

  function follow(): void {
    if (isFollowing) return;
    isFollowing = true;
    if (options.events === true) listenAgain(0);
    pollAgain();
  }

  function later(milliseconds: number, act: () => void): void {
    if (closing.signal.aborted) return;
    const timer = setTimeout(() => {
      timers.delete(timer);
      act();
    }, milliseconds);
    timers.add(timer);
    // A process with nothing else to do may end. In browsers a timer is a number.
    if (typeof timer === 'object') timer.unref();
  }

  function pollAgain(): void {
    const pause = (options.pollSeconds ?? 3) * 1000 * (0.9 + random() / 5);
    later(pause, () => {
      const isPushed = options.events === true && isWithin(confirmedAt, silence);
      // The error is dropped: callers learn of a silent feed from `ready`.
      (isPushed ? Promise.resolve() : poll()).catch(() => {}).finally(pollAgain);
    });
  }

  function listenAgain(pause: number): void {
    later(pause, () => {
      listen()
        .catch(() => {})
        .finally(() => listenAgain(reconnectPause));
    });
  }

  async function listen(): Promise<void> {
    const { fetch = globalThis.fetch } = options;
    const headers = { accept: 'text/event-stream', authorization: `Bearer ${await token.token()}` };
    const init = { headers, redirect: 'error', credentials: 'omit', signal: closing.signal } as const;
    const response = await fetch(`${url}/events`, init);
    if (response.status !== 200 || response.body === null) return;
    for await (const jwt of statusEvents(response.body)) {
      // A statement that does not verify is ignored.
      if (await take(jwt).catch(() => false)) await ask(0);
    }
  }

  async function catchUp(): Promise<void> {
    if (flight !== undefined || !isWithin(attemptedAt, retryPause)) await poll().catch(() => {});
    if (!isFresh() && onStale === 'closed') {
      throw new ClientError('status.stale', 'The status feed has not been heard of for too long.');
    }
  }

  function isDead({ id, generation }: Pick<TokenState, 'id' | 'generation'>): boolean {
    const dead = state.subject(id);
    return dead !== undefined && generation <= dead;
  }

  function isGone(ancestor: Ancestor): boolean {
    return ancestor.kind === 'subject' ? isDead(ancestor) : state.has(ancestor.kind, ancestor.id);
  }

  return {
    ready() {
      follow();
      return isFresh() ? undefined : catchUp();
    },
    fate({ jti, sessionId, capabilities = [], actors = [], ancestors = [], ...subject }) {
      if (isDead(subject)) return 'subject';
      if (actors.some(isDead)) return 'actor';
      if (sessionId !== undefined && state.has('session', sessionId)) return 'session';
      if (capabilities.some((id) => state.has('capability', id))) return 'capability';
      if (jti !== undefined && state.has('token', jti)) return 'token';
      return ancestors.some(isGone) ? 'ancestor' : undefined;
    },
    isKeyRevoked: (thumbprint) => state.has('key', thumbprint),
    close() {
      closing.abort();
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
