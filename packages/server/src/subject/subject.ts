import type { Context } from '../context.ts';
import { realmKey } from '../kernel/id.ts';
import type { SubjectTable } from '../store/schema.ts';
import type { Writing } from '../store/write.ts';
import { configuredAdministrator } from './administrator.ts';
import { revokeSubjectTokens } from './revocation.ts';
import { findSubject, insertSubject, updateSubject } from './subject.store.ts';

/** Whoever proved who they are. Every proof ends here; sessions and tokens begin here. */
export interface Subject {
  readonly kind: 'client' | 'participant';
  readonly realm: string;
  /** `sub`: stable, never reused. */
  readonly id: string;
  readonly clientId: string;
  /** The participant-role id, for a participant. */
  readonly participantId: string | undefined;
  readonly generation: number;
  /** Roles in the realm: a participant's role in the network. */
  readonly roles: readonly string[];
  /** What it may ask for; a token holds what it got. */
  readonly scopes: readonly string[];
  readonly resourceAccess: ResourceAccess;
  /** Authentication methods (RFC 8176): how it proved itself, never with which secret. */
  readonly amr: readonly string[];
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
    return row && { generation: row.generation, live: row.suspended_at === null && row.ended_at === null };
  });
}

export async function createSubject(
  tx: Writing,
  subject: Pick<SubjectTable, 'realm' | 'id' | 'kind'>,
  suspended: boolean,
): Promise<void> {
  await insertSubject(tx.db, { ...subject, generation: 1, suspended_at: suspended ? tx.now : null, ended_at: null });
}

/** Its tokens die now, here at once and everywhere else within two seconds. */
export async function suspendSubject(tx: Writing, realm: string, id: string): Promise<void> {
  await killTokens(tx, realm, id, { suspended_at: tx.now });
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

async function killTokens(tx: Writing, realm: string, id: string, change: Partial<SubjectTable>): Promise<void> {
  const row = await findSubject(tx.db, realm, id);
  if (row === undefined || row.ended_at !== null) return;
  await updateSubject(tx.db, realm, id, { ...change, generation: row.generation + 1 });
  await revokeSubjectTokens(tx, realm, id, row.generation);
  tx.changed('subject', realmKey(realm, id));
}
