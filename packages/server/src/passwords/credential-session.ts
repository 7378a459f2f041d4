import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import type { Source } from '../kernel/source.ts';
import type { PasswordTable } from '../store/schema.ts';
import type { Writing } from '../store/write.ts';
import type { PasswordConfig } from '../subject/password-config.ts';
import type { Realm } from '../subject/realm.ts';
import { type Acr, type OpenedSession, openSession, type Restriction, type Session } from '../subject/session.ts';
import { type CredentialSubject, credentialSubjectId, readSubjectState } from '../subject/subject.ts';
import { confirmedKinds } from './factor/factor.store.ts';
import type { Credential } from './identity/credential.ts';
import { findProfile, newestPassword } from './passwords.store.ts';

/** The proofs of a credential so far, and their origin. */
export interface CredentialProofs {
  /** The version of the right password. Undefined if another proof was given. */
  readonly version: number;
  /** RFC 8176: `pwd`, `otp`, `hwk` … */
  readonly amr: readonly string[];
  readonly acr: Acr;
  /** When it proved itself, in milliseconds. Default: now. */
  readonly authTime?: number;
  readonly source: Source;
  readonly agent?: string;
  /** The session that continues under a new token. */
  readonly goesOn?: Pick<Session, 'beganAt' | 'endsAt'>;
}

export interface CredentialSession extends OpenedSession {
  /** The step that is still needed before the session may do anything else. Absent from a full session. */
  readonly missing?: 'login.second_factor' | 'login.expired_password' | 'login.factor_enrolment';
  /** The kinds of second factor that the credential has. */
  readonly factors: readonly string[];
}

/**
 * Opens the session that the proofs so far allow:
 *
 * 1. A credential with a second factor that it has not shown may only show it.
 * 2. A credential with an expired password may only update this version.
 * 3. A credential without a second factor, whose profile requires one, may only enrol one.
 * 4. Any other credential gets a full session.
 *
 * The transaction checks again what was verified before: it opens nothing if the password was updated, expired or
 * compromised meanwhile, or the credential disabled.
 *
 * @throws {Problem} `login.failed`
 */
export async function openCredentialSession(
  context: Context,
  tx: Writing,
  realm: Realm,
  credential: Credential,
  proved: CredentialProofs,
): Promise<CredentialSession> {
  // First: any later change of the rest begins a generation in which this session is dead.
  const subject = await presentSubject(tx, realm.name, credential, proved.amr);
  const newest = await newestPassword(tx.db, realm.name, credential.id);
  if (newest === undefined || newest.version !== proved.version || newest.compromised_at !== null) {
    throw failed('the password was changed meanwhile');
  }
  const factors = await confirmedKinds(tx.db, realm.name, credential.id);
  const mustHaveFactor = await requiresFactor(tx, realm.name, credential);
  const restriction = restrictionOf(newest, proved, factors.length > 0, mustHaveFactor, tx.now);
  const { version: _, amr: _amr, ...terms } = proved;
  const opened = await openSession(context, tx, realm, subject, { ...terms, ...(restriction && { restriction }) });
  return { ...opened, factors, ...(restriction && { missing: missing[restriction.to] }) };
}

/** The refusal that carries a restricted token. Undefined for a full session. */
export function restrictedRefusal({ missing, token, session, factors }: CredentialSession): Problem | undefined {
  if (missing === undefined) return undefined;
  const expiresIn = Math.floor((session.endsAt - session.createdAt) / 1000);
  const { type, id } = session.subject.credential;
  return new Problem(missing, { members: { token, expiresIn, factors, credential: { type, id } } });
}

const missing: Record<Restriction['to'], NonNullable<CredentialSession['missing']>> = {
  'second-factor': 'login.second_factor',
  'update-password': 'login.expired_password',
  'enrol-factor': 'login.factor_enrolment',
};

function restrictionOf(
  newest: PasswordTable,
  { acr }: CredentialProofs,
  hasFactor: boolean,
  mustHaveFactor: boolean,
  now: number,
): Restriction | undefined {
  if (acr === 'aal1' && hasFactor) return { to: 'second-factor' };
  if (isExpired(newest, now)) return { to: 'update-password', version: newest.version };
  if (acr === 'aal1' && mustHaveFactor) return { to: 'enrol-factor' };
  return undefined;
}

export function isExpired({ expired_at, expires_at }: PasswordTable, now: number): boolean {
  return expired_at !== null || (expires_at !== null && expires_at <= now);
}

/**
 * Not from the cache: a cache miss would read outside of the transaction, which on SQLite would wait for this
 * transaction.
 */
async function requiresFactor(tx: Writing, realm: string, { identity, type }: Credential): Promise<boolean> {
  const profile = await findProfile(tx.db, realm, identity.profileId);
  const config = profile && (JSON.parse(profile.config) as PasswordConfig);
  return config?.[type]?.secondFactor === 'required';
}

async function presentSubject(
  tx: Writing,
  realm: string,
  { id, type, code, identity }: Credential,
  amr: readonly string[],
): Promise<CredentialSubject> {
  const subjectId = credentialSubjectId(id);
  const state = await readSubjectState(tx, realm, subjectId);
  if (state === undefined || !state.live) throw failed('the credential was disabled meanwhile');
  return {
    kind: 'credential',
    realm,
    id: subjectId,
    generation: state.generation,
    amr,
    credential: { type, id, code },
    identity: { type: 'corporates', id: identity.id },
  };
}

/** The reason is for the log only. */
export function failed(reason: string): Problem {
  return new Problem('login.failed', { reason });
}
