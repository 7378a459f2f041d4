import type { Context } from './context.ts';
import type { Caller } from './kernel/caller.ts';
import { type Writing, write } from './store/write.ts';
import { lookUpRealm, type ProfileName, realmNames, saveRealm, systemRealm } from './subject/realm.ts';
import { ensureSigningKeys } from './subject/tokens/signing-key.ts';

export const starter: Caller = { actor: 'system', requestId: 'start' };

/**
 * Makes the two realms that every server has: `system`, which administers the others, and the default one. Each gets
 * its keys.
 */
export async function ensureRealms(context: Context): Promise<void> {
  await ensureRealm(context, systemRealm, 'strict');
  await ensureRealm(context, context.config.defaultRealm, 'ocen4');
  for (const name of await realmNames(context)) await ensureSigningKeys(context, name);
}

async function ensureRealm(context: Context, name: string, profile: ProfileName): Promise<void> {
  if ((await lookUpRealm(context, name)) !== undefined) return;
  await write(context, starter, async (tx) => {
    await makeRealm(tx, name, profile);
  });
}

/** False if the realm exists already. */
export async function makeRealm(tx: Writing, name: string, profile: ProfileName): Promise<boolean> {
  if ((await saveRealm(tx, name, profile, {}, 'keep')) !== 'created') return false;
  const event = { realm: name, type: 'realm.created', object: `realm:${name}`, after: { profile } };
  await tx.record(event);
  return true;
}
