import { z } from 'zod';
import type { Caller, Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import type { Source } from '../kernel/source.ts';
import { tellOwner } from '../mail/notice.ts';
import { type Writing, write } from '../store/write.ts';
import { recordEvent } from '../subject/event.ts';
import type { Realm } from '../subject/realm.ts';
import { endSession, type Session } from '../subject/session.ts';
import { credentialSubjectId, renewSubject } from '../subject/subject.ts';
import type { Resealing } from '../subject/vault.ts';
import { type Credential, lockCredential, requireCredential } from './credential.ts';
import {
  confirmedKinds,
  deleteFactor,
  deleteFactorsOf,
  type FactorRow,
  listConfirmed,
  listSealedFactors,
  updateSealedFactor,
} from './factor.store.ts';
import { failed, type Logon, logOn } from './logon.ts';
import { newestPassword } from './passwords.store.ts';

/**
 * Second factors of a credential: an authenticator app, passkeys, and recovery codes for whoever has lost the others.
 *
 * 1. One that its holder has not shown to work counts for nothing.
 * 2. Whoever shows one goes on under a new token, and the session before ends: it cannot be used for two.
 * 3. Who has a factor shows it before another is added, or one is taken away. An administrator may take away, and never add.
 * 4. What was lost may be in somebody's hands: taking a factor away ends every session of the credential. So does adding the first one:
 *    sessions from before have not shown it.
 * 5. The session that goes on after one was taken away is as strong as what it has shown of those that are left.
 * 6. Recovery codes come with the first factor and go with the last: alone they are none.
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
  /** Of recovery codes: how many are left. */
  remaining: z.int().optional(),
});

type FactorView = z.output<typeof factorSchema>;

/** Throws `credential.unknown`. */
export async function factorsOf(context: Context, realm: string, credentialId: string): Promise<FactorView[]> {
  await requireCredential(context, realm, credentialId);
  return (await listConfirmed(context.store.db, realm, credentialId)).map(factorView);
}

/** By its holder, who has just shown a second factor and goes on under a new token. Throws `factor.unknown`. */
export async function removeOwnFactor(context: Context, by: Presenting, id: string): Promise<Logon> {
  const { realm, session } = by;
  return write(context, async (tx) => {
    const credential = await lockOwn(tx, by);
    await remove(context, tx, realm.name, credential, id, by.caller);
    const left = await confirmedKinds(tx.db, realm.name, credential.id);
    return goOn(context, tx, by, credential, { ...shownOf(session, left), authTime: session.authTime, renew: true });
  });
}

/** By an administrator, for whoever has lost it. Throws `credential.unknown`, `factor.unknown`. */
export async function resetFactor(
  context: Context,
  realm: string,
  credentialId: string,
  id: string,
  caller: Caller,
): Promise<void> {
  const { identity } = await requireCredential(context, realm, credentialId);
  await write(context, async (tx) => {
    const credential = await lockCredential(tx, realm, identity.id, credentialId);
    await remove(context, tx, realm, credential, id, caller);
    await renewSubject(tx, realm, credentialSubjectId(credentialId));
  });
}

/** RFC 8176: what the kinds of factor show. A recovery code stands in for one that was lost, which may be the one that goes. */
const methods: Readonly<Record<FactorRow['kind'], readonly string[]>> = {
  totp: ['otp'],
  recovery: [],
  passkey: ['pop', 'user'],
};

/** How strong a session is by the kinds that are left, and the first proof, which none of them gave. */
function shownOf({ subject }: Session, left: readonly FactorRow['kind'][]): Pick<GoingOn, 'acr' | 'amr'> {
  const [first, ...more] = subject.amr;
  const still = more.filter((method) => left.some((kind) => methods[kind].includes(method)));
  const isStrong = still.length > 0;
  return { acr: isStrong ? 'aal2' : 'aal1', amr: [first as string, ...still, ...(isStrong ? ['mfa'] : [])] };
}

async function remove(
  context: Context,
  tx: Writing,
  realm: string,
  credential: Credential,
  id: string,
  caller: Caller,
): Promise<void> {
  const all = await listConfirmed(tx.db, realm, credential.id);
  const row = all.find((one) => one.id === id);
  if (row === undefined) throw new Problem('factor.unknown');
  const left = all.filter((one) => one !== row);
  if (left.every(({ kind }) => kind === 'recovery')) await deleteFactorsOf(tx.db, realm, credential.id);
  else await deleteFactor(tx.db, row);
  await recordFactor(context, tx, row, 'factor.removed', caller);
  await tellOwner(context, tx, realm, credential, 'factor-changed', { change: 'removed', factor: row.kind });
}

