import { Kysely, sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';
import { verifiedAddressOf } from '../src/mail/owner.ts';
import { lookUpCredential } from '../src/passwords/identity/credential.ts';
import * as foundation from '../src/store/migrations/0001-foundation.ts';
import { postgresDialect } from '../src/store/postgres.ts';
import { sqliteDialect } from '../src/store/sqlite.ts';
import { eachDatabase } from './support/databases.ts';
import { corporateAt, passwords, said } from './support/passwords.ts';
import { testServer } from './support/server.ts';

const at = 1_700_000_000_000;
const credentials = [
  ['cred-1', 'Alice@Acme.Example'],
  ['cred-2', 'bob'],
  ['cred-3', 'BOB'],
  ['cred-4', 'carol@bücher.example'],
] as const;

/** A database as the release before left it: identities and credentials, and neither subjects nor passwords of theirs. */
async function firstRelease(url: string): Promise<void> {
  const dialect = url.startsWith('sqlite:')
    ? sqliteDialect(url.slice('sqlite:'.length))
    : postgresDialect(url, () => {});
  const db = new Kysely<unknown>({ dialect });
  for (const statement of foundation.statements) await sql.raw(statement).execute(db);
  await sql`create table migration (name text primary key, applied_at bigint not null)`.execute(db);
  await sql`insert into migration values (${foundation.name}, ${at})`.execute(db);
  await sql`insert into identity_profile values ('dev', 'ip-1', 'Corporates', ${at}, ${at})`.execute(db);
  await sql`insert into identity values ('dev', 'corp-1', 'ip-1', 'Acme Travel', ${at}, ${at})`.execute(db);
  for (const [id, code] of credentials) {
    await sql`insert into credential values ('dev', ${id}, 'corp-1', 'ROOT', ${code}, ${at}, ${at})`.execute(db);
  }
  await db.destroy();
}

eachDatabase('a database of the first release', (freshUrl) => {
  test('is brought up to date, and its credentials log in once they have a password', async () => {
    const databaseUrl = await freshUrl('empty');
    await firstRelease(databaseUrl);
    const server = await testServer({ databaseUrl });
    onTestFinished(() => server.close());
    const { admin, login, call } = corporateAt(server);
    const config = { configPerCredentialType: { ROOT: {} } };
    const first = { password: { value: passwords.first } };
    expect(said(await admin('/passwords/cred-1/create', first))).toBe('409 UNRESOLVED_IDENTITY');
    expect(said(await admin('/passwords/profiles/ip-1/create', config))).toBe('200');
    for (const [id] of credentials) expect(said(await admin(`/passwords/${id}/create`, first))).toBe('200');
    const answer = await login(' alice@ACME.example', passwords.first);
    expect(answer).toMatchObject({ status: 200, body: { credential: { type: 'ROOT', id: 'cred-1' } } });
    expect(said(await call('/auth/subject', String(answer.body.token)))).toBe('200');
    expect(said(await admin('/realms/dev/admin/identities/corp-1/disable'))).toBe('200');
    expect(said(await call('/auth/subject', String(answer.body.token)))).toBe('401 SESSION_INVALID');
    expect(said(await login('alice@acme.example', passwords.first))).toBe('403 FAILED_LOGIN');
  });

  test('goes on mailing to the addresses that it had, and to no name that is no address', async () => {
    const databaseUrl = await freshUrl('empty');
    await firstRelease(databaseUrl);
    const server = await testServer({ databaseUrl });
    onTestFinished(() => server.close());
    const verified = await Promise.all(
      credentials.map(async ([id]) => {
        const credential = await lookUpCredential(server.context, 'dev', id);
        return credential && verifiedAddressOf(credential);
      }),
    );
    expect(verified).toEqual(['alice@acme.example', undefined, undefined, 'carol@xn--bcher-kva.example']);
  });

  test('keeps apart two codes that differ in capitals only: the one that is folded already is found', async () => {
    const databaseUrl = await freshUrl('empty');
    await firstRelease(databaseUrl);
    const server = await testServer({ databaseUrl });
    onTestFinished(() => server.close());
    const { admin, login } = corporateAt(server);
    await admin('/passwords/profiles/ip-1/create', { configPerCredentialType: { ROOT: {} } });
    await admin('/passwords/cred-2/create', { password: { value: passwords.second } });
    await admin('/passwords/cred-3/create', { password: { value: passwords.third } });
    expect(await login('Bob', passwords.second)).toMatchObject({ status: 200, body: { credential: { id: 'cred-2' } } });
    expect(said(await login('BOB', passwords.third))).toBe('403 FAILED_LOGIN');
  });
});
