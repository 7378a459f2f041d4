import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { Problem } from '../src/kernel/problem.ts';
import { readKeycloakExport } from '../src/passwords/identity/keycloak-import.ts';
import { type ImportTarget, importUsers } from '../src/passwords/identity/user-import.ts';
import { provePassword } from '../src/passwords/login.ts';
import type { Hasher } from '../src/subject/secrets/password-hash.ts';
import { masterKey, temporaryDir, tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { keycloakExport, keycloakUser } from './support/keycloak.ts';
import { type Corporate, corporate, said } from './support/passwords.ts';
import { run } from './support/serve.ts';

const target: ImportTarget = {
  realm: 'dev',
  into: { identityId: 'corp-1' },
  type: 'USER',
  withoutSecondFactor: false,
};

function importInto({ server }: Corporate, users: readonly object[], wanted: Partial<ImportTarget> = {}) {
  const exported = readKeycloakExport(keycloakExport(...users));
  return importUsers(server.context, { ...target, ...wanted }, exported.users, tester);
}

async function hashOf({ server }: Corporate, code: string) {
  const row = await server.context.store.db
    .selectFrom('password')
    .innerJoin('credential', (join) =>
      join.onRef('credential.realm', '=', 'password.realm').onRef('credential.id', '=', 'password.credential_id'),
    )
    .select('password.hash')
    .where('credential.realm', '=', 'dev')
    .where('credential.code', '=', code)
    .executeTakeFirst();
  return row?.hash;
}

eachDatabase('users of Keycloak', (freshUrl) => {
  const open = async () => corporate({ databaseUrl: await freshUrl() });

  test('log in with the password that they had, which is then hashed as ours are', async () => {
    const made = await open();
    const users = [keycloakUser('jane', 'the password of jane'), keycloakUser('jim', 'short')];
    expect(await importInto(made, users)).toEqual({ imported: 2, refused: [] });
    expect(await hashOf(made, 'jane')).toMatch(/^\$pbkdf2-sha256\$i=1000\$/);
    expect(said(await made.login('jane', 'the password of jim'))).toBe('403 FAILED_LOGIN');
    expect(await hashOf(made, 'jane')).toMatch(/^\$pbkdf2/);
    for (let round = 0; round < 2; round++) {
      expect((await made.login('jane', 'the password of jane')).body).toMatchObject({
        credential: { type: 'USER' },
        identity: { id: 'corp-1' },
      });
      expect(await hashOf(made, 'jane')).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1,keyid=MQ\$/);
    }
    expect((await made.login('JIM', 'short')).status).toBe(200);
    const events = await made.server.context.store.db.selectFrom('event').selectAll().execute();
    expect(events.filter(({ type }) => type === 'password.imported')).toHaveLength(2);
    expect(JSON.stringify(events)).not.toContain('pbkdf2');
  });

  test('log in also when there is no room for the new hash: a later login makes it', async () => {
    const made = await open();
    await importInto(made, [keycloakUser('jane', 'the password of jane')]);
    const { context } = made.server;
    const busy = { ...context.hasher, hash: () => Promise.reject(new Problem('attempt.busy')) };
    const prove = (hasher: Hasher) => provePassword({ ...context, hasher }, 'dev', 'jane', 'the password of jane');
    expect(await prove(busy)).toMatchObject({ ok: true, credential: { code: 'jane' } });
    expect(await hashOf(made, 'jane')).toMatch(/^\$pbkdf2/);
    const broken = { ...context.hasher, hash: () => Promise.reject(new Problem('internal')) };
    await expect(prove(broken)).rejects.toMatchObject({ code: 'internal' });
    await prove(context.hasher);
    expect(await hashOf(made, 'jane')).toMatch(/^\$argon2id/);
  });

  test('who were disabled stay so; who had to change the password have to', async () => {
    const made = await open();
    const users = [
      keycloakUser('jane', 'the password of jane', { enabled: false }),
      keycloakUser('jim', 'the password of jim', { requiredActions: ['UPDATE_PASSWORD'] }),
      keycloakUser('jo', undefined),
    ];
    expect(await importInto(made, users)).toMatchObject({ imported: 3 });
    expect(said(await made.login('jane', 'the password of jane'))).toBe('403 FAILED_LOGIN');
    expect(said(await made.login('jim', 'the password of jim'))).toBe('409 EXPIRED_PASSWORD');
    expect(said(await made.login('jo', ''))).toMatch(/^40[03]/);
    expect(await hashOf(made, 'jo')).toBeUndefined();
    const row = await made.server.context.store.db
      .selectFrom('credential')
      .select('id')
      .where('code', '=', 'jane')
      .executeTakeFirstOrThrow();
    await made.admin(`/identities/corp-1/credentials/${row.id}/enable`);
    expect((await made.login('jane', 'the password of jane')).status).toBe(200);
  });

  test('of an identity each are ROOT of it, under the name that they have', async () => {
    const made = await open();
    const jane = keycloakUser('jane@acme.example', 'the password of jane', {
      id: '0b7e',
      firstName: 'Jane',
      lastName: 'Doe',
      email: 'jane@acme.example',
    });
    const into = { identityProfileId: 'ip-1' };
    expect(await importInto(made, [jane], { into, type: 'ROOT' })).toMatchObject({ imported: 1 });
    expect((await made.login('jane@acme.example', 'the password of jane')).body).toMatchObject({
      credential: { type: 'ROOT' },
      identity: { type: 'corporates', id: '0b7e' },
    });
    const identity = await made.server.context.store.db
      .selectFrom('identity')
      .selectAll()
      .where('id', '=', '0b7e')
      .executeTakeFirstOrThrow();
    expect(identity).toMatchObject({ realm: 'dev', profile_id: 'ip-1', name: 'Jane Doe' });
  });

  test('who are there already, in any spelling, are refused and changed in nothing; the others are taken', async () => {
    const made = await open();
    const users = [
      keycloakUser('jane', 'the password of jane'),
      keycloakUser('BOB', 'of another bob'),
      keycloakUser('Ｊane', 'of another jane'),
      keycloakUser('\0', 'of nobody'),
      keycloakUser('jim', 'the password of jim'),
    ];
    const { imported, refused } = await importInto(made, users);
    expect(imported).toBe(2);
    expect(refused.map(({ username }) => username)).toEqual(['BOB', 'Ｊane', '\0']);
    expect(said(await made.login('bob', 'of another bob'))).toBe('403 FAILED_LOGIN');
    expect((await made.login('jane', 'the password of jane')).status).toBe(200);
    expect(await importInto(made, users)).toMatchObject({ imported: 0 });
    const into = { identityProfileId: 'ip-1' };
    expect(await importInto(made, [users[0] as object], { into })).toMatchObject({ imported: 0 });
    const identities = await made.server.context.store.db.selectFrom('identity').select('id').execute();
    expect(identities.map(({ id }) => id)).not.toContain('kc-jane');
  });

  test('who had a second factor are taken only where that is said not to matter', async () => {
    const made = await open();
    const password = (keycloakUser('jane', 'the password of jane') as { credentials: object[] }).credentials;
    const jane = keycloakUser('jane', undefined, { credentials: [...password, { type: 'otp' }] });
    const { refused } = await importInto(made, [jane]);
    expect(refused).toEqual([{ username: 'jane', reason: expect.stringContaining('otp') }]);
    expect(await importInto(made, [jane], { withoutSecondFactor: true })).toMatchObject({ imported: 1 });
  });

  test('have to go somewhere: an unknown target, or one without rules for passwords, takes none', async () => {
    const made = await open();
    const users = [keycloakUser('jane', 'the password of jane')];
    for (const [wanted, code] of [
      [{ into: { identityId: 'nobody' } }, 'identity.unknown'],
      [{ into: { identityProfileId: 'none' } }, 'identity_profile.unknown'],
      [{ into: { identityId: 'corp-bare' } }, 'identity.unresolved'],
    ] as const)
      await expect(importInto(made, users, wanted)).rejects.toMatchObject({ code });
    expect(await hashOf(made, 'jane')).toBeUndefined();
  });
});

