import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { realmKey } from '../src/kernel/id.ts';
import { unknownSource } from '../src/kernel/source.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { authenticateClient } from '../src/registry/oauth/client-authentication.ts';
import type { ClientProof } from '../src/registry/oauth/client-proof.ts';
import { ensureRealms } from '../src/start.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { openContext, temporaryDir, tester } from './support/context.ts';
import { networkKeys, oauthNetwork, secrets } from './support/oauth.ts';

/** The same context, which counts what an authentication costs. */
function counting(context: Context) {
  const cost = { reads: 0, digests: 0 };
  const db = new Proxy(context.store.db, {
    get(target, name) {
      if (name === 'executeQuery') cost.reads += 1;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const vault: Context['vault'] = {
    ...context.vault,
    matches: (...asked) => {
      cost.digests += 1;
      return context.vault.matches(...asked);
    },
  };
  return { context: { ...context, store: { ...context.store, db }, vault }, cost };
}

const proof = (clientId: string, secret: string): ClientProof => ({ method: 'client_secret_post', clientId, secret });

test('every refusal of a secret costs the same, and a good one no read', async () => {
  const plain = await openContext(`sqlite:${join(temporaryDir(), 'countersign.db')}`);
  await ensureRealms(plain);
  await applyNetwork(plain, oauthNetwork(await networkKeys()), tester);
  const origin = { source: unknownSource, requestId: 'r' };
  // From now on there is something cached, as in a server that follows the change log.
  plain.cache.refreshed();
  const { context, cost } = counting(plain);
  const realm = await requireRealm(context, 'dev');

  async function costOf(presented: ClientProof, cached: boolean) {
    const key = realmKey('dev', presented.clientId);
    context.cache.invalidate('client', key);
    if (cached) await authenticateClient(context, realm, presented, origin).catch(() => undefined);
    Object.assign(cost, { reads: 0, digests: 0 });
    const outcome = await authenticateClient(context, realm, presented, origin).then(
      () => 'accepted',
      (thrown: { code?: string }) => thrown.code,
    );
    return { outcome, ...cost };
  }

  const refused = { outcome: 'oauth.invalid_client', reads: 1, digests: 4 };
  for (const cached of [false, true]) {
    expect(await costOf(proof('nobody', 'wrong'), cached)).toEqual(refused);
    expect(await costOf(proof('agent', 'wrong'), cached)).toEqual(refused);
    expect(await costOf(proof('client-SUSPENDED', secrets.asleep), cached)).toEqual(refused);
    expect(await costOf(proof('client-SUSPENDED', 'wrong'), cached)).toEqual(refused);
    expect(await costOf(proof('client-APPLIED', secrets.asleep), cached)).toEqual(refused);
    expect(await costOf(proof('client-OFFBOARDED', secrets.asleep), cached)).toEqual(refused);
  }
  expect(await costOf(proof('agent', secrets.agent), true)).toEqual({ outcome: 'accepted', reads: 0, digests: 1 });
});
