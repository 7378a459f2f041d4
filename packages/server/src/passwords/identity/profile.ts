import { z } from 'zod';
import type { Context } from '../../context.ts';
import type { Caller } from '../../kernel/caller.ts';
import { realmKey } from '../../kernel/id.ts';
import { Problem } from '../../kernel/problem.ts';
import { write } from '../../store/write.ts';
import {
  type CredentialType,
  credentialTypes,
  effectiveRules,
  type PasswordConfig,
  type PasswordRules,
} from '../../subject/password-config.ts';
import { findProfile, insertProfile, replaceProfile } from '../passwords.store.ts';
import { findIdentity, findIdentityProfile } from './identity.store.ts';

/**
 * "The password profile must be created using the same ID as that of the identity profile. In this way, the password profile may be
 * viewed as an extension of the identity profile."
 */
export interface PasswordProfile {
  readonly id: string;
  readonly configPerCredentialType: PasswordConfig;
}

const rulesViewSchema = z.object({
  minimumLength: z.int(),
  maximumLength: z.int(),
  complexity: z.int(),
  expiryPeriodDays: z.int(),
  historySize: z.int(),
  secondFactor: z.enum(['optional', 'required']),
});

export const profileViewSchema = z.object({
  id: z.string(),
  configPerCredentialType: z.object({ ROOT: rulesViewSchema.optional(), USER: rulesViewSchema.optional() }),
});

type ProfileView = z.output<typeof profileViewSchema>;

/** From the cache. Undefined if the identity profile has no password profile. */
function lookUpProfile(context: Context, realm: string, id: string): Promise<PasswordProfile | undefined> {
  return context.cache.get('password_profile', realmKey(realm, id), async () => {
    const row = await findProfile(context.store.db, realm, id);
    return row && { id, configPerCredentialType: JSON.parse(row.config) as PasswordConfig };
  });
}

/** @throws {Problem} `identity.unresolved`, `password.profile_not_configured_for_credential_type` */
export async function requireRules(
  context: Context,
  realm: string,
  profileId: string,
  type: CredentialType,
): Promise<PasswordRules> {
  const profile = await lookUpProfile(context, realm, profileId);
  if (profile === undefined) throw new Problem('identity.unresolved');
  const rules = profile.configPerCredentialType[type];
  if (rules === undefined) throw new Problem('password.profile_not_configured_for_credential_type');
  return effectiveRules(rules);
}

/** @throws {Problem} `password_profile.unknown` */
export async function requireProfileView(context: Context, realm: string, id: string): Promise<ProfileView> {
  const profile = await lookUpProfile(context, realm, id);
  if (profile === undefined) throw new Problem('password_profile.unknown');
  return profileView(profile);
}

/**
 * "Returns the Profile ID linked with the identity."
 *
 * @throws {Problem} `identity.unknown`, `password_profile.unknown`
 */
export async function profileOfIdentity(context: Context, realm: string, identityId: string) {
  const identity = await findIdentity(context.store.db, realm, identityId);
  if (identity === undefined) throw new Problem('identity.unknown');
  const { id } = await requireProfileView(context, realm, identity.profile_id);
  return { identityId: { type: 'corporates', id: identityId }, profileId: id } as const;
}

/** @throws {Problem} `identity_profile.unknown`, `password_profile.already_created` */
export async function createProfile(
  context: Context,
  realm: string,
  profile: PasswordProfile,
  caller: Caller,
): Promise<ProfileView> {
  const { id, configPerCredentialType } = profile;
  await write(context, caller, async (tx) => {
    if ((await findIdentityProfile(tx.db, realm, id)) === undefined) throw new Problem('identity_profile.unknown');
    const config = JSON.stringify(configPerCredentialType);
    if (!(await insertProfile(tx.db, { realm, id, config, created_at: tx.now, updated_at: tx.now }))) {
      throw new Problem('password_profile.already_created');
    }
    tx.changed('password_profile', realmKey(realm, id));
    const event = { realm, type: 'password_profile.created', object: `password_profile:${id}` };
    await tx.record({ ...event, after: { configPerCredentialType } });
  });
  return profileView(profile);
}

/**
 * Replaces the rules of the named types. Other types stay. Existing passwords stay valid until their holders change
 * them.
 *
 * @throws {Problem} `password_profile.unknown`, `write.conflict`
 */
export async function updateProfile(
  context: Context,
  realm: string,
  { id, configPerCredentialType }: PasswordProfile,
  caller: Caller,
): Promise<ProfileView> {
  return write(context, caller, async (tx) => {
    const row = await findProfile(tx.db, realm, id);
    if (row === undefined) throw new Problem('password_profile.unknown');
    const before = JSON.parse(row.config) as PasswordConfig;
    const after = { ...before, ...configPerCredentialType };
    const config = JSON.stringify(after);
    if (config !== row.config) {
      if (!(await replaceProfile(tx.db, row, config, tx.now))) throw new Problem('write.conflict');
      tx.changed('password_profile', realmKey(realm, id));
      const event = { realm, type: 'password_profile.changed', object: `password_profile:${id}`, before, after };
      await tx.record(event);
    }
    return profileView({ id, configPerCredentialType: after });
  });
}

function profileView({ id, configPerCredentialType }: PasswordProfile): ProfileView {
  const configured = credentialTypes.flatMap((type) => {
    const rules = configPerCredentialType[type];
    return rules === undefined ? [] : [[type, effectiveRules(rules)] as const];
  });
  return { id, configPerCredentialType: Object.fromEntries(configured) };
}
