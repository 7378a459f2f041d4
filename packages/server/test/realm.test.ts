import { describe, expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { system } from '../src/kernel/caller.ts';
import { ensureRealms } from '../src/start.ts';
import { write } from '../src/store/write.ts';
import { effectiveSettings, lockRealm, profiles, realmName, requireRealm, saveRealm } from '../src/subject/realm.ts';
import { changeRealm, createRealm, newRealmSchema, settingsChangeSchema } from '../src/subject/realm-change.ts';
import { openContext, tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';

const local = { developmentRealm: 'dev' } as const;

describe('the settings of a realm', () => {
  test('are those of its profile, as the contract says', () => {
    expect(effectiveSettings(local, 'production', 'ocen4', {})).toEqual({
      accessTokenAlg: 'RS256',
      accessTokenTyp: 'JWT',
      accessTokenSeconds: 86_400,
      audienceRequired: false,
      defaultAudience: null,
      signatureForms: ['ocen', 'rfc7797', 'strict'],
      signatureFormSent: 'rfc7797',
      tokenRequestJson: true,
      walletTokens: 'bearer',
      walletCreation: 'invited',
      sessionIdleSeconds: 300,
      sessionMaxSeconds: 43_200,
      deletionGraceDays: 30,
      packedMethods: [],
      walletRecoveryHours: 72,
      development: false,
      contact: null,
    });
    expect(effectiveSettings(local, 'production', 'strict', {})).toEqual({
      ...profiles.ocen4,
      accessTokenAlg: 'ES256',
      accessTokenTyp: 'at+jwt',
      accessTokenSeconds: 600,
      audienceRequired: true,
      signatureForms: ['strict'],
      signatureFormSent: 'strict',
      tokenRequestJson: false,
      walletTokens: 'dpop',
    });
  });

  test('allow development and wallets for anybody in `dev` only, unless they say otherwise', () => {
    expect(effectiveSettings(local, 'dev', 'ocen4', {})).toMatchObject({ development: true, walletCreation: 'open' });
    expect(effectiveSettings(local, 'dev', 'strict', {}).development).toBe(true);
    expect(effectiveSettings(local, 'dev', 'ocen4', { development: false }).development).toBe(false);
    const elsewhere = { developmentRealm: undefined };
    expect(effectiveSettings(elsewhere, 'dev', 'ocen4', {})).toMatchObject({
      development: false,
      walletCreation: 'invited',
    });
    expect(effectiveSettings(local, 'devel', 'ocen4', {})).toMatchObject({
      development: false,
      walletCreation: 'invited',
    });
  });

  test('are overridden by name, and by nothing that is undefined', () => {
    const { accessTokenSeconds, accessTokenAlg } = effectiveSettings(local, 'x', 'strict', {
      accessTokenSeconds: 60,
      accessTokenAlg: undefined,
    });
    expect([accessTokenSeconds, accessTokenAlg]).toEqual([60, 'ES256']);
  });

  test.each([
    { accessTokenAlg: 'none' },
    { accessTokenAlg: 'HS256' },
    { accessTokenSeconds: 86_401 },
    { accessTokenSeconds: 29 },
    { accessTokenSeconds: 60.5 },
    { accessTokenSeconds: '600' },
    { accessTokenTyp: 'jwt' },
    { signatureForms: [] },
    { development: 'yes' },
    { unknown: 1 },
    JSON.parse('{"__proto__":{"development":true}}'),
  ])('%j is refused', (settings) => {
    expect(newRealmSchema.safeParse({ name: 'x', profile: 'strict', settings }).success).toBe(false);
    expect(settingsChangeSchema.safeParse({ settings }).success).toBe(false);
  });
});

test.each(['dev', 'a', '0', 'a-b-c', 'a'.repeat(63)])('%s is a realm name', (name) => {
  expect(realmName.safeParse(name).success).toBe(true);
});

test.each(['', 'Dev', '-a', 'a/b', '..', 'a b', 'a\0', 'a\n', 'é', 'a'.repeat(64), 'a%2fb'])('%j is none', (name) => {
  expect(realmName.safeParse(name).success).toBe(false);
});

eachDatabase('a realm', (freshUrl) => {
  const create = (context: Context) => createRealm(context, { name: 'other', profile: 'strict' }, tester);
  const events = async (context: Context, realm: string) =>
    (await context.store.db.selectFrom('event').selectAll().where('realm', '=', realm).orderBy('id').execute()).map(
      ({ type, before, after }) => ({ type, before: JSON.parse(before ?? 'null'), after: JSON.parse(after ?? 'null') }),
    );

  test('is made once by nodes that start together, with one event', async () => {
    const url = await freshUrl();
    const nodes = [await openContext(url), await openContext(url), await openContext(url)];
    await Promise.all(nodes.map((node) => ensureRealms(node)));
    for (const realm of ['system', 'dev']) {
      expect(await events(nodes[0] as Context, realm)).toMatchObject([{ type: 'realm.created' }]);
    }
  });

  test('is made by one of several who ask at once; the others hear of the conflict', async () => {
    const url = await freshUrl();
    const nodes = [await openContext(url), await openContext(url), await openContext(url)];
    const results = await Promise.allSettled(nodes.map(create));
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    for (const result of results) {
      if (result.status === 'rejected')
        expect(result.reason).toMatchObject({ code: 'registry.conflict', pointer: '/name' });
    }
    expect(await events(nodes[0] as Context, 'other')).toHaveLength(1);
  });

  test('is changed by name: null goes back to the profile, what is not named stays', async () => {
    const context = await openContext(await freshUrl());
    await create(context);
    await changeRealm(context, 'other', { settings: { accessTokenSeconds: 60, development: true } }, tester);
    const changed = await changeRealm(context, 'other', { settings: { development: null } }, tester);
    expect(changed.settings).toEqual({ ...profiles.strict, accessTokenSeconds: 60 });
    expect((await events(context, 'other')).slice(1)).toEqual([
      {
        type: 'realm.changed',
        before: { profile: 'strict', settings: {} },
        after: { profile: 'strict', settings: { accessTokenSeconds: 60, development: true } },
      },
      {
        type: 'realm.changed',
        before: { profile: 'strict', settings: { accessTokenSeconds: 60, development: true } },
        after: { profile: 'strict', settings: { accessTokenSeconds: 60 } },
      },
    ]);
  });

  test('is not changed by a change that changes nothing, and writes no event then', async () => {
    const context = await openContext(await freshUrl());
    await create(context);
    await changeRealm(context, 'other', {}, tester);
    await changeRealm(context, 'other', { profile: 'strict', settings: { development: null } }, tester);
    expect(await events(context, 'other')).toHaveLength(1);
  });

  test('loses nothing when several change it at once', async () => {
    const url = await freshUrl();
    const nodes = [await openContext(url), await openContext(url), await openContext(url)];
    await create(nodes[0] as Context);
    const changes = [{ accessTokenSeconds: 60 }, { sessionIdleSeconds: 60 }, { walletTokens: 'bearer' as const }];
    await Promise.all(nodes.map((node, i) => changeRealm(node, 'other', { settings: changes[i] }, tester)));
    const { settings } = await requireRealm(nodes[0] as Context, 'other');
    expect(settings).toMatchObject({ accessTokenSeconds: 60, sessionIdleSeconds: 60, walletTokens: 'bearer' });
  });

  test('that is unknown is refused', async () => {
    const context = await openContext(await freshUrl());
    const unknown = { code: 'realm.unknown' };
    await expect(requireRealm(context, 'nowhere')).rejects.toMatchObject(unknown);
    await expect(changeRealm(context, 'nowhere', {}, tester)).rejects.toMatchObject(unknown);
    await expect(write(context, system, (tx) => lockRealm(tx, 'nowhere'))).rejects.toMatchObject(unknown);
  });

  test('is kept or changed as asked', async () => {
    const context = await openContext(await freshUrl());
    const save = (profile: 'strict' | 'ocen4', existing?: 'keep') =>
      write(context, system, (tx) => saveRealm(tx, 'x', profile, {}, existing));
    expect(await save('strict')).toBe('created');
    expect(await save('strict')).toBe('unchanged');
    expect(await save('ocen4', 'keep')).toBe('unchanged');
    expect((await requireRealm(context, 'x')).profile).toBe('strict');
    expect(await save('ocen4')).toBe('changed');
    expect((await requireRealm(context, 'x')).profile).toBe('ocen4');
  });
});
