import { z } from 'zod';
import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Source } from '../../kernel/source.ts';
import { tellOwner } from '../../mail/notice.ts';
import { type Writing, write } from '../../store/write.ts';
import type { Realm } from '../../subject/realm.ts';
import type { Resealing } from '../../subject/secrets/vault.ts';
import { continuedBy, endSession, requireStanding, type Session } from '../../subject/session.ts';
import { credentialSubjectId, renewSubject } from '../../subject/subject.ts';
import { type CredentialSession, failed, openCredentialSession } from '../credential-session.ts';
import { type Credential, lockCredential, requireCredential } from '../identity/credential.ts';
import { newestPassword } from '../passwords.store.ts';
import {
  confirmedKinds,
  deleteFactor,
  deleteFactorsOf,
  type FactorRow,
  listConfirmed,
  listSealedFactors,
  updateSealedFactor,
} from './factor.store.ts';

/**
 * Second factors of a credential: an authenticator app, passkeys, and recovery codes for a holder who has lost the
 * others.
 *
 * 1. A factor counts only after its holder has shown that it works.
 * 2. A session that shows a factor continues under a new token and the old one ends, so a session cannot be used for
 *    two.
 * 3. A holder with a factor must show it before adding another or removing one. An administrator may remove factors and
 *    never add one.
 * 4. A lost factor may be in another's hands, so removing a factor ends every session of the credential. So does adding
 *    the first one, because earlier sessions have not shown it.
 * 5. The session that continues after a removal is as strong as the remaining factors that it has shown.
 * 6. Recovery codes come with the first factor and go with the last. Alone they are not a factor.
 */
export interface Presenting {
  readonly realm: Realm;
  readonly session: Session;
  readonly source: Source;
  readonly agent: string | undefined;
  readonly caller: Caller;
}

/** Epoch milliseconds as text. */
const timestamp = z.string().regex(/^\d+$/);

export const factorSchema = z.object({
  id: z.string(),
  kind: z.enum(['totp', 'recovery', 'passkey']),
  name: z.string(),
  createdTimestamp: timestamp,
  usedTimestamp: timestamp.nullable(),
  /** For recovery codes: how many are left. */
  remaining: z.int().optional(),
});

type FactorView = z.output<typeof factorSchema>;

/** @throws {Problem} `credential.unknown` */
export async function factorsOf(context: Context, realm: string, credentialId: string): Promise<FactorView[]> {
  await requireCredential(context, realm, credentialId);
  return (await listConfirmed(context.store.db, realm, credentialId)).map(factorView);
}

/**
 * By the holder, who has just shown a second factor and continues under a new token.
 *
 * @throws {Problem} `factor.unknown`
 */
export async function removeOwnFactor(context: Context, by: Presenting, id: string): Promise<CredentialSession> {
  const { realm, session, caller } = by;
  return write(context, caller, async (tx) => {
    const credential = await lockOwn(tx, by);
    await remove(context, tx, realm.name, credential, id);
    const left = await confirmedKinds(tx.db, realm.name, credential.id);
    return goOn(context, tx, by, credential, { ...shownOf(session, left), authTime: session.authTime, renew: true });
  });
}

/**
 * By an administrator, for a holder who has lost the factor.
 *
 * @throws {Problem} `credential.unknown`, `factor.unknown`
 */
export async function resetFactor(
  context: Context,
  realm: string,
  credentialId: string,
  id: string,
  caller: Caller,
): Promise<void> {
  const { identity } = await requireCredential(context, realm, credentialId);
  await write(context, caller, async (tx) => {
    const credential = await lockCredential(tx, realm, identity.id, credentialId);
    await remove(context, tx, realm, credential, id);
    await renewSubject(tx, realm, credentialSubjectId(credentialId));
  });
}

/**
 * RFC 8176: the methods of each kind. A recovery code has none, because it replaces a lost factor, perhaps the one that
 * is being removed.
 */
const methods: Readonly<Record<FactorRow['kind'], readonly string[]>> = {
  totp: ['otp'],
  recovery: [],
  passkey: ['pop', 'user'],
};

/** The strength of a session by the remaining kinds and by its first proof, which was not a second factor. */
function shownOf({ subject }: Session, left: readonly FactorRow['kind'][]): Pick<GoingOn, 'acr' | 'amr'> {
  const [first, ...more] = subject.amr;
  const still = more.filter((method) => left.some((kind) => methods[kind].includes(method)));
  const isStrong = still.length > 0;
  return { acr: isStrong ? 'aal2' : 'aal1', amr: [first as string, ...still, ...(isStrong ? ['mfa'] : [])] };
}

