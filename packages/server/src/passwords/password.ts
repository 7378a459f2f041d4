import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { Problem } from '../kernel/problem.ts';
import type { Source } from '../kernel/source.ts';
import { tellOwner } from '../mail/notice.ts';
import type { PasswordTable } from '../store/schema.ts';
import { type Writing, write } from '../store/write.ts';
import { type CredentialType, effectiveRules } from '../subject/password-config.ts';
import type { Realm } from '../subject/realm.ts';
import { revokeOneTimeCodes } from '../subject/secrets/one-time-code.ts';
import { continuedBy, requireStanding, type Session } from '../subject/session.ts';
import { credentialSubjectId, renewSubject } from '../subject/subject.ts';
import { requireBudgets } from '../subject/throttle/budget.ts';
import { type CredentialSession, openCredentialSession } from './credential-session.ts';
import { forgetDevices, recogniseDevice } from './device.ts';
import { confirmedKinds } from './factor/factor.store.ts';
import { withinBudget } from './guess/throttle.ts';
import { type Credential, lockCredential, requireCredential } from './identity/credential.ts';
import { accept, type PasswordInfo, record, toInfo, writeVersion } from './password-version.ts';
import { changePassword, findPassword, newestPassword } from './passwords.store.ts';

/** @throws {Problem} `credential.unknown`, `password.unknown` */
export async function passwordInfo(context: Context, realm: string, credentialId: string): Promise<PasswordInfo> {
  const credential = await requireCredential(context, realm, credentialId);
  const newest = await newestPassword(context.store.db, realm, credentialId);
  if (newest === undefined) throw new Problem('password.unknown');
  return toInfo(credential, newest, context.clock.now());
}

export interface FirstPassword {
  readonly password: string;
  /** Optional checks: if given, they must match. */
  readonly credentialType?: CredentialType | null | undefined;
  readonly identityId?: string | null | undefined;
}

/**
 * Makes the first password. `admit` runs in the transaction, where it uses an invitation up.
 *
 * @throws {Problem} `credential.unknown`, `password.already_created`, and the errors of `requireRules` and of the
 * password rules
 */
export async function createPassword(
  context: Context,
  realm: string,
  credentialId: string,
  wanted: FirstPassword,
  caller: Caller,
  admit: (tx: Writing) => Promise<void> = async () => {},
): Promise<PasswordInfo> {
  const credential = await requireCredential(context, realm, credentialId);
  requireSame(credential, wanted);
  if ((await newestPassword(context.store.db, realm, credentialId)) !== undefined) {
    throw new Problem('password.already_created');
  }
  const { rules, hash } = await accept(context, realm, credential, undefined, wanted.password);
  return write(context, caller, async (tx) => {
    await admit(tx);
    if ((await newestPassword(tx.db, realm, credentialId)) !== undefined) throw new Problem('password.already_created');
    const row = await writeVersion(tx, credential, undefined, rules, hash, realm);
    // There is no session yet that could end. Invitations become invalid now.
    await revokeOneTimeCodes(tx, realm, credentialId);
    await record(tx, realm, row, 'password.created');
    return toInfo(credential, row, tx.now);
  });
}

/**
 * The first password of a credential made in the same transaction. The profile's rules do not apply yet, only the
 * default ones. `hash` is made before the transaction.
 */
export async function placeFirstPassword(
  tx: Writing,
  realm: string,
  { identityId, id, hash }: { readonly identityId: string; readonly id: string; readonly hash: string },
): Promise<void> {
  const credential = await lockCredential(tx, realm, identityId, id);
  const row = await writeVersion(tx, credential, undefined, effectiveRules({}), hash, realm);
  await record(tx, realm, row, 'password.created');
}

export interface UpdatedPassword {
  readonly passwordInfo: PasswordInfo;
  readonly opened: CredentialSession;
}

/** Counts right ones too, because each costs a hash. Wrong ones also count as failed logins. */
const shownOldPasswords = [{ name: 'old-password', limit: 30, window: 3_600_000 }];

export interface PasswordUpdate {
  readonly oldPassword: string;
  readonly password: string;
  readonly source: Source;
  /** The cookie by which the device may be known. */
  readonly deviceCookie?: string | undefined;
}

/**
 * "Reset – This replaces the current password with a new one, if the provided current password is valid." For a full
 * session, or one that is restricted to this very version. A wrong old password counts as a failed login.
 *
 * @throws {Problem} `password.incorrect`, `attempt.throttled`
 */
