import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Problem } from '../src/kernel/problem.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { ask, proxied } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { caller, contentOf } from './support/network.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

const secret = 'client-secret-for-tests';
const party = (id: string) => ({ id, role: 'LENDER', client: { id: `client-${id}`, secret } });

const network = {
  realms: [
    {
      name: 'dev',
      profile: 'ocen4',
      settings: { accessTokenAlg: 'ES256' },
      participants: ['one', 'two', 'alone'].map(party),
      products: ['a', 'b', 'c'].map((id) => ({ id, name: `Product ${id}` })),
      productNetworks: [
        { id: 'both', name: 'Both', productId: 'a', participants: ['one', 'two'] },
        { id: 'first', name: 'First', participants: ['one'] },
        { id: 'second', name: 'Second', participants: ['two'] },
      ],
      lenderNetworkFilters: [
        { id: 'f-both', productNetwork: 'both', participantId: 'two' },
        { id: 'f-general', requirementName: 'BUREAU_SCORE' },
        { id: 'f-second', productNetwork: { id: 'second' } },
        { id: 'f-two', participantRole: { id: 'two' } },
      ],
      serverWhitelistingItems: ['one', 'two', 'alone'].map((id) => ({
        id: `i-${id}`,
        ipAddress: '192.0.2.1',
        portNumber: '443',
        participantRole: id,
      })),
    },
    { name: 'other', profile: 'ocen4', settings: { accessTokenAlg: 'ES256' }, products: [{ id: 'theirs', name: 'X' }] },
  ],
};

