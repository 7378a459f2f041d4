import { Wallet } from '@countersign/client/wallet';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { languages, preferredLanguage } from '../src/kernel/language.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import { type TestServer, testServer } from './support/server.ts';
import { type Mailbox, mailbox, openMailbox } from './support/smtp.ts';
import { devRealm, lock, startServer } from './support/wallet-client.ts';

/** The invited person's side of an invitation, and what its inviter can do with it. */

type Json = Record<string, unknown>;

async function call(
  server: TestServer,
  path: string,
  body: object | undefined = undefined,
  port = server.context.config.port,
) {
  const answer = await fetch(`http://localhost:${port}/realms/dev${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: (await answer.json()) as Json };
}

const invite = (server: TestServer, words: object, email = `${crypto.randomUUID()}@example.org`) =>
  call(server, '/countersign.v1.ProviderService/Invite', {
    ...{ participant: 'PARTICIPANT_TYPE_INDIVIDUAL', email, description: 'At home' },
    ...words,
  });

/** The text of the newest mail to an address, decoded, with its head. */
async function mailTo(box: Mailbox, email: string, after = 0): Promise<{ head: string; text: string; count: number }> {
  const mine = () => box.received.filter(({ to }) => to.includes(email));
  await eventually(() => mine().length > after, 5_000);
  const [head = '', ...rest] = (mine().at(-1)?.raw ?? '').split('\r\n\r\n');
  const body = rest.join('\r\n\r\n');
  const octets = /base64/i.test(head)
    ? Buffer.from(body, 'base64')
    : Buffer.from(
        body.replaceAll('=\r\n', '').replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16))),
        'latin1',
      );
  const text = /Content-Transfer-Encoding: 7bit/i.test(head) ? body : octets.toString();
  return { head, text, count: mine().length };
}

const codeOf = (text: string) => /csw_[A-Za-z0-9_-]{43}/.exec(text)?.[0] ?? '';
const linkOf = (text: string) => /https?:\/\/\S+\/wallets\/invitation\?id=\S+/.exec(text)?.[0] ?? '';
const outcome = (act: Promise<unknown>) =>
  act.then(
    () => 'good',
    ({ code }: { code: string }) => code,
  );

describe('the page that the mail of an invitation leads to', () => {
  let box: Mailbox;
  let server: TestServer;
  beforeAll(async () => {
    box = await openMailbox();
    server = await testServer({
      network: {
        realms: [
          {
            name: 'dev',
            settings: { accessTokenAlg: 'ES256', contact: { name: 'Desk <b>', email: 'desk@example.org' } },
          },
          { name: 'other', settings: { accessTokenAlg: 'ES256' } },
        ],
      },
      env: { COUNTERSIGN_SMTP_URL: box.url },
    });
  });
  afterAll(async () => {
    await server.close();
    await box.close();
  });
  const read = async (url: string, headers = {}) => {
    const answer = await fetch(url.replace(server.url, `http://localhost:${server.context.config.port}`), { headers });
    return { status: answer.status, headers: answer.headers, html: await answer.text() };
  };
  const page = (query = '', realm = 'dev') => `${server.issuer(realm)}/wallets/invitation${query}`;

  test.each([
    ['en', 'Create your wallet', 'What to do with the code'],
    ['hi', 'वॉलेट बनाएँ', 'कोड का क्या करना है'],
    ['pt', 'Crie a sua carteira', 'O que fazer com o código'],
    ['fr', 'Créez votre portefeuille', 'Que faire du code'],
  ] as const)('and the mail itself are in the language of the invitation: %s', async (language, subject, heading) => {
    const email = `${language}@example.org`;
    const words = { language, inviterName: 'आदा Ada Çelik', message: 'Bem-vinda, नमस्ते & bonjour!' };
    const { body } = await invite(server, words, email);
    const { head, text } = await mailTo(box, email);
    const [, encoded = ''] = /^Subject: ((?:.|\r\n )*)\r\n\S/m.exec(`${head}\r\nX`) ?? [];
    expect(decodedWords(encoded)).toContain(subject);
    for (const part of [words.inviterName, words.message, 'At home']) expect(text).toContain(part);
    const link = linkOf(text);
    expect(link).toBe(page(`?id=${body.invitationId}`));
    const { status, headers, html } = await read(link, { 'accept-language': 'de, en;q=0.5' });
    expect([status, headers.get('content-language')]).toEqual([200, language]);
    expect(html).toContain(`<html lang="${language}">`);
    for (const part of [heading, words.inviterName, 'Bem-vinda, नमस्ते &#38; bonjour!', server.issuer()])
      expect(html).toContain(part);
    expect(html).not.toContain(codeOf(text));
  });

  test('needs no script, sends nothing, loads nothing and tells no other site where its reader came from', async () => {
    const { status, headers, html } = await read(page());
    expect(status).toBe(200);
    const policy = headers.get('content-security-policy') ?? '';
    expect(policy.replace(/nonce-[\w-]+/, 'nonce-')).toBe(
      "default-src 'none'; style-src 'nonce-'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'",
    );
    expect(html).toContain(`<style nonce="${/nonce-([\w-]{20,})/.exec(policy)?.[1]}">`);
    expect(
      Object.fromEntries(
        ['referrer-policy', 'x-content-type-options', 'cache-control', 'x-robots-tag'].map((name) => [
          name,
          headers.get(name),
        ]),
      ),
    ).toEqual({
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'cache-control': 'no-store',
      'x-robots-tag': 'noindex',
    });
    expect(html).not.toMatch(/<script|<form|<input|<img|<link|<iframe|\bon\w+=|\bsrc=|href="(?!\?)/i);
    expect(html).toContain('Desk &#60;b&#62;');
    expect((await read(page())).headers.get('content-security-policy')).not.toBe(policy);
  });

  test('is for every reader the same unless the id is that of an open invitation of this realm', async () => {
    const { body } = await invite(server, { language: 'pt', message: 'Parabéns' });
    const id = String(body.invitationId);
    const own = (html: string) => html.replace(/nonce="[^"]*"/, '');
    const bare = own((await read(page())).html);
    for (const query of [
      '?id=x',
      `?id=${crypto.randomUUID()}`,
      `?id=${id.toUpperCase()}`,
      '?id=',
      `?id=%00`,
      `?id=${'a'.repeat(5_000)}`,
    ]) {
      const { status, html } = await read(page(query));
      expect([status, own(html) === bare], query).toEqual([200, true]);
    }
    expect((await read(page(`?id=${id}`, 'other'))).html).not.toContain('Parabéns');
    expect((await read(page('', 'nowhere'))).status).toBe(404);
    expect((await read(page(`?id=${id}`))).html).toContain('Parabéns');
    expect((await read(page(`?id=${id}&language=fr`))).html).toMatch(/Que faire du code/);
    expect((await read(page('?language=hi'), { 'accept-language': 'fr' })).headers.get('content-language')).toBe('hi');
    expect((await read(page('?language=xx'), { 'accept-language': 'pt-BR, en' })).headers.get('content-language')).toBe(
      'pt',
    );
    await call(server, '/countersign.v1.ProviderService/CancelInvitation', { invitationId: id });
    const closed = (await read(page(`?id=${id}`))).html;
    expect(closed).toContain('Este convite já não está aberto');
    expect(closed).not.toContain('Parabéns');
  });

  test.each([
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '</blockquote></main><h1>Enter your code here</h1>',
    'javascript:alert(1)',
    '{{code}} @@ $& $1',
    '=?utf-8?b?QmNjOiBldmVAZXZpbC5leGFtcGxl?=',
    'Bcc: eve@evil.example',
    'مرحبا שלום',
  ])('shows %j as nothing but text, and the mail has no other head for it', async (words) => {
    const email = `${crypto.randomUUID()}@example.org`;
    const { status, body } = await invite(server, { inviterName: words, message: words }, email);
    expect(status).toBe(200);
    const { head, text } = await mailTo(box, email);
    expect(text).toContain(`\n  ${words}\r\n`.replace(/^\n/, '\n'));
    expect(
      head
        .split('\r\n')
        .filter((line) => !/^\s/.test(line))
        .map((line) => line.split(':')[0]?.toLowerCase())
        .sort(),
    ).toEqual([
      ...['auto-submitted', 'content-transfer-encoding', 'content-type', 'date', 'from', 'message-id', 'mime-version'],
      ...['subject', 'to'],
    ]);
    expect(box.received.at(-1)?.to).toEqual([email]);
    expect(codeOf(text)).not.toBe('');
    const { html } = await read(linkOf(text));
    const escaped = words.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
    expect(html).toContain(`<blockquote dir="auto">${escaped}</blockquote>`);
    expect(html).not.toMatch(/<script|<img|<h1>Enter|onmouseover='/);
    expect(String(body.invitationId)).toMatch(/^[0-9a-f-]{36}$/);
  });

  test.each([
    ['message', 'a\r\nBcc: eve@evil.example'],
    ['message', 'a\nb'],
    ['message', 'a\0b'],
    ['message', 'a\u001b[31mb'],
    ['message', 'a\u0085b'],
    ['message', 'a\u2028b'],
    ['message', 'pay \u202egpj.exe'],
    ['message', 'a\u2066b\u2069'],
    ['message', 'a\u200bb'],
    ['message', 'a\u{e0041}b'],
    ['message', 'x'.repeat(501)],
    ['inviter_name', 'Ada\r\nSubject: x'],
    ['inviter_name', 'Ada\u202e'],
    ['inviter_name', 'x'.repeat(101)],
    ['language', 'de'],
    ['language', 'EN'],
    ['language', '../en'],
    ['language', '__proto__'],
  ])('refuses the %s %j, by its name, and mails nothing', async (name, value) => {
    const email = `${crypto.randomUUID()}@example.org`;
    const field = name === 'inviter_name' ? 'inviterName' : name;
    const { status, body } = await invite(server, { [field]: value }, email);
    expect([status, body.code]).toEqual([400, 'invalid_argument']);
    expect(String(body.message)).toMatch(new RegExp(`^${name} `));
    const waiting = await server.context.store.db
      .selectFrom('wallet_invitation')
      .select('id')
      .where('email', '=', email)
      .execute();
    expect(waiting).toEqual([]);
  });
});

test('the page that mails about a recovery lead to says how to approve and how to stop it, in four languages', async () => {
  const server = await startServer(devRealm({ walletRecoveryHours: 48 }));
  const read = async (query = '', headers = {}) => {
    const answer = await fetch(`${server.issuer()}/wallets/recovery${query}`, { headers });
    return { status: answer.status, policy: answer.headers.get('content-security-policy'), html: await answer.text() };
  };
  const titles = { en: 'Recovery of a wallet', hi: 'वॉलेट की रिकवरी', pt: 'Recuperação', fr: 'Récupération' };
  for (const [language, title] of Object.entries(titles)) {
    const { status, policy, html } = await read('', { 'accept-language': language });
    expect([status, html.includes(`<html lang="${language}">`), html.includes(title)]).toEqual([200, true, true]);
    expect(policy).toMatch(/^default-src 'none'; style-src 'nonce-/);
    expect(html).not.toMatch(/<script|<form|<input|undefined/);
    for (const part of [
      '48',
      'countersign wallet recovery approve DID',
      'countersign wallet recovery cancel',
      'recover finish',
    ])
      expect(html).toContain(part);
    expect((await read(`?language=${language}`, { 'accept-language': 'en' })).html).toContain(title);
  }
});

/** RFC 2047, for the subjects of this test. */
function decodedWords(text: string): string {
  const octets = text
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_, kind: string, word: string) =>
      kind.toLowerCase() === 'b'
        ? Buffer.from(word, 'base64').toString('latin1')
        : word.replaceAll('_', ' ').replace(/=([0-9A-F]{2})/g, (__, hex) => String.fromCharCode(parseInt(hex, 16))),
    );
  return Buffer.from(octets, 'latin1').toString();
}

