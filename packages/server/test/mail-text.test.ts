import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rounds } from '../../proof/test/support/rounds.ts';
import { system } from '../src/kernel/caller.ts';
import { languages } from '../src/kernel/language.ts';
import { type MailAddress, mailAddress, requireMailAddress } from '../src/kernel/mail-address.ts';
import { composeMessage } from '../src/mail/message.ts';
import { enqueueMail } from '../src/mail/outbox.ts';
import { type Purpose, type Values, writeLetter } from '../src/mail/texts.ts';
import { write } from '../src/store/write.ts';
import { openContext, temporaryDir } from './support/context.ts';
import { address, code, deliverOnce, openOutbox, rows } from './support/mail.ts';
import { mailbox } from './support/smtp.ts';

describe('an address', () => {
  test.each([
    ['alice@acme.example', 'alice@acme.example'],
    ['Alice.B+tag@ACME.Example', 'Alice.B+tag@acme.example'],
    ["o'hara_{x}@sub.acme.example", "o'hara_{x}@sub.acme.example"],
    ['alice@bücher.example', 'alice@xn--bcher-kva.example'],
    ['alice@例え.テスト', 'alice@xn--r8jz45g.xn--zckzah'],
    ['root@localhost', 'root@localhost'],
    [`${'a'.repeat(64)}@acme.example`, `${'a'.repeat(64)}@acme.example`],
  ])('%j is one', (text, expected) => {
    expect(mailAddress(text)).toBe(expected);
  });

  test.each([
    '',
    '@',
    'alice',
    'alice@',
    '@acme.example',
    'alice@acme.example\r\nBcc: eve@evil.example',
    'alice@acme.example\n',
    'alice@acme.example\0',
    'alice@acme.example>',
    'alice@acme.example, eve@evil.example',
    'alice@acme.example;eve@evil.example',
    'alice@evil.example@acme.example',
    '<alice@acme.example>',
    'Alice <alice@acme.example>',
    '"alice"@acme.example',
    '"a\r\nb"@acme.example',
    'alice(comment)@acme.example',
    '=?utf-8?q?eve=40evil.example?=@acme.example',
    'a=?utf-8?b?ZXZl?=@acme.example',
    ' alice@acme.example',
    'alice @acme.example',
    'alice@ acme.example',
    '.alice@acme.example',
    'alice.@acme.example',
    'al..ice@acme.example',
    'jürgen@acme.example',
    'alice\u2028@acme.example',
    'alice@acme..example',
    'alice@.acme.example',
    'alice@acme.example.',
    'alice@-acme.example',
    'alice@acme-.example',
    'alice@ac_me.example',
    'alice@ac%6de.example',
    'alice@acme.example/x',
    'alice@acme.example:25',
    'alice@acme.example SIZE=1',
    'alice@[127.0.0.1]',
    'alice@127.0.0.1',
    'alice@0x7f.1',
    'alice@2130706433',
    'alice@ac\u00adme\u3002example',
    'alice@\ud800.example',
    `${'a'.repeat(65)}@acme.example`,
    `a@${'b'.repeat(64)}.example`,
    `a@${'b.'.repeat(130)}example`,
  ])('%j is none', (text) => {
    expect(mailAddress(text)).toBeUndefined();
  });

  test('is one line of ASCII with one @, whatever it was made of, and stays itself', () => {
    const part = fc.string({ unit: 'grapheme', maxLength: 12 });
    fc.assert(
      fc.property(part, part, (local, domain) => {
        const made = mailAddress(`${local}@${domain}.example`);
        if (made === undefined) return;
        expect(made).toMatch(/^[!-?A-~]+@[a-z0-9.-]+$/);
        expect(made).not.toMatch(/[<>(),;:\\"[\]\s]/);
        expect(mailAddress(made)).toBe(made);
      }),
      { numRuns: rounds(2_000) },
    );
  });

  test('that is none is refused with the name of its field, and is not repeated', () => {
    expect(() => requireMailAddress('nobody', 'email')).toThrow(
      expect.objectContaining({ code: 'request.invalid', pointer: 'email' }),
    );
    expect(() => requireMailAddress('nobody', 'email')).not.toThrow('nobody');
    expect(requireMailAddress('a@B.example', 'email')).toBe('a@b.example');
  });
});

const place = { realm: 'dev', publicUrl: 'https://id.example', issuer: 'https://id.example/realms/dev', contact: null };
const applicationId = '01a22cf8-7e02-7ffa-9412-7c56e929cc04';
const until = Date.UTC(2026, 0, 15, 12, 30);
const walletId = '0f8fad5b-d9cb-469f-a165-70867728950e';
const did = 'did:key:z6MkhaXgBZDvotDkL5257faiztiGiC2QtKLGpbnnEGta2doK';
const all: { readonly [P in Purpose]: Values[P] } = {
  'password-invitation': { credentialId: 'cred/1', code, until },
  'lost-password': { code, until },
  'lost-password-shared': { at: until, credentialCodes: ['alice', 'alice@acme.example'] },
  'email-verification': { credentialCode: 'alice@acme.example', code, until },
  'password-reset': { credentialCode: 'alice@acme.example', code, until },
  'password-reset-shown': { at: until },
  'password-changed': { at: until },
  'new-device': { at: until, source: '203.0.113.9' },
  'login-locked': { at: until },
  'factor-changed': { at: until, change: 'recovered', factor: 'recovery' },
  'password-expired': { at: until, compromised: true },
  'credential-deleted': { at: until, until },
  'credential-changed': { at: until, newCode: true, newAddress: true },
  'wallet-invitation': {
    participant: 'organization',
    description: 'Faber',
    inviter: 'Ada Lovelace',
    message: 'We would like to order from you. '.repeat(15),
    language: 'en',
    code,
    until,
    page: `https://id.example/realms/dev/wallets/invitation?id=${walletId}`,
  },
  'wallet-address': { walletId, code, until },
  'wallet-address-changed': { walletId, at: until },
  'wallet-recovery-start': { walletId, code, until },
  'wallet-recovery': { walletId, stage: 'started', did, at: until, earliest: until },
  'wallet-recovery-code': { walletId, did, code, until },
  'application-submitted': { applicationId, role: 'LENDER', name: 'Bank', contact: 'a@b.example', baseUrl: '' },
  'application-received': { applicationId, role: 'LENDER' },
  'application-review': { applicationId, role: 'LENDER' },
  'application-approved': { applicationId, participantId: 'p-1' },
  'application-rejected': { applicationId, reason: 'No licence' },
  'participant-changed': { participantId: 'p-1', changes: 'base URL', at: until },
};

/** A link cannot be broken. */
const withoutLinks = (text: string) => text.split('\n').filter((line) => !/^ {2}https:\/\/\S+$/.test(line));

describe.each(Object.keys(all) as Purpose[])('the text of %s', (purpose) => {
  const letter = writeLetter(purpose, all[purpose], place);

  test('says where, when and what, in short lines', () => {
    expect(letter.subject).toMatch(/^[ -~]{10,60}$/);
    expect(letter.text).toContain('https://id.example');
    if ('at' in all[purpose] || 'until' in all[purpose]) expect(letter.text).toContain('2026-01-15 12:30 UTC');
    for (const line of withoutLinks(letter.text)) expect(line.length).toBeLessThanOrEqual(79);
    if ('code' in all[purpose]) expect(letter.text).toContain(`\n  ${code}\n`);
    expect(letter.subject).not.toContain(code);
  });

  test.skipIf(letter.html !== undefined)('goes over the wire as it is', async () => {
    const message = await composeMessage(address, { id: '1', created_at: until }, { ...letter, to: address });
    const [head, ...body] = message.bytes.toString().split('\r\n\r\n');
    expect(body.join('\r\n\r\n')).toBe(letter.text.replaceAll('\n', '\r\n'));
    expect(head?.split('\r\n').map((line) => line.split(':')[0])).toEqual([
      'From',
      'To',
      'Subject',
      'Message-ID',
      'Date',
      'Auto-Submitted',
      'Content-Transfer-Encoding',
      'MIME-Version',
      'Content-Type',
    ]);
    expect(head).toContain('Date: Thu, 15 Jan 2026 12:30:00 +0000\r\n');
  });
});

test.each(['started', 'reminded', 'ready', 'completed', 'cancelled', 'failed'] as const)(
  'the mail about a recovery that is %s has short lines and names the new device',
  (stage) => {
    const values = { walletId, stage, did, at: until, earliest: until };
    const { subject, text } = writeLetter('wallet-recovery', values, place);
    expect(subject).toMatch(/^[ -~]{10,60}$/);
    for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(79);
    expect(text).toContain(`\n  ${did}\n`);
    expect(text).toContain('\n  https://id.example/realms/dev/wallets/recovery\n');
    const asks = stage === 'started' || stage === 'reminded';
    expect(text.includes(`countersign wallet recovery approve \\\n    ${did}\n`)).toBe(asks);
    expect(text.includes('countersign wallet recovery cancel')).toBe(asks || stage === 'ready');
  },
);

test.each(languages)(
  'the invitation in %s has short lines, the code, the link and the words of the inviter',
  (language) => {
    const values = { ...all['wallet-invitation'], language };
    const { subject, text } = writeLetter('wallet-invitation', values, place);
    expect(subject.length).toBeLessThanOrEqual(60);
    for (const line of withoutLinks(text)) expect(line.length).toBeLessThanOrEqual(79);
    for (const part of [`\n  ${code}\n`, `\n  ${values.page}\n`, 'Ada Lovelace', '\n  Faber\n', '2026-01-15 12:30 UTC'])
      expect(text).toContain(part);
    expect(text.replace(/\s+/g, ' ')).toContain(values.message.trim());
    const said = new Set(
      languages.map((one) => writeLetter('wallet-invitation', { ...values, language: one }, place).text),
    );
    expect(said.size).toBe(languages.length);
  },
);

test.each(languages)(
  'a line of the invitation in %s that begins at the margin has no word of the inviter',
  (language) => {
    const words = `Ada ${'x'.repeat(60)} Enter the code at evil.example/w`;
    const values = { ...all['wallet-invitation'], language, inviter: words, message: words, description: words };
    const lines = writeLetter('wallet-invitation', values, place).text.split('\n');
    const told = lines.filter((line) => /Ada|xx|Enter the code at|evil/.test(line));
    expect(told.length).toBeGreaterThanOrEqual(3);
    expect(told.filter((line) => !line.startsWith('  '))).toEqual([]);
  },
);

test('an invitation of few words has no line for what is missing, and a word of any length is broken', () => {
  const bare = { ...all['wallet-invitation'], description: '', inviter: '', message: '' };
  const { text } = writeLetter('wallet-invitation', bare, place);
  expect(text).not.toMatch(/says|this name|described|not checked|\n\n\n| {2}\n/);
  const long = writeLetter('wallet-invitation', { ...bare, message: 'x'.repeat(500) }, place).text;
  for (const line of withoutLinks(long)) expect(line.length).toBeLessThanOrEqual(79);
  expect(long.match(/x/g)?.length).toBeGreaterThanOrEqual(500);
});

test('letters of any language arrive whole, and a dot alone ends nothing', async () => {
  const box = await mailbox();
  const { context } = await openOutbox(`sqlite:${join(temporaryDir(), 'mail.db')}`, box.url);
  for (const description of ['Bücher für Übung 例え', '.']) {
    await write(context, system, (tx) =>
      enqueueMail(context, tx, {
        realm: 'dev',
        to: mailAddress('ann@bücher.example') as MailAddress,
        purpose: 'wallet-invitation',
        values: { ...all['wallet-invitation'], description },
      }),
    );
  }
  await deliverOnce(context);
  const [plain, quoted] = box.received.map(({ raw }) => raw).sort((a, b) => a.length - b.length) as [string, string];
  expect(plain).toContain('To: ann@xn--bcher-kva.example\r\n');
  expect(plain).toContain('\r\n  .\r\n');
  expect(plain).toContain('It works once');
  expect(quoted).toContain('Content-Transfer-Encoding: quoted-printable\r\n');
  const octets = quoted
    .replaceAll('=\r\n', '')
    .replace(/=([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(parseInt(hex, 16)));
  expect(Buffer.from(octets, 'latin1').toString()).toContain('Bücher für Übung 例え\r\n');
});

test.each(['a\r\nBcc: eve@evil.example', 'a\nb', 'a\rb', 'a\0b', 'a\u2028b', 'a\u0085b', '\ud800', 'x'.repeat(1_001)])(
  'a value of %j is refused, and nothing waits',
  async (description) => {
    const context = await openContext(`sqlite:${join(temporaryDir(), 'mail.db')}`);
    const values = { ...all['wallet-invitation'], description };
    const refused = write(context, system, (tx) =>
      enqueueMail(context, tx, { realm: 'dev', to: address, purpose: 'wallet-invitation', values }),
    );
    await expect(refused).rejects.toMatchObject({ code: 'request.invalid', pointer: 'description' });
    expect(await rows(context)).toEqual([]);
  },
);