eachDatabase('products, networks, filters and items', (freshUrl) => {
  let server: TestServer;
  let admin: string;
  beforeAll(async () => {
    server = await testServer({ databaseUrl: await freshUrl(), env: proxied, network });
    admin = await server.adminToken();
  });
  afterAll(() => server.close());

  const idsAt = async (path: string, token: string) => {
    const { status, body } = await ask(server, `/realms/dev/${path}`, { token });
    expect(status).toBe(200);
    return body.items.map(({ id }: { id: string }) => id);
  };
  const tokenOf = (id: string) => obtainToken(server.issuer(), `client-${id}`, secret);
  const administered = (path: string, method = 'GET') =>
    ask(server, `/realms/dev/admin/${path}`, { token: admin, method });
  const apply = (entries: object) => applyNetwork(server.context, { realms: [{ name: 'dev', ...entries }] }, caller);

  test.each([
    ['one', 'product-networks', ['both', 'first']],
    ['one', 'products', ['a', 'b', 'c']],
    ['one', 'lender-network-filters', ['f-both', 'f-general']],
    ['one', 'server-whitelisting-items', ['i-one', 'i-two']],
    ['two', 'product-networks', ['both', 'second']],
    ['two', 'lender-network-filters', ['f-both', 'f-general', 'f-second', 'f-two']],
    ['alone', 'product-networks', []],
    ['alone', 'server-whitelisting-items', ['i-alone']],
    ['alone', 'lender-network-filters', ['f-general']],
  ])('%s sees of the %s what concerns it', async (who, list, expected) => {
    expect(await idsAt(`service/${list}`, await tokenOf(who))).toEqual(expected);
  });

  test('a client that is no participant sees products only', async () => {
    const { body } = await ask(server, '/realms/dev/admin/clients', { token: admin, body: { name: 'Monitor' } });
    const token = await obtainToken(server.issuer(), body.clientId, body.clientSecret);
    const lists = ['products', 'product-networks', 'lender-network-filters', 'server-whitelisting-items'];
    const seen = await Promise.all(lists.map((list) => idsAt(`service/${list}`, token)));
    expect(seen).toEqual([['a', 'b', 'c'], [], [], []]);
  });

  test('an administrator sees all of its realm, page by page, and each with its members', async () => {
    const seen: string[] = [];
    let after = '';
    do {
      const { body } = await administered(`lender-network-filters?limit=2&after=${after}`);
      seen.push(...body.items.map(({ id }: { id: string }) => id));
      after = body.next ?? '';
    } while (after !== '');
    expect(seen).toEqual(['f-both', 'f-general', 'f-second', 'f-two']);
    expect((await administered('product-networks/both')).body).toEqual({
      id: 'both',
      name: 'Both',
      description: null,
      productId: 'a',
      participants: ['one', 'two'],
    });
    expect((await administered('products/theirs')).status).toBe(404);
  });

  test('pages of visible filters skip the others, and end', async () => {
    const token = await tokenOf('alone');
    const { body } = await ask(server, '/realms/dev/service/lender-network-filters?limit=1', { token });
    expect(body).toEqual({ items: [{ id: 'f-general', requirementName: 'BUREAU_SCORE' }] });
  });

  test.each([
    ['no token', undefined, 401],
    ['a token of a participant', 'one', 403],
  ])('with %s nothing is listed or deleted here', async (_, who, status) => {
    const token = who === undefined ? {} : { token: await tokenOf(who) };
    for (const method of ['GET', 'DELETE']) {
      const path = `/realms/dev/admin/products${method === 'DELETE' ? '/b' : ''}`;
      expect((await ask(server, path, { method, ...token })).status).toBe(status);
    }
  });

  test.each(['unknown', '%00', 'x'.repeat(300), '..%2f..'])('deleting %s is 404', async (id) => {
    expect((await administered(`products/${id}`, 'DELETE')).status).toBe(404);
  });

  test('a product is deleted after its network, with an event each', async () => {
    const refused = await administered('products/a', 'DELETE');
    expect([refused.status, refused.body.code, refused.body.detail]).toEqual([
      409,
      'registry.transition',
      'The product network both has this product.',
    ]);
    expect((await administered('product-networks/both', 'DELETE')).status).toBe(204);
    expect((await administered('products/a', 'DELETE')).status).toBe(204);
    expect((await administered('products/a', 'DELETE')).status).toBe(404);
    const { db } = server.context.store;
    const members = await db
      .selectFrom('product_network_participant')
      .selectAll()
      .where('network_id', '=', 'both')
      .execute();
    expect(members).toEqual([]);
    const events = await db.selectFrom('event').selectAll().where('type', 'like', '%.deleted').orderBy('id').execute();
    expect(events.map(({ type, actor }) => [type, actor])).toEqual([
      ['product_network.deleted', 'system/admin'],
      ['product.deleted', 'system/admin'],
    ]);
    expect(JSON.parse(events[0]?.before ?? '')).toMatchObject({ participants: ['one', 'two'] });
  });

  test('a file deletes what it says is absent, and nothing else', async () => {
    const gone = (id: string) => ({ id, state: 'absent' });
    const entries = {
      products: [gone('b'), gone('never')],
      productNetworks: [gone('second')],
      lenderNetworkFilters: [gone('f-second')],
      serverWhitelistingItems: [
        gone('i-alone'),
        { ...network.realms[0]?.serverWhitelistingItems?.[0], state: 'present' },
      ],
    };
    expect((await apply(entries)).realms[0]).toEqual({
      name: 'dev',
      created: [],
      changed: [],
      deleted: [
        'server_whitelisting_item:i-alone',
        'lender_network_filter:f-second',
        'product_network:second',
        'product:b',
      ],
      unchanged: 3,
    });
    const stored = await contentOf(server.context);
    expect((await apply(entries)).realms[0]).toEqual({ name: 'dev', created: [], changed: [], unchanged: 7 });
    expect(JSON.parse(await contentOf(server.context)).product_network).toEqual(JSON.parse(stored).product_network);
  });

  test.each<[string, object, string]>([
    ['an unknown state', { products: [{ id: 'c', state: 'gone' }] }, '/realms/0/products/0/state'],
    ['a state that is null', { products: [{ id: 'c', name: 'C', state: null }] }, '/realms/0/products/0/state'],
    [
      'more than the id of an absent one',
      { products: [{ id: 'c', state: 'absent', name: 'C' }] },
      '/realms/0/products/0/name',
    ],
    ['no id', { products: [{ state: 'absent' }] }, '/realms/0/products/0/id'],
    [
      'the same once present, once absent',
      {
        products: [
          { id: 'c', name: 'C' },
          { id: 'c', state: 'absent' },
        ],
      },
      '/realms/0/products/1/id',
    ],
    [
      'an absent participant',
      { participants: [{ id: 'one', role: 'LENDER', state: 'absent' }] },
      '/realms/0/participants/0/state',
    ],
    [
      'a network of an absent product',
      { products: [{ id: 'c', state: 'absent' }], productNetworks: [{ id: 'n', name: 'N', productId: 'c' }] },
      '/realms/0/productNetworks/0/productId',
    ],
    [
      'an unknown member of a filter',
      { lenderNetworkFilters: [{ id: 'f', operater: 'EQUALS,' }] },
      '/realms/0/lenderNetworkFilters/0/operater',
    ],
    [
      'an unknown member of an item',
      { serverWhitelistingItems: [{ id: 'i', ipAddress: '192.0.2.1', portNumber: '1', port: 2 }] },
      '/realms/0/serverWhitelistingItems/0/port',
    ],
    [
      'an unknown member below',
      {
        lenderNetworkFilters: [
          { id: 'f', productNetwork: { id: 'first', participantRoles: [{ id: 'one', roel: 1 }] } },
        ],
      },
      '/realms/0/lenderNetworkFilters/0/productNetwork/participantRoles/0/roel',
    ],
    [
      'an item of an unknown participant',
      {
        serverWhitelistingItems: [
          { id: 'i', ipAddress: '192.0.2.1', portNumber: '1', participantRole: { id: 'ghost' } },
        ],
      },
      '/realms/0/serverWhitelistingItems/0/participantRole',
    ],
    [
      'a filter of an unknown network',
      { lenderNetworkFilters: [{ id: 'f', productNetwork: 'ghost' }] },
      '/realms/0/lenderNetworkFilters/0/productNetwork',
    ],
    [
      'a filter of an unknown lender',
      { lenderNetworkFilters: [{ id: 'f', participantId: 'ghost' }] },
      '/realms/0/lenderNetworkFilters/0/participantId',
    ],
  ])('%s is refused with its pointer, and changes nothing', async (_, entries, pointer) => {
    const stored = JSON.parse(await contentOf(server.context));
    const thrown = (await apply(entries).catch((error: unknown) => error)) as Problem;
    expect([thrown.code, thrown.pointer]).toEqual(['network.invalid', pointer]);
    expect(JSON.parse(await contentOf(server.context)).product).toEqual(stored.product);
  });

  test('an absent product that a network still has is refused', async () => {
    await apply({ productNetworks: [{ id: 'keeps', name: 'Keeps', productId: 'c' }] });
    const absent = { products: [{ id: 'c', state: 'absent' }] };
    await expect(apply(absent)).rejects.toMatchObject({ code: 'network.invalid', pointer: '/realms/0/products/0' });
    await apply({ ...absent, productNetworks: [{ id: 'keeps', name: 'Keeps', productId: null }] });
    expect((await administered('products/c')).status).toBe(404);
  });
});
