import type { Context } from '../../context.ts';
import { isoDate, latestPast } from '../../kernel/clock.ts';
import type { MailAddress } from '../../kernel/mail-address.ts';
import { addressKey } from '../../kernel/mail-address.ts';
import type { Writing } from '../../store/write.ts';
import {
  countCodesOf,
  deleteCodesOf,
  deleteExpiredCodes,
  findCode,
  holdCode,
  insertCode,
  listCodesOf,
  takeCode,
} from './one-time-code.store.ts';

/** Secrets for one use: 256 random bits, of which only a digest is stored. */
export type CodePurpose = keyof typeof purposes;

interface Kind {
  /** The first letters of a code, so that a finder can tell what it is. */
  readonly prefix: string;
  /** True if a newer code ends the older ones. False where a stranger can request a code. */
  readonly replaces: boolean;
}

const purposes = {
  'password-invite': { prefix: 'csi_', replaces: true },
  'lost-password': { prefix: 'csl_', replaces: false },
  'password-reset': { prefix: 'csr_', replaces: true },
  'verify-email': { prefix: 'cse_', replaces: true },
  'wallet-invitation': { prefix: 'csw_', replaces: true },
  'wallet-address': { prefix: 'csa_', replaces: false },
  'wallet-recovery-start': { prefix: 'csb_', replaces: false },
  'wallet-recovery': { prefix: 'csr_', replaces: true },
} as const satisfies Record<string, Kind>;
/** Of a row that is no code, and gone before anybody sees it. */
const turn = 'turn';
const shape = /^[a-z]{3}_[A-Za-z0-9_-]{43}$/;

export interface OneTimeCode {
  readonly code: string;
  /** Milliseconds. */
  readonly until: number;
}

/**
 * Makes other transactions that issue or revoke codes of this owner wait until this one ends. So what is read of the
 * owner afterwards, such as the mail address, stays true until the code is written. The owner need not exist.
 */
export async function takeTurn(tx: Writing, realm: string, owner: string): Promise<void> {
  await holdCode(tx.db, {
    realm,
    purpose: turn,
    digest: owner,
    owner,
    created_at: tx.now,
    expires_at: tx.now,
    proves: null,
  });
}

/**
 * Makes a code that is shown or sent once. The caller holds a lock against a second one for the same owner, and records
 * the event. `mailedTo` is the address that its user has then proved to read.
 */
export async function issueOneTimeCode(
  context: Context,
  tx: Writing,
  realm: string,
  purpose: CodePurpose,
  owner: string,
  life: number,
  mailedTo?: MailAddress,
): Promise<OneTimeCode> {
  const { prefix, replaces } = purposes[purpose];
  const code = prefix + context.random.token(32);
  const digest = context.vault.digest(purpose, code);
  const until = tx.now + life;
  if (replaces) await deleteCodesOf(tx.db, realm, [purpose], owner);
  const proves = mailedTo === undefined ? null : addressKey(mailedTo);
  await insertCode(tx.db, { realm, purpose, digest, owner, created_at: tx.now, expires_at: until, proves });
  return { code, until };
}

/** The number of the owner's codes that can still be used. */
export async function countLiveCodes(
  { store, clock }: { readonly store: Pick<Context['store'], 'db'>; readonly clock: Context['clock'] },
  realm: string,
  purpose: CodePurpose,
  owner: string,
): Promise<number> {
  return countCodesOf(store.db, realm, purpose, owner, clock.now());
}

export function isOneTimeCode(purpose: CodePurpose, presented: string): boolean {
  return presented.startsWith(purposes[purpose].prefix) && shape.test(presented);
}

/** The owner of the code. Undefined if the code is unknown, used, replaced or expired. Does not use the code up. */
export async function ownerOfOneTimeCode(
  context: Context,
  realm: string,
  purpose: CodePurpose,
  presented: string,
): Promise<string | undefined> {
  if (!isOneTimeCode(purpose, presented)) return undefined;
  const row = await findCode(context.store.db, realm, purpose, context.vault.digest(purpose, presented));
  const now = context.clock.now();
  const isGood = row !== undefined && row.expires_at > now && row.created_at <= latestPast(now);
  return isGood ? row.owner : undefined;
}

export interface UsedCode {
  /** The address that its user has proved to read, folded. Null for a code that was not mailed. */
  readonly proves: string | null;
}

/** Uses the code up in this transaction. Undefined if this owner has no such valid code. */
export async function useOneTimeCode(
  context: Context,
  tx: Writing,
  realm: string,
  purpose: CodePurpose,
  owner: string,
  presented: string,
): Promise<UsedCode | undefined> {
  if (!isOneTimeCode(purpose, presented)) return undefined;
  const digest = context.vault.digest(purpose, presented);
  return takeCode(tx.db, { realm, purpose, digest, owner }, tx.now);
}

/** Deletes every code of the owner, for any purpose, because the address or the purpose has changed. */
export async function revokeOneTimeCodes(tx: Writing, realm: string, owner: string): Promise<void> {
  await takeTurn(tx, realm, owner);
  await deleteCodesOf(tx.db, realm, Object.keys(purposes), owner);
}

export async function forgetOldOneTimeCodes(context: Context): Promise<void> {
  await deleteExpiredCodes(context.store.db, context.clock.now());
}

/** What is kept of the owner's codes: never a code, never its digest. */
export async function codesHeldOf(context: Context, realm: string, owner: string) {
  const rows = await listCodesOf(context.store.db, realm, owner);
  return rows.map(({ purpose, created_at, expires_at }) => ({
    purpose,
    createdAt: isoDate(created_at),
    expiresAt: isoDate(expires_at),
  }));
}
