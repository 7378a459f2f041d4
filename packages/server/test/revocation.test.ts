import { expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { system } from '../src/kernel/caller.ts';
import { write } from '../src/store/write.ts';
import { longestToken } from '../src/subject/realm.ts';
import {
  createSubject,
  endSubject,
  lookUpSubjectState,
  reinstateSubject,
  suspendSubject,
} from '../src/subject/subject.ts';
import { forgetOldRevocations, isTokenRevoked, revokeKey, revokeToken } from '../src/subject/tokens/revocation.ts';
import { manualClock } from './support/clock.ts';
import { openContext } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';

const revocations = (context: Context) =>
  context.store.db.selectFrom('revocation').selectAll().orderBy('seq').execute();

eachDatabase('revocation', (freshUrl) => {
  test('of one token holds at once on every node, for its realm only, and is said once', async () => {
    const url = await freshUrl();
    const [here, there] = [await openContext(url), await openContext(url)];
    const end = here.clock.now() + 60_000;
    expect(await isTokenRevoked(there, 'dev', 'jti')).toBe(false);
    expect(await write(here, system, (tx) => revokeToken(tx, 'dev', 'jti', end))).toBe(true);
    expect(await isTokenRevoked(there, 'dev', 'jti')).toBe(true);
    expect(await isTokenRevoked(there, 'other', 'jti')).toBe(false);
    expect(await write(here, system, (tx) => revokeToken(tx, 'dev', 'jti', end))).toBe(false);
    expect(await revocations(here)).toHaveLength(1);
  });

  test('of one token by several at once is one revocation', async () => {
    const url = await freshUrl();
    const nodes = [await openContext(url), await openContext(url), await openContext(url)];
    const said = await Promise.all(
      nodes.map((node) => write(node, system, (tx) => revokeToken(tx, 'dev', 'jti', 1e15))),
    );
    expect(said.filter(Boolean)).toHaveLength(1);
  });

  test('is forgotten only when what it revokes has died', async () => {
    const clock = manualClock();
    const context = await openContext(await freshUrl(), { clock });
    const end = clock.now() + 10_000;
    await write(context, system, async (tx) => {
      await createSubject(tx, { realm: 'dev', id: 'subject', kind: 'client' }, false);
    });
    await write(context, system, async (tx) => {
      await revokeToken(tx, 'dev', 'jti', end);
      await revokeKey(tx, 'dev', 'thumbprint');
      await suspendSubject(tx, 'dev', 'subject');
    });
    clock.advance(70_000);
    await forgetOldRevocations(context);
    expect(await isTokenRevoked(context, 'dev', 'jti')).toBe(true);
    clock.advance(1);
    await forgetOldRevocations(context);
    expect((await revocations(context)).map(({ kind }) => kind)).toEqual(['key', 'subject']);
    clock.advance(longestToken * 1000 - 70_001);
    await forgetOldRevocations(context);
    expect(await revocations(context)).toHaveLength(2);
    clock.advance(60_001);
    await forgetOldRevocations(context);
    expect(await revocations(context)).toEqual([]);
  });

  test('of a subject kills its generation for good: reinstatement begins another', async () => {
    const context = await openContext(await freshUrl());
    context.cache.refreshed();
    const state = () => lookUpSubjectState(context, 'dev', 'subject');
    await write(context, system, (tx) => createSubject(tx, { realm: 'dev', id: 'subject', kind: 'client' }, false));
    expect(await state()).toEqual({ generation: 1, live: true });
    await write(context, system, (tx) => suspendSubject(tx, 'dev', 'subject'));
    expect(await state()).toEqual({ generation: 2, live: false });
    await write(context, system, (tx) => reinstateSubject(tx, 'dev', 'subject'));
    expect(await state()).toEqual({ generation: 2, live: true });
    await write(context, system, (tx) => endSubject(tx, 'dev', 'subject'));
    expect(await state()).toEqual({ generation: 3, live: false });
    // A tombstone is no longer changed.
    await write(context, system, (tx) => suspendSubject(tx, 'dev', 'subject'));
    await write(context, system, (tx) => reinstateSubject(tx, 'dev', 'subject'));
    expect(await state()).toEqual({ generation: 3, live: false });
    expect(await revocations(context)).toMatchObject([{ kind: 'subject', key: 'subject', generation: 2 }]);
  });

  test('stands in the order of commits', async () => {
    const url = await freshUrl();
    const nodes = await Promise.all(Array.from({ length: 4 }, () => openContext(url)));
    await Promise.all(
      nodes.flatMap((node, n) =>
        Array.from({ length: 5 }, (_, i) => write(node, system, (tx) => revokeToken(tx, 'dev', `${n} ${i}`, 1e15))),
      ),
    );
    const seqs = (await revocations(nodes[0] as Context)).map(({ seq }) => seq);
    expect(new Set(seqs).size).toBe(20);
  });

  test('that is undone leaves no trace', async () => {
    const context = await openContext(await freshUrl());
    const undone = write(context, system, async (tx) => {
      await revokeToken(tx, 'dev', 'jti', 1e15);
      throw new Error('undone');
    });
    await expect(undone).rejects.toThrow('undone');
    expect(await isTokenRevoked(context, 'dev', 'jti')).toBe(false);
  });
});
