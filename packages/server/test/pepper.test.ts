import { argon2Sync } from 'node:crypto';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/kernel/log.ts';
import { systemRandom } from '../src/kernel/random.ts';
import { openStore } from '../src/store/open.ts';
import { dumpOpening, dumpSealing, dumpStore, loadStore } from '../src/subject/dump.ts';
import { importHash } from '../src/subject/secrets/foreign-hash.ts';
import { createHasher } from '../src/subject/secrets/password-hash.ts';
import { listPeppers } from '../src/subject/secrets/pepper.ts';
import { readHash } from '../src/subject/secrets/stored-hash.ts';
import { reseal } from '../src/subject/secrets/vault.ts';
import { movedClock } from './support/clock.ts';
import { masterKey, openContext } from './support/context.ts';
import { bothDatabases, eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { hashPool, realHashPool } from './support/hash-pool.ts';
import { type Corporate, corporate, corporateAt, passwords, said } from './support/passwords.ts';
import { noPeppers, peppersOf } from './support/pepper.ts';
import { obtainToken, testServer } from './support/server.ts';

const key = Buffer.from(masterKey, 'base64url');
const under = (number: number) =>
  `$argon2id$v=19$m=19456,t=2,p=1,keyid=${Buffer.from(String(number)).toString('base64').replace(/=+$/, '')}$`;
const unpeppered = '$argon2id$v=19$m=19456,t=2,p=1$';

async function hashOf({ server }: Corporate): Promise<string> {
  const { hash } = await server.context.store.db
    .selectFrom('password')
    .select('hash')
    .where('realm', '=', 'dev')
    .where('credential_id', '=', 'cred-1')
    .orderBy('version', 'desc')
    .executeTakeFirstOrThrow();
  return String(hash);
}

/** What somebody computes who has the database, and perhaps its pepper: by another implementation than ours. */
function guess(stored: string, password: string, secret?: Uint8Array): boolean {
  const hash = readHash(stored);
  if (hash.scheme !== 'argon2') throw new Error('not Argon2');
  const { salt: nonce, memory, passes, lanes: parallelism, tag } = hash;
  const options = { message: password, nonce, memory, passes, parallelism, tagLength: tag.length };
  return argon2Sync('argon2id', { ...options, ...(secret && { secret }) }).equals(tag);
}

const log = (made: Corporate, password: string = passwords.first) => made.login('alice@acme.example', password);

eachDatabase('the pepper of password hashes', (freshUrl) => {
  test('is the secret value of Argon2id: the database alone does not verify a password', async () => {
    const made = await corporate({ databaseUrl: await freshUrl(), hashPool: realHashPool });
    const { store, vault } = made.server.context;
    const stored = await hashOf(made);
    expect(stored.startsWith(under(1))).toBe(true);
    const [pepper] = await listPeppers(store.db, vault);
    expect(guess(stored, passwords.first)).toBe(false);
    expect(guess(stored, passwords.first, pepper?.key)).toBe(true);
    expect(guess(stored, passwords.second, pepper?.key)).toBe(false);
    expect(said(await log(made))).toBe('200');
    expect(await hashOf(made)).toBe(stored);
    const written = JSON.stringify([await store.db.selectFrom('sealed').selectAll().execute(), made.server.logged]);
    for (const spelling of ['base64url', 'base64', 'hex'] as const)
      expect(written).not.toContain(Buffer.from(pepper?.key ?? []).toString(spelling));
  });

  test('is rotated: an old one is good until the next login, on every node at once, and its sessions go on', async () => {
    const databaseUrl = await freshUrl();
    const made = await corporate({ databaseUrl, withPassword: ['cred-1', 'cred-3'] });
    const other = await testServer({ databaseUrl, network: { realms: [] } });
    onTestFinished(() => other.close());
    const there = corporateAt(other);
    const session = await made.session();
    const old = await hashOf(made);
    const { body, status } = await made.admin('/admin/password-peppers/rotate');
    expect({ status, body }).toEqual({ status: 200, body: { number: 2, activeAt: expect.any(String) } });
    // At once: the other node may not have heard of it, and must read the hash all the same.
    expect(said(await log(made))).toBe('200');
    const renewed = await hashOf(made);
    expect(renewed.startsWith(under(2))).toBe(true);
    expect(said(await log(there))).toBe('200');
    // A node that still makes hashes under the old one does not undo the new one.
    expect(await hashOf(made)).toBe(renewed);
    expect(said(await made.call('/auth/subject', session))).toBe('200');
    await eventually(async () => (await other.context.hasher.hash('x')).startsWith(under(2)), 3_000);
    expect(said(await there.login('carol@globex.example', passwords.first))).toBe('200');
    expect((await other.context.hasher.verify(old, passwords.first)).ok).toBe(true);
    // The history of a password reads hashes of every pepper.
    const change = { oldPassword: { value: passwords.first }, password: { value: passwords.first } };
    expect(said(await made.call('/passwords/cred-1/update', session, change))).toBe('409 PASSWORD_REUSED');
    const events = await made.server.context.store.db.selectFrom('event').selectAll().execute();
    const told = events.filter(({ type }) => type === 'pepper.rotated');
    expect(told).toMatchObject([{ realm: 'system', object: 'pepper:2', actor: 'admin' }]);
  });

  test('is another one for each of two who rotate at the same moment', async () => {
    const made = await corporate({ databaseUrl: await freshUrl(), withPassword: [] });
    const answers = await Promise.all([1, 2, 3].map(() => made.admin('/admin/password-peppers/rotate')));
    const numbers = answers.flatMap(({ status, body }) => (status === 200 ? [body.number] : []));
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const { status } of answers) expect([200, 409]).toContain(status);
    const listed = await fetch(`${made.server.url}/admin/password-peppers`, {
      headers: { authorization: `Bearer ${await made.server.adminToken()}` },
    });
    const { items } = (await listed.json()) as { items: object[] };
    expect(items).toHaveLength(1 + numbers.length);
    for (const item of items) expect(Object.keys(item).sort()).toEqual(['activeAt', 'number']);
  });

  test('is for administrators of system alone', async () => {
    const made = await corporate({ databaseUrl: await freshUrl() });
    const { server, call, session, admin } = made;
    const { body } = await admin('/realms/dev/admin/clients', { name: 'Administrator', scope: 'countersign:admin' });
    const own = await obtainToken(server.issuer(), String(body.clientId), String(body.clientSecret));
    for (const token of [undefined, await session(), `Bearer ${own}`]) {
      const { status } = await call('/admin/password-peppers/rotate', token);
      expect([401, 403]).toContain(status);
    }
    expect(await listPeppers(server.context.store.db, server.context.vault)).toHaveLength(1);
  });

  test('comes to a database from before an hour after the first start, and to each hash at its next login', async () => {
    const databaseUrl = await freshUrl();
    const before = await corporate({ databaseUrl, withPassword: ['cred-1'] });
    const { db } = before.server.context.store;
    const plain = createHasher({ random: systemRandom, peppers: noPeppers, pool: hashPool });
    await db
      .updateTable('password')
      .set({ hash: await plain.hash(passwords.first) })
      .execute();
    await db.deleteFrom('sealed').where('name', 'like', 'password-pepper-%').execute();

    const clock = movedClock();
    const server = await testServer({ databaseUrl, clock, network: { realms: [] } });
    onTestFinished(() => server.close());
    const made = corporateAt(server);
    expect(said(await log(made))).toBe('200');
    expect((await hashOf(made)).startsWith(unpeppered)).toBe(true);
    clock.advance(3_600_000);
    expect(said(await log(made, passwords.second))).toBe('403 FAILED_LOGIN');
    expect((await hashOf(made)).startsWith(unpeppered)).toBe(true);
    expect(said(await log(made))).toBe('200');
    expect((await hashOf(made)).startsWith(under(1))).toBe(true);
    expect(said(await log(made))).toBe('200');
  });

  test('opens under another master key once everything was sealed again, and is sealed in its place', async () => {
    const databaseUrl = await freshUrl();
    const first = await openContext(databaseUrl);
    await first.store.db
      .insertInto('sealed')
      .columns(['name', 'value'])
      .expression((eb) =>
        eb
          .selectFrom('sealed')
          .select([eb.val('moved').as('name'), 'value'])
          .where('name', '=', 'password-pepper-1'),
      )
      .execute();
    const moved = await first.store.db
      .selectFrom('sealed')
      .selectAll()
      .where('name', '=', 'moved')
      .executeTakeFirstOrThrow();
    expect(() => first.vault.open(moved.value, 'password-pepper-2')).toThrow();
    await first.store.db.deleteFrom('sealed').where('name', '=', 'moved').execute();
    const stored = await first.hasher.hash(passwords.first);
    await first.hasher.close();
    const next = Buffer.alloc(32, 7);
    await reseal(first.store, key, next, []);
    const after = await openContext(databaseUrl, {}, { COUNTERSIGN_MASTER_KEY: next.toString('base64url') });
    expect(await after.hasher.verify(stored, passwords.first)).toEqual({ ok: true, outdated: false });
    await after.hasher.close();
  });

  test('that is missing is a fault of ours, not a wrong password, and the answer tells nothing of it', async () => {
    const made = await corporate({ databaseUrl: await freshUrl() });
    const { db } = made.server.context.store;
    const stored = await hashOf(made);
    await db
      .updateTable('password')
      .set({ hash: stored.replace(under(1), under(77)) })
      .execute();
    const { status, body } = await log(made);
    expect(status).toBe(500);
    expect(JSON.stringify(body)).not.toContain('pepper');
    expect(made.server.logged.join('\n')).toContain('pepper 77 of a password hash is missing');
  });
});

