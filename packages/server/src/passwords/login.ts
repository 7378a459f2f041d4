import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { Problem } from '../kernel/problem.ts';
import type { Source } from '../kernel/source.ts';
import { tellOwner } from '../mail/notice.ts';
import type { PasswordTable } from '../store/schema.ts';
import { write } from '../store/write.ts';
import type { Realm } from '../subject/realm.ts';
import type { Asker } from '../subject/secrets/hash-pool.ts';
import { type CredentialSession, failed, openCredentialSession } from './credential-session.ts';
import { recogniseDevice } from './device.ts';
import { type Outcome, withinBudget } from './guess/throttle.ts';
import { type Credential, lookUpCredentialByCode } from './identity/credential.ts';
import { isNewDevice } from './new-device.ts';
import { newestPassword, replaceHash } from './passwords.store.ts';

/** A login attempt: the typed text, and its origin. */
export interface LoginAttempt {
  readonly code: string;
  readonly password: string;
  readonly source: Source;
  readonly agent?: string;
  /** The cookie by which the device may be known. */
  readonly deviceCookie?: string | undefined;
}

/**
 * Login with a password: a session, full or restricted, as `openCredentialSession` decides.
 *
 * Unknown credential, wrong password, disabled credential or identity, compromised password: all give the same
 * `login.failed` after the same work, which is one read of the credential, one of the password, and one hash. Only the
 * log tells them apart.
 *
 * @throws {Problem} `login.failed`, `attempt.throttled` after too many failures, `attempt.busy` at too many logins at
 * once
 */
export async function logIn(
  context: Context,
  realm: Realm,
  attempt: LoginAttempt,
  caller: Caller,
): Promise<CredentialSession> {
  const { code, source, agent, deviceCookie } = attempt;
  const device = await recogniseDevice(context, realm.name, code, deviceCookie);
  const guessing = { realm: realm.name, code, source, device };
  const proved = await withinBudget(context, guessing, () =>
    provePassword(context, realm.name, code, attempt.password, device === undefined ? 'stranger' : 'known'),
  );
  if (!proved.ok) throw failed('unknown, wrong, disabled, or known to others');
  const { credential, password } = proved;
  const proofs = { version: password.version, amr: ['pwd'], acr: 'aal1', source, ...(agent && { agent }) } as const;
  return write(context, caller, async (tx) => {
    const opened = await openCredentialSession(context, tx, realm, credential, proofs);
    const known = device !== undefined;
    const after = { source: source.address, session: opened.session.id, missing: opened.missing, knownDevice: known };
    const event = { realm: realm.name, type: 'login.succeeded', object: `credential:${credential.id}`, after };
    await tx.record(event);
    const isNew = !known && (await isNewDevice(context, tx, realm.name, credential, source, agent));
    if (isNew) await tellOwner(context, tx, realm.name, credential, 'new-device', { source: source.address });
    return opened;
  });
}

export interface ProvedPassword extends Outcome {
  readonly ok: true;
  readonly credential: Credential;
  readonly password: PasswordTable;
}

export interface RefusedPassword extends Outcome {
  readonly ok: false;
}

/**
 * The live credential of this code, if this is its newest password, expired or not. Every refusal takes the same time.
 */
export async function provePassword(
  context: Context,
  realm: string,
  code: string,
  presented: string,
  asker?: Asker,
): Promise<ProvedPassword | RefusedPassword> {
  const credential = await lookUpCredentialByCode(context, realm, code);
  const password = await newestPassword(context.store.db, realm, credential?.id ?? code);
  const verdict = await context.hasher.verify(password?.hash ?? undefined, presented, asker);
  if (!verdict.ok || credential?.live !== true || password === undefined || password.compromised_at !== null) {
    return { ok: false, credentialId: credential?.id };
  }
  if (verdict.outdated) await rehash(context, password, presented);
  return { ok: true, credentialId: credential.id, credential, password };
}

/**
 * Only a login reveals the password, so old hashes are upgraded here. If the hasher is busy, the next login does it.
 */
async function rehash(context: Context, password: PasswordTable, presented: string): Promise<void> {
  const hash = await context.hasher.hash(presented).catch((thrown: unknown) => {
    if (thrown instanceof Problem && thrown.code === 'attempt.busy') return undefined;
    throw thrown;
  });
  if (hash !== undefined) await replaceHash(context.store.db, password, hash);
}
