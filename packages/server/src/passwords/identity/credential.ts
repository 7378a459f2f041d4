import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { type Page, type PageRequest, toPage } from '../../kernel/page.ts';
import { Problem } from '../../kernel/problem.ts';
import { mailAddressOf, type Owner, verifiedEmailAfter } from '../../mail/owner.ts';
import { isDuplicate } from '../../store/fault.ts';
import { type Writing, write } from '../../store/write.ts';
import { foldCredentialCode } from '../../subject/credential-code.ts';
import {
  type CredentialReference,
  createSubject,
  credentialSubjectId,
  lookUpSubjectState,
  reinstateSubject,
  suspendSubject,
} from '../../subject/subject.ts';
import {
  type CredentialRow,
  findCredential,
  findCredentialByCode,
  findCredentialsByAddress,
  insertCredential,
  listCredentials,
  updateCredential,
} from './credential.store.ts';
import { touchIdentity } from './identity.store.ts';

/**
 * Credentials: a login recognises the identities of a realm by them.
 *
 * 1. A credential and its subject are made together. A removed credential leaves its subject as a tombstone.
 * 2. The subject is live while neither the credential nor its identity is disabled: `disabled_at` of both rows says so,
 *    and the subject follows in the same transaction. Disabling ends all sessions at once everywhere. Enabling revives
 *    none of them.
 * 3. Every change that the subject follows first locks the identity's row. Otherwise a credential that is made while
 *    its identity is being disabled would stay live.
 * 4. Credentials are read past the cache: they are rarely read twice and would only evict sessions, and the hash of a
 *    login takes a hundred times as long as this indexed read.
 */
export interface Credential extends CredentialReference, Owner {
  readonly identity: {
    readonly id: string;
    readonly profileId: string;
    readonly name: string;
    /** Also set if the identity is deleted. */
    readonly disabledAt: number | null;
    readonly removeAt: number | null;
  };
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly disabledAt: number | null;
  /** Who disabled it. Null: an administrator. */
  readonly disabledBy: 'root' | null;
  /** When it is removed, if it is deleted. */
  readonly removeAt: number | null;
  /** True if it may log in: neither it nor its identity is disabled or deleted. */
  readonly live: boolean;
  /** Milliseconds. Devices remembered before this time are unknown to the credential. */
  readonly devicesAfter: number;
}

export type CredentialType = CredentialReference['type'];

export async function lookUpCredential(context: Context, realm: string, id: string): Promise<Credential | undefined> {
  const row = await findCredential(context.store.db, realm, id);
  return row && toCredential(row);
}

/** In the caller's transaction. */
export async function readCredential(tx: Writing, realm: string, id: string): Promise<Credential | undefined> {
  const row = await findCredential(tx.db, realm, id);
  return row && toCredential(row);
}

/** Case, width and surrounding blanks of the code make no difference. */
export async function lookUpCredentialByCode(
  { store }: { readonly store: Pick<Context['store'], 'db'> },
  realm: string,
  code: string,
): Promise<Credential | undefined> {
  const row = await findCredentialByCode(store.db, realm, foldCredentialCode(code));
  return row && toCredential(row);
}

/** The credentials with a password whose verified address has this key, by id. */
export async function lookUpCredentialsByAddress(
  { store }: { readonly store: Pick<Context['store'], 'db'> },
  realm: string,
  key: string,
  limit: number,
): Promise<readonly Credential[]> {
  return (await findCredentialsByAddress(store.db, realm, key, limit)).map(toCredential);
}

/** @throws {Problem} `credential.unknown`, also if it belongs to another identity than `identityId` */
export async function requireCredential(
  context: Context,
  realm: string,
  id: string,
  identityId?: string,
): Promise<Credential> {
  const found = await lookUpCredential(context, realm, id);
  if (found === undefined || (identityId !== undefined && found.identity.id !== identityId)) {
    throw new Problem('credential.unknown');
  }
  return found;
}

/** Ordered by id, of one identity or of all. */
export async function pageOfCredentials(
  context: Context,
  realm: string,
  identityId: string | undefined,
  { after, limit }: PageRequest,
): Promise<Page<Credential>> {
  const rows = await listCredentials(context.store.db, realm, identityId, after, limit + 1);
  return toPage(rows.map(toCredential), limit, ({ id }) => id);
}

/**
 * Locks the credential's identity until the transaction ends, so that other changes wait.
 *
 * @throws {Problem} `credential.unknown`
 */
export async function lockCredential(tx: Writing, realm: string, identityId: string, id: string): Promise<Credential> {
  await touchIdentity(tx.db, realm, identityId);
  const credential = await readCredential(tx, realm, id);
  if (credential === undefined) throw new Problem('credential.unknown');
  return credential;
}

export interface NewCredential {
  readonly id?: string | undefined;
  readonly identityId: string;
  readonly type: CredentialType;
  /** Folded, as `credentialCode` makes it. */
  readonly code: string;
  readonly email?: string | null | undefined;
  /** True: the administrator who makes it says that its address is right. */
  readonly emailVerified?: boolean | undefined;
}

