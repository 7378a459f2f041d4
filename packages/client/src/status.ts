/**
 * Follows the status feed of a realm: what was revoked before its time.
 *
 * 1. From the first question on, the feed is asked every few seconds for what is new; or it pushes, and is asked only when it
 *    falls silent.
 * 2. A statement counts from the moment it was signed. One that is replayed, withheld or held back makes what we know no fresher.
 * 3. Once the newest statement is older than the policy allows, the answer is no (`closed`) or as good as we know (`open`).
 */
import { type Ancestor, type CryptoPort, ProofError } from '@countersign/proof';
import { checkRealm } from './discovery.ts';
import { ClientError } from './error.ts';
import { fetchBytes, type Transport } from './fetch-json.ts';
import type { KeyPurpose } from './key-purpose.ts';
import { statusEvents } from './status-events.ts';
import { createStatusState } from './status-state.ts';
import { openStatement } from './status-statement.ts';
import type { TokenSource } from './token.ts';

export interface StatusPolicy {
  /** Age of the newest statement beyond which the policy decides. Default 60. */
  readonly maxStalenessSeconds?: number;
  /** `closed`: nobody passes whose state is not known. `open`: whoever was good when we last knew. Default `closed`. */
  readonly onStale?: 'closed' | 'open';
  /** Between two questions. Default 3. */
  readonly pollSeconds?: number;
  /** Let the feed push over one open connection, which tells within a second. Default false. */
  readonly events?: boolean;
}

export interface StatusFollowerOptions extends Transport, StatusPolicy {
  readonly issuer: string;
  readonly token: TokenSource;
  readonly keys: KeyPurpose;
  readonly crypto: CryptoPort;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** From 0 to 1; spreads the questions of many processes. */
  readonly random: () => number;
  /** A subject or a key was revoked that was not known to be: the registry says something else of it now. */
  readonly onRevoked?: () => void;
}

/** What is said of a token. */
export interface TokenState {
  readonly id: string;
  readonly generation: number;
  readonly jti: string | undefined;
  /** Of a token that was made from a session. */
  readonly sessionId?: string;
  /** What a wallet's token hangs on. */
  readonly capabilities?: readonly string[];
  /** Who passed it on. */
  readonly actors?: readonly Pick<TokenState, 'id' | 'generation'>[];
  /** What else it was made from. */
  readonly ancestors?: readonly Ancestor[];
}

/** What was revoked: everything of the subject, or of a service that passed the token on, what it was made from, or this one token. */
export type TokenFate = 'subject' | 'actor' | 'session' | 'capability' | 'token' | 'ancestor';

export interface StatusFollower {
  /** Nothing, at once, while what is known is fresh. Throws {ClientError} `status.stale` where the policy is `closed`. */
  ready(): void | Promise<void>;
  /** Why a token is dead; undefined for a live one. */
  fate(token: TokenState): TokenFate | undefined;
  /** Whether a key, by its thumbprint, was given up as compromised. */
  isKeyRevoked(thumbprint: string): boolean;
  /** Stops following. What is known grows stale. */
  close(): void;
}

const maxBytes = 16_777_216;
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

  /** True where everything has to be asked for anew. */
  async function take(jwt: string, asked?: number): Promise<boolean> {
    const statement = await open(jwt);
    if (asked !== undefined && statement.after !== asked && statement.after !== 0) return true;
    const result = state.take(statement, now() / 1000);
    if (result === 'gap') return true;
    // A clock of the realm that is ahead must not make us believe for longer.
    confirmedAt = Math.min(statement.iat * 1000, now());
    if (result === 'new') options.onRevoked?.();
    return false;
  }

  async function ask(after: number): Promise<void> {
    const bearer = await token.token();
    const headers = { accept: 'application/status+jwt', authorization: `Bearer ${bearer}` };
    const { status, bytes } = await fetchBytes(`${url}?after=${after}`, { headers, maxBytes }, options);
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
      // Whoever asks while the feed is silent gets to know it; here is nobody to tell.
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
      // A bad one is as good as silence.
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
