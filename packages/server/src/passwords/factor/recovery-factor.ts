import type { Context } from '../../context.ts';
import { Problem } from '../../kernel/problem.ts';
import { tellOwner } from '../../mail/notice.ts';
import { type Writing, write } from '../../store/write.ts';
import { makeRecoveryCodes, matchRecoveryCode, type RecoveryCodes } from '../../subject/secrets/recovery-code.ts';
import type { CredentialSession } from '../credential-session.ts';
import { withinFactorBudget } from '../guess/factor-budget.ts';
import { requireCredential } from '../identity/credential.ts';
import { changeFactor, type FactorRow, insertFactor, listConfirmed } from './factor.store.ts';
import { goOn, lockOwn, type Presenting, recordFactor } from './factor.ts';

/** A credential has one set of codes, under one id: the key of the table prevents a second set. */
const id = 'recovery';
const name = 'Recovery codes';

interface RecoveryState {
  readonly digests: readonly string[];
}

/** Made outside the transaction, even if they may not be needed. */
export function prepareRecovery(context: Context, by: Presenting): RecoveryCodes {
  return makeRecoveryCodes(context, ownerOf(by));
}

/** The codes to show, with the first confirmed factor. Undefined if the credential has recovery codes already. */
export async function addRecovery(
  tx: Writing,
  by: Presenting,
  confirmed: readonly FactorRow[],
  { codes, digests }: RecoveryCodes,
): Promise<readonly string[] | undefined> {
  if (confirmed.some(({ kind }) => kind === 'recovery')) return undefined;
  await insertFactor(tx.db, {
    ...{ realm: by.realm.name, credential_id: by.session.subject.credential.id, id, kind: 'recovery', name },
    ...{ sealed: null, state: JSON.stringify({ digests } satisfies RecoveryState) },
    ...{ created_at: tx.now, confirmed_at: tx.now, used_at: null },
  });
  return codes;
}

/**
 * Replaces the codes. Of two requests at the same moment, only one gets codes, because the other's would be invalid. The
 * row stays and its version grows, so that a request that has read the old codes to use one up cannot write them back.
 *
 * @throws {Problem} `factor.unknown` if there is no factor that they could replace, `write.conflict`
 */
export async function renewRecovery(context: Context, by: Presenting): Promise<readonly string[]> {
  const made = prepareRecovery(context, by);
  const seen = recoveryOf(await listConfirmed(context.store.db, by.realm.name, by.session.subject.credential.id));
  return write(context, by.caller, async (tx) => {
    const credential = await lockOwn(tx, by);
    const confirmed = await listConfirmed(tx.db, by.realm.name, credential.id);
    if (confirmed.every(({ kind }) => kind === 'recovery')) throw new Problem('factor.unknown');
    if (!(await putRecovery(tx, by, seen, confirmed, made))) throw new Problem('write.conflict');
    const row = { realm: by.realm.name, credential_id: credential.id, id, kind: 'recovery', name } as const;
    await recordFactor(tx, row, 'factor.recovery_renewed');
    await tellOwner(context, tx, by.realm.name, credential, 'factor-changed', {
      change: 'renewed',
      factor: 'recovery',
    });
    return made.codes;
  });
}

/** Writes the new codes. False if the codes are no longer those that were read. */
async function putRecovery(
  tx: Writing,
  by: Presenting,
  seen: FactorRow | undefined,
  confirmed: readonly FactorRow[],
  made: RecoveryCodes,
): Promise<boolean> {
  if (seen === undefined) return (await addRecovery(tx, by, confirmed, made)) !== undefined;
  const state = JSON.stringify({ digests: made.digests } satisfies RecoveryState);
  return changeFactor(tx.db, seen, { state, created_at: tx.now, used_at: null });
}

/** In place of a lost factor. Each code works once. @throws {Problem} `factor.unknown`, `factor.incorrect` */
export async function verifyRecovery(context: Context, by: Presenting, code: string): Promise<CredentialSession> {
  const { realm, session, source, caller } = by;
  const credential = await requireCredential(context, realm.name, session.subject.credential.id);
  const confirmed = await listConfirmed(context.store.db, realm.name, credential.id);
  const row = recoveryOf(confirmed);
  if (row === undefined) throw new Problem('factor.unknown');
  const guessed = { realm: realm.name, credentialId: credential.id, kind: 'recovery', source } as const;
  return withinFactorBudget(context, guessed, async () => {
    const { digests } = JSON.parse(row.state) as RecoveryState;
    const used = matchRecoveryCode(context.vault, code, ownerOf(by), digests);
    if (used === undefined) throw new Problem('factor.incorrect');
    const left = digests.filter((digest) => digest !== used);
    return write(context, caller, async (tx) => {
      const state = JSON.stringify({ digests: left } satisfies RecoveryState);
      if (!(await changeFactor(tx.db, row, { state, used_at: tx.now }))) throw new Problem('factor.incorrect');
      await recordFactor(tx, row, 'factor.recovery_used', { remaining: left.length });
      await tellOwner(context, tx, realm.name, credential, 'factor-changed', {
        change: 'recovered',
        factor: 'recovery',
      });
      return goOn(context, tx, by, credential, { acr: 'aal2', shown: [], renew: false });
    });
  });
}

function recoveryOf(confirmed: readonly FactorRow[]): FactorRow | undefined {
  return confirmed.find(({ kind }) => kind === 'recovery');
}

/** No part can contain a NUL. */
function ownerOf({ realm, session }: Presenting): string {
  return `${realm.name}\0${session.subject.credential.id}`;
}
