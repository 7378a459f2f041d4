import { expect, test } from 'vitest';
import { readKeycloakExport } from '../src/passwords/identity/keycloak-import.ts';
import { importUsers } from '../src/passwords/identity/user-import.ts';
import { tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { keycloakExport, keycloakUser } from './support/keycloak.ts';
import { corporate } from './support/passwords.ts';

eachDatabase('a thousand users of Keycloak', (freshUrl) => {
  test('all log in with the password that they had, and each is hashed anew', async () => {
    const { server, login } = await corporate({ databaseUrl: await freshUrl() });
    const names = Array.from({ length: 1_000 }, (_, number) => `user-${number}`);
    const text = keycloakExport(...names.map((name) => keycloakUser(name, `the password of ${name}`)));
    const target = { realm: 'dev', into: { identityId: 'corp-1' }, type: 'USER', withoutSecondFactor: false } as const;
    const taken = await importUsers(server.context, target, readKeycloakExport(text).users, tester);
    expect(taken).toEqual({ imported: 1_000, refused: [] });
    for (const name of names)
      expect([name, (await login(name, `the password of ${name}`)).status]).toEqual([name, 200]);
    const { db } = server.context.store;
    const hashes = await db.selectFrom('password').select('hash').where('credential_id', '!=', 'cred-1').execute();
    expect(hashes).toHaveLength(1_000);
    for (const { hash } of hashes) expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1,keyid=MQ\$/);
  });
});
