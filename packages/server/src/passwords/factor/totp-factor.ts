import { base32nopad } from '@scure/base';
import type { Context } from '../../context.ts';
import { latestPast } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import { tellOwner } from '../../mail/notice.ts';
import { type Writing, write } from '../../store/write.ts';
import { matchTotp, newTotpSecret, totpUri } from '../../subject/secrets/totp.ts';
import type { CredentialSession } from '../credential-session.ts';
import { withinFactorBudget } from '../guess/factor-budget.ts';
import { type Credential, requireCredential } from '../identity/credential.ts';
import {
  changeFactor,
  deleteFactor,
  deletePending,
  type FactorRow,
  findPending,
  insertFactor,
  listConfirmed,
} from './factor.store.ts';
import {
  type ConfirmedFactor,
  factorBinding,
  goOn,
  isFirst,
  lockOwn,
  type Presenting,
  recordFactor,
  requireMayEnrol,
} from './factor.ts';
import { addRecovery, prepareRecovery } from './recovery-factor.ts';

/**
 * An authenticator app (RFC 6238), one per credential.
 *
 * 1. Its secret is shown once, at enrolment, and sealed in the database.
 * 2. A code of the app within a quarter of an hour confirms it, and it replaces the app before.
 * 3. A step counts once: the row has the last used step and changes by compare-and-set. Of two requests with the same
 *    code at the same moment, one gets a session.
 */
interface TotpState {
  /** The last step whose code was used. */
  readonly step: number | null;
}

/** Milliseconds. */
const pendingLife = 15 * 60_000;

export interface TotpEnrolment {
  readonly factorId: string;
  /** base32, as authenticator apps take it. */
  readonly secret: string;
  /** For a QR code. */
  readonly uri: string;
}

/**
 * The secret is shown only now.
 *
 * @throws {Problem} `session.weak` if the credential has a factor that the session has not shown
 */
export async function enrolTotp(context: Context, by: Presenting, name: string): Promise<TotpEnrolment> {
  const { realm, session, caller } = by;
  const secret = newTotpSecret(context.random);
  const key = { realm: realm.name, credential_id: session.subject.credential.id, id: context.random.uuid() };
  const sealed = context.vault.seal(base32nopad.encode(secret), factorBinding(key));
  await write(context, caller, async (tx) => {
    const credential = await lockOwn(tx, by);
    await requireMayEnrol(tx.db, by);
    await deletePending(tx.db, realm.name, credential.id, 'totp');
    const row = {
      ...key,
      kind: 'totp',
      name,
      sealed,
      state: JSON.stringify({ step: null } satisfies TotpState),
    } as const;
    await insertFactor(tx.db, { ...row, created_at: tx.now, confirmed_at: null, used_at: null });
    await recordFactor(tx, row, 'factor.enrolled');
  });
  const uri = totpUri(secret, realm.name, session.subject.credential.code);
  return { factorId: key.id, secret: base32nopad.encode(secret), uri };
}

/**
 * @throws {Problem} `factor.unknown` if no app waits to be confirmed, `factor.incorrect`, `session.weak`,
 * `attempt.throttled`
 */
export async function confirmTotp(context: Context, by: Presenting, code: string): Promise<ConfirmedFactor> {
  const { realm, session, source } = by;
  const { id: credentialId } = session.subject.credential;
  const row = await findPending(context.store.db, realm.name, credentialId, 'totp');
  if (row === undefined || !isWaiting(row, context.clock.now())) throw new Problem('factor.unknown');
  return withinFactorBudget(context, { realm: realm.name, credentialId, kind: 'totp', source }, async () => {
    const state = matched(context, row, code);
    const made = prepareRecovery(context, by);
    return write(context, by.caller, async (tx) => {
      const credential = await lockOwn(tx, by);
      const confirmed = await requireMayEnrol(tx.db, by);
      if (!(await changeFactor(tx.db, row, { state, confirmed_at: tx.now, used_at: tx.now }))) {
        throw new Problem('factor.incorrect');
      }
      const renew = (await replace(tx, confirmed)) || isFirst(confirmed);
      const recoveryCodes = await addRecovery(tx, by, confirmed, made);
      await recordFactor(tx, row, 'factor.confirmed');
      await tellOwner(context, tx, realm.name, credential, 'factor-changed', { change: 'added', factor: 'totp' });
      const opened = await goOn(context, tx, by, credential, { acr: 'aal2', shown: ['otp'], renew });
      return { factor: { ...row, used_at: tx.now }, recoveryCodes, opened };
    });
  });
}

/** A creation time in the future, from a clock that was ahead, would make the quarter of an hour longer. */
function isWaiting({ created_at }: FactorRow, now: number): boolean {
  return created_at > now - pendingLife && created_at <= latestPast(now);
}

/** @throws {Problem} `factor.unknown`, `factor.incorrect`, `attempt.throttled` */
export async function verifyTotp(context: Context, by: Presenting, code: string): Promise<CredentialSession> {
  const { realm, session, source } = by;
  const credential: Credential = await requireCredential(context, realm.name, session.subject.credential.id);
  const confirmed = await listConfirmed(context.store.db, realm.name, credential.id);
  const row = confirmed.find(({ kind }) => kind === 'totp');
  if (row === undefined) throw new Problem('factor.unknown');
  const guessed = { realm: realm.name, credentialId: credential.id, kind: 'totp', source } as const;
  return withinFactorBudget(context, guessed, async () => {
    const state = matched(context, row, code);
    return write(context, by.caller, async (tx) => {
      if (!(await changeFactor(tx.db, row, { state, used_at: tx.now }))) throw new Problem('factor.incorrect');
      await recordFactor(tx, row, 'factor.used', { source: source.address });
      return goOn(context, tx, by, credential, { acr: 'aal2', shown: ['otp'], renew: false });
    });
  });
}

/** The state after this code was used. @throws {Problem} `factor.incorrect` */
function matched({ vault, clock }: Context, row: FactorRow, code: string): string {
  const secret = base32nopad.decode(vault.open(row.sealed as string, factorBinding(row)));
  const { step: used } = JSON.parse(row.state) as TotpState;
  const step = matchTotp(secret, code, clock.now(), used);
  if (step === undefined) throw new Problem('factor.incorrect');
  return JSON.stringify({ step } satisfies TotpState);
}

/** True if there was another app before, which may be in another's hands. */
async function replace(tx: Writing, confirmed: readonly FactorRow[]): Promise<boolean> {
  const before = confirmed.filter(({ kind }) => kind === 'totp');
  for (const row of before) {
    await deleteFactor(tx.db, row);
    await recordFactor(tx, row, 'factor.removed');
  }
  return before.length > 0;
}
