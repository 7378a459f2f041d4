import { z } from 'zod';
import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import type { PasswordTable } from '../store/schema.ts';
import type { Writing } from '../store/write.ts';
import type { CredentialType, PasswordRules } from '../subject/password-config.ts';
import { requireBudgets } from '../subject/throttle/budget.ts';
import { isBlocked } from './blocklist.ts';
import { isExpired } from './credential-session.ts';
import type { Credential } from './identity/credential.ts';
import { requireRules } from './identity/profile.ts';
import { requireUnused } from './password-history.ts';
import { requireAcceptable } from './password-rules.ts';
import { changePassword, forgetHashes, insertPassword, latestHashes } from './passwords.store.ts';

/**
 * Passwords are versions of a credential's secret, and only the newest one counts:
 *
 * 1. An update makes version n + 1 and expires version n, in one transaction. The first to make n + 1 wins; the other
 *    gets `write.conflict`. Expiring the newest version does not bring back the one before.
 * 2. Every change begins a new generation of the credential's subject: its sessions and their tokens die. A session
 *    that made the change continues under a new token.
 * 3. No hash is computed inside a transaction. The transaction checks again what was verified before it.
 */
export const passwordInfoSchema = z.object({
  credentialId: z.string(),
  identityId: z.object({ type: z.literal('corporates'), id: z.string() }),
  version: z.int(),
  state: z.enum(['ACTIVE', 'EXPIRED']),
  /** Epoch milliseconds as text. */
  createdTimestamp: z.string(),
  /** Epoch milliseconds as text; `0` for never. Of a version that a call expired: the time of that call. */
  expiryDate: z.string(),
});

export type PasswordInfo = z.output<typeof passwordInfoSchema>;

/**
 * Checks a password without knowing its owner.
 *
 * @throws {Problem} the codes of `accept`, except those for reuse and for the holder's own words
 */
export async function validatePassword(
  context: Context,
  realm: string,
  profileId: string,
  type: CredentialType,
  password: string,
): Promise<void> {
  const rules = await requireRules(context, realm, profileId, type);
  await requireAcceptable(password, rules, { words: [realm], isBlocked: (digests) => isBlocked(context, digests) });
}

export interface AcceptedPassword {
  readonly rules: PasswordRules;
  readonly hash: string;
}

/**
 * New passwords per hour that a credential may have hashed, over all its sessions. Recovery by mail has the same again,
 * so that a thief of a session cannot block it. Each costs a hash, and one for every password that the profile
 * remembers.
 */
const hashed = {
  session: [{ name: 'new-password', limit: 10, window: 3_600_000 }],
  mail: [{ name: 'recovered-password', limit: 10, window: 3_600_000 }],
} as const;

/**
 * Hashes the password if the credential may have it next. `newest`, and the earlier ones that the profile remembers,
 * are refused.
 */
export async function accept(
  context: Context,
  realm: string,
  credential: Credential,
  newest: PasswordTable | undefined,
  password: string,
  by: keyof typeof hashed = 'session',
): Promise<AcceptedPassword> {
  const { type, code, email, identity } = credential;
  const rules = await requireRules(context, realm, identity.profileId, type);
  await requireAcceptable(password, rules, {
    words: [realm, identity.name, code, ...(email === null ? [] : [email])],
    isBlocked: (digests) => isBlocked(context, digests),
  });
  await requireBudgets(context, realm, hashed[by], credential.id);
  if (newest !== undefined) await requireUnused(context.hasher, password, await remembered(context, newest, rules));
  return { rules, hash: await context.hasher.hash(password) };
}

/** The hashes that may not be used again, always including the present version. */
async function remembered(
  context: Context,
  { realm, credential_id, version }: PasswordTable,
  { historySize }: PasswordRules,
): Promise<readonly string[]> {
  return latestHashes(context.store.db, realm, credential_id, version, Math.max(historySize, 1));
}

/** Makes the version after `previous`. @throws {Problem} `write.conflict` if another call has made it */
export async function writeVersion(
  tx: Writing,
  credential: Credential,
  previous: PasswordTable | undefined,
  { expiryPeriodDays, historySize }: PasswordRules,
  hash: string,
  realm: string,
): Promise<PasswordTable> {
  const version = (previous?.version ?? 0) + 1;
  const row: PasswordTable = {
    realm,
    credential_id: credential.id,
    version,
    hash,
    created_at: tx.now,
    expires_at: expiryPeriodDays === 0 ? null : tx.now + expiryPeriodDays * day,
    expired_at: null,
    compromised_at: null,
  };
  if (!(await insertPassword(tx.db, row))) throw new Problem('write.conflict');
  if (previous?.expired_at === null) await changePassword(tx.db, previous, { expired_at: tx.now });
  await forgetHashes(tx.db, realm, credential.id, version - Math.max(historySize, 1) + 1);
  return row;
}

/** Milliseconds. */
const day = 86_400_000;

export async function record(
  tx: Writing,
  realm: string,
  { credential_id, version }: PasswordTable,
  type: string,
  more: object = {},
): Promise<void> {
  const event = { realm, type, object: `credential:${credential_id}`, after: { version, ...more } };
  await tx.record(event);
}

/** The end of its period, or the time at which a call ended it before. 0 for never. */
function expiryOf({ expires_at, expired_at }: PasswordTable): number {
  const ends = [expires_at, expired_at].filter((end) => end !== null);
  return ends.length === 0 ? 0 : Math.min(...ends);
}

export function toInfo({ identity }: Credential, row: PasswordTable, now: number): PasswordInfo {
  return {
    credentialId: row.credential_id,
    identityId: { type: 'corporates', id: identity.id },
    version: row.version,
    state: isExpired(row, now) ? 'EXPIRED' : 'ACTIVE',
    createdTimestamp: String(row.created_at),
    expiryDate: String(expiryOf(row)),
  };
}
