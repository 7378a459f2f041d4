import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createDeliverer } from '../src/mail/deliver.ts';
import type { Transport } from '../src/mail/message.ts';
import { sendBySmtp } from '../src/mail/smtp.ts';
import { type SmtpServer, smtpServerOf } from '../src/mail/smtp-server.ts';
import { transportOf } from '../src/mail/transport.ts';
import { temporaryDir } from './support/context.ts';
import { eventually } from './support/eventually.ts';
import { address, code, deliverOnce, openOutbox as open, put, rows, stateOf as state } from './support/mail.ts';
import { mailbox, silentServer } from './support/smtp.ts';

const sqlite = () => `sqlite:${join(temporaryDir(), 'mail.db')}`;

describe('without a mail server', () => {
  test('mails are files that only their owner reads, whole ones', async () => {
    const umask = process.umask(0);
    onTestFinished(() => void process.umask(umask));
    const { context } = await open(sqlite());
    const id = await put(context);
    await deliverOnce(context);
    const folder = join(context.config.dataDir, 'mails');
    expect(readdirSync(folder)).toEqual([`${id}.eml`]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, `${id}.eml`)).mode & 0o777).toBe(0o600);
    const text = readFileSync(join(folder, `${id}.eml`), 'utf8');
    expect(text).toContain(`To: ${address}\r\n`);
    expect(text).toContain(code);
  });
});

describe('a server that hangs', () => {
  test('is let go of when the node stops, and another node has the mail at once', async () => {
    const silent = await silentServer();
    const url = sqlite();
    const { context } = await open(url, silent.url);
    await put(context);
    const deliverer = createDeliverer(context, transportOf(context.config));
    await deliverer.round();
    await eventually(() => silent.connections() === 1, 5_000);
    const began = performance.now();
    await deliverer.stop();
    expect(performance.now() - began).toBeLessThan(3_000);
    const box = await mailbox();
    await deliverOnce((await open(url, box.url)).context);
    expect(box.received).toHaveLength(1);
  });

  test('keeps no more than eight mails busy, and gives up each by itself', async () => {
    const silent = await silentServer((socket) => socket.write('220 mail.example\r\n'));
    const { context } = await open(sqlite(), silent.url);
    for (let i = 0; i < 10; i++) await put(context);
    const deliverer = createDeliverer(context, transportOf(context.config));
    await deliverer.round();
    await deliverer.round();
    await eventually(() => silent.connections() === 8, 5_000);
    await deliverer.stop();
    expect((await rows(context)).filter(({ attempts }) => attempts === 0)).toHaveLength(2);
    expect(silent.connections()).toBe(8);
  });
});

describe('TLS', () => {
  const to = (port: number, change: Partial<SmtpServer>): Transport =>
    sendBySmtp({ ...(smtpServerOf(`smtp://127.0.0.1:${port}`) as SmtpServer), ...change });
  const attempt = async (change: Partial<SmtpServer>, options = {}) => {
    const box = await mailbox(options);
    const { context } = await open(sqlite());
    await put(context);
    await deliverOnce(context, to(box.port, change));
    return { received: box.received, state: await state(context) };
  };

  test('is used wherever it is offered', async () => {
    expect((await attempt({ requireTls: false })).received).toMatchObject([{ tls: true }]);
  });

  test('that is required and not offered: nothing is sent, and the mail waits', async () => {
    const { received, state: is } = await attempt({ requireTls: true }, { disabledCommands: ['STARTTLS'] });
    expect(received).toEqual([]);
    expect(is).toMatchObject({ state: 'waiting', reason: 'SMTP 500' });
  });

  test('with a certificate that nobody vouches for: nothing is sent to another machine', async () => {
    const { received, state: is } = await attempt({ verifyCertificate: true });
    expect(received).toEqual([]);
    expect(is).toMatchObject({ state: 'waiting', reason: 'CERT_HAS_EXPIRED' });
  });

  test('may be missing on this machine, and where it was said so', async () => {
    const { received } = await attempt({}, { disabledCommands: ['STARTTLS'] });
    expect(received).toMatchObject([{ tls: false }]);
  });

  test.each<[string, Partial<SmtpServer>]>([
    ['smtp://mail.example', { port: 587, secure: false, requireTls: true, verifyCertificate: true }],
    ['smtp://mail.example:25?requireTLS=false', { port: 25, requireTls: false, verifyCertificate: true }],
    ['smtps://mail.example', { port: 465, secure: true, verifyCertificate: true }],
    ['smtp://localhost.example', { requireTls: true, verifyCertificate: true }],
    ['smtp://127.0.0.1.example', { requireTls: true, verifyCertificate: true }],
    ['smtp://localhost', { requireTls: false, verifyCertificate: false }],
    ['smtp://[::1]:25', { host: '::1', requireTls: false }],
    ['smtp://a%40b:p%3A%2Fq@mail', { login: { user: 'a@b', pass: 'p:/q' } }],
  ])('%s', (url, expected) => {
    expect(smtpServerOf(url)).toMatchObject(expected);
  });
});
