import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { system } from '../src/kernel/caller.ts';
import { mailMemory } from '../src/mail/memory.ts';
import { enqueueMail, mailState } from '../src/mail/outbox.ts';
import { write } from '../src/store/write.ts';
import { openContext, temporaryDir } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { address, code, lostPassword, put } from './support/mail.ts';
import { serve } from './support/serve.ts';
import { type TestServer, testServer } from './support/server.ts';
import { mailbox, silentServer, smtpError } from './support/smtp.ts';

async function serverWith(smtpUrl: string, databaseUrl?: string): Promise<TestServer> {
  const env = { COUNTERSIGN_SMTP_URL: smtpUrl };
  const server = await testServer({ env, ...(databaseUrl === undefined ? {} : { databaseUrl }) });
  let closed: Promise<void> | undefined;
  const close = () => {
    closed ??= server.close();
    return closed;
  };
  onTestFinished(close);
  return { ...server, close };
}

test('a mail goes as soon as its change is there', async () => {
  const box = await mailbox();
  const { context } = await serverWith(box.url);
  const took: number[] = [];
  for (let i = 1; i <= 5; i++) {
    const began = performance.now();
    await put(context);
    await eventually(() => box.received.length === i, 20_000);
    took.push(performance.now() - began);
  }
  // Each delivery begins a pause of two seconds: without the nudge at the commit every one of them would take as long.
  expect(Math.min(...took)).toBeLessThan(1_000);
});

eachDatabase('two servers', (freshUrl) => {
  test('deliver what either enqueues, and what was there before they started, once', async () => {
    const box = await mailbox();
    const url = await freshUrl();
    // Nobody delivers yet: a process that ended between its commit and the delivery.
    const early = await openContext(url);
    for (let i = 0; i < 5; i++) await put(early);
    const servers = [await serverWith(box.url, url), await serverWith(box.url, url)];
    for (const { context } of servers) {
      await write(context, system, async (tx) => {
        for (let i = 0; i < 10; i++) await enqueueMail(context, tx, lostPassword());
      });
    }
    await eventually(() => box.received.length === 25, 20_000);
    // Another turn of both, which finds nothing.
    await new Promise((resolve) => setTimeout(resolve, 300));
    for (const { context } of servers) mailMemory(context).wake();
    await Promise.all(servers.map((server) => server.close()));
    const ids = new Set(box.received.map(({ raw }) => /^Message-ID: (.*)$/m.exec(raw)?.[1]));
    expect([ids.size, box.received.length]).toEqual([25, 25]);
  });
});

test('a mail server that hangs holds up no request, and no stop', async () => {
  const silent = await silentServer();
  const server = await serverWith(silent.url);
  for (let i = 0; i < 10; i++) await put(server.context);
  await eventually(() => silent.connections() === 8, 5_000);
  const began = performance.now();
  for (let i = 0; i < 20; i++) expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
  expect(performance.now() - began).toBeLessThan(2_000);
  const stopping = performance.now();
  await server.close();
  expect(performance.now() - stopping).toBeLessThan(5_000);
});

test('neither a recipient nor a code reaches the log or an event, however it ends', async () => {
  const echo = (who: { address: string }) => smtpError(550, `no such mailbox ${who.address}`);
  const verdicts = [echo, echo];
  const box = await mailbox({ onRcptTo: (who, _session, done) => done(verdicts.pop()?.(who)) });
  const server = await serverWith(box.url);
  const { context } = server;
  for (const reference of ['a', 'b', 'c']) {
    await put(context, { reference });
    await eventually(async () => (await mailState(context, 'dev', reference))?.state !== 'waiting', 5_000);
  }
  expect(await mailState(context, 'dev', 'c')).toMatchObject({ state: 'delivered' });
  const log = server.logged.join('');
  expect(log).toContain('a mail was given up');
  expect(log).toContain('a mail was delivered');
  const events = JSON.stringify(await context.store.db.selectFrom('event').selectAll().execute());
  for (const text of [log, events]) {
    expect(text).toContain('lost-password');
    expect(text).not.toContain('alice');
    expect(text).not.toContain(code);
  }
});

test('without a mail server the log says once where mails go, and there they are', async () => {
  const dataDir = temporaryDir();
  const early = await openContext(`sqlite:${join(dataDir, 'countersign.db')}`);
  const id = await put(early);
  const served = await serve({ COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_WORKERS: '2' });
  const folder = join(dataDir, 'mails');
  const file = join(folder, `${id}.eml`);
  await eventually(async () => (await mailState(early, 'dev', 'credential:1'))?.state === 'delivered', 20_000);
  expect(readdirSync(folder)).toEqual([`${id}.eml`]);
  expect(readFileSync(file, 'utf8')).toContain(`To: ${address}\r\n`);
  expect([statSync(folder).mode & 0o777, statSync(file).mode & 0o777]).toEqual([0o700, 0o600]);
  const lines = served.output().split('\n');
  expect(lines.filter((line) => line.includes('mails are written as files'))).toHaveLength(1);
  expect(served.output()).not.toContain(code);
  expect((await served.end('SIGTERM')).signal).toBeNull();
});