bothDatabases('a pepper that moves to another database', (fresh) => {
  test.each([
    ['sqlite', 'postgres'],
    ['postgres', 'sqlite'],
  ] as const)('from %s to %s goes sealed, and every password is as good as before', async (from, to) => {
    const made = await corporate({ databaseUrl: await fresh[from]() });
    await made.admin('/admin/password-peppers/rotate');
    await made.admin('/passwords/cred-3/create', { password: { value: passwords.first } });
    const { context } = made.server;
    const lines: string[] = [];
    await dumpStore(context.store, dumpSealing(key, systemRandom), async (line) => void lines.push(line));
    const databaseUrl = await fresh[to]();
    const store = await openStore(databaseUrl, systemClock, createLog('silent'));
    await loadStore(
      store,
      dumpOpening(key),
      (async function* () {
        yield* lines;
      })(),
    );
    await store.close();
    const server = await testServer({ databaseUrl, network: { realms: [] } });
    onTestFinished(() => server.close());
    const there = corporateAt(server);
    expect(await listPeppers(server.context.store.db, server.context.vault)).toEqual(
      await listPeppers(context.store.db, context.vault),
    );
    expect((await hashOf(there)).startsWith(under(1))).toBe(true);
    expect(said(await log(there))).toBe('200');
    expect((await hashOf(there)).startsWith(under(2))).toBe(true);
    expect(said(await there.login('carol@globex.example', passwords.first))).toBe('200');
  });
});

test('a hash that another server made under a secret key of its own is not imported', async () => {
  const hasher = createHasher({ random: systemRandom, peppers: peppersOf(Buffer.alloc(32, 1)) });
  onTestFinished(() => hasher.close());
  const stored = await hasher.hash('x');
  expect(stored.startsWith(under(1))).toBe(true);
  expect(() => importHash(stored)).toThrow('keyid');
});

test.each([
  'keyid=',
  'keyid=MA',
  'keyid=LTE',
  'keyid=MDE',
  'keyid=MQ==',
  'keyid=MS41',
  'keyid=MQ,data=MQ',
  'data=MQ,keyid=MQ',
])('a hash with %s is none that we made', async (parameter) => {
  const text = `$argon2id$v=19$m=19456,t=2,p=1,${parameter}$${'A'.repeat(22)}$${'A'.repeat(43)}`;
  expect(() => readHash(text)).toThrow(expect.objectContaining({ code: 'request.invalid' }));
});