/** Keeps others who change the factors of this credential waiting until the transaction ends. */
export function lockOwn(tx: Writing, { realm, session }: Presenting): Promise<Credential> {
  const { credential, identity } = session.subject;
  return lockCredential(tx, realm.name, identity.id, credential.id);
}

/** The confirmed factors. Throws `session.weak` where there is one that this session has not shown. */
export async function requireMayEnrol(
  db: Writing['db'] | Context['store']['db'],
  { realm, session }: Presenting,
): Promise<FactorRow[]> {
  const confirmed = await listConfirmed(db, realm.name, session.subject.credential.id);
  if (confirmed.length > 0 && session.acr !== 'aal2') throw new Problem('session.weak');
  return confirmed;
}

/** Whether there was none before. Sessions from then have not shown it, and end (ASVS 5.0 7.4.3). */
export function isFirst(confirmed: readonly FactorRow[]): boolean {
  return confirmed.length === 0;
}

export interface ConfirmedFactor {
  readonly factor: FactorRow;
  /** With the first factor; shown this once. */
  readonly recoveryCodes: readonly string[] | undefined;
  readonly logon: Logon;
}

export interface GoingOn {
  readonly acr: Session['acr'];
  /** Methods (RFC 8176) that were shown now, beside those of the session. */
  readonly shown?: readonly string[];
  /** Methods of the session that still count; all, when absent. */
  readonly amr?: readonly string[];
  /** Now, when absent. */
  readonly authTime?: number;
  /** Whether every other session of the credential ends too. */
  readonly renew: boolean;
}

/**
 * The session that takes this one's place. Whatever ended this one meanwhile (a logout, another use of it, a new password, an
 * administrator) is noticed here: it opens nothing. Throws `session.invalid`.
 */
export async function goOn(
  context: Context,
  tx: Writing,
  { realm, session, source, agent }: Presenting,
  credential: Credential,
  { acr, shown, amr: before = session.subject.amr, authTime, renew }: GoingOn,
): Promise<Logon> {
  const { subject } = session;
  if (!(await endSession(tx, realm.name, session.id, 'use'))) throw ended();
  const generation = renew ? await renewSubject(tx, realm.name, subject.id) : subject.generation;
  const newest = await newestPassword(tx.db, realm.name, credential.id);
  if (newest === undefined) throw failed('the credential has no password');
  const amr = shown === undefined ? before : [...new Set([...before, ...shown, 'mfa'])];
  const logon = await logOn(context, tx, realm, credential, {
    ...{ version: newest.version, amr, acr, source, authTime: authTime ?? tx.now },
    ...(agent !== undefined && { agent }),
    ...(session.restriction === undefined && { goesOn: session }),
  });
  const presented = renew ? generation - 1 : generation;
  if (presented !== subject.generation || logon.session.subject.generation !== generation) throw ended();
  return logon;
}

function ended(): Problem {
  return new Problem('session.invalid', undefined, { cause: new Error('ended or used meanwhile') });
}

export async function recordFactor(
  context: Context,
  tx: Writing,
  { realm, credential_id, id, kind, name }: Pick<FactorRow, 'realm' | 'credential_id' | 'id' | 'kind' | 'name'>,
  type: string,
  caller: Caller,
  more: object = {},
): Promise<void> {
  const event = { realm, type, object: `credential:${credential_id}`, after: { factor: id, kind, name, ...more } };
  await recordEvent(context, tx, event, caller);
}

/** What a factor's envelope is bound to. */
export function factorBinding({ realm, credential_id, id }: Pick<FactorRow, 'realm' | 'credential_id' | 'id'>): string {
  return `factor\0${realm}\0${credential_id}\0${id}`;
}

/** Secrets of authenticator apps, under another master key. */
export const resealFactors: Resealing = async (tx, again) => {
  const rows = await listSealedFactors(tx);
  for (const row of rows) await updateSealedFactor(tx, row, again(row.sealed as string, factorBinding(row)));
  return rows.length;
};

export function factorView({ id, kind, name, created_at, used_at, state }: FactorRow): FactorView {
  // Only recovery codes have them.
  const { digests } = JSON.parse(state) as { digests?: readonly string[] };
  return {
    ...{ id, kind, name, createdTimestamp: String(created_at) },
    usedTimestamp: used_at === null ? null : String(used_at),
    ...(digests !== undefined && { remaining: digests.length }),
  };
}