/** @throws {Problem} `identity.unknown`, `credential.code_taken`, `registry.conflict` for an id that is in use */
export async function createCredential(
  context: Context,
  realm: string,
  wanted: NewCredential,
  caller: Caller,
): Promise<Credential> {
  const id = wanted.id ?? context.random.uuid();
  try {
    await write(context, caller, (tx) => addCredential(tx, realm, { ...wanted, id }));
  } catch (thrown) {
    throw isDuplicate(thrown) ? await takenBy(context, realm, id, thrown) : thrown;
  }
  return requireCredential(context, realm, id);
}

/** Inserts in the caller's transaction, which fails if the code or the id is in use. */
export async function addCredential(
  tx: Writing,
  realm: string,
  {
    id,
    identityId,
    type,
    code,
    email = null,
    emailVerified = false,
    disabled = false,
  }: NewCredential & { readonly id: string; readonly disabled?: boolean },
): Promise<void> {
  const identity = await touchIdentity(tx.db, realm, identityId);
  if (identity === undefined) throw new Problem('identity.unknown');
  if (identity.remove_at !== null) throw new Problem('identity.deleted');
  requireVerifiable({ email, code }, emailVerified);
  const verified_email = verifiedEmailAfter(undefined, { email, code }, emailVerified);
  const times = { created_at: tx.now, updated_at: tx.now, disabled_at: disabled ? tx.now : null };
  await insertCredential(tx.db, { realm, id, identity_id: identityId, type, code, email, verified_email, ...times });
  const subject = { realm, id: credentialSubjectId(id), kind: 'credential' } as const;
  await createSubject(tx, subject, disabled || identity.disabled_at !== null);
  // Events stay when the credential is removed, so none holds its code or address.
  const after = { identityId, type, emailVerified, ...(disabled && { disabled }) };
  const event = { type: 'credential.created', object: `credential:${id}`, after };
  await tx.record({ realm, ...event });
}

/**
 * Finds out which of the two was taken, after a unique index has decided. If the id is taken, the code does not matter.
 */
async function takenBy(context: Context, realm: string, id: string, cause: unknown): Promise<Problem> {
  const known = await lookUpCredential(context, realm, id);
  const subject = await lookUpSubjectState(context, realm, credentialSubjectId(id));
  return known === undefined && subject === undefined
    ? new Problem('credential.code_taken', { cause, pointer: '/code' })
    : new Problem('registry.conflict', { detail: `The credential id ${id} is in use, or was.`, cause, pointer: '/id' });
}

export type CredentialStep = 'disable' | 'enable';

const enabled = { disabled_at: null, disabled_by: null } as const;

/**
 * Disables or enables a credential. Repeating a step changes nothing. A ROOT cannot enable what an administrator has
 * disabled: `caller.forbidden`.
 */
export async function stepCredential(
  context: Context,
  realm: string,
  id: string,
  step: CredentialStep,
  caller: Caller,
  by: 'root' | null = null,
): Promise<void> {
  const { identity } = await requireCredential(context, realm, id);
  await write(context, caller, async (tx) => {
    const before = await lockCredential(tx, realm, identity.id, id);
    if (before.removeAt !== null) throw new Problem('credential.deleted');
    const isDisabled = before.disabledAt !== null;
    // A step of an administrator replaces that of a ROOT.
    const isRaised = step === 'disable' && isDisabled && before.disabledBy === 'root' && by === null;
    if (isDisabled === (step === 'disable') && !isRaised) return;
    if (step === 'enable' && by === 'root' && before.disabledBy !== 'root') {
      throw new Problem('caller.forbidden', { detail: 'An administrator has disabled this credential.' });
    }
    const disabled = step === 'disable' ? { disabled_at: before.disabledAt ?? tx.now, disabled_by: by } : enabled;
    await updateCredential(tx.db, realm, id, { ...disabled, updated_at: tx.now });
    if (step === 'disable') await shutOut(tx, realm, id);
    else if (before.identity.disabledAt === null) await reinstateSubject(tx, realm, credentialSubjectId(id));
    await tx.record({ realm, type: `credential.${step}d`, object: `credential:${id}` });
  });
}

/** Ends its sessions, and everything sent to its holder becomes invalid. */
export async function shutOut(tx: Writing, realm: string, id: string): Promise<void> {
  await suspendSubject(tx, realm, credentialSubjectId(id));
}

/** @throws {Problem} `request.invalid` */
export function requireVerifiable(owner: Pick<Owner, 'email' | 'code'>, declared: boolean | undefined): void {
  if (declared === true && mailAddressOf(owner) === undefined) {
    throw new Problem('request.invalid', {
      detail: 'emailVerified needs an e-mail address.',
      pointer: '/emailVerified',
    });
  }
}

function toCredential(row: CredentialRow): Credential {
  return {
    id: row.id,
    type: row.type as CredentialType,
    code: row.code,
    email: row.email,
    verifiedEmail: row.verified_email,
    identity: {
      id: row.identity_id,
      profileId: row.profile_id,
      name: row.identity_name,
      disabledAt: row.identity_disabled_at ?? row.identity_remove_at,
      removeAt: row.identity_remove_at,
    },
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    disabledAt: row.disabled_at,
    disabledBy: row.disabled_by,
    removeAt: row.remove_at,
    live:
      row.disabled_at === null &&
      row.remove_at === null &&
      row.identity_disabled_at === null &&
      row.identity_remove_at === null,
    devicesAfter: Math.max(row.created_at, row.devices_after ?? 0),
  };
}
