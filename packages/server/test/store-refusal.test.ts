import pg from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { testServer } from './support/server.ts';

eachDatabase('a database that refuses', (freshUrl, kind) => {
  /** A server on a database of its own, under an account that the test can take away. */
  async function start() {
    const url = await freshUrl();
    const admin = new pg.Client({ connectionString: url });
    await admin.connect();
    onTestFinished(() => admin.end());
    const database = new URL(url).pathname.slice(1);
    await admin.query(`create role ${database} login superuser`);
    const own = new URL(url);
    own.username = database;
    const server = await testServer({ databaseUrl: own.href });
    onTestFinished(async () => {
      await server.close();
      await admin.query(`reassign owned by ${database} to postgres`);
      await admin.query(`drop role ${database}`);
    });
    const token = await server.adminToken();
    const make = (id: string) =>
      fetch(`${server.url}/realms/dev/admin/clients`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ id, name: 'x' }),
      });
    const reconnect = () =>
      admin.query('select pg_terminate_backend(pid) from pg_stat_activity where usename = $1', [database]);
    return { server, admin, database, make, reconnect };
  }

  async function expectUnavailable(answer: Response, words: string, logged: readonly string[]): Promise<void> {
    expect(await answer.json()).toMatchObject({ status: 503, code: 'store.unavailable' });
    expect(answer.headers.get('retry-after')).toBe('1');
    expect(logged.some((line) => line.includes(words))).toBe(true);
  }

  test.runIf(kind === 'postgres')(
    'its account is a store that cannot answer now, until it takes it again',
    async () => {
      const { server, admin, database, make, reconnect } = await start();
      await admin.query(`alter role ${database} nologin`);
      await reconnect();
      await eventually(async () => (await (await make('refused')).text()).includes('store.unavailable'), 5_000);
      await expectUnavailable(await make('refused'), 'The database refuses the account.', server.logged);
      expect((await fetch(`${server.url}/readyz`)).status).toBe(503);
      expect(server.logged.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
      await admin.query(`alter role ${database} login`);
      expect((await make('afterwards')).status).toBe(201);
    },
  );

  test.runIf(kind === 'postgres')('a lock, after the time that it gives, is one too', async () => {
    const { server, admin, database, make, reconnect } = await start();
    await admin.query(`alter database ${database} set lock_timeout = '50ms'`);
    await reconnect();
    await eventually(async () => (await make(`try-${Math.random()}`)).status === 201, 5_000);
    await admin.query('begin; lock table client in access exclusive mode');
    await expectUnavailable(await make('locked'), 'Another process keeps the database busy.', server.logged);
    await admin.query('commit');
    expect((await make('locked')).status).toBe(201);
  });
});
