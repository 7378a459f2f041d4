import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import { entryId, lineOfText } from '../../kernel/text.ts';
import { isDuplicate } from '../../store/fault.ts';
import { type Writing, write } from '../../store/write.ts';
import { credentialCode, credentialMail } from '../../subject/credential-code.ts';
import type { CredentialType, PasswordRules } from '../../subject/password-config.ts';
import { record, writeVersion } from '../password-version.ts';
import { changePassword } from '../passwords.store.ts';
import { addCredential, lockCredential } from './credential.ts';
import { addIdentity, requireIdentity, requireIdentityProfile } from './identity.ts';
import type { KeycloakUser } from './keycloak-import.ts';
import { requireRules } from './profile.ts';

/**
 * Imports users of another server with their passwords, which are hashed anew at their next login.
 *
 * 1. Each becomes a credential: of one existing identity, or of a new identity made from an identity profile.
 * 2. A user who was disabled there is disabled here. A user who had to change the password there must do so here.
 * 3. One transaction per user: another run after an interruption refuses the users that were imported and imports the
 *    others.
 * 4. A second factor is not imported. A user with one is refused unless the operator says that this does not matter,
 *    because a password alone must not suddenly be enough.
 */
export interface ImportTarget {
  readonly realm: string;
  readonly into: { readonly identityId: string } | { readonly identityProfileId: string };
  readonly type: CredentialType;
  readonly withoutSecondFactor: boolean;
}

export interface ImportedUsers {
  readonly imported: number;
  readonly refused: readonly { readonly username: string; readonly reason: string }[];
}

interface Plan extends ImportTarget {
  readonly profileId: string;
  readonly rules: PasswordRules;
}

/**
 * @throws {Problem} `identity.unknown`, `identity_profile.unknown`, and the errors of `requireRules`, before anything
 * is written
 */
export async function importUsers(
  context: Context,
  target: ImportTarget,
  users: readonly KeycloakUser[],
  caller: Caller,
): Promise<ImportedUsers> {
  const profileId = await profileOf(context, target);
  const rules = await requireRules(context, target.realm, profileId, target.type);
  const refused: { username: string; reason: string }[] = [];
  for (const user of users) {
    const reason = await importUser(context, { ...target, profileId, rules }, user, caller);
    if (reason !== undefined) refused.push({ username: user.username, reason });
  }
  return { imported: users.length - refused.length, refused };
}

async function profileOf(context: Context, { realm, into }: ImportTarget): Promise<string> {
  if ('identityId' in into) return (await requireIdentity(context, realm, into.identityId)).profile_id;
  return (await requireIdentityProfile(context, realm, into.identityProfileId)).id;
}

/** Returns why the user was not imported, if so. */
async function importUser(
  context: Context,
  plan: Plan,
  user: KeycloakUser,
  caller: Caller,
): Promise<string | undefined> {
  if (user.otherFactors.length > 0 && !plan.withoutSecondFactor)
    return `The user has a second factor (${user.otherFactors.join(', ')}), which cannot be imported.`;
  const code = credentialCode.safeParse(user.username);
  if (!code.success) return 'The name cannot be the code of a credential.';
  try {
    await write(context, caller, (tx) => takeIn(context, tx, plan, user, code.data));
    return undefined;
  } catch (thrown) {
    const isTaken = thrown instanceof Problem && thrown.code === 'registry.conflict';
    if (isDuplicate(thrown) || isTaken) return 'There is a credential of this code, or an identity of this id.';
    throw thrown;
  }
}

async function takeIn(context: Context, tx: Writing, plan: Plan, user: KeycloakUser, code: string): Promise<void> {
  const { realm, type, rules } = plan;
  const identityId = await identityFor(context, tx, plan, user, code);
  const id = context.random.uuid();
  // An address that cannot receive mail is left out.
  const email = credentialMail.safeParse(user.email).data ?? null;
  const emailVerified = email !== null && user.emailVerified;
  await addCredential(tx, realm, { id, identityId, type, code, email, emailVerified, disabled: !user.enabled });
  if (user.hash === undefined) return;
  const credential = await lockCredential(tx, realm, identityId, id);
  const row = await writeVersion(tx, credential, undefined, rules, user.hash, realm);
  if (user.mustChange) await changePassword(tx.db, row, { expired_at: tx.now });
  await record(tx, realm, row, 'password.imported');
}

async function identityFor(
  context: Context,
  tx: Writing,
  { realm, into, profileId }: Plan,
  user: KeycloakUser,
  code: string,
): Promise<string> {
  if ('identityId' in into) return into.identityId;
  const id = entryId.safeParse(user.id).data ?? context.random.uuid();
  await addIdentity(tx, realm, { id, profileId, name: nameOf(user) ?? code });
  return id;
}

/** The name, if it is one line of text as required everywhere. */
function nameOf({ name }: KeycloakUser): string | undefined {
  return lineOfText().safeParse(name).data;
}
