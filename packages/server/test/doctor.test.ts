import { chmodSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { Finding } from '../src/cli/doctor/finding.ts';
import { exitCodeOf, findingsText } from '../src/cli/doctor.ts';
import { registerClient } from '../src/registry/client-administration.ts';
import { noteBackup } from '../src/store/backed-up.ts';
import { markLoading } from '../src/store/loading.ts';
import type { Store } from '../src/store/open.ts';
import { sealNewEvents } from '../src/subject/event.ts';
import { changeRealm } from '../src/subject/realm-change.ts';
import { rotateSigningKeys } from '../src/subject/tokens/signing-key.ts';
import { openContext, temporaryDir, tester } from './support/context.ts';
import { copyOf, forwarded, type SpoiledProxy, startProxy, type World, world } from './support/doctor.ts';
import {
  doctorKey,
  goodCertificate,
  otherCertificate,
  pastCertificate,
  testAuthority,
} from './support/doctor-certificates.ts';
import { freePort } from './support/free-port.ts';
import { open as openStoreAt } from './support/move.ts';
import { type PostgresServer, startPostgres } from './support/postgres.ts';
import { run } from './support/serve.ts';
import { administrator } from './support/server.ts';
import { mailbox, smtpError } from './support/smtp.ts';
import { testCertificate, testCertificateKey } from './support/tls.ts';

const ids = (found: readonly Finding[]) => found.map(({ id }) => id);
const day = 86_400_000;
const otherKey = Buffer.alloc(32, 7).toString('base64url');
const sender = { COUNTERSIGN_MAIL_FROM: 'countersign@id.example' };

/** What changes for one examination: variables, or what is examined with. */
type Change = Readonly<Record<string, string | undefined>> | { readonly examining: Parameters<World['found']>[1] };
type Row = readonly [id: string, why: string, seed: () => Change | Promise<Change>];

async function examined(of: World, seed: Row[2]): Promise<readonly Finding[]> {
  const change = await seed();
  const found =
    'examining' in change
      ? await of.found({}, change.examining as object)
      : await of.found(change as Readonly<Record<string, string>>);
  // Whatever it says, it says no secret.
  const said = findingsText(found) + JSON.stringify(found);
  for (const secret of [administrator.secret, of.env.COUNTERSIGN_MASTER_KEY ?? '', 'mail-password'])
    expect(said).not.toContain(secret);
  return found;
}

describe('a server on SQLite behind a proxy', () => {
  let [of, proxy] = [{} as World, {} as SpoiledProxy];
  beforeAll(async () => {
    proxy = await startProxy();
    const env = { COUNTERSIGN_PUBLIC_URL: proxy.url, COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1' };
    of = await world({ env });
    proxy.forwardTo(of.server.context.config.port);
  });
  afterAll(() => of.server.close());

  test('has no findings while it is healthy', async () => {
    const { url } = await mailbox();
    expect(await of.found()).toEqual([]);
    expect(await of.found({ COUNTERSIGN_SMTP_URL: url, ...sender }, { peers: [proxy.url] })).toEqual([]);
  });

  /** On a copy of the database, which the server does not see. */
  const onCopy =
    (change: (store: Store, path: string) => Promise<unknown>): Row[2] =>
    async () => {
      const path = await copyOf(of);
      const store = await openStoreAt(`sqlite:${path}`);
      await change(store, path);
      await store.close();
      return { COUNTERSIGN_DATABASE_URL: `sqlite:${path}` };
    };
  const contextOf = (path: string) => openContext(`sqlite:${path}`);
  const inDataDir = (name: string, content: string, mode: number): string => {
    const path = join(of.env.COUNTERSIGN_DATA_DIR ?? '', name);
    writeFileSync(path, content);
    chmodSync(path, mode);
    onTestFinished(() => rmSync(path, { force: true }));
    return path;
  };
  const mails = (url: string) => ({ COUNTERSIGN_SMTP_URL: url, ...sender });
  const spoil = (how: Parameters<SpoiledProxy['spoil']>[0]): Row[2] => {
    return () => {
      proxy.spoil(how);
      return {};
    };
  };
  const answer = (path: string, status: number, headers: Record<string, string> = {}, body = ''): Row[2] =>
    spoil(({ url = '' }, outgoing) => {
      if (!url.includes(path)) return undefined;
      outgoing.writeHead(status, headers).end(body);
      return 'answered';
    });

  const rows: readonly Row[] = [
    ['settings.invalid', 'a port that is no number', () => ({ COUNTERSIGN_PORT: 'abc' })],
    ['settings.unknown', 'a misspelt variable', () => ({ COUNTERSIGN_TRUSTED_PROXY: '10.0.0.1' })],
    ['settings.public_url', 'all addresses, and an issuer on loopback', () => ({ COUNTERSIGN_HOST: '0.0.0.0' })],
    ['settings.log_level', 'a silent log', () => ({ COUNTERSIGN_LOG_LEVEL: 'silent' })],
    ['settings.workers', 'more workers than processors', () => ({ COUNTERSIGN_WORKERS: '250' })],
    [
      'settings.master_key',
      'another key in the data directory than in the variable',
      () => {
        inDataDir('master.key', `${otherKey}\n`, 0o600);
        return {};
      },
    ],
    [
      'settings.trusted_proxies',
      'every address trusted',
      () => ({ COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1,0.0.0.0/0' }),
    ],
    [
      'mail.sender_default',
      'a mail server, and the sender of a first trial',
      async () => ({ COUNTERSIGN_SMTP_URL: (await mailbox()).url }),
    ],
    ['mail.connection', 'no mail server at the port', () => mails('smtp://127.0.0.1:1')],
    [
      'mail.tls',
      'TLS from the start, and a server without it',
      async () => mails((await mailbox()).url.replace('smtp:', 'smtps:')),
    ],
    [
      'mail.login',
      'a wrong password of the mail server',
      async () => {
        const { port } = await mailbox({
          authOptional: false,
          onAuth: (_auth, _session, done) => done(smtpError(535)),
        });
        return mails(`smtp://sender:mail-password@127.0.0.1:${port}`);
      },
    ],
    [
      'mail.sender',
      'a sender that the mail server refuses',
      async () => mails((await mailbox({ onMailFrom: (_from, _session, done) => done(smtpError(550)) })).url),
    ],
    [
      'permissions.data_directory',
      'a data directory that others can read',
      () => {
        const directory = of.env.COUNTERSIGN_DATA_DIR ?? '';
        chmodSync(directory, 0o755);
        onTestFinished(() => chmodSync(directory, 0o700));
        return {};
      },
    ],
    [
      'permissions.master_key',
      'a master key that others can read',
      () => {
        inDataDir('master.key', of.env.COUNTERSIGN_MASTER_KEY ?? '', 0o644);
        return {};
      },
    ],
    [
      'permissions.credentials',
      'credentials that others can read',
      () => {
        const directory = join(of.env.COUNTERSIGN_DATA_DIR ?? '', 'credentials');
        mkdirSync(directory, { mode: 0o700 });
        onTestFinished(() => rmSync(directory, { recursive: true }));
        inDataDir('credentials/x.secret', 'x', 0o644);
        return {};
      },
    ],
    [
      'permissions.database',
      'a database that others can read',
      onCopy(async (store, path) => {
        await store.close();
        chmodSync(path, 0o644);
      }),
    ],
    [
      'permissions.secret_file',
      'a file of a secret that others can read',
      () => ({
        COUNTERSIGN_MASTER_KEY: undefined,
        COUNTERSIGN_MASTER_KEY_FILE: inDataDir('key.txt', of.env.COUNTERSIGN_MASTER_KEY ?? '', 0o644),
      }),
    ],
    [
      'permissions.network_file',
      'a network file with secrets that others can read',
      () => ({ COUNTERSIGN_APPLY: inDataDir('network.json', '{"client":{"secret":"x"}}', 0o644) }),
    ],
    ['disk.space', 'a full disk', () => ({ examining: { space: () => ({ free: 1_000_000 }) } })],
    [
      'database.missing',
      'a data directory without a store',
      () => ({ COUNTERSIGN_DATABASE_URL: 'sqlite:/nowhere/x.db' }),
    ],
    [
      'database.damaged',
      'a page of the database overwritten',
      onCopy(async (store, path) => {
        await store.close();
        const file = await open(path, 'r+');
        await file.write(Buffer.alloc(4096, 0xff), 0, 4096, 4096 * 3);
        await file.close();
      }),
    ],
    [
      'database.schema_newer',
      'a database of a newer version',
      onCopy(({ db }) =>
        db
          .insertInto('migration' as never)
          .values({ name: '9999-later', applied_at: 1 } as never)
          .execute(),
      ),
    ],
    [
      'database.schema_older',
      'a database that was not migrated',
      onCopy(({ db }) =>
        db
          .deleteFrom('migration' as never)
          .where('name' as never, '>=', '0018' as never)
          .execute(),
      ),
    ],
    ['database.loading', 'a load that was killed', onCopy(({ db }) => markLoading(db))],
    [
      'database.wal',
      'a log that is never emptied',
      onCopy(async (store, path) => {
        await store.close();
        writeFileSync(`${path}-wal`, '', { mode: 0o600 });
        truncateSync(`${path}-wal`, 600 * 1024 * 1024);
      }),
    ],
    ['keys.master', 'another master key', () => ({ COUNTERSIGN_MASTER_KEY: otherKey })],
    [
      'keys.missing',
      'a realm without its key',
      onCopy(({ db }) =>
        db.deleteFrom('signing_key').where('realm', '=', 'dev').where('purpose', '=', 'token').execute(),
      ),
    ],
    [
      'keys.old',
      'a key of two years',
      onCopy(({ db }) =>
        db
          .updateTable('signing_key')
          .set({ active_at: Date.now() - 730 * day })
          .where('realm', '=', 'dev')
          .where('active_at', 'is not', null)
          .execute(),
      ),
    ],
    [
      'events.chain',
      'an event that was altered',
      onCopy(({ db }) => db.updateTable('event').set({ actor: 'somebody' }).where('seq', '=', 1).execute()),
    ],
    [
      'events.unsealed',
      'a sealer that does not run',
      onCopy(({ db }) =>
        db
          .insertInto('event')
          .values(eventAt(Date.now() - 600_000))
          .execute(),
      ),
    ],
    [
      'mail.waiting',
      'a mail that cannot be sent for a day',
      onCopy(({ db }) =>
        db
          .insertInto('mail')
          .values({
            ...{ realm: 'dev', id: 'm-1', reference: null, purpose: 'notice', state: 'waiting', sealed: null },
            ...{ attempts: 9, next_at: Date.now() + day, give_up_at: Date.now() + day, reason: 'ECONNREFUSED' },
            ...{ created_at: Date.now() - day / 2, settled_at: null },
          })
          .execute(),
      ),
    ],
    ['backups.old', 'a backup of last month', onCopy(({ db }) => noteBackup(db, Date.now() - 30 * day))],
    [
      'backups.none',
      'a database of last month without a backup',
      onCopy(async ({ db }, path) => {
        await db.deleteFrom('event').execute();
        await db.deleteFrom('lease').execute();
        await db
          .insertInto('event')
          .values(eventAt(Date.now() - 30 * day))
          .execute();
        await sealNewEvents(await contextOf(path), 'test');
      }),
    ],
    [
      'issuer.unreachable',
      'a public URL where nothing listens',
      async () => ({ COUNTERSIGN_PUBLIC_URL: `http://localhost:${await freePort()}` }),
    ],
    [
      'issuer.other',
      'a page of the proxy itself',
      answer('/', 200, { 'content-type': 'text/html' }, '<h1>Welcome</h1>'),
    ],
    ['issuer.redirect', 'a redirect to another name', answer('/', 301, { location: 'https://www.example/' })],
    [
      'issuer.mismatch',
      'another spelling of the name than the server has',
      () => ({ COUNTERSIGN_PUBLIC_URL: `http://127.0.0.1:${proxy.port}` }),
    ],
    ['issuer.not_ready', 'a server that is not ready', answer('/readyz', 503)],
    [
      'issuer.keys',
      'the database of another server',
      onCopy(async (_store, path) => rotateSigningKeys(await contextOf(path), 'dev', 'token', true, tester)),
    ],
    [
      'clock.peers',
      'a clock that is ten minutes ahead',
      () => ({ examining: { clock: { now: () => Date.now() + 600_000, elapsed: () => performance.now() } } }),
    ],
    ['clock.peer_away', 'a peer that is not there', () => ({ examining: { peers: ['https://127.0.0.1:1'] } })],
    [
      'proxy.authorization',
      'a proxy that drops the tokens of callers',
      spoil((incoming) => {
        const { authorization, ...headers } = forwarded(incoming);
        return authorization?.startsWith('Bearer') ? { headers } : undefined;
      }),
    ],
    ['proxy.target', 'a proxy that decodes paths', spoil(({ url = '' }) => ({ url: url.replaceAll('%2F', '/') }))],
    ['proxy.forged', 'a proxy that passes on what strangers claim', spoil(({ headers }) => ({ headers }))],
    [
      'proxy.no_address',
      'a proxy that does not say who calls',
      spoil(({ headers: { 'x-forwarded-for': _, ...headers } }) => ({ headers })),
    ],
    ['proxy.untrusted', 'a proxy that the server does not know', spoil(() => ({ from: '127.0.0.3' }))],
    ['feed.away', 'a proxy that hides the status feed', answer('/realms/system/status', 404)],
    [
      'feed.stale',
      'a proxy that keeps the status feed',
      answer(
        '/realms/system/status',
        200,
        {},
        `x.${Buffer.from('{"incarnation":"old","iat":1}').toString('base64url')}.x`,
      ),
    ],
    [
      'feed.buffered',
      'a proxy that collects events',
      spoil(({ url = '' }, outgoing) => {
        if (!url.endsWith('/status/events')) return undefined;
        outgoing.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders();
        return 'answered';
      }),
    ],
  ];
  test.each(rows)('%s: %s', async (id, _why, seed) => {
    expect(ids(await examined(of, seed))).toEqual([id]);
  });

  test('that hides its administration from the outside is looked at as far as that goes', async () => {
    proxy.spoil(({ url = '' }, outgoing) => {
      if (!url.startsWith('/admin/')) return undefined;
      outgoing.writeHead(404).end();
      return 'answered';
    });
    const found = await of.found();
    expect(found).toMatchObject([{ id: 'proxy', severity: 'unknown' }]);
    expect(exitCodeOf(found)).toBe(2);
  });

  test('that does not prove who it is gets no secret of the administrator', async () => {
    const asked: string[] = [];
    proxy.spoil(({ method, url = '' }, outgoing) => {
      asked.push(`${method} ${url}`);
      if (!url.startsWith('/realms/dev/.well-known')) return undefined;
      outgoing.writeHead(200, { 'content-type': 'application/json' }).end('{"issuer":{"toString":1}}');
      return 'answered';
    });
    expect((await of.found()).map(({ id }) => id)).toEqual(['doctor']);
    expect(asked.filter((one) => one.startsWith('POST'))).toEqual([]);
  });

  test('with an administrator of one realm only is looked at through that realm', async () => {
    const made = await registerClient(of.server.context, 'dev', { name: 'x', scope: 'countersign:admin' }, tester);
    const profile = inDataDir('profile.json', JSON.stringify({ url: proxy.url, realm: 'dev', ...made }), 0o600);
    expect(await of.found({}, { profile })).toMatchObject([{ id: 'proxy', severity: 'unknown' }]);
  });

  test('with a profile that cannot be read is looked at as far as that goes', async () => {
    const profile = inDataDir('broken.json', '{', 0o600);
    const found = await of.found({}, { profile });
    expect(found).toMatchObject([{ id: 'administrator', severity: 'unknown' }]);
    expect(exitCodeOf(found)).toBe(2);
  });

  test('a server without an administrator is looked at as far as possible', async () => {
    const found = await of.found({
      COUNTERSIGN_ADMIN_CLIENT_ID: undefined,
      COUNTERSIGN_ADMIN_CLIENT_SECRET: undefined,
    });
    expect(found).toMatchObject([{ id: 'administrator', severity: 'unknown' }]);
    expect(exitCodeOf(found)).toBe(2);
  });
});

describe('a server with TLS', () => {
  const trusted = getCACertificates('default');
  const folder = temporaryDir();
  const certificate = join(folder, 'tls.pem');
  let of = {} as World;
  beforeAll(async () => {
    setDefaultCACertificates([...trusted, testAuthority]);
    writeFileSync(certificate, goodCertificate);
    const port = String(await freePort());
    of = await world({
      env: {
        ...{
          COUNTERSIGN_PORT: port,
          COUNTERSIGN_HOST: '127.0.0.2',
          COUNTERSIGN_PUBLIC_URL: `https://127.0.0.2:${port}`,
        },
        ...{ COUNTERSIGN_TLS_CERT: certificate, COUNTERSIGN_TLS_KEY: doctorKey, ...sender },
      },
    });
  });
  afterAll(async () => {
    await of.server.close();
    setDefaultCACertificates(trusted);
  });

  const mailed = async () => ({ COUNTERSIGN_SMTP_URL: (await mailbox()).url });
  test('has no findings while it is healthy', async () => {
    expect(await of.found(await mailed())).toEqual([]);
  });

  /** Another server at the public URL, with this certificate. */
  const showing =
    (cert: string, key: string): Row[2] =>
    async () => {
      const server = createServer({ cert, key }, (_incoming, outgoing) => outgoing.end());
      const port = await freePort();
      await new Promise<void>((resolve) => server.listen(port, '127.0.0.2', resolve));
      onTestFinished(() => {
        server.closeAllConnections();
        server.close();
      });
      return { ...(await mailed()), COUNTERSIGN_PUBLIC_URL: `https://127.0.0.2:${port}` };
    };
  const rows: readonly Row[] = [
    ['mail.folder', 'mails as files, for a server that others reach', () => ({})],
    [
      'settings.tls',
      'TLS, and an issuer without',
      async () => ({
        ...(await mailed()),
        COUNTERSIGN_PUBLIC_URL: 'http://localhost:1',
        COUNTERSIGN_HOST: '127.0.0.1',
      }),
    ],
    [
      'settings.cors',
      'pages without TLS that may read answers',
      async () => ({ ...(await mailed()), COUNTERSIGN_CORS_ORIGINS: 'http://app.example' }),
    ],
    [
      'settings.development',
      'a realm for development that strangers reach',
      async () => {
        const set = (development: boolean | null) =>
          changeRealm(of.server.context, 'dev', { settings: { development } } as never, tester);
        await set(true);
        onTestFinished(async () => void (await set(null)));
        return mailed();
      },
    ],
    ['tls.expired', 'a certificate that has expired', showing(pastCertificate, doctorKey)],
    ['tls.name', 'a certificate of another name', showing(otherCertificate, doctorKey)],
    ['tls.chain', 'a certificate that its own key signed', showing(testCertificate, testCertificateKey)],
    [
      'tls.not_taken_up',
      'a renewed certificate, and a server from before',
      () => {
        writeFileSync(certificate, otherCertificate);
        onTestFinished(() => writeFileSync(certificate, goodCertificate));
        return mailed();
      },
    ],
  ];
  test.each(rows)('%s: %s', async (id, _why, seed) => {
    const found = ids(await examined(of, seed));
    // Where the issuer has no TLS, nothing answers there.
    expect(found.filter((one) => id !== 'settings.tls' || one !== 'issuer.unreachable')).toEqual([id]);
  });
});

describe.skipIf(!process.env.COUNTERSIGN_TEST_POSTGRES)('a server on PostgreSQL', () => {
  let [of, postgres] = [{} as World, {} as PostgresServer];
  const urlOf = (name: string) => postgres.url.replace(/postgres$/, name);
  const asked = async (url: string, text: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query(text).finally(() => client.end());
  };
  beforeAll(async () => {
    postgres = (await startPostgres({ durable: true })) as PostgresServer;
    await asked(postgres.url, 'create database healthy');
    of = await world({ databaseUrl: urlOf('healthy') });
  });
  afterAll(async () => {
    await of.server.close();
    await postgres.stop();
  });

  test('has no findings while it is healthy', async () => {
    expect(await of.found()).toEqual([]);
  });

  /** A setting of the database alone, for as long as the test. */
  const altered =
    (change: string, back: string): Row[2] =>
    async () => {
      await asked(postgres.url, `alter database healthy ${change}`);
      onTestFinished(() => asked(postgres.url, `alter database healthy ${back}`));
      return {};
    };
  const rows: readonly Row[] = [
    [
      'database.unreachable',
      'no database at the port',
      () => ({ COUNTERSIGN_DATABASE_URL: 'postgres://x:mail-password@127.0.0.1:1/x' }),
    ],
    [
      'database.read_only',
      'a database that takes no writes',
      altered('set default_transaction_read_only = on', 'reset default_transaction_read_only'),
    ],
    [
      'database.durability',
      'commits that are acknowledged too early',
      altered('set synchronous_commit = off', 'reset synchronous_commit'),
    ],
    [
      'database.connections',
      'fewer connections than a process wants',
      altered('connection limit 5', 'connection limit -1'),
    ],
    [
      'database.encoding',
      'a database without Unicode',
      async () => {
        await asked(postgres.url, `create database ascii encoding 'SQL_ASCII' template template0`);
        await (await openStoreAt(urlOf('ascii'))).close();
        return { COUNTERSIGN_DATABASE_URL: urlOf('ascii') };
      },
    ],
    [
      'clock.database',
      'a clock that is a minute behind',
      () => ({ examining: { clock: { now: () => Date.now() - 60_000, elapsed: () => performance.now() } } }),
    ],
  ];
  test.each(rows)('%s: %s', async (id, _why, seed) => {
    expect(ids(await examined(of, seed))).toEqual([id]);
  });
});

test('the page about the doctor lists every finding that is tried here', () => {
  const [page, tried] = [readFileSync('docs/doctor.md', 'utf8'), readFileSync(import.meta.filename, 'utf8')];
  const rows = [...tried.matchAll(/^ {4}(?:\[| {2})'([a-z]+\.[a-z_]+)',/gm)].map(([, id]) => id as string);
  expect(rows.length).toBeGreaterThan(50);
  expect(rows.filter((id) => !page.includes(`\`${id}\``))).toEqual([]);
});

test('the command says it as JSON, with exit code 1, and looks away where it is told', async () => {
  const env = { COUNTERSIGN_DATA_DIR: temporaryDir(), COUNTERSIGN_PORT: String(await freePort()) };
  const { code, stdout } = await run(['doctor', '--json'], env);
  expect(code).toBe(1);
  expect(JSON.parse(stdout)).toMatchObject({ findings: [{ id: 'database.missing', severity: 'error' }] });
  expect(await run(['doctor', '--except', 'database.missing'], env)).toMatchObject({
    code: 0,
    stdout: 'No findings.\n',
  });
});

test('findings are rows with severity, id, sentence and the line to change', () => {
  const found: readonly Finding[] = [
    { id: 'a.b', severity: 'error', text: 'It is wrong.', line: 'X=1' },
    { id: 'long.name', severity: 'unknown', text: 'Not\u001bseen.', line: 'y' },
  ];
  expect(findingsText(found).split('\n')).toEqual([
    'error    a.b        It is wrong.',
    '                    → X=1',
    'unknown  long.name  Not\ufffdseen.',
    '                    → y',
    '',
  ]);
  expect(findingsText([])).toBe('No findings.\n');
  expect([exitCodeOf([]), exitCodeOf(found), exitCodeOf(found.slice(1))]).toEqual([0, 1, 2]);
});

function eventAt(at: number) {
  return {
    ...{ id: `0-${at}`, realm: 'dev', at, type: 'realm.created', object: 'realm:dev', actor: 'test', request_id: 'r' },
    ...{ before: null, after: null, seq: null, hash: null },
  };
}
