import { sql } from 'kysely';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stepParticipant } from '../src/registry/lifecycle.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { exportNetwork } from '../src/registry/network-file/export.ts';
import { movedTables } from '../src/store/tables.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { issueStatus } from '../src/subject/tokens/status.ts';
import { ask, createApplicant, proxied, step } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import { caller, contentOf, eventsOf, keyOf } from './support/network.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const secretOf = (id: string) => `secret-for-tests-${id}`;
const client = (id: string, audiences: readonly string[] = []) => ({
  id: `client-${id}`,
  secret: secretOf(id),
  audiences,
});

describe.each([['http'], ['file']] as const)('an offboarding by %s', (way) => {
  const size = way === 'http' ? 1_000 : 40;
  const networks = way === 'http' ? 50 : 4;
  const leaver = `leaver-${way}`;
  const base = `https://${leaver}.example`;

  /** Everybody knows the leaver: in networks, filters, items, resources and audiences, under each of its names. */
  const networkWith = (publicKey: unknown) => ({
    realms: [
      {
        name: 'dev',
        profile: 'ocen4',
        settings: { accessTokenAlg: 'ES256', defaultAudience: leaver },
        participants: [
          {
            id: leaver,
            role: 'LENDER',
            baseUrl: base,
            keys: [publicKey],
            client: client(leaver, ['p-1']),
            resources: [{ resource: 'loan-api', roles: ['read'] }],
          },
          ...Array.from({ length: size - 1 }, (_, index) => ({
            id: `p-${index}`,
            role: index % 2 === 0 ? 'LOAN_AGENT' : 'LENDER',
            client: client(`p-${index}`, index === 3 ? [`client-${leaver}`, 'other'] : []),
            resources:
              index < 3
                ? [
                    { resource: [leaver, base, `${base.toUpperCase()}/v1/loans?x`][index] as string, roles: ['call'] },
                    { resource: 'loan-api', roles: ['read'] },
                  ]
                : [],
          })),
        ],
        products: [{ id: 'product', name: 'Loan' }],
        productNetworks: Array.from({ length: networks }, (_, index) => ({
          id: `network-${index}`,
          name: `Network ${index}`,
          productId: 'product',
          participants: [leaver, `p-${index}`, `p-${index + 1}`],
        })),
        lenderNetworkFilters: [
          { id: 'own-filter', requirementName: 'MINIMUM_AMOUNT', participantId: { id: leaver } },
          {
            id: 'network-filter',
            productNetwork: {
              id: 'network-0',
              participantRoles: [{ id: leaver }, { id: 'p-0' }],
              networkCreatedBy: leaver,
            },
            participantRole: 'p-1',
            value: 10,
          },
        ],
        serverWhitelistingItems: [
          { id: 'own-item', ipAddress: '192.0.2.1', portNumber: '1', participantRole: { id: leaver } },
          { id: 'own-item-2', ipAddress: '192.0.2.2', portNumber: '1', participantRole: leaver },
          { id: 'other-item', ipAddress: '192.0.2.3', portNumber: '1', participantRole: 'p-1' },
        ],
      },
    ],
  });

  eachDatabase(`of one among ${size}`, (freshUrl) => {
    let server: TestServer;
    let second: TestServer;
    let admin: string;
    let file: ReturnType<typeof networkWith>;
    const get = async (path: string) =>
      ask(server, `/realms/dev/${path}`, { token: path.startsWith('admin') ? admin : await tokenOf('p-4') });
    const tokenOf = (id: string, at = server) => obtainToken(at.issuer(), `client-${id}`, secretOf(id));

    beforeAll(async () => {
      const databaseUrl = await freshUrl();
      file = networkWith((await createApplicant()).publicKey);
      server = await testServer({ databaseUrl, env: proxied, network: file });
      second = await secondNode(server, databaseUrl);
      admin = await server.adminToken();
      // As an older release took them: any members.
      const { db } = server.context.store;
      const document = JSON.stringify({ id: 'old', lender: leaver, partners: ['p-0', { id: leaver }], note: 'kept' });
      await db.insertInto('lender_network_filter').values({ realm: 'dev', id: 'old', document }).execute();
    }, 120_000);
    afterAll(async () => {
      await second?.close();
      await server?.close();
    });

    test('leaves no row, list, feed or token that lets the leaver do or receive anything', async () => {
      const isLive = async (token: string, at = server) =>
        (await ask(at, '/realms/dev/service/products', { token })).status === 200;
      const own = await tokenOf(leaver);
      const callers = await Promise.all([0, 1, 2, 3].map((index) => tokenOf(`p-${index}`)));
      const bystander = await tokenOf('p-4');
      expect((await get('service/product-networks/network-0/participants')).body.LENDER[0].id).toBe(leaver);

      const started = performance.now();
      if (way === 'http') {
        const { status, body } = await step(server, `/realms/dev/registry/participants/${leaver}/offboard`, admin);
        expect([status, body.status]).toEqual([200, 'OFFBOARDED']);
      } else {
        const participants = [{ id: leaver, role: 'LENDER', status: 'OFFBOARDED' }];
        await applyNetwork(server.context, { realms: [{ name: 'dev', participants }] }, caller);
      }
      expect(performance.now() - started).toBeLessThan(10_000);

      // Tokens: its own, and those by which others could reach it.
      expect(await isLive(own)).toBe(false);
      for (const token of callers) expect(await isLive(token)).toBe(false);
      expect(await isLive(bystander)).toBe(true);
      await expect(tokenOf(leaver)).rejects.toThrow(/invalid_client/);
      for (const target of [leaver, base, `${base}/v1/loans`, `client-${leaver}`]) {
        for (const index of [0, 1, 2, 3]) {
          const asked = obtainToken(server.issuer(), `client-p-${index}`, secretOf(`p-${index}`), [
            ['resource', target],
          ]);
          await expect(asked).rejects.toThrow(/invalid_target/);
        }
      }
      const claims = JSON.parse(Buffer.from((await tokenOf('p-0')).split('.')[1] ?? '', 'base64url').toString());
      expect(claims).toMatchObject({
        aud: server.issuer(),
        resource_access: { 'loan-api': { roles: ['read'] } },
      });
      expect(JSON.stringify(claims)).not.toContain(leaver);

      // The other node, within two seconds.
      await eventually(async () => !(await isLive(callers[0] as string, second)), 2_000);
      await expect(tokenOf(leaver, second)).rejects.toThrow(/invalid_client/);

      // Lists.
      for (let index = 0; index < networks; index++) {
        const { text } = await get(`service/product-networks/network-${index}/participants`);
        expect(text()).not.toContain(leaver);
      }
      expect((await get('service/lender-network-filters/own-filter')).status).toBe(404);
      expect((await get('service/lender-network-filters/network-filter')).body).toEqual({
        id: 'network-filter',
        productNetwork: { id: 'network-0', participantRoles: [{ id: 'p-0' }] },
        participantRole: 'p-1',
        value: 10,
      });
      expect((await get('service/lender-network-filters/old')).body).toEqual({
        id: 'old',
        partners: ['p-0'],
        note: 'kept',
      });
      expect((await get(`service/participant-roles/server-whitelisting-items/${leaver}`)).body).toEqual([]);
      expect((await get('service/participant-roles/server-whitelisting-items/p-1')).body).toHaveLength(1);
      for (const list of ['products', 'product-networks', 'lender-network-filters', 'server-whitelisting-items']) {
        for (const path of [`admin/${list}?limit=200`, `service/${list}`]) {
          const answer = await ask(server, `/realms/dev/${path}`, {
            token: path.startsWith('admin') ? admin : await tokenOf('p-0'),
          });
          expect([answer.status, answer.body.items.length > 0]).toEqual([200, true]);
          expect(answer.text()).not.toContain(leaver);
        }
      }
      // The feed names subjects, never participants.
      const realm = await requireRealm(server.context, 'dev');
      expect(JSON.stringify((await issueStatus(server.context, realm, 0)).claims)).not.toContain(leaver);
      // The registry tells former partners why it no longer answers.
      expect((await get(`service/participant-roles/${leaver}`)).body).toMatchObject({
        participantRoleStatus: 'OFFBOARDED',
        publicKey: null,
      });
    }, 60_000);

    test('leaves its id only in the history', async () => {
      const { db } = server.context.store;
      const history = new Set([
        'event',
        'refusal',
        'participant',
        'participant_key',
        'key_owner',
        'client',
        'audience_owner',
      ]);
      const naming: string[] = [];
      for (const table of movedTables) {
        const { rows } = await sql<Record<string, unknown>>`select * from ${sql.table(table)}`.execute(db);
        const found = rows.filter((row) => JSON.stringify(row).toLowerCase().includes(leaver));
        if (!history.has(table)) expect([table, found]).toEqual([table, []]);
        else naming.push(...found.map((row) => `${table} ${JSON.stringify(row)}`));
      }
      // Of the history: its own row, its old key with the owner, the tombstones of its names.
      expect(naming.filter((row) => row.startsWith('participant '))).toHaveLength(1);
      expect(naming.filter((row) => row.startsWith('participant_key '))).toHaveLength(1);
      const tombstones = naming.filter((row) => row.startsWith('client '));
      expect(tombstones).toHaveLength(1);
      expect(tombstones[0]).toContain('"audiences":"[]","secrets":"[]"');
      const owned = naming.filter((row) => row.startsWith('audience_owner')).join();
      expect(owned).not.toContain(base);
    });

    test('is not undone by the file from before, which names what it passed over', async () => {
      const present = async () => ({
        ...JSON.parse(await contentOf(server.context)),
        event: (await eventsOf(server.context)).length,
      });
      const stored = await present();
      const report = await applyNetwork(server.context, file, caller);
      expect(report.realms[0]).toMatchObject({ created: [], changed: [] });
      expect(report.realms[0]?.skipped).toEqual(
        expect.arrayContaining([
          '/realms/0/settings/defaultAudience',
          '/realms/0/participants/1/resources/0',
          '/realms/0/participants/4/client/audiences/0',
          '/realms/0/productNetworks/0/participants/0',
          '/realms/0/lenderNetworkFilters/0',
          '/realms/0/lenderNetworkFilters/1',
          '/realms/0/serverWhitelistingItems/1',
        ]),
      );
      expect(await present()).toEqual(stored);
      await server.context.store.db.deleteFrom('lender_network_filter').where('id', '=', 'old').execute();
      const exported = await exportNetwork(server.context, 'dev');
      expect((await applyNetwork(server.context, exported, caller)).realms[0]).toEqual({
        name: 'dev',
        created: [],
        changed: [],
        unchanged: expect.any(Number),
      });
    }, 60_000);

    test('at the same moment as a file that maps it leaves nothing either', async () => {
      for (let round = 0; round < 3; round++) {
        const id = `racer-${round}`;
        const participants = [{ id, role: 'LENDER', baseUrl: `https://${id}.example`, keys: [keyOf(id)] }];
        await applyNetwork(server.context, { realms: [{ name: 'dev', participants }] }, caller);
        const mapping = {
          realms: [{ name: 'dev', productNetworks: [{ id: `race-${round}`, name: 'Race', participants: [id] }] }],
        };
        await Promise.all([
          stepParticipant(server.context, 'dev', id, 'offboard', undefined, caller),
          applyNetwork(second.context, mapping, caller),
        ]);
        expect((await get(`service/product-networks/race-${round}/participants`)).body).toEqual({});
      }
    });
  });
});

