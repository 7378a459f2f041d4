import type { z } from 'zod';
import type { Context } from '../../context.ts';
import { instantOf } from '../../kernel/clock.ts';
import { Problem } from '../../kernel/problem.ts';
import { tellOwner } from '../../mail/notice.ts';
import { isDuplicate } from '../../store/fault.ts';
import { write } from '../../store/write.ts';
import {
  assertionOptions,
  type assertionSchema,
  type Ceremony,
  challengeLife,
  type Passkey,
  type PasskeyPurpose,
  type ProvedPasskey,
  proveAssertion,
  proveRegistration,
  registrationOptions,
  type registrationSchema,
} from '../../subject/secrets/passkey.ts';
import { type Budget, requireBudgets } from '../../subject/throttle/budget.ts';
import { useOnce } from '../../subject/tokens/replay.ts';
import type { CredentialSession } from '../credential-session.ts';
import { withinFactorBudget } from '../guess/factor-budget.ts';
import { requireCredential } from '../identity/credential.ts';
import {
  changeFactor,
  type FactorRow,
  insertFactor,
  listConfirmed,
  listUnnamedPasskeys,
  namePasskey,
} from './factor.store.ts';
import {
  type ConfirmedFactor,
  goOn,
  isFirst,
  lockOwn,
  type Presenting,
  recordFactor,
  requireMayEnrol,
} from './factor.ts';
import { addRecovery, prepareRecovery } from './recovery-factor.ts';

/**
 * Passkeys as second factors: several per credential. One ceremony enrols and confirms each of them
 * (`subject/secrets/passkey.ts`).
 */
const most = 10;
/** RFC 8176. Without attestation it is unknown where the key is kept: so `pop`, and neither `hwk` nor `swk`. */
const shown = ['pop', 'user'];

/** New keys that may be looked at, good or bad: that of an RSA key takes up to a second. */
const enrolments: readonly Budget[] = [{ name: 'passkey-enrolment', limit: 30, window: 3_600_000 }];

/** @throws {Problem} `session.weak` if the credential has a factor that the session has not shown, `factor.too_many` */
export async function startEnrolment(context: Context, by: Presenting): Promise<object> {
  const { realm, session } = by;
  const { id, code } = session.subject.credential;
  const known = requireCapacity(await requireMayEnrol(context.store.db, by));
  const owner = { realm: realm.name, credentialId: id, code };
  return registrationOptions(context, ceremonyOf(by, 'enrol'), owner, known.map(passkeyOf));
}

/** @throws {Problem} `factor.incorrect`, `factor.too_many`, `session.weak`, `attempt.throttled` */
export async function finishEnrolment(
  context: Context,
  by: Presenting,
  response: z.output<typeof registrationSchema>,
  name: string,
): Promise<ConfirmedFactor> {
  const { realm, session, caller } = by;
  await requireMayEnrol(context.store.db, by);
  await requireBudgets(context, realm.name, enrolments, session.subject.credential.id);
  const { passkey } = await proved(context, by, () => proveRegistration(context, ceremonyOf(by, 'enrol'), response));
  const made = prepareRecovery(context, by);
  return write(context, caller, async (tx) => {
    const credential = await lockOwn(tx, by);
    const confirmed = await requireMayEnrol(tx.db, by);
    const known = requireCapacity(confirmed);
    if (known.some((row) => passkeyOf(row).credentialId === passkey.credentialId))
      throw new Problem('factor.incorrect');
    const factor: FactorRow = {
      ...{ realm: realm.name, credential_id: credential.id, id: context.random.uuid(), kind: 'passkey', name },
      ...{ sealed: null, state: JSON.stringify(passkey), version: 0 },
      ...{ created_at: tx.now, confirmed_at: tx.now, used_at: tx.now },
    };
    await insertFactor(tx.db, { ...factor, passkey: passkey.credentialId });
    const recoveryCodes = await addRecovery(tx, by, confirmed, made);
    await recordFactor(tx, factor, 'factor.confirmed');
    await tellOwner(context, tx, realm.name, credential, 'factor-changed', { change: 'added', factor: 'passkey' });
    const opened = await goOn(context, tx, by, credential, { acr: 'aal2', shown, renew: isFirst(confirmed) });
    return { factor, recoveryCodes, opened };
  }).catch((thrown: unknown) => {
    // Web Authentication §7.1: "verify that the credentialId is not yet registered for any user". The index decides
    // between two at once.
    throw isDuplicate(thrown) ? new Problem('factor.incorrect', { cause: thrown }) : thrown;
  });
}