describe('countersign identity import-keycloak', () => {
  test('takes a file in, and says who was refused', async () => {
    const dataDir = temporaryDir();
    const file = (name: string, content: string) => {
      const path = join(dataDir, name);
      writeFileSync(path, content);
      return path;
    };
    const made = await corporate({ databaseUrl: `sqlite:${join(dataDir, 'countersign.db')}` });
    const users = keycloakExport(keycloakUser('jane', 'the password of jane'), { username: 7 });
    const path = file('export.json', users);
    const env = { COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_MASTER_KEY: masterKey };
    const taken = await run(['identity', 'import-keycloak', path, '--identity', 'corp-1'], env);
    expect(taken).toMatchObject({ code: 0, stderr: '' });
    expect(JSON.parse(taken.stdout)).toEqual({
      realm: 'dev',
      imported: 1,
      refused: [{ username: 'users[1]', reason: expect.any(String) }],
    });
    // A server that runs meanwhile knows them at once.
    expect((await made.login('jane', 'the password of jane')).status).toBe(200);
    for (const [args, text] of [
      [[path], 'Name either --identity or --identity-profile.'],
      [[path, '--identity', 'corp-1', '--identity-profile', 'ip-1'], 'Name either'],
      [[path, '--identity', 'corp-1', '--realm', 'nowhere'], 'There is no such realm.'],
      [[file('broken.json', '{'), '--identity', 'corp-1'], 'This is no realm that Keycloak exported.'],
    ] as const) {
      const { code, stderr } = await run(['identity', 'import-keycloak', ...args], env);
      expect([code, stderr]).toEqual([1, expect.stringContaining(text)]);
    }
  });
});
