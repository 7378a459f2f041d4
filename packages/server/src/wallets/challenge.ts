import type { Context } from '../context.ts';
import type { Realm } from '../subject/realm.ts';

/**
 * Our own nonce, valid for five minutes. It is not stored: it contains its time, under a MAC that only this server can
 * make.
 */
export interface Challenge {
  readonly nonce: string;
  readonly audience: string;
  /** Milliseconds. */
  readonly expires: number;
}

const life = 300_000;
/** Milliseconds by which the clocks of two nodes may differ. */
const tolerance = 30_000;
const shape = /^([0-9a-z]{8,9})\.[A-Za-z0-9_-]{22}$/;
/** Purpose of the MAC and of the one-time use. A used challenge is used for every purpose. */
export const challengePurpose = 'wallet-challenge';

export function issueChallenge({ clock, random, vault }: Context, { issuer }: Realm): Challenge {
  const made = clock.now();
  const payload = `${made.toString(36)}.${random.token(16)}`;
  return {
    nonce: `${payload}.${vault.digest(challengePurpose, bound(issuer, payload))}`,
    audience: issuer,
    expires: made + life,
  };
}

/** Milliseconds at which the nonce ends. Undefined if it is not ours for this realm, or too old. */
export function challengeEnd({ clock, vault }: Context, { issuer }: Realm, nonce: string): number | undefined {
  const end = nonce.lastIndexOf('.');
  const payload = nonce.slice(0, Math.max(0, end));
  const made = Number.parseInt(shape.exec(payload)?.[1] ?? '', 36);
  const now = clock.now();
  if (!(made <= now + tolerance && now < made + life)) return undefined;
  return vault.matches(challengePurpose, bound(issuer, payload), nonce.slice(end + 1))
    ? made + life + tolerance
    : undefined;
}

function bound(issuer: string, payload: string): string {
  return `${issuer}\0${payload}`;
}
