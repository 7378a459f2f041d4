import type { Context } from '../context.ts';
import { realmKey } from '../kernel/id.ts';
import type { SubjectTable } from '../store/schema.ts';
import type { Writing } from '../store/write.ts';
import { configuredAdministrator } from './administrator.ts';
import { revokeOneTimeCodes } from './one-time-code.ts';
import { revokeSubjectTokens } from './revocation.ts';
import { findSubject, insertSubjects, nextGeneration, updateSubject } from './subject.store.ts';

/** Whoever proved who they are. Every proof ends here; sessions and tokens begin here. */
export type Subject = ClientSubject | CredentialSubject;

interface SubjectBase {
  readonly realm: string;
  /** `sub`: stable, never reused. */
  readonly id: string;
  readonly generation: number;
  /** Authentication methods (RFC 8176): how it proved itself, never with which secret. */
  readonly amr: readonly string[];
}

/** A participant through its client, or a client of its own. */
export interface ClientSubject extends SubjectBase {
  readonly kind: 'client' | 'participant';
  readonly clientId: string;
  /** The participant-role id, for a participant. */
  readonly participantId: string | undefined;
  /** Roles in the realm: a participant's role in the network. */
  readonly roles: readonly string[];
  /** What it may ask for; a token holds what it got. */
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

/** `sub` of a credential: credentials are never deleted, so neither is the name. */
export function credentialSubjectId(credentialId: string): string {
  return `credential:${credentialId}`;
}

/** Which resources a subject may reach, with which roles: `resource_access` of a token. */
export type ResourceAccess = Readonly<Record<string, { readonly roles: readonly string[] }>>;

/** The part of a subject that decides whether its tokens still live. */
export interface SubjectState {
  readonly generation: number;
  readonly live: boolean;
}

/** From the cache; undefined when there is no such subject. */
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

/** What the database says now, within a transaction. */
export async function readSubjectState(tx: Writing, realm: string, id: string): Promise<SubjectState | undefined> {
  const row = await findSubject(tx.db, realm, id);
  return row && toState(row);
}

/**
 * For whoever holds something of this generation. Past the cache where the cache is behind: it was made a moment ago, after a change
 * on another node, in a newer generation, or in this one after the subject was reinstated, for nothing is made while it is suspended.
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

/** Its tokens die now, here at once and everywhere else within two seconds. */
export async function suspendSubject(tx: Writing, realm: string, id: string): Promise<void> {
  await killTokens(tx, realm, id, { suspended_at: tx.now });
}

/**
 * What was issued so far dies, and so do its sessions and the codes that were sent to its holder; it may get new ones at once. Returns
 * the new generation.
 */
export async function renewSubject(tx: Writing, realm: string, id: string): Promise<number> {
  return killTokens(tx, realm, id, {});
}

/** It may get tokens again. What was issued before stays dead. */
export async function reinstateSubject(tx: Writing, realm: string, id: string): Promise<void> {
  await updateSubject(tx.db, realm, id, { suspended_at: null });
  tx.changed('subject', realmKey(realm, id));
}

/** For good. The row stays as a tombstone. */
export async function endSubject(tx: Writing, realm: string, id: string): Promise<void> {
  await killTokens(tx, realm, id, { ended_at: tx.now });
}

/** Tokens and sessions say of which generation they are. Codes that were sent to the holder of a credential are rows, and go. */
async function killTokens(tx: Writing, realm: string, id: string, change: Partial<SubjectTable>): Promise<number> {
  const next = await nextGeneration(tx.db, realm, id, change);
  if (next === undefined) return 0;
  const { generation, kind } = next;
  await revokeSubjectTokens(tx, realm, id, generation - 1);
  if (kind === 'credential') await revokeOneTimeCodes(tx, realm, id.slice(credentialSubjectId('').length));
  tx.changed('subject', realmKey(realm, id));
  return generation;
}