export async function updatePassword(
  context: Context,
  realm: Realm,
  session: Session,
  { oldPassword, password, source, deviceCookie }: PasswordUpdate,
  caller: Caller,
): Promise<UpdatedPassword> {
  const { credential, newest } = await requireOwnPassword(context, realm.name, session);
  if (session.restriction?.to === 'update-password' && session.restriction.version !== newest.version) {
    throw new Problem('session.restricted');
  }
  const { id: credentialId, code } = credential;
  await requireBudgets(context, realm.name, shownOldPasswords, credentialId);
  const device = await recogniseDevice(context, realm.name, code, deviceCookie);
  const { ok } = await withinBudget(context, { realm: realm.name, code, source, device }, async () => {
    const verdict = await context.hasher.verify(newest.hash ?? undefined, oldPassword);
    return { ok: verdict.ok && newest.compromised_at === null, credentialId };
  });
  if (!ok) throw new Problem('password.incorrect');
  // Knowing the old password counts as a new login, but not with a second factor: a session that has shown one keeps
  // its time.
  const proof = { source, authTime: session.acr === 'aal2' ? session.authTime : context.clock.now() };
  return replacePassword(context, realm, session, { credential, newest }, password, proof, caller);
}

/**
 * "Allows password updates for authenticated users without requiring the old password." The caller has checked for a
 * recent login.
 *
 * @throws {Problem} `session.weak` if the credential has a second factor that the session has not shown
 */
export async function updateAuthenticatedPassword(
  context: Context,
  realm: Realm,
  session: Session,
  { password, source }: { readonly password: string; readonly source: Source },
  caller: Caller,
): Promise<UpdatedPassword> {
  const own = await requireOwnPassword(context, realm.name, session);
  const factors = await confirmedKinds(context.store.db, realm.name, own.credential.id);
  // A factor added after this read begins a generation in which this session is dead.
  if (factors.length > 0 && session.acr !== 'aal2') throw new Problem('session.weak');
  return replacePassword(context, realm, session, own, password, { source, authTime: session.authTime }, caller);
}

function requireSame({ type, identity }: Credential, { credentialType, identityId }: FirstPassword): void {
  if (credentialType != null && credentialType !== type) {
    throw new Problem('request.invalid', { detail: `The credential is of type ${type}.`, pointer: '/credentialType' });
  }
  if (identityId != null && identityId !== identity.id) throw new Problem('identity.unresolved');
}

/** Reasons that change what happens next: a compromised version cannot even be updated, only recovered from. */
export const expiryReasons = ['COMPROMISED'] as const;

/** Idempotent. @throws {Problem} `credential.unknown`, `password.unknown` */
export async function expirePassword(
  context: Context,
  realm: string,
  credentialId: string,
  version: number,
  reason: (typeof expiryReasons)[number] | undefined,
  caller: Caller,
): Promise<void> {
  const credential = await requireCredential(context, realm, credentialId);
  await write(context, caller, async (tx) => {
    const row = await findPassword(tx.db, realm, credentialId, version);
    if (row === undefined) throw new Problem('password.unknown');
    const compromised = reason === 'COMPROMISED' && row.compromised_at === null;
    if (row.expired_at !== null && !compromised) return;
    await changePassword(tx.db, row, {
      expired_at: row.expired_at ?? tx.now,
      ...(compromised ? { compromised_at: tx.now } : {}),
    });
    // A thief of the password may have logged in from any device.
    if (compromised) await forgetDevices(tx, realm, credentialId);
    const newest = await newestPassword(tx.db, realm, credentialId);
    if (newest?.version === version) {
      await renewSubject(tx, realm, credentialSubjectId(credentialId));
      await tellOwner(context, tx, realm, credential, 'password-expired', { compromised });
    }
    await record(tx, realm, row, 'password.expired', reason && { reason });
  });
}

async function replacePassword(
  context: Context,
  realm: Realm,
  session: Session,
  { credential, newest }: OwnPassword,
  password: string,
  proof: { readonly source: Source; readonly authTime: number },
  caller: Caller,
): Promise<UpdatedPassword> {
  const { rules, hash } = await accept(context, realm.name, credential, newest, password);
  return write(context, caller, async (tx) => {
    const row = await writeVersion(tx, credential, newest, rules, hash, realm.name);
    await requireStanding(tx.db, session);
    // If all sessions were ended meanwhile, or the old version was compromised, there is another generation.
    const generation = await renewSubject(tx, realm.name, credentialSubjectId(credential.id));
    if (generation !== session.subject.generation + 1) throw new Problem('session.invalid');
    await record(tx, realm.name, row, 'password.updated');
    await tellOwner(context, tx, realm.name, credential, 'password-changed', {});
    const { acr, subject } = session;
    const opened = await openCredentialSession(context, tx, realm, credential, {
      ...{ version: row.version, amr: subject.amr, acr, ...proof },
      goesOn: continuedBy(session),
    });
    return { passwordInfo: toInfo(credential, row, tx.now), opened };
  });
}

interface OwnPassword {
  readonly credential: Credential;
  readonly newest: PasswordTable;
}

async function requireOwnPassword(context: Context, realm: string, { subject }: Session): Promise<OwnPassword> {
  const credential = await requireCredential(context, realm, subject.credential.id);
  const newest = await newestPassword(context.store.db, realm, credential.id);
  if (newest === undefined) throw new Problem('password.unknown');
  return { credential, newest };
}