/** Writes the missing passkey ids of an older release, which may still run beside this one. */
export async function nameOldPasskeys({ store, log }: Context): Promise<void> {
  for (const row of await listUnnamedPasskeys(store.db, 1_000)) {
    const id = passkeyOf(row).credentialId;
    await namePasskey(store.db, row, id).catch(async (thrown: unknown) => {
      if (!isDuplicate(thrown)) throw thrown;
      // Both stay usable, because both owners have logged in with it. An id from a browser never has a space.
      await namePasskey(store.db, row, `${id} ${row.id}`);
      log.warn(
        { realm: row.realm, credential: row.credential_id, factor: row.id },
        'another account has the same passkey',
      );
    });
  }
}

/** @throws {Problem} `factor.unknown` if the credential has no passkey */
export async function startVerification(context: Context, by: Presenting): Promise<object> {
  const known = await passkeysOf(context, by);
  return assertionOptions(context, ceremonyOf(by, 'verify'), known.map(passkeyOf));
}

/** @throws {Problem} `factor.unknown`, `factor.incorrect` */
export async function finishVerification(
  context: Context,
  by: Presenting,
  response: z.output<typeof assertionSchema>,
): Promise<CredentialSession> {
  const { realm, session, source, caller } = by;
  const credential = await requireCredential(context, realm.name, session.subject.credential.id);
  const known = await passkeysOf(context, by);
  return withinFactorBudget(
    context,
    { realm: realm.name, credentialId: credential.id, kind: 'passkey', source },
    async () => {
      const row = known.find((one) => passkeyOf(one).credentialId === response.id);
      if (row === undefined) throw new Problem('factor.incorrect');
      const { passkey } = await proved(context, by, () =>
        proveAssertion(context, ceremonyOf(by, 'verify'), response, passkeyOf(row)),
      );
      return write(context, caller, async (tx) => {
        const state = JSON.stringify(passkey);
        if (!(await changeFactor(tx.db, row, { state, used_at: tx.now }))) throw new Problem('factor.incorrect');
        await recordFactor(tx, row, 'factor.used', { source: source.address });
        return goOn(context, tx, by, credential, { acr: 'aal2', shown, renew: false });
      });
    },
  );
}

/**
 * All faults give one refusal, and the log has the reason. Only a valid response uses its challenge up.
 *
 * @throws {Problem} `factor.incorrect`
 */
async function proved(
  context: Context,
  { realm }: Presenting,
  prove: () => Promise<ProvedPasskey>,
): Promise<ProvedPasskey> {
  const result = await prove().catch((cause: unknown) => {
    throw new Problem('factor.incorrect', { cause });
  });
  const until = instantOf(context.clock.now() + challengeLife + 60_000);
  if (await useOnce(context, realm.name, 'passkey-challenge', result.challenge, until)) return result;
  throw new Problem('factor.incorrect', { reason: 'the challenge was used before' });
}

async function passkeysOf({ store }: Context, { realm, session }: Presenting): Promise<readonly FactorRow[]> {
  const rows = await listConfirmed(store.db, realm.name, session.subject.credential.id);
  const passkeys = rows.filter(({ kind }) => kind === 'passkey');
  if (passkeys.length === 0) throw new Problem('factor.unknown');
  return passkeys;
}

function requireCapacity(confirmed: readonly FactorRow[]): readonly FactorRow[] {
  const passkeys = confirmed.filter(({ kind }) => kind === 'passkey');
  if (passkeys.length >= most) throw new Problem('factor.too_many');
  return passkeys;
}

function ceremonyOf({ session }: Presenting, purpose: PasskeyPurpose): Ceremony {
  return { purpose, sessionId: session.id };
}

function passkeyOf({ state }: Pick<FactorRow, 'state'>): Passkey {
  return JSON.parse(state) as Passkey;
}
