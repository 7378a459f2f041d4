import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audienceName } from '../src/kernel/audience-name.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { fill } from '../src/store/migrations/0009-audience-owners.ts';
import { type Answer, applicationBody, ask, basic, createApplicant, proxied, step } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { keyOf } from './support/network.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const secret = (id: string) => `${id}-secret-for-tests-only`;
const member = (id: string, organisation: string, more: object = {}) => ({
  id,
  role: 'LENDER',
  status: 'APPROVED',
  participant: { id: organisation, participantName: organisation },
  client: { id: `${id}-client`, secret: secret(id) },
  keys: [keyOf(organisation)],
  ...more,
});
const fileOf = (...participants: readonly object[]) => ({ realms: [{ name: 'dev', profile: 'ocen4', participants }] });
const outcome = ({ status, body }: Answer) =>
  status < 300 ? status : [status, body.code, ...(body.pointer === undefined ? [] : [body.pointer])].join(' ');

describe('two spellings of an audience', () => {
  const same = 'https://lender.example/api';
  test.each([
    'https://LENDER.example/api',
    'HTTPS://lender.example/api',
    'https://lender.example:443/api',
    'https://lender.example/api/',
    'https://lender.example/api//',
    'https://lender.example./api',
    'https://lender.example/x/../api',
    'https://lender.example/%2e/api',
  ])('%s is the same name', (text) => expect(audienceName(text)).toBe(same));

  test.each([
    'https://lender.example/API',
    'https://lender.example:8443/api',
    'https://lender.example',
    'http://lender.example/api',
    'https://other.example/api',
    'lender.example/api',
  ])('%s is another one', (text) => expect(audienceName(text)).not.toBe(same));
});

