import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import { isDuplicate } from '../../store/fault.ts';
import type { IdentityTable, Schema } from '../../store/schema.ts';
import { type Writing, write } from '../../store/write.ts';
import { systemRealm } from '../../subject/realm.ts';
import { credentialSubjectId, endedSubjects, identitySubjectId, reinstateSubject } from '../../subject/subject.ts';
import { enabledCredentialIds } from './credential.store.ts';
import { shutOut } from './credential.ts';
import {
  findIdentity,
  findIdentityProfile,
  insertIdentity,
  insertIdentityProfile,
  touchIdentity,
  updateIdentity,
} from './identity.store.ts';

/** "An identity is made from an identity profile": the profile decides which password profile its credentials have. */
export type IdentityProfile = Schema['identity_profile'];
export type Identity = IdentityTable;

/** @throws {Problem} `registry.conflict` for an id that is in use */
export async function createIdentityProfile(
  context: Context,
  realm: string,
  wanted: { readonly id?: string | undefined; readonly name: string },
  caller: Caller,
): Promise<IdentityProfile> {
  // As in the network file: this realm administers the others and has no password logins.
  if (realm === systemRealm)
    throw new Problem('request.invalid', { detail: `The realm ${systemRealm} holds no identities.` });
  const { id = context.random.uuid(), name } = wanted;
  await createUnlessTaken(context, caller, `The identity profile id ${id} is in use.`, async (tx) => {
    await insertIdentityProfile(tx.db, { realm, id, name, created_at: tx.now, updated_at: tx.now });
    const event = { type: 'identity_profile.created', object: `identity_profile:${id}`, after: { name } };
    await tx.record({ realm, ...event });
  });
  return requireIdentityProfile(context, realm, id);
}

export async function requireIdentityProfile(context: Context, realm: string, id: string): Promise<IdentityProfile> {
  const found = await findIdentityProfile(context.store.db, realm, id);
  if (found === undefined) throw new Problem('identity_profile.unknown');
  return found;
}

/** @throws {Problem} `identity_profile.unknown`, `registry.conflict` for an id that is in use */
export async function createIdentity(
  context: Context,
  realm: string,
  wanted: { readonly id?: string | undefined; readonly profileId: string; readonly name: string },
  caller: Caller,
): Promise<Identity> {
  const { id = context.random.uuid(), profileId, name } = wanted;
  await requireIdentityProfile(context, realm, profileId);
  await createUnlessTaken(context, caller, `The identity id ${id} is in use.`, (tx) =>
    addIdentity(tx, realm, { id, profileId, name }),
  );
  return requireIdentity(context, realm, id);
}

/** Inserts in the caller's transaction, which fails if the id is in use. */
export async function addIdentity(
  tx: Writing,
  realm: string,
  { id, profileId, name }: { readonly id: string; readonly profileId: string; readonly name: string },
): Promise<void> {
  const times = { created_at: tx.now, updated_at: tx.now, disabled_at: null, remove_at: null };
  await insertIdentity(tx.db, { realm, id, profile_id: profileId, name, ...times });
  // After the insert, which waits for a removal of the same id.
  if ((await endedSubjects(tx, realm, [identitySubjectId(id)])).size > 0) {
    throw new Problem('registry.conflict', { detail: `The identity id ${id} was used before.`, pointer: '/id' });
  }
  const event = { type: 'identity.created', object: `identity:${id}`, after: { profileId, name } };
  await tx.record({ realm, ...event });
}

export async function requireIdentity(context: Context, realm: string, id: string): Promise<Identity> {
  const found = await findIdentity(context.store.db, realm, id);
  if (found === undefined) throw new Problem('identity.unknown');
  return found;
}

export type IdentityStep = 'disable' | 'enable';

/**
 * Disables an identity with all its credentials, or enables it again, except credentials that are disabled themselves.
 * Repeating a step changes nothing.
 *
 * @throws {Problem} `identity.unknown`
 */
export async function stepIdentity(
  context: Context,
  realm: string,
  id: string,
  step: IdentityStep,
  caller: Caller,
): Promise<void> {
  await write(context, caller, async (tx) => {
    const before = await touchIdentity(tx.db, realm, id);
    if (before === undefined) throw new Problem('identity.unknown');
    if (before.remove_at !== null) throw new Problem('identity.deleted');
    if ((before.disabled_at !== null) === (step === 'disable')) return;
    const disabled_at = step === 'disable' ? tx.now : null;
    await updateIdentity(tx.db, realm, id, { disabled_at, updated_at: tx.now });
    const credentials = await enabledCredentialIds(tx.db, realm, id);
    for (const credential of credentials) {
      if (step === 'disable') await shutOut(tx, realm, credential);
      else await reinstateSubject(tx, realm, credentialSubjectId(credential));
    }
    const event = { type: `identity.${step}d`, object: `identity:${id}`, after: { credentials: credentials.length } };
    await tx.record({ realm, ...event });
  });
}

async function createUnlessTaken(
  context: Context,
  caller: Caller,
  taken: string,
  act: (tx: Writing) => Promise<void>,
): Promise<void> {
  await write(context, caller, act).catch((cause: unknown) => {
    throw isDuplicate(cause) ? new Problem('registry.conflict', { detail: taken, cause, pointer: '/id' }) : cause;
  });
}