test.each([
  [null, 'en'],
  ['', 'en'],
  ['*', 'en'],
  ['de', 'en'],
  ['hi', 'hi'],
  ['hi-IN, en;q=0.8', 'hi'],
  ['de, fr-CA;q=0.9, pt;q=0.95', 'pt'],
  ['FR', 'fr'],
  ['pt;q=0', 'en'],
  ['en;q=0.3, fr;q=0.30001', 'en'],
  ['fr;q=2, hi;q=0.1', 'hi'],
  [`${'x,'.repeat(100_000)}fr`, 'en'],
  ['fr\u0000', 'en'],
])('of a reader who wants %j our language is %s', (wanted, language) => {
  expect(preferredLanguage(wanted)).toBe(language);
  expect(languages).toContain(language);
});

eachDatabase('an invitation that is sent again', (freshUrl) => {
  async function twoNodes() {
    const box = await mailbox();
    const databaseUrl = await freshUrl();
    const { network } = devRealm({ walletCreation: 'invited' });
    const one = await startServer({ network, databaseUrl, env: { COUNTERSIGN_SMTP_URL: box.url } });
    const env = {
      COUNTERSIGN_PORT: String(await freePort()),
      COUNTERSIGN_PUBLIC_URL: one.url,
      COUNTERSIGN_SMTP_URL: box.url,
    };
    const two = await startServer({ network, databaseUrl, env });
    const there = (url: string) => url.replace(one.url, `http://localhost:${two.context.config.port}`);
    const open = (code: string) =>
      outcome(Wallet.create({ issuer: one.issuer(), code, ...lock, fetch: (url, init) => fetch(there(url), init) }));
    return { box, one, two, open };
  }

  test('has a new code, and the code before opens nothing, on any node', async () => {
    const { box, one, two, open } = await twoNodes();
    const email = 'ada@example.org';
    const { body } = await invite(one, { language: 'fr', inviterName: 'Ada', message: 'Bonjour' }, email);
    const first = await mailTo(box, email);
    const path = `/admin/wallet-invitations/${body.invitationId}/resend`;
    const again = await call(one, path, {}, two.context.config.port);
    expect(again).toMatchObject({
      status: 200,
      body: { id: body.invitationId, status: 'SENT', language: 'fr', inviterName: 'Ada', message: 'Bonjour', email },
    });
    const second = await mailTo(box, email, 1);
    const [old, fresh] = [codeOf(first.text), codeOf(second.text)];
    expect(fresh).not.toBe(old);
    expect(second.text.replace(fresh, old).replace(/\d{4}-\S+ \d\d:\d\d/, '')).toBe(
      first.text.replace(/\d{4}-\S+ \d\d:\d\d/, ''),
    );
    expect(await open(old)).toBe('wallet.invitation');
    expect(await open(fresh)).toBe('good');
    expect((await call(one, path, {})).status).toBe(409);
    const events = await one.context.store.db.selectFrom('event').select(['type', 'object', 'after']).execute();
    const sent = events.filter(({ type }) => type === 'invitation.resent');
    expect(sent).toMatchObject([{ object: `invitation:${body.invitationId}` }]);
    expect(JSON.stringify(events)).not.toContain('csw_');
  });

  test('is one that is open, expired or undelivered, five times a day on all nodes together', async () => {
    const { box, one, two } = await twoNodes();
    const { db } = one.context.store;
    const cancelled = String((await invite(one, {})).body.invitationId);
    const send = (id: string, port = one.context.config.port) =>
      call(one, '/countersign.v1.ProviderService/ResendInvitation', { invitationId: id }, port);
    await call(one, '/countersign.v1.ProviderService/CancelInvitation', { invitationId: cancelled });
    expect((await send(cancelled)).status).not.toBe(200);
    expect((await send(crypto.randomUUID())).body.code).toBe('not_found');
    expect((await send("' or 1=1 --")).body.code).toBe('not_found');
    const email = 'bob@example.org';
    const id = String((await invite(one, {}, email)).body.invitationId);
    await mailTo(box, email);
    await db.updateTable('wallet_invitation').set({ expires_at: 1 }).where('id', '=', id).execute();
    expect((await send(id)).body).toMatchObject({ status: 'INVITATION_STATUS_SENT' });
    await mailTo(box, email, 1);
    // Other addresses, so that the budget of the address is not what refuses.
    for (let at = 2; at <= 5; at++) {
      await db
        .updateTable('wallet_invitation')
        .set({ email: `bob-${at}@example.org` })
        .where('id', '=', id)
        .execute();
      expect((await send(id, at % 2 ? undefined : two.context.config.port)).status, String(at)).toBe(200);
    }
    expect((await send(id)).body).toMatchObject({ code: 'resource_exhausted' });
    expect((await send(id, two.context.config.port)).body).toMatchObject({ code: 'resource_exhausted' });
  });

  test('is sent by its inviter alone: a device sends and cancels its own', async () => {
    const { box, one, open } = await twoNodes();
    const issuer = one.issuer();
    const expires = new Date(Date.now() + 3_600_000).toISOString();
    const device = async () => {
      const waiting = await Wallet.prepare({ issuer, ...lock });
      const { body } = await call(one, '/admin/capabilities', { controller: waiting.did, expires });
      return Wallet.open(Wallet.accept(waiting, body.capability as never), lock);
    };
    const [mine, another] = [await device(), await device()];
    const email = 'eve@example.org';
    const wanted = { participant: 'individual', email, language: 'hi', inviterName: 'Bank', message: 'नमस्ते' } as const;
    const { invitationId, walletId } = await mine.invite(wanted);
    const first = await mailTo(box, email);
    expect(await outcome(another.resendInvitation(invitationId))).toBe('invitation.unknown');
    expect(await outcome(another.cancelInvitation(invitationId))).toBe('invitation.unknown');
    expect(await mine.resendInvitation(invitationId)).toMatchObject({ invitationId, walletId });
    const second = await mailTo(box, email, 1);
    expect(await open(codeOf(first.text))).toBe('wallet.invitation');
    await mine.cancelInvitation(invitationId);
    expect(await open(codeOf(second.text))).toBe('wallet.invitation');
    expect(await outcome(mine.resendInvitation(invitationId))).toBe('invitation.closed');
  });
});
