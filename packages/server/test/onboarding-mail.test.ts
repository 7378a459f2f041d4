import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadConfig } from '../src/config.ts';
import { composeMessage } from '../src/mail/message.ts';
import { openLetter } from '../src/mail/outbox.ts';
import { letterFor } from '../src/mail/templates.ts';
import {
  applicationBody,
  ask,
  createApplicant,
  onboard,
  pickUpBody,
  proofClaims,
  proxied,
  step,
} from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { type TestServer, testServer } from './support/server.ts';

const contact = { name: 'Network operations', email: 'admins@network.example', url: 'https://network.example/help' };
const settings = { accessTokenAlg: 'ES256', contact };
const base = '/realms/dev/registry/applications';

/** Nobody takes the mails, so that they wait in the outbox. */
const env = { ...proxied, COUNTERSIGN_SMTP_URL: 'smtp://127.0.0.1:9' };

eachDatabase('onboarding', (freshUrl) => {
  let server: TestServer;
  let admin: string;
  beforeAll(async () => {
    const network = { realms: [{ name: 'dev', profile: 'ocen4', settings }] };
    server = await testServer({ databaseUrl: await freshUrl(), env, network });
    admin = await server.adminToken();
  });
  afterAll(() => server.close());

  const submit = async (wishes: object = {}, change: object = {}) => {
    const applicant = await createApplicant();
    const body = { ...(await applicationBody(server.issuer(), applicant, wishes)), ...change };
    const answer = await ask(server, base, { body });
    expect(answer.status).toBe(201);
    return { applicant, ...answer.body };
  };
  const mailsAbout = async (id: string) => {
    const rows = await server.context.store.db.selectFrom('mail').selectAll().orderBy('id').execute();
    const letters = rows.map((row) => ({
      purpose: row.purpose,
      ...openLetter(server.context.vault, row.realm, row.id, row.sealed ?? ''),
    }));
    // Of one moment: the mail to the administrators first.
    return letters
      .filter(({ text }) => text.includes(id))
      .sort((a, b) => Number(b.purpose === 'application-submitted') - Number(a.purpose === 'application-submitted'));
  };
  const decide = (id: string, decision: string, body: object = {}) =>
    step(server, `${base}/${id}/${decision}`, admin, body);

  test('tells administrators and applicant of every step, as text and HTML, with the contact and no secret', async () => {
    const { id, pickUpCode } = await submit({ baseUrl: 'https://bank.example' }, { contact: 'steps@bank.example' });
    await decide(id, 'review');
    const { body } = await decide(id, 'approve');
    const mails = await mailsAbout(id);
    expect(mails.map(({ purpose, to }) => [purpose, to])).toEqual([
      ['application-submitted', contact.email],
      ['application-received', 'steps@bank.example'],
      ['application-review', 'steps@bank.example'],
      ['application-approved', 'steps@bank.example'],
    ]);
    expect(mails[0]?.text).toContain('  https://bank.example\n');
    expect(mails[3]?.text).toContain(body.participantId);
    expect(mails[3]?.text).toContain(`countersign participant pick-up ${id} CODE`);
    for (const { text, html, purpose } of mails) {
      expect(html).toContain('<!doctype html>');
      expect(text + html).not.toContain(pickUpCode);
      if (purpose !== 'application-submitted') for (const one of Object.values(contact)) expect(text).toContain(one);
    }
  });

  test('tells the reason of a rejection, in the mail and to the applicant who asks', async () => {
    const { applicant, id } = await submit({}, { contact: 'no@bank.example' });
    await decide(id, 'reject', { reason: 'No licence <b>yet</b>' });
    const [mail] = (await mailsAbout(id)).slice(-1);
    expect(mail?.text).toContain('  No licence <b>yet</b>\n');
    expect(mail?.html).toContain('No licence &#60;b&#62;yet&#60;/b&#62;');
    const proof = await applicant.sign('countersign-status+jwt', { ...proofClaims(server.issuer()), id });
    const { status, body } = await ask(server, `${base}/${id}/status`, { body: { proof } });
    expect([status, body]).toEqual([
      200,
      expect.objectContaining({ status: 'REJECTED', reason: 'No licence <b>yet</b>' }),
    ]);
  });

  test('a hostile name adds no header and no markup, and is not in the mail to an address that a stranger chose', async () => {
    const participantName = '<script>alert(1)</script> Bcc: eve@evil.example';
    const { id } = await submit({ participantName }, { contact: 'victim@bank.example' });
    const [told, received] = await mailsAbout(id);
    expect(told?.subject).not.toContain('script');
    expect(told?.html).not.toContain('<script');
    expect(received?.text).not.toContain('evil');
    const message = await composeMessage('a@b.example' as never, { id: 'm', created_at: 0 }, told as never);
    const [head] = message.bytes.toString().split('\r\n\r\n');
    expect(head).not.toMatch(/^Bcc:/im);
    expect(head).toContain('multipart/alternative');
    const again = await composeMessage('a@b.example' as never, { id: 'm', created_at: 0 }, told as never);
    expect(again.bytes.equals(message.bytes)).toBe(true);
  });

  test('fills no mailbox: five mails an hour to one address about applications', async () => {
    for (let count = 0; count < 8; count++) await submit({}, { contact: 'flooded@bank.example' });
    const rows = await server.context.store.db.selectFrom('mail').selectAll().execute();
    const to = rows.map((row) => openLetter(server.context.vault, row.realm, row.id, row.sealed ?? '').to);
    expect(to.filter((address) => address === 'flooded@bank.example')).toHaveLength(5);
  });

  test('only the key of the application reads its state, and a proof counts once', async () => {
    const { applicant, id } = await submit({}, { contact: 'state@bank.example' });
    const claims = () => ({ ...proofClaims(server.issuer()), id });
    const proof = await applicant.sign('countersign-status+jwt', claims());
    const ask1 = (body: object, of = id) => ask(server, `${base}/${of}/status`, { body });
    expect((await ask1({ proof })).body).toMatchObject({ id, status: 'APPLIED', participantId: null, pickedUp: false });
    const stranger = await createApplicant();
    const wrong: readonly [string, string][] = [
      [proof, id],
      [await stranger.sign('countersign-status+jwt', claims()), id],
      [await applicant.sign('countersign-pickup+jwt', claims()), id],
      [await applicant.sign('countersign-status+jwt', { ...claims(), id: 'other' }), id],
      [await applicant.sign('countersign-status+jwt', { ...claims(), id: 'unknown' }), 'unknown'],
      ['x', id],
    ];
    for (const [one, of] of wrong) {
      const { status, body } = await ask1({ proof: one }, of);
      expect([status, body.code]).toEqual([401, 'registry.proof']);
    }
    expect((await ask1({ proof: 7 })).status).toBe(400);
  });

  test('a second pick-up says that it was picked up, to the holder of the key alone', async () => {
    const applicant = await createApplicant();
    const { body } = await ask(server, base, { body: await applicationBody(server.issuer(), applicant) });
    await decide(body.id, 'approve');
    const pickUp = async (by: typeof applicant, code: string) =>
      ask(server, `${base}/${body.id}/credentials`, { body: await pickUpBody(server.issuer(), by, body.id, code) });
    expect((await pickUp(applicant, body.pickUpCode)).status).toBe(200);
    const again = await pickUp(applicant, body.pickUpCode);
    expect([again.status, again.body.code]).toEqual([409, 'registry.transition']);
    expect(again.body.detail).toMatch(/picked up on 20.*countersign participant secret/);
    const stranger = await pickUp(await createApplicant(), body.pickUpCode);
    expect([stranger.status, stranger.body.code]).toEqual([401, 'registry.proof']);
  });

  test('one organisation takes two roles: it applies with a key of its own, or the refusal says how to approve', async () => {
    const applicant = await createApplicant();
    const first = await onboard(server, applicant, { role: 'LENDER' });
    const { organisationId } = (
      await ask(server, `/realms/dev/admin/participants/${first.participantId}`, { token: admin })
    ).body;
    const apply = async (by: typeof applicant, organisation: string | undefined, role = 'KYC_PARTNER') => {
      const said = { role, ...(organisation === undefined ? {} : { organisationId: organisation }) };
      const claims = { ...proofClaims(server.issuer()), ...said, thumbprint: by.thumbprint, participantName: 'Bank' };
      const body = {
        ...said,
        participant: { participantName: 'Bank' },
        contact: 'two@bank.example',
        publicKey: by.publicKey,
        proof: await by.sign('countersign-application+jwt', claims),
      };
      return ask(server, base, { body });
    };
    const second = await apply(applicant, organisationId);
    const approved = await decide(second.body.id, 'approve');
    const { body } = await ask(server, `/realms/dev/admin/participants/${approved.body.participantId}`, {
      token: admin,
    });
    expect([body.organisationId, body.role]).toEqual([organisationId, 'KYC_PARTNER']);

    const third = await apply(applicant, undefined, 'LOAN_AGENT');
    const refused = await decide(third.body.id, 'approve');
    expect([refused.status, refused.body.code, refused.body.pointer]).toEqual([
      409,
      'registry.key_taken',
      '/organisationId',
    ]);
    expect(refused.body.detail).toContain(`--organisation ${organisationId}`);
    expect((await decide(third.body.id, 'approve', { organisationId })).status).toBe(200);

    for (const [by, organisation] of [
      [await createApplicant(), organisationId],
      [applicant, 'unknown'],
    ] as const) {
      const answer = await apply(by, organisation);
      expect([answer.status, answer.body.code, answer.body.pointer]).toEqual([
        409,
        'registry.conflict',
        '/organisationId',
      ]);
    }
  });

  test('the contact is in discovery and on the page of the API', async () => {
    const { body } = await ask(server, '/realms/dev/.well-known/openid-configuration');
    expect([body.contact, body.contacts]).toEqual([contact, [contact.email]]);
    const page = await (await fetch(`${server.url}/docs`)).text();
    expect(page).toContain('mailto:admins@network.example');
    const other = await ask(server, '/realms/system/.well-known/openid-configuration');
    expect([other.body.contact, other.body.contacts]).toEqual([undefined, undefined]);
  });

  test.each([
    ['an address that is none', { email: 'a@b@c' }, 'email'],
    ['a script as URL', { url: 'javascript:alert(1)' }, 'url'],
    ['a name of two lines', { name: 'a\nBcc: x@y.example' }, 'name'],
    ['an unknown member', { phone: '1' }, 'phone'],
  ])('a contact with %s is refused', async (_, wrong, member) => {
    const body = { realms: [{ name: 'dev', settings: { contact: wrong } }] };
    const { status, body: said } = await ask(server, '/realms/dev/admin/network', { token: admin, body });
    expect([status, said.pointer]).toEqual([422, `/realms/0/settings/contact/${member}`]);
  });
});

