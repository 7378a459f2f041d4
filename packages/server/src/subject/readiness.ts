import type { Context } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { realmNames } from './realm.ts';
import { currentKey, signingKeys } from './tokens/signing-key.ts';

/**
 * Throws unless this process can answer: it hears of changes, its store takes writes, and each realm has a key to sign
 * with.
 */
export async function requireReady(context: Context): Promise<void> {
  context.cache.requireFresh();
  if ((await context.store.hold.renew()) === 'lost') throw new Problem('store.unavailable');
  for (const realm of await realmNames(context))
    currentKey(await signingKeys(context, realm), 'token', context.clock.now());
}