eachDatabase('the base URL of a leaver', (freshUrl) => {
  test('still means a participant that has it too, or that took it over', async () => {
    const participants = [
      {
        id: 'gone',
        role: 'LENDER',
        baseUrl: 'https://bank.example',
        keys: [keyOf('bank')],
        participant: { id: 'bank' },
      },
      {
        id: 'stays',
        role: 'LOAN_AGENT',
        baseUrl: 'https://bank.example',
        keys: [keyOf('bank')],
        participant: { id: 'bank' },
      },
      { id: 'below', role: 'KYC_PARTNER', baseUrl: 'https://left.example/kyc', keys: [keyOf('kyc')] },
      { id: 'left', role: 'LENDER', baseUrl: 'https://left.example', keys: [keyOf('left')] },
      {
        id: 'caller',
        role: 'LOAN_AGENT',
        client: client('caller'),
        resources: ['https://bank.example/v1', 'https://left.example/kyc/1', 'https://left.example/loans', 'gone'].map(
          (resource) => ({ resource, roles: ['call'] }),
        ),
      },
    ];
    const realms = [{ name: 'dev', profile: 'ocen4', settings: { accessTokenAlg: 'ES256' }, participants }];
    const server = await testServer({ databaseUrl: await freshUrl(), network: { realms } });
    try {
      for (const id of ['gone', 'left'])
        await stepParticipant(server.context, 'dev', id, 'offboard', undefined, caller);
      const token = await server.adminToken();
      const { body } = await ask(server, '/realms/dev/admin/participants/caller', { token });
      expect(body.resources.map(({ resource }: { resource: string }) => resource)).toEqual([
        'https://bank.example/v1',
        'https://left.example/kyc/1',
      ]);
    } finally {
      await server.close();
    }
  });
});

/** A second node on the same database, reached at its own port. */
async function secondNode(first: TestServer, databaseUrl: string): Promise<TestServer> {
  const port = String(await freePort());
  const env = { ...proxied, COUNTERSIGN_PORT: port, COUNTERSIGN_PUBLIC_URL: first.url };
  const node = await testServer({ databaseUrl, env, network: { realms: [] } });
  const url = `http://127.0.0.1:${port}`;
  return { ...node, url, issuer: (realm = 'dev') => `${url}/realms/${realm}` };
}
