import { cryptoPort } from '@countersign/client/node-crypto';
import { type PublicJwk, parsePublicJwk, thumbprint } from '@countersign/proof';
import { expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { system } from '../src/kernel/caller.ts';
import {
  currentKey,
  type NewKey,
  readKeys,
  registerKey,
  retireAllKeys,
  retireKey,
  validKeys,
} from '../src/registry/keys/participant-key.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { requireParticipant } from '../src/registry/participant.ts';
import { write } from '../src/store/write.ts';
import { type ManualClock, manualClock } from './support/clock.ts';
import { openContext } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { caller, publicKey } from './support/network.ts';

/** Two organisations; the first has two roles. */
const network = {
  realms: [
    {
      name: 'dev',
      profile: 'ocen4',
      participants: [
        { id: 'one', role: 'LENDER', client: { id: 'one' }, participant: { id: 'org' } },
        {
          id: 'two',
          role: 'LOAN_AGENT',
          client: { id: 'two' },
          participant: { id: 'org' },
        },
        {
          id: 'stranger',
          role: 'LENDER',
          client: { id: 'stranger' },
          participant: { id: 'other' },
        },
      ],
    },
    {
      name: 'elsewhere',
      profile: 'ocen4',
      participants: [
        {
          id: 'one',
          role: 'LENDER',
          client: { id: 'one' },
          participant: { id: 'foreign' },
        },
      ],
    },
  ],
};

const owners = { one: 'org', two: 'org', stranger: 'other' } as const;

function jwkOf(kid: string): PublicJwk {
  const parsed = parsePublicJwk(publicKey(kid));
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.key;
}

async function newKey(
  jwk: PublicJwk,
  participantId: keyof typeof owners,
  notBefore: number,
  notAfter: number | null = null,
): Promise<NewKey> {
  const id = await thumbprint(jwk, cryptoPort);
  return {
    realm: 'dev',
    participantId,
    organisationId: owners[participantId],
    jwk,
    thumbprint: id,
    notBefore,
    notAfter,
  };
}

eachDatabase('the keys of a participant', (freshUrl, kind) => {
  async function withContext(act: (context: Context, clock: ManualClock) => Promise<void>) {
    const clock = manualClock();
    const context = await openContext(await freshUrl(), { clock });
    await applyNetwork(context, network, caller);
    await act(context, clock);
  }

  const kids = async (context: Context, id: string) => (await validKeys(context, 'dev', id)).map(({ jwk }) => jwk.kid);

  test('are valid from their beginning until just before their end, by the clock and not by the cache', () =>
    withContext(async (context, clock) => {
      const start = clock.now();
      const old = await newKey(jwkOf('old'), 'one', start, start + 2_000);
      const next = await newKey(jwkOf('next'), 'one', start + 1_000);
      await write(context, system, async (tx) => {
        await registerKey(tx, old);
        await registerKey(tx, next);
      });
      const seen = [];
      for (const at of [0, 999, 1_000, 1_999, 2_000]) {
        clock.advance(start + at - clock.now());
        seen.push([at, await kids(context, 'one'), (await currentKey(context, 'dev', 'one'))?.jwk.kid]);
      }
      expect(seen).toEqual([
        [0, ['old'], 'old'],
        [999, ['old'], 'old'],
        [1_000, ['old', 'next'], 'next'],
        [1_999, ['old', 'next'], 'next'],
        [2_000, ['next'], 'next'],
      ]);
      expect(await kids(context, 'nobody')).toEqual([]);
      expect(await validKeys(context, 'elsewhere', 'one')).toEqual([]);
    }));

  test('keep the members that they were registered with', () =>
    withContext(async (context, clock) => {
      const jwk = jwkOf('kept');
      await write(context, system, async (tx) => registerKey(tx, await newKey(jwk, 'one', clock.now())));
      const [key] = await validKeys(context, 'dev', 'one');
      expect(key).toEqual({
        thumbprint: await thumbprint(jwk, cryptoPort),
        jwk,
        notBefore: clock.now(),
        notAfter: null,
      });
    }));

  test('a retired key stays as history and is not registered again', () =>
    withContext(async (context, clock) => {
      const key = await newKey(jwkOf('gone'), 'one', clock.now());
      await write(context, system, (tx) => registerKey(tx, key));
      expect(await kids(context, 'one')).toEqual(['gone']);
      clock.advance(1_000);
      const retire = () => write(context, system, (tx) => retireKey(tx, 'dev', 'one', key.thumbprint));
      expect(await retire()).toBe('retired');
      expect(await kids(context, 'one')).toEqual([]);
      clock.advance(1_000);
      expect(await retire()).toBe('unchanged');
      const history = await write(context, system, (tx) => readKeys(tx, 'dev', 'one'));
      expect(history.map(({ jwk, notAfter }) => [jwk.kid, notAfter])).toEqual([['gone', clock.now() - 1_000]]);
      await expect(write(context, system, (tx) => registerKey(tx, key))).rejects.toMatchObject({
        code: 'registry.conflict',
      });
      await expect(write(context, system, (tx) => retireKey(tx, 'dev', 'two', key.thumbprint))).rejects.toMatchObject({
        code: 'registry.unknown',
      });
    }));

  test('retiring all of them leaves the end of those that had ended before, and reaches those that have not begun', () =>
    withContext(async (context, clock) => {
      const start = clock.now();
      const keys = [
        await newKey(jwkOf('ended'), 'one', start - 2_000, start - 1_000),
        await newKey(jwkOf('now'), 'one', start),
        await newKey(jwkOf('next'), 'one', start + 1_000),
      ];
      await write(context, system, async (tx) => {
        for (const key of keys) await registerKey(tx, key);
        await retireAllKeys(tx, 'dev', 'one');
      });
      clock.advance(5_000);
      expect(await kids(context, 'one')).toEqual([]);
      expect((await requireParticipant(context, 'dev', 'one')).keys.map(({ notAfter }) => notAfter)).toEqual([
        start - 1_000,
        start,
        start,
      ]);
    }));

  test('one thumbprint belongs to one organisation of the realm, whatever its other members say', () =>
    withContext(async (context, clock) => {
      const jwk = jwkOf('shared');
      await write(context, system, async (tx) => registerKey(tx, await newKey(jwk, 'one', clock.now())));
      await write(context, system, async (tx) => registerKey(tx, await newKey(jwk, 'two', clock.now())));
      const { kid: _, ...renamed } = jwk;
      const again = parsePublicJwk({ ...renamed, kid: 'another-name' });
      const stolen = await newKey(again.ok ? again.key : jwk, 'stranger', clock.now());
      await expect(write(context, system, (tx) => registerKey(tx, stolen))).rejects.toMatchObject({
        code: 'registry.key_taken',
      });
      // A realm is a world of its own.
      await write(context, system, (tx) =>
        registerKey(tx, { ...stolen, realm: 'elsewhere', participantId: 'one', organisationId: 'foreign' }),
      );
      // Not even when its owner has retired it.
      await write(context, system, (tx) => retireKey(tx, 'dev', 'one', stolen.thumbprint));
      await write(context, system, (tx) => retireKey(tx, 'dev', 'two', stolen.thumbprint));
      await expect(write(context, system, (tx) => registerKey(tx, stolen))).rejects.toMatchObject({
        code: 'registry.key_taken',
      });
      expect(await kids(context, 'stranger')).toEqual([]);
    }));

  test('two organisations that register the same key at the same moment: one of them gets it', async () => {
    const url = await freshUrl();
    const first = await openContext(url);
    // SQLite has one connection a process; its lock between processes is what the network file is raced against.
    const second = kind === 'postgres' ? await openContext(url) : first;
    await applyNetwork(first, network, caller);
    for (let round = 0; round < 5; round++) {
      const jwk = jwkOf(`round-${round}`);
      const keys = [await newKey(jwk, 'one', 0), await newKey(jwk, 'stranger', 0)];
      const outcomes = await Promise.allSettled(
        [first, second].map((context, index) => write(context, system, (tx) => registerKey(tx, keys[index] as NewKey))),
      );
      expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
      expect(outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason.code] : []))).toEqual([
        'registry.key_taken',
      ]);
      const rows = await first.store.db
        .selectFrom('participant_key')
        .select('participant_id')
        .where('thumbprint', '=', keys[0]?.thumbprint ?? '')
        .execute();
      expect(rows).toHaveLength(1);
    }
  });
});
