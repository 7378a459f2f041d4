import { z } from 'zod';
import type { Context } from '../context.ts';
import type { Caller } from '../kernel/caller.ts';
import { isoDate } from '../kernel/clock.ts';
import { Problem } from '../kernel/problem.ts';
import { write } from '../store/write.ts';
import { findRealm } from './realm.store.ts';
import {
  lockRealm,
  type ProfileName,
  profileNames,
  type Realm,
  realmName,
  requireRealm,
  type Settings,
  type SettingsOverrides,
  saveRealm,
  settingsSchema,
} from './realm.ts';
import { ensureSigningKeys } from './tokens/signing-key.ts';

const overridesSchema = settingsSchema.partial();

export const newRealmSchema = z.strictObject({
  name: realmName,
  profile: z.enum(profileNames),
  settings: overridesSchema.optional(),
});

/** Each setting under its name. Null returns to the value of the profile. */
export const settingsChangeSchema = z.strictObject({
  profile: z.enum(profileNames).optional(),
  settings: z
    .strictObject(
      Object.fromEntries(
        Object.entries(settingsSchema.shape).map(([name, schema]) => [name, schema.nullable().optional()]),
      ) as { [S in keyof Settings]: z.ZodOptional<z.ZodNullable<(typeof settingsSchema.shape)[S]>> },
    )
    .optional(),
});

/** Makes a realm with its keys. @throws {Problem} `registry.conflict` if the name is taken */
export async function createRealm(
  context: Context,
  wanted: z.output<typeof newRealmSchema>,
  caller: Caller,
): Promise<Realm> {
  const { name, profile, settings = {} } = wanted;
  await write(context, caller, async (tx) => {
    if ((await saveRealm(tx, name, profile, settings, 'keep')) !== 'created') {
      throw new Problem('registry.conflict', { detail: 'There is a realm of this name already.', pointer: '/name' });
    }
    const after = { profile, settings };
    await tx.record({ realm: name, type: 'realm.created', object: `realm:${name}`, after });
  });
  await ensureSigningKeys(context, name);
  return requireRealm(context, name);
}

/**
 * Settings that are not named stay. A new token algorithm takes effect with the next rotation of the keys.
 *
 * @throws {Problem} `realm.unknown`
 */
export async function changeRealm(
  context: Context,
  name: string,
  change: z.output<typeof settingsChangeSchema>,
  caller: Caller,
): Promise<Realm> {
  await write(context, caller, async (tx) => {
    await lockRealm(tx, name);
    const row = await findRealm(tx.db, name);
    if (row === undefined) throw new Problem('realm.unknown');
    const before = { profile: row.profile as ProfileName, settings: JSON.parse(row.settings) as SettingsOverrides };
    const after = {
      profile: change.profile ?? before.profile,
      settings: merge(before.settings, change.settings ?? {}),
    };
    if ((await saveRealm(tx, name, after.profile, after.settings)) === 'unchanged') return;
    await tx.record({ realm: name, type: 'realm.changed', object: `realm:${name}`, before, after });
  });
  return requireRealm(context, name);
}

/** The realm as the administration API shows it, with the settings in force. */
export function realmView({ name, profile, issuer, settings, createdAt }: Realm) {
  return { name, profile, issuer, settings, createdAt: isoDate(createdAt) };
}

export const realmViewSchema = z.object({
  name: z.string(),
  profile: z.enum(profileNames),
  issuer: z.string(),
  settings: settingsSchema,
  createdAt: z.string(),
});

function merge(known: SettingsOverrides, change: { readonly [name: string]: unknown }): SettingsOverrides {
  const merged: Record<string, unknown> = { ...known };
  for (const [name, value] of Object.entries(change)) {
    if (value === null) delete merged[name];
    else if (value !== undefined) merged[name] = value;
  }
  return merged;
}
