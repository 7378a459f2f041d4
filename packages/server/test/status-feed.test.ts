import { join } from 'node:path';
import type { Subject } from '@countersign/proof';
import { expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { system } from '../src/kernel/caller.ts';
import { ensureRealms } from '../src/start.ts';
import { write } from '../src/store/write.ts';
import { type Realm, requireRealm } from '../src/subject/realm.ts';
import { revokeToken } from '../src/subject/tokens/revocation.ts';
import type { SignedStatus } from '../src/subject/tokens/status.ts';
import { currentStatus, watchStatus } from '../src/subject/tokens/status-feed.ts';
import { type ManualClock, manualClock } from './support/clock.ts';
import { openContext, temporaryDir } from './support/context.ts';
import { eventually } from './support/eventually.ts';

async function feed(): Promise<{ context: Context; realm: Realm; clock: ManualClock }> {
  const clock = manualClock();
  const context = await openContext(`sqlite:${join(temporaryDir(), 'countersign.db')}`, { clock });
  await ensureRealms(context);
  return { context, realm: await requireRealm(context, 'dev'), clock };
}

/** As the bearer of a token that ends in an hour. */
function reader(context: Context, realm: Realm, id: string): Subject {
  const now = Math.floor(context.clock.now() / 1000);
  const base = {
    issuer: realm.issuer,
    realm: realm.name,
    roles: [],
    resourceAccess: {},
    scopes: [],
    audience: [],
    actors: [],
    ancestors: [],
    confirmation: undefined,
  };
  const times = { issuedAt: now, expiresAt: now + 3600 };
  return { ...base, ...times, kind: 'client', id, clientId: id, generation: 1, jti: `token of ${id}` } as Subject;
}

async function watch(context: Context, realm: Realm, id: string, keepsUp = true) {
  const told: SignedStatus[] = [];
  const state = { ended: 0 };
  const leave = await watchStatus(context, {
    realm,
    subject: reader(context, realm, id),
    send: (status) => told.push(status) > 0 && keepsUp,
    end: () => void state.ended++,
  });
  return { told, state, leave };
}

test('readers of one second share one signature; a change or a second later it is another', async () => {
  const { context, realm, clock } = await feed();
  const read = async (after = 0) => (await currentStatus(context, realm, after)).jwt;
  const first = await read();
  expect(new Set(await Promise.all(Array.from({ length: 20 }, () => read())))).toEqual(new Set([first]));
  clock.advance(999);
  expect(await read()).toBe(first);
  clock.advance(1);
  const second = await read();
  expect(second).not.toBe(first);
  await write(context, system, (tx) => revokeToken(tx, 'dev', 'some token', tx.now + 60_000));
  expect(await read()).not.toBe(second);
});

test('watchers are a thousand at most, and one that leaves makes room', async () => {
  const { context, realm } = await feed();
  const watches = [];
  for (let i = 0; i < 1_000; i++) watches.push(await watch(context, realm, `reader ${i}`));
  await expect(watch(context, realm, 'one more')).rejects.toMatchObject({ code: 'store.unavailable', retryAfter: 10 });
  watches[0]?.leave();
  await watch(context, realm, 'one more');
});

test('a burst does not pass the bound of one subject', async () => {
  const { context, realm } = await feed();
  const burst = await Promise.allSettled(Array.from({ length: 40 }, () => watch(context, realm, 'reader')));
  expect(burst.filter(({ status }) => status === 'fulfilled')).toHaveLength(16);
  // The same id in another realm is somebody else.
  await watch(context, await requireRealm(context, 'system'), 'reader');
});

test('a reader that does not keep up is ended, once', async () => {
  const { context, realm } = await feed();
  const slow = await watch(context, realm, 'slow', false);
  expect(slow.told).toHaveLength(1);
  expect(slow.state.ended).toBe(1);
  slow.leave();
  expect(slow.state.ended).toBe(1);
});

test('a node that has lost its store ends its watchers instead of keeping them quiet', async () => {
  const { context, realm, clock } = await feed();
  context.cache.refreshed();
  const watched = await watch(context, realm, 'reader');
  // After the first poll there is nothing to sign for a while: only its own look at the store shows that it is gone.
  await write(context, system, (tx) => revokeToken(tx, 'dev', 'some token', tx.now + 60_000));
  await eventually(() => watched.told.length === 2, 5_000);
  clock.advance(5_001);
  await eventually(() => watched.state.ended === 1, 5_000);
});

test("a revocation of somebody else's token is told and ends nobody", async () => {
  const { context, realm } = await feed();
  const watched = await watch(context, realm, 'reader');
  await write(context, system, (tx) => revokeToken(tx, 'dev', 'token of another', tx.now + 60_000));
  await eventually(() => watched.told.length === 2, 5_000);
  expect(watched.told[1]?.claims.revoked.map(({ id }) => id)).toEqual(['token of another']);
  expect(watched.state.ended).toBe(0);
  await write(context, system, (tx) => revokeToken(tx, 'dev', 'token of reader', tx.now + 60_000));
  await eventually(() => watched.state.ended === 1, 5_000);
});
