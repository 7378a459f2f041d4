import type { Context } from '../context.ts';
import { realmKey } from '../kernel/id.ts';
import type { SubjectTable } from '../store/schema.ts';
import type { Writing } from '../store/write.ts';
import { configuredAdministrator } from './administrator.ts';
import { revokeOneTimeCodes } from './secrets/one-time-code.ts';
import { findEndedSubjects, findSubject, insertSubjects, nextGeneration, updateSubject } from './subject.store.ts';
import { revokeSubjectTokens } from './tokens/revocation.ts';

/** An authenticated caller. Every proof ends here, and sessions and tokens begin here. */
export type Subject = ClientSubject | CredentialSubject;

interface SubjectBase {
  readonly realm: string;
  /** `sub`: stable, never reused. */
  readonly id: string;
  readonly generation: number;
  /** Authentication methods (RFC 8176): how the subject proved itself, never with which secret. */
  readonly amr: readonly string[];
}

/** A participant through its client, or a client without a participant. */
export interface ClientSubject extends SubjectBase {
  readonly kind: 'client' | 'participant';
  readonly clientId: string;
  /** The participant-role id, for a participant. */
  readonly participantId: string | undefined;
  /** Roles in the realm: a participant's role in the network. */
  readonly roles: readonly string[];
  /** The scopes that the subject may request. In a token: the granted ones. */
  readonly scopes: readonly string[];
  readonly resourceAccess: ResourceAccess;
}

/** "An authenticated credential, together with all the identification information": of a corporate identity. */
export interface CredentialSubject extends SubjectBase {
  readonly kind: 'credential';
  readonly credential: CredentialReference;
  readonly identity: IdentityReference;
}

export interface CredentialReference {
  readonly type: 'ROOT' | 'USER';
  readonly id: string;
  readonly code: string;
}

export interface IdentityReference {
  readonly type: 'corporates';
  readonly id: string;
}

/** `sub` of a credential. The subject of a removed credential stays, so the name is never reused. */
export function credentialSubjectId(credentialId: string): string {
  return `credential:${credentialId}`;
}

/** The name of an identity where a subject would have one: only its tombstone does. */
export function identitySubjectId(identityId: string): string {
  return `identity:${identityId}`;
}

/** The resources that a subject may reach, with its roles there: `resource_access` of a token. */
export type ResourceAccess = Readonly<Record<string, { readonly roles: readonly string[] }>>;

/** The part of a subject that decides whether its tokens still live. */
export interface SubjectState {
  readonly generation: number;
  readonly live: boolean;
}

/** From the cache. Undefined if the subject is unknown. */
export async function lookUpSubjectState(
  context: Context,
  realm: string,
  id: string,
): Promise<SubjectState | undefined> {
  const administrator = configuredAdministrator(context, realm);
  if (administrator?.subjectId === id) return { generation: administrator.generation, live: true };
  return context.cache.get('subject', realmKey(realm, id), async () => {
    const row = await findSubject(context.store.db, realm, id);
    return row && toState(row);
  });
}

/** The present state in the database, inside a transaction. */
export async function readSubjectState(tx: Writing, realm: string, id: string): Promise<SubjectState | undefined> {
  const row = await findSubject(tx.db, realm, id);
  return row && toState(row);
}

/**
 * The state for checking something of this generation. Reads past the cache if the cache is behind: another node has
 * changed the subject a moment ago, to a newer generation, or reinstated it in this one (a suspended subject gets
 * nothing new).
 */
export async function presentSubjectState(
  context: Context,
  realm: string,
  { id, generation }: Pick<Subject, 'id' | 'generation'>,
): Promise<SubjectState | undefined> {
  const known = await lookUpSubjectState(context, realm, id);
  const isBehind =
    known !== undefined && (known.generation < generation || (known.generation === generation && !known.live));
  if (!isBehind) return known;
  context.cache.invalidate('subject', realmKey(realm, id));
  return lookUpSubjectState(context, realm, id);
}

function toState(row: SubjectTable): SubjectState {
  return { generation: row.generation, live: row.suspended_at === null && row.ended_at === null };
}

export async function createSubject(
  tx: Writing,
  subject: Pick<SubjectTable, 'realm' | 'id' | 'kind'>,
  suspended: boolean,
): Promise<void> {
  await createSubjects(tx, [subject], suspended);
}

export async function createSubjects(
  tx: Writing,
  subjects: readonly Pick<SubjectTable, 'realm' | 'id' | 'kind'>[],
  suspended: boolean,
): Promise<void> {
  const suspended_at = suspended ? tx.now : null;
  await insertSubjects(
    tx.db,
    subjects.map((subject) => ({ ...subject, generation: 1, suspended_at, ended_at: null })),
  );
}

/** Kills the subject's tokens, here at once and everywhere else within two seconds. */
export async function suspendSubject(tx: Writing, realm: string, id: string): Promise<void> {
  await killTokens(tx, realm, id, { suspended_at: tx.now });
}

/**
 * Kills everything issued so far, with the sessions and the codes sent to the holder. The subject may get new ones at
 * once. Returns the new generation.
 */
export async function renewSubject(tx: Writing, realm: string, id: string): Promise<number> {
  return killTokens(tx, realm, id, {});
}

/** The subject may get tokens again. Older tokens stay dead. */
export async function reinstateSubject(tx: Writing, realm: string, id: string): Promise<void> {
  await updateSubject(tx.db, realm, id, { suspended_at: null });
  tx.changed('subject', realmKey(realm, id));
}

/** Ends the subject for good. The row stays as a tombstone. */
export async function endSubject(tx: Writing, realm: string, id: string): Promise<void> {
  await killTokens(tx, realm, id, { ended_at: tx.now });
}

/** Keeps the id of something that had no subject from being used again. */
export async function leaveTombstone(
  tx: Writing,
  realm: string,
  id: string,
  kind: SubjectTable['kind'],
): Promise<void> {
  await insertSubjects(tx.db, [{ realm, id, kind, generation: 1, suspended_at: null, ended_at: tx.now }]);
}

/** Those of the ids whose subject has ended for good: the ids are never used again. */
export async function endedSubjects(tx: Writing, realm: string, ids: readonly string[]): Promise<ReadonlySet<string>> {
  return new Set(await findEndedSubjects(tx.db, realm, ids));
}

/**
 * Tokens and sessions carry their generation, so a new one kills them. The codes sent to a credential's holder are
 * rows, and are deleted.
 */
async function killTokens(tx: Writing, realm: string, id: string, change: Partial<SubjectTable>): Promise<number> {
  const next = await nextGeneration(tx.db, realm, id, change);
  if (next === undefined) return 0;
  const { generation, kind } = next;
  await revokeSubjectTokens(tx, realm, id, generation - 1);
  if (kind === 'credential') await revokeOneTimeCodes(tx, realm, id.slice(credentialSubjectId('').length));
  tx.changed('subject', realmKey(realm, id));
  return generation;
}
