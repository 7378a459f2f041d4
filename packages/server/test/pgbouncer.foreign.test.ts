import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql } from 'kysely';
import pg from 'pg';
import { describe, expect, onTestFinished, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { systemClock } from '../src/kernel/clock.ts';
import { createLog } from '../src/kernel/log.ts';
import { openStore, type Store } from '../src/store/open.ts';
import { rehearse } from '../src/store/rehearse.ts';
import { write } from '../src/store/write.ts';
import { verifyChain } from '../src/subject/event.ts';
import { openContext, temporaryDir } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import { testServer } from './support/server.ts';

const program = '/usr/sbin/pgbouncer';
const hasPgbouncer = existsSync(program);

/** Gives the URL of the same database by way of a PgBouncer. Stopped when the test ends. */
async function startPgbouncer(databaseUrl: string): Promise<string> {
  const { hostname, port, pathname, username } = new URL(databaseUrl);
  const ownPort = await freePort();
  const folder = temporaryDir();
  chmodSync(folder, 0o755);
  const users = join(folder, 'users.txt');
  writeFileSync(users, `"${username}" ""\n`);
  const settings = [
    '[databases]',
    `* = host=${hostname} port=${port}`,
    '[pgbouncer]',
    'pool_mode = transaction',
    'listen_addr = 127.0.0.1',
    `listen_port = ${ownPort}`,
    'unix_socket_dir =',
    'auth_type = trust',
    `auth_file = ${users}`,
  ];
  const file = join(folder, 'pgbouncer.ini');
  writeFileSync(file, `${settings.join('\n')}\n`);
  // It refuses to run as root.
  const as = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};
  const child = spawn(program, [file], { ...as, cwd: '/', stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  let log = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk) => {
      log += chunk;
      if (log.includes('process up')) resolve();
    });
    child.on('exit', () => reject(new Error(`PgBouncer ended:\n${log}`)));
  });
  return `postgres://${username}@127.0.0.1:${ownPort}${pathname}`;
}

test.runIf(process.env.CI)('PgBouncer is there', () => expect(hasPgbouncer, 'apt-get install pgbouncer').toBe(true));

async function open(url: string): Promise<Store> {
  const store = await openStore(url, systemClock, createLog('silent'));
  onTestFinished(() => store.close());
  return store;
}

const timeouts = sql<{ statement: string; idle: string }>`select current_setting('statement_timeout') as statement,
  current_setting('idle_in_transaction_session_timeout') as idle`;
const ours = { statement: '5s', idle: '10s' };

eachDatabase('a pooler', (freshUrl, kind) => {
  test.runIf(kind === 'postgres')(
    'is not needed: each connection has its timeouts from its first statement on',
    async () => {
      const { db } = await open(await freshUrl());
      expect((await timeouts.execute(db)).rows).toEqual([ours]);
      await expect(sql`select pg_sleep(20)`.execute(db)).rejects.toMatchObject({ code: '57014' });
    },
  );

  describe.runIf(kind === 'postgres' && hasPgbouncer)('in transaction mode, as it comes', () => {
    test('serves a server: two nodes start at once, apply, log, write at the same time, and chain their events', async () => {
      const url = await startPgbouncer(await freshUrl());
      const nodes = await Promise.all([testServer({ databaseUrl: url }), testServer({ databaseUrl: url })]);
      onTestFinished(async () => {
        await Promise.all(nodes.map((node) => node.close()));
      });
      const tokens = await Promise.all(nodes.map((node) => node.adminToken()));
      const made = Array.from({ length: 40 }, async (_, i) => {
        const answer = await fetch(`${nodes[i % 2]?.url}/realms/dev/admin/clients`, {
          method: 'POST',
          headers: { authorization: `Bearer ${tokens[i % 2]}`, 'content-type': 'application/json' },
          body: JSON.stringify({ id: `client-${i}`, name: 'x' }),
        });
        return answer.status;
      });
      expect(await Promise.all(made)).toEqual(Array(40).fill(201));
      for (const { url } of nodes) expect((await fetch(`${url}/readyz`)).status).toBe(200);
      const { context } = nodes[0];
      const unsealed = () => context.store.db.selectFrom('event').select('id').where('seq', 'is', null).execute();
      await eventually(async () => (await unsealed()).length === 0, 10_000);
      expect(await verifyChain(context)).toMatchObject({ intact: true });
    });

    test('takes migrations, a rehearsal, and again what a broken connection undid', async () => {
      const url = await startPgbouncer(await freshUrl('empty'));
      const context = await openContext(`${url}?target_session_attrs=read-write`);
      expect((await rehearse(url, systemClock.now(), () => {})).migrations).toEqual([]);
      let runs = 0;
      await write(context, system, async (tx) => {
        await tx.db
          .insertInto('meta')
          .values({ name: 'x', value: String(++runs) })
          .execute();
        if (runs === 1) await sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx.db);
      });
      expect(runs).toBe(2);
      // A session that reached the end of its transaction left nothing in the pooler's connections.
      const names = await sql`select name from pg_prepared_statements union all
        select locktype from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`.execute(context.store.db);
      expect(names.rows).toEqual([]);
    });

    test('gives every transaction its timeouts, and leaves none of them to others', async () => {
      const url = await startPgbouncer(await freshUrl());
      const { db } = await open(url);
      expect((await db.transaction().execute((tx) => timeouts.execute(tx))).rows).toEqual([ours]);
      const repeatable = db.transaction().setIsolationLevel('repeatable read');
      expect((await repeatable.execute((tx) => timeouts.execute(tx))).rows).toEqual([ours]);
      const stranger = new pg.Client({ connectionString: url });
      await stranger.connect();
      onTestFinished(() => stranger.end());
      expect((await stranger.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '0' }]);
      expect((await stranger.query('show idle_in_transaction_session_timeout')).rows).toEqual([
        { idle_in_transaction_session_timeout: '0' },
      ]);
    });

    test('a statement that takes too long ends: by the database in a transaction, by the client outside of one', async () => {
      const { db } = await open(await startPgbouncer(await freshUrl()));
      const slow = sql`select pg_sleep(20)`;
      await Promise.all([
        expect(db.transaction().execute((tx) => slow.execute(tx))).rejects.toMatchObject({ code: '57014' }),
        expect(slow.execute(db)).rejects.toThrow('Query read timeout'),
      ]);
      expect((await sql<{ one: number }>`select 1 as one`.execute(db)).rows).toEqual([{ one: 1 }]);
    }, 30_000);

    test('numbers stay in commit order while many write through few connections', async () => {
      const context = await openContext(await startPgbouncer(await freshUrl()));
      const numbers = await Promise.all(
        Array.from({ length: 30 }, () => write(context, system, async (tx) => tx.sequence())),
      );
      expect(new Set(numbers).size).toBe(30);
    });
  });
});
