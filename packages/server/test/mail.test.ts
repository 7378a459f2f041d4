import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { system } from '../src/kernel/caller.ts';
import { createDeliverer } from '../src/mail/deliver.ts';
import { mailMemory } from '../src/mail/memory.ts';
import { allowMail, enqueueMail, forgetOldMails, mailState, resealMails } from '../src/mail/outbox.ts';
import { transportOf } from '../src/mail/transport.ts';
import { write } from '../src/store/write.ts';
import { reseal } from '../src/subject/secrets/vault.ts';
import { manualClock } from './support/clock.ts';
import { masterKey, openContext, temporaryDir } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import {
  address,
  code,
  deliverOnce,
  lostPassword,
  openOutbox as open,
  put,
  rows,
  stateOf as state,
} from './support/mail.ts';
import { mailbox, smtpError } from './support/smtp.ts';

const day = 86_400_000;

eachDatabase('a mail', (freshUrl) => {
  test('arrives as it was written, and nothing of it stays but what became of it', async () => {
    const box = await mailbox();
    const { context } = await open(await freshUrl(), box.url);
    const id = await put(context);
    expect(await state(context)).toEqual({ id, state: 'waiting', attempts: 0 });
    await deliverOnce(context);
    expect(box.received).toHaveLength(1);
    const [mail] = box.received;
    expect(mail).toMatchObject({ from: 'countersign@localhost', to: [address] });
    expect(mail?.raw).toContain(`Message-ID: <${id}@localhost>\r\n`);
    expect(mail?.raw).toContain('Subject: Your code for a new password for dev\r\n');
    expect(mail?.raw).toContain('Auto-Submitted: auto-generated\r\n');
    expect(mail?.raw).toContain(`\r\n  ${code}\r\n`);
    expect(await state(context)).toEqual({ id, state: 'delivered', attempts: 1 });
    expect(await rows(context)).toMatchObject([{ sealed: null, next_at: null, state: 'delivered' }]);
    const events = await context.store.db.selectFrom('event').select(['type', 'object', 'after']).execute();
    expect(events).toEqual([
      {
        type: 'mail.delivered',
        object: `mail:${id}`,
        after: JSON.stringify({ purpose: 'lost-password', reference: 'credential:1', attempts: 1 }),
      },
    ]);
    await deliverOnce(context);
    expect(box.received).toHaveLength(1);
  });

  test('of a transaction that did not commit is none', async () => {
    const box = await mailbox();
    const { context } = await open(await freshUrl(), box.url);
    let woken = 0;
    mailMemory(context).onWake(() => woken++);
    const failing = write(context, system, async (tx) => {
      await enqueueMail(context, tx, lostPassword());
      throw new Error('changed its mind');
    });
    await expect(failing).rejects.toThrow('changed its mind');
    expect([await rows(context), woken]).toEqual([[], 0]);
    await put(context);
    expect(woken).toBe(1);
  });

  test('at rest shows neither its recipient nor its code', async () => {
    const { context } = await open(await freshUrl());
    await put(context);
    const text = JSON.stringify(await rows(context));
    expect(text).toContain('"sealed":"v1.');
    expect(text).not.toContain(address);
    expect(text).not.toContain(code);
  });

  test('that the server does not take now is tried again, with the same Message-ID, and then arrives', async () => {
    const verdicts = [smtpError(451), smtpError(452), undefined];
    const box = await mailbox({ onRcptTo: (_address, _session, done) => done(verdicts.shift()) });
    const { context, clock } = await open(await freshUrl(), box.url);
    const id = await put(context);
    await deliverOnce(context);
    expect(await state(context)).toEqual({ id, state: 'waiting', attempts: 1, reason: 'SMTP 451' });
    await deliverOnce(context);
    expect(await state(context)).toMatchObject({ attempts: 1 });
    clock.advance(5_000);
    await deliverOnce(context);
    expect(await state(context)).toMatchObject({ state: 'waiting', attempts: 2, reason: 'SMTP 452' });
    clock.advance(10_000);
    await deliverOnce(context);
    expect(await state(context)).toEqual({ id, state: 'delivered', attempts: 3 });
    expect(box.received.map(({ raw }) => raw.includes(`<${id}@localhost>`))).toEqual([true]);
  });

  test.each([
    ['the recipient', { onRcptTo: (_a: unknown, _s: unknown, done: (e?: Error) => void) => done(smtpError(550)) }],
    [
      'the text',
      {
        onData: (stream: NodeJS.ReadableStream, _s: unknown, done: (e?: Error) => void) =>
          stream.resume().on('end', () => done(smtpError(550))),
      },
    ],
  ])('whose server refuses %s for good is given up at once', async (_what, options) => {
    const box = await mailbox(options as object);
    const { context } = await open(await freshUrl(), box.url);
    const id = await put(context);
    await deliverOnce(context);
    expect(await state(context)).toEqual({ id, state: 'failed', attempts: 1, reason: 'SMTP 550' });
    expect(await rows(context)).toMatchObject([{ sealed: null, next_at: null }]);
    const types = await context.store.db.selectFrom('event').select('type').execute();
    expect(types).toEqual([{ type: 'mail.failed' }]);
  });

  test('waits for a server that is down, and for one that does not want our login', async () => {
    const once = await mailbox();
    await once.close();
    const url = once.url.replace('//', '//postman:s3cret@');
    const { context, clock } = await open(await freshUrl(), url);
    await put(context);
    await deliverOnce(context);
    expect(await state(context)).toMatchObject({ state: 'waiting', attempts: 1, reason: 'ECONNREFUSED' });
    let known = false;
    const box = await mailbox(
      { onAuth: ({ username }, _session, done) => (known ? done(null, { user: username }) : done(smtpError(535))) },
      once.port,
    );
    clock.advance(5_000);
    await deliverOnce(context);
    expect(await state(context)).toMatchObject({ state: 'waiting', attempts: 2, reason: 'SMTP 535' });
    known = true;
    clock.advance(10_000);
    await deliverOnce(context);
    expect(await state(context)).toMatchObject({ state: 'delivered', attempts: 3 });
    // A login goes nowhere without TLS when TLS is offered, whoever vouches for it on this machine.
    expect(box.received).toMatchObject([{ user: 'postman', tls: true }]);
  });

  test('that was written while the clock was hours ahead does not wait for those hours', async () => {
    const box = await mailbox();
    const { context, clock } = await open(await freshUrl(), box.url);
    clock.advance(5.5 * 3_600_000);
    await put(context);
    clock.advance(-5.5 * 3_600_000);
    await deliverOnce(context);
    expect(await state(context)).toMatchObject({ state: 'delivered', attempts: 1 });
  });

  test('is given up after a day, or when its code has lost its sense', async () => {
    const { context, clock } = await open(await freshUrl(), 'smtp://127.0.0.1:1');
    await put(context);
    await put(context, { reference: 'short', until: clock.now() + 60_000 });
    await put(context, { reference: 'long', until: clock.now() + 30 * day });
    const short = () => mailState(context, 'dev', 'short');
    for (let minute = 0; minute < 1_500; minute++) {
      await deliverOnce(context);
      if (minute === 0) expect(await short()).toMatchObject({ state: 'waiting' });
      if (minute === 1) expect(await short()).toMatchObject({ state: 'failed', reason: 'ECONNREFUSED' });
      const waiting = await rows(context);
      const next = Math.min(...waiting.map(({ next_at }) => next_at ?? Number.POSITIVE_INFINITY));
      if (next === Number.POSITIVE_INFINITY) break;
      clock.advance(Math.max(next - clock.now(), minute === 0 ? 60_000 : 0));
    }
    expect(clock.now() - manualClock().now()).toBeLessThanOrEqual(day);
    expect(clock.now() - manualClock().now()).toBeGreaterThan(day - 2 * 1_800_000);
    const end = await rows(context);
    expect(end.map(({ state: is, sealed }) => [is, sealed])).toEqual(end.map(() => ['failed', null]));
    // Not in a storm: about every half hour.
    expect((await state(context))?.attempts).toBeLessThan(70);
  });

  test('that waited while no node ran for longer than its code lives is not sent any more', async () => {
    const box = await mailbox();
    const { context, clock } = await open(await freshUrl(), box.url);
    await put(context, { until: clock.now() + 60_000 });
    clock.advance(60_000);
    await deliverOnce(context);
    expect(await state(context)).toMatchObject({ state: 'failed', reason: 'too late' });
    expect(box.received).toEqual([]);
  });

  test('of a node that died while it sent is sent by another, recognisable by its Message-ID', async () => {
    const box = await mailbox();
    const url = await freshUrl();
    const [{ context, clock }, other] = [await open(url, box.url), await open(url, box.url)];
    const id = await put(context);
    const dying = createDeliverer(context, async (message, signal) => {
      await transportOf(context.config)(message, signal);
      return new Promise(() => {});
    });
    await dying.round();
    await eventually(() => box.received.length === 1, 5_000);
    await deliverOnce(other.context);
    expect(box.received).toHaveLength(1);
    other.clock.advance(60_000);
    expect(other.clock.now()).toBeGreaterThan(clock.now());
    await deliverOnce(other.context);
    expect(box.received.map(({ raw }) => raw.includes(`Message-ID: <${id}@localhost>`))).toEqual([true, true]);
    expect(box.received[0]?.raw.split('\r\n\r\n')).toEqual(box.received[1]?.raw.split('\r\n\r\n'));
    expect(await state(context)).toMatchObject({ state: 'delivered', attempts: 2 });
  });

  test('is delivered once by three nodes that all try', async () => {
    const box = await mailbox();
    const url = await freshUrl();
    const nodes = await Promise.all([1, 2, 3].map(() => open(url, box.url)));
    const first = nodes[0]?.context as Context;
    await write(first, system, async (tx) => {
      for (let i = 0; i < 40; i++) await enqueueMail(first, tx, lostPassword({ reference: `mail:${i}` }));
    });
    const deliverers = nodes.map(({ context }) => createDeliverer(context, transportOf(context.config)));
    await eventually(async () => {
      await Promise.all(deliverers.map((deliverer) => deliverer.round()));
      return (await rows(first)).every((row) => row.state === 'delivered');
    }, 30_000);
    await Promise.all(deliverers.map((deliverer) => deliverer.stop()));
    const ids = box.received.map(({ raw }) => /^Message-ID: (.*)$/m.exec(raw)?.[1]);
    expect(ids).toHaveLength(40);
    expect(new Set(ids).size).toBe(40);
  });

  test('that cannot be opened is given up, and the next one goes', async () => {
    const box = await mailbox();
    const { context } = await open(await freshUrl(), box.url);
    const broken = await put(context);
    await put(context, { reference: 'next' });
    const other = (await rows(context)).find(({ id }) => id !== broken);
    // An envelope of another mail.
    await context.store.db
      .updateTable('mail')
      .set({ sealed: other?.sealed ?? '' })
      .where('id', '=', broken)
      .execute();
    await deliverOnce(context);
    expect(await state(context)).toMatchObject({ state: 'failed', reason: 'unreadable' });
    expect(await mailState(context, 'dev', 'next')).toMatchObject({ state: 'delivered' });
    expect(box.received).toHaveLength(1);
  });

  test('without a recipient goes as far as the server, and is dropped there', async () => {
    const box = await mailbox();
    const { context } = await open(await freshUrl(), box.url);
    await put(context, { to: null });
    await deliverOnce(context);
    expect(box.received).toEqual([]);
    expect(await rows(context)).toMatchObject([{ state: 'failed', reason: 'no recipient', sealed: null, attempts: 1 }]);
    const types = await context.store.db.selectFrom('event').select('type').execute();
    expect(types).toEqual([{ type: 'mail.dropped' }]);
  });

  test('is sealed again with everything else under another master key', async () => {
    const box = await mailbox();
    const url = await freshUrl();
    const { context } = await open(url, box.url);
    await put(context);
    await put(context, { reference: 'sent' });
    await context.store.db.updateTable('mail').set({ sealed: null }).where('reference', '=', 'sent').execute();
    const next = Buffer.alloc(32, 7);
    // The key of digests, the pepper of passwords, and the mail that waits.
    expect(await reseal(context.store, Buffer.from(masterKey, 'base64url'), next, [resealMails])).toBe(3);
    const env = { COUNTERSIGN_SMTP_URL: box.url, COUNTERSIGN_MASTER_KEY: next.toString('base64url') };
    await deliverOnce(await openContext(url, { clock: manualClock() }, env));
    expect(box.received[0]?.raw).toContain(code);
  });

  test('is forgotten a month after it was settled', async () => {
    const { context, clock } = await open(await freshUrl());
    await put(context);
    await deliverOnce(context);
    await put(context, { reference: 'waiting' });
    clock.advance(30 * day);
    await forgetOldMails(context);
    expect(await state(context)).toMatchObject({ state: 'delivered' });
    clock.advance(1);
    await forgetOldMails(context);
    expect(await state(context)).toBeUndefined();
    expect(await mailState(context, 'dev', 'waiting')).toMatchObject({ state: 'waiting' });
  });

  test('tells what became of it in its own realm only, and of the newest under a name', async () => {
    const { context, clock } = await open(await freshUrl());
    await put(context);
    clock.advance(1);
    const id = await put(context);
    expect(await state(context)).toMatchObject({ id });
    expect(await mailState(context, 'other', 'credential:1')).toBeUndefined();
  });
});

test('one recipient gets five mails an hour about one thing in one realm', async () => {
  const { context, clock } = await open(`sqlite:${join(temporaryDir(), 'mail.db')}`);
  const allow = (realm = 'dev', purpose: 'lost-password' | 'wallet-invitation' = 'lost-password') =>
    allowMail(context, realm, purpose, address);
  expect([1, 2, 3, 4, 5, 6, 7].map(() => allow())).toEqual([true, true, true, true, true, false, false]);
  expect([allow('other'), allow('dev', 'wallet-invitation')]).toEqual([true, true]);
  expect(allowMail(context, 'dev', 'lost-password', address.toUpperCase())).toBe(false);
  clock.advance(3_600_000);
  expect(allow()).toBe(true);
});