async function remove(context: Context, tx: Writing, realm: string, credential: Credential, id: string): Promise<void> {
  const all = await listConfirmed(tx.db, realm, credential.id);
  const row = all.find((one) => one.id === id);
  if (row === undefined) throw new Problem('factor.unknown');
  const left = all.filter((one) => one !== row);
  if (left.every(({ kind }) => kind === 'recovery')) await deleteFactorsOf(tx.db, realm, credential.id);
  else await deleteFactor(tx.db, row);
  await recordFactor(tx, row, 'factor.removed');
  await tellOwner(context, tx, realm, credential, 'factor-changed', { change: 'removed', factor: row.kind });
}

/**
 * Locks the credential until the transaction ends, so that other changes of its factors wait.
 *
 * @throws {Problem} `session.invalid` if the session has ended meanwhile
 */
export async function lockOwn(tx: Writing, { realm, session }: Presenting): Promise<Credential> {
  const { credential, identity } = session.subject;
  const locked = await lockCredential(tx, realm.name, identity.id, credential.id);
  await requireStanding(tx.db, session);
  return locked;
}

/** The confirmed factors. @throws {Problem} `session.weak` if there is one that this session has not shown */
export async function requireMayEnrol(
  db: Writing['db'] | Context['store']['db'],
  { realm, session }: Presenting,
): Promise<FactorRow[]> {
  const confirmed = await listConfirmed(db, realm.name, session.subject.credential.id);
  if (confirmed.length > 0 && session.acr !== 'aal2') throw new Problem('session.weak');
  return confirmed;
}

/** True if there was none before. Earlier sessions have not shown the new one, so they end (ASVS 5.0 7.4.3). */
export function isFirst(confirmed: readonly FactorRow[]): boolean {
  return confirmed.length === 0;
}

export interface ConfirmedFactor {
  readonly factor: FactorRow;
  /** With the first factor only. Shown once. */
  readonly recoveryCodes: readonly string[] | undefined;
  readonly opened: CredentialSession;
}

export interface GoingOn {
  readonly acr: Session['acr'];
  /** Methods (RFC 8176) that were shown now, in addition to those of the session. */
  readonly shown?: readonly string[];
  /** Methods of the session that still count. Default: all. */
  readonly amr?: readonly string[];
  /** Default: now. */
  readonly authTime?: number;
  /** True if every other session of the credential ends too. */
  readonly renew: boolean;
}

/**
 * Opens the session that replaces this one. If this one has ended meanwhile (a logout, another use of it, a new
 * password, an administrator), nothing is opened.
 *
 * @throws {Problem} `session.invalid`
 */
export async function goOn(
  context: Context,
  tx: Writing,
  { realm, session, source, agent }: Presenting,
  credential: Credential,
  { acr, shown, amr: before = session.subject.amr, authTime, renew }: GoingOn,
): Promise<CredentialSession> {
  const { subject } = session;
  if (!(await endSession(tx, realm.name, session.id, 'use'))) throw ended();
  const generation = renew ? await renewSubject(tx, realm.name, subject.id) : subject.generation;
  const newest = await newestPassword(tx.db, realm.name, credential.id);
  if (newest === undefined) throw failed('the credential has no password');
  const amr = shown === undefined ? before : [...new Set([...before, ...shown, 'mfa'])];
  const opened = await openCredentialSession(context, tx, realm, credential, {
    ...{ version: newest.version, amr, acr, source, authTime: authTime ?? tx.now },
    ...(agent !== undefined && { agent }),
    goesOn: continuedBy(session),
  });
  const presented = renew ? generation - 1 : generation;
  if (presented !== subject.generation || opened.session.subject.generation !== generation) throw ended();
  return opened;
}

function ended(): Problem {
  return new Problem('session.invalid', { reason: 'ended or used meanwhile' });
}

export async function recordFactor(
  tx: Writing,
  { realm, credential_id, id, kind, name }: Pick<FactorRow, 'realm' | 'credential_id' | 'id' | 'kind' | 'name'>,
  type: string,
  more: object = {},
): Promise<void> {
  const event = { realm, type, object: `credential:${credential_id}`, after: { factor: id, kind, name, ...more } };
  await tx.record(event);
}

/** The place that a factor's envelope is bound to. */
export function factorBinding({ realm, credential_id, id }: Pick<FactorRow, 'realm' | 'credential_id' | 'id'>): string {
  return `factor\0${realm}\0${credential_id}\0${id}`;
}

/** Seals the secrets of authenticator apps again under another master key. */
export const resealFactors: Resealing = async (tx, again) => {
  const rows = await listSealedFactors(tx);
  for (const row of rows) await updateSealedFactor(tx, row, again(row.sealed as string, factorBinding(row)));
  return rows.length;
};

export function factorView({ id, kind, name, created_at, used_at, state }: FactorRow): FactorView {
  // Only recovery codes have digests.
  const { digests } = JSON.parse(state) as { digests?: readonly string[] };
  return {
    ...{ id, kind, name, createdTimestamp: String(created_at) },
    usedTimestamp: used_at === null ? null : String(used_at),
    ...(digests !== undefined && { remaining: digests.length }),
  };
}