eachDatabase('the name of an audience', (freshUrl) => {
  let server: TestServer;
  let admin: string;
  beforeAll(async () => {
    const agent = member('agent', 'org-agent', {
      client: { id: 'agent-client', secret: secret('agent'), audiences: ['https://first.example/v1', 'first'] },
    });
    const first = member('first', 'org-first', { baseUrl: 'https://first.example/v1' });
    const second = member('second', 'org-second');
    server = await testServer({ databaseUrl: await freshUrl(), network: fileOf(agent, first, second), env: proxied });
    admin = await server.adminToken();
  });
  afterAll(() => server?.close());

  const apply = (...participants: readonly object[]) =>
    applyNetwork(server.context, fileOf(...participants), { actor: 'test', requestId: 'test' }).then(
      () => 'applied',
      ({ code, pointer }) => `${code} ${pointer}`,
    );
  const applications = '/realms/dev/registry/applications';
  const applied = async (
    baseUrl: string,
    applicant = undefined as Awaited<ReturnType<typeof createApplicant>> | undefined,
  ) => {
    const by = applicant ?? (await createApplicant());
    return ask(server, applications, { body: await applicationBody(server.issuer(), by, { baseUrl }) });
  };
  const approve = (id: string, body: object = {}) => step(server, `${applications}/${id}/approve`, admin, body);
  const introspected = async (token: string, id: string) => {
    const credentials = { clientId: `${id}-client`, clientSecret: secret(id) };
    const response = await fetch(`${server.issuer()}/protocol/openid-connect/token/introspect`, {
      method: 'POST',
      headers: basic(credentials),
      body: new URLSearchParams({ token }),
    });
    return ((await response.json()) as { active: boolean }).active;
  };

  test.each(['https://first.example/v1', 'https://FIRST.example:443/v1/'])(
    'of one organisation is refused to another at every door: %s',
    async (baseUrl) => {
      const pointer = '/realms/0/participants/0';
      expect(await apply(member('third', 'org-third', { baseUrl }))).toBe(`network.invalid ${pointer}/baseUrl`);
      expect(await apply(member('second', 'org-second', { baseUrl }))).toBe(`network.invalid ${pointer}/baseUrl`);
      const both = [
        member('x', 'org-x', { baseUrl: 'https://x.example' }),
        member('y', 'org-y', { baseUrl: 'https://X.example/' }),
      ];
      expect(await apply(...both)).toBe('network.invalid /realms/0/participants/1/baseUrl');
      expect(outcome(await applied(baseUrl))).toBe('409 registry.conflict /baseUrl');
      const client = { id: baseUrl, secret: secret('third') };
      expect(await apply(member('third', 'org-third', { client }))).toBe(`network.invalid ${pointer}/client/id`);
    },
  );

  test('that is the id of a participant or client is nobody else’s client id', async () => {
    for (const id of ['first', 'first-client']) {
      const made = await step(server, '/realms/dev/admin/clients', admin, { id, name: 'Usurper' });
      expect(outcome(made)).toBe('409 registry.conflict /id');
    }
    expect(outcome(await step(server, '/realms/dev/admin/clients', admin, { id: 'robot', name: 'Robot' }))).toBe(201);
    expect(await apply(member('robot', 'org-robot'))).toBe('network.invalid /realms/0/participants/0/id');
    const client = { id: 'first', secret: secret('third') };
    expect(await apply(member('third', 'org-third', { client }))).toMatch(/^network\.invalid .*\/client\/id$/);
  });

  test('stays with the organisation in its other roles', async () => {
    expect(
      await apply(member('first-agent', 'org-first', { role: 'LOAN_AGENT', baseUrl: 'https://first.example/v1' })),
    ).toBe('applied');
    const applicant = await createApplicant();
    await step(server, '/realms/dev/admin/participants/first/keys', admin, { publicKey: applicant.publicKey });
    const again = await applied('https://first.example/v1', applicant);
    expect(again.status).toBe(201);
    expect(outcome(await approve(again.body.id, { organisationId: 'org-first' }))).toBe(200);
  });

  test('is decided at the approval too, and of two at the same moment one wins', async () => {
    for (let round = 0; round < 5; round++) {
      const baseUrl = `https://race-${round}.example`;
      const two = await Promise.all([applied(baseUrl), applied(`${baseUrl}:443/`)]);
      expect(two.map(({ status }) => status)).toEqual([201, 201]);
      const answers = await Promise.all([
        ...two.map(async ({ body }) => outcome(await approve(body.id))),
        apply(member(`race-${round}`, `org-race-${round}`, { baseUrl })),
      ]);
      expect(answers.filter((one) => one === 200 || one === 'applied')).toHaveLength(1);
      for (const one of answers) {
        expect([
          200,
          'applied',
          '409 registry.conflict /baseUrl',
          '409 write.conflict',
          'write.conflict undefined',
          'network.invalid /realms/0/participants/0/baseUrl',
        ]).toContain(one);
      }
    }
  });

  test('is free again when the participant has left it, and exchanged within one file', async () => {
    const [left, right] = [{ baseUrl: 'https://left.example' }, { baseUrl: 'https://right.example' }];
    expect(await apply(member('left', 'org-left', left), member('right', 'org-right', right))).toBe('applied');
    expect(await apply(member('left', 'org-left', right), member('right', 'org-right', left))).toBe('applied');
    expect(await apply(member('left', 'org-left', left))).toMatch(/^network\.invalid/);
    expect((await step(server, '/realms/dev/registry/participants/right/offboard', admin)).status).toBe(200);
    expect(await apply(member('left', 'org-left', left))).toBe('applied');
    expect(await apply(member('new', 'org-new', right))).toBe('applied');
    expect(await apply(member('new', 'org-new', right))).toBe('applied');
  });

  test('that two had before the upgrade belongs to the first; the other is reported, and told nothing', async () => {
    const { db } = server.context.store;
    // As a release without owners left it.
    await db.deleteFrom('audience_owner').execute();
    await db
      .updateTable('participant')
      .set({ base_url: 'https://FIRST.example/v1/' })
      .where('id', '=', 'second')
      .execute();
    await db.updateTable('participant').set({ created_at: 1 }).where('id', '=', 'first').execute();
    const notices: object[] = [];
    await fill(db, (notice) => notices.push(notice));
    expect(notices).toEqual([
      { realm: 'dev', participant: 'second', baseUrl: 'https://first.example/v1', owner: 'organisation:org-first' },
    ]);
    server.context.cache.invalidateAll();
    const token = await obtainToken(server.issuer(), 'agent-client', secret('agent'), [
      ['resource', 'https://first.example/v1'],
    ]);
    expect([await introspected(token, 'first'), await introspected(token, 'second')]).toEqual([true, false]);
    await db
      .updateTable('participant')
      .set({ base_url: 'https://first.example/v1' })
      .where('id', '=', 'second')
      .execute();
    server.context.cache.invalidateAll();
    expect([await introspected(token, 'first'), await introspected(token, 'second')]).toEqual([true, false]);
    // It can go on, and be renamed.
    expect(await apply(member('second', 'org-second', { role: 'LOAN_AGENT' }))).toBe('applied');
  });
});