describe('templates of the operator', () => {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-templates-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text);
  const load = () => loadConfig({ COUNTERSIGN_MAIL_TEMPLATES: folder }).config.mailTemplates;

  test('replace a text, with values escaped in HTML only', () => {
    write('application-rejected.txt', 'Subject: {{realm}} says no\n\nSorry: {{reason}}\nAsk {{contact.email}}\n');
    write('application-rejected.html', '<p>Sorry: {{ reason }}</p>');
    const place = { realm: 'dev', issuer: 'https://i.example', publicUrl: 'https://i.example', contact };
    const values = { applicationId: 'a-1', reason: '<i>{{realm}}</i>' };
    expect(letterFor(load(), 'application-rejected', values, place)).toEqual({
      subject: 'dev says no',
      text: `Sorry: <i>{{realm}}</i>\nAsk ${contact.email}\n`,
      html: '<p>Sorry: &#60;i&#62;{{realm}}&#60;/i&#62;</p>',
    });
    expect(letterFor(load(), 'application-review', { applicationId: 'a', role: 'LENDER' }, place).text).toContain(
      'review',
    );
  });

  test.each([
    ['an unknown purpose', 'greeting.txt', 'Subject: x\n'],
    ['an unknown placeholder', 'application-review.txt', 'Subject: x\n{{code}}\n'],
    ['no subject', 'application-review.txt', 'Hello\n'],
    ['HTML alone', 'application-received.html', '<p>x</p>'],
  ])('%s stops the start and names the file', (_, name, text) => {
    write(name, text);
    expect(load).toThrow(name);
    rmSync(join(folder, name));
  });
});
