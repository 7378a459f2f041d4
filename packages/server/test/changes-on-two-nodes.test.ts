import { type OpenedWallet, Wallet } from '@countersign/client/wallet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { applicationBody, createApplicant } from './support/applicant.ts';
import { eachDatabase } from './support/databases.ts';
import { eventually } from './support/eventually.ts';
import { freePort } from './support/free-port.ts';
import { keyOf, publicKey } from './support/network.ts';
import { corporateAt, corporateNetwork, passwords } from './support/passwords.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';
import { type Mailbox, openMailbox } from './support/smtp.ts';
import { deviceOf, lock } from './support/wallet-client.ts';

/**
 * Changes of participants, wallets and credentials that one node makes and the other must see within two seconds. The
 * other one reads before the change too, so that it has cached what changes. Revoked tokens, roles, suspension and deletion have
 * tests of their own with two nodes.
 */
interface World {
  /** A call of the administration at node one. */
  admin(path: string, body?: object, method?: string): Promise<Answer>;
  /** The same at node two. */
  atTwo(path: string, body?: object, token?: string): Promise<Answer>;
  readonly wallet: OpenedWallet;
  /** A device of the wallet that only reads, at node two. Its use stops no recovery. */
  readonly guestAtTwo: OpenedWallet;
  /** What node two said last in `wallet-recovery`. */
  told(): string;
  /** Begins a recovery of the wallet, at node one. */
  beginRecovery(): Promise<void>;
  readonly session: string;
  /** For one row to leave to the next. */
  readonly kept: Record<string, string>;
}

interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: each row knows the shape of its answer.
  readonly body: any;
}

interface Row {
  readonly what: string;
  /** What node two says. */
  read(world: World): Promise<unknown>;
  readonly before: unknown;
  change(world: World): Promise<unknown>;
  readonly after: unknown;
}

const agentSecret = 'agent-secret-for-tests';
const walletOf = ({ wallet }: World) => `/admin/wallets/${wallet.id}`;
const statusOf = (path: string) => async (world: World) => (await world.atTwo(path)).status;
/** As a participant of the realm, whose token is new: a changed mapping ends the one before. */
const service = async ({ atTwo, kept }: World, path: string) =>
  atTwo(`/service/${path}`, undefined, await obtainToken(kept.issuerAtTwo as string, 'agent-client', agentSecret));
const keysSeen = async (world: World) => {
  const { keys } = (await service(world, 'participant-roles/p-1')).body.publicKeys;
  // A retired key stays in the registry, with its end.
  return keys.filter(({ exp = null }: { exp?: number | null }) => exp === null || exp > Date.now() / 1000).length;
};
const networkSeen = async (world: World) =>
  (await service(world, 'product-networks/net-1/participants')).body.LENDER?.length ?? 0;
const credential = '/admin/credentials/cred-2';
const deleted = (path: string): Pick<Row, 'read' | 'before' | 'change' | 'after'> => ({
  read: statusOf(`/admin/${path}`),
  before: 200,
  change: ({ admin }) => admin(`/admin/${path}`, undefined, 'DELETE'),
  after: 404,
});

const rows: readonly Row[] = [
  {
    what: 'a key of a participant is added',
    read: keysSeen,
    before: 1,
    async change({ admin, kept }) {
      const { body } = await admin('/admin/participants/p-1/keys', { publicKey: publicKey('new') });
      kept.thumbprint = body.thumbprint;
    },
    after: 2,
  },
  {
    what: 'a key of a participant is retired',
    read: keysSeen,
    before: 2,
    change: ({ admin, kept }) => admin(`/admin/participants/p-1/keys/${kept.thumbprint}/retire`, {}),
    after: 1,
  },
  {
    what: 'an application is rejected',
    async read({ atTwo, kept }) {
      return (await atTwo(`/registry/applications/${kept.application}`)).body.status;
    },
    before: 'APPLIED',
    change: ({ admin, kept }) => admin(`/registry/applications/${kept.application}/reject`, { reason: 'No licence' }),
    after: 'REJECTED',
  },
  {
    what: 'a resource mapping is removed',
    async read({ kept }) {
      const token = await obtainToken(kept.issuerAtTwo as string, 'agent-client', agentSecret);
      const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
      return Object.keys(claims.resource_access ?? {}).length;
    },
    before: 1,
    change: ({ admin }) =>
      admin('/admin/network', { realms: [{ name: 'dev', participants: [{ ...participants[1], resources: [] }] }] }),
    after: 0,
  },
  { what: 'a filter is deleted', ...deleted('lender-network-filters/filter-1') },
  { what: 'a whitelisting item is deleted', ...deleted('server-whitelisting-items/item-1') },
  {
    what: 'a participant is offboarded: it stands in no network',
    read: networkSeen,
    before: 1,
    change: ({ admin }) => admin('/registry/participants/p-1/offboard', {}),
    after: 0,
  },
  { what: 'a product network is deleted', ...deleted('product-networks/net-1') },
  { what: 'a product is deleted', ...deleted('products/product-1') },
  {
    what: 'the contact of the realm changes',
    read: async ({ atTwo }) => (await atTwo('/.well-known/openid-configuration')).body.contact?.name ?? null,
    before: null,
    change: ({ admin }) => admin('/admin/settings', { settings: { contact: { name: 'Desk' } } }, 'PATCH'),
    after: 'Desk',
  },
  {
    what: 'a wallet gets a name',
    read: ({ guestAtTwo }) => outcome(guestAtTwo.resolve('alice')),
    before: 'wallet.name_unknown',
    change: (world) => world.admin(walletOf(world), { name: 'alice' }, 'PATCH'),
    after: 'good',
  },
  {
    what: 'a wallet loses its name',
    read: ({ guestAtTwo }) => outcome(guestAtTwo.resolve('alice')),
    before: 'good',
    change: (world) => world.admin(walletOf(world), { name: null }, 'PATCH'),
    after: 'wallet.name_unknown',
  },
  {
    what: 'an invitation to a wallet is cancelled',
    async read({ atTwo, kept }) {
      const { items } = (await atTwo('/admin/wallet-invitations')).body;
      return items.find(({ id }: { id: string }) => id === kept.invitation)?.status;
    },
    before: 'SENT',
    change: ({ admin, kept }) => admin(`/admin/wallet-invitations/${kept.invitation}/cancel`, {}),
    after: 'CANCELLED',
  },
  {
    what: 'a recovery begins: the devices of the wallet are told',
    async read({ guestAtTwo, told }) {
      await guestAtTwo.describe();
      return /state=(\w+)/.exec(told())?.[1];
    },
    before: undefined,
    change: ({ beginRecovery }) => beginRecovery(),
    after: 'running',
  },
  {
    what: 'a recovery is cancelled by an administrator',
    async read({ guestAtTwo, told }) {
      await guestAtTwo.describe();
      return /state=(\w+)/.exec(told())?.[1];
    },
    before: 'running',
    change: (world) => world.admin(`${walletOf(world)}/recovery/cancel`, {}),
    after: 'cancelled',
  },
  {
    what: 'a method is taken only packed',
    async read({ atTwo, wallet }) {
      const { body } = await atTwo('/countersign.v1.WalletService/GetWallet', { walletId: wallet.id }, 'x.y.z');
      return body.code;
    },
    before: 'unauthenticated',
    change: ({ admin }) =>
      admin('/admin/settings', { settings: { packedMethods: ['countersign.v1.WalletService/GetWallet'] } }, 'PATCH'),
    after: 'failed_precondition',
  },
  {
    what: 'a password is set with the code of a reset: its sessions end',
    read: async ({ atTwo, session }) => (await atTwo('/auth/sessions/get', {}, session)).status,
    before: 200,
    async change({ admin }) {
      const { body } = await admin('/admin/credentials/cred-1/reset-password', { deliver: 'show' });
      const password = {
        credentialCode: 'alice@acme.example',
        nonce: body.token,
        newPassword: { value: passwords.second },
      };
      return admin('/passwords/lost_password/resume', password);
    },
    after: 401,
  },
  {
    what: 'an address is declared to be verified',
    read: async ({ atTwo }) => (await atTwo(credential)).body.emailVerified,
    before: false,
    change: ({ admin }) => admin(credential, { emailVerified: true }, 'PATCH'),
    after: true,
  },
  {
    what: 'a login name changes',
    read: async ({ atTwo }) => (await atTwo(credential)).body.code,
    before: 'bob',
    change: ({ admin }) => admin(credential, { code: 'robert' }, 'PATCH'),
    after: 'robert',
  },
  {
    what: 'an identity is deleted',
    read: async ({ atTwo }) => (await atTwo('/admin/identities/corp-2')).body.status,
    before: 'ENABLED',
    change: ({ admin }) => admin('/admin/identities/corp-2', undefined, 'DELETE'),
    after: 'DELETED',
  },
  {
    what: 'an identity is restored',
    read: async ({ atTwo }) => (await atTwo('/admin/identities/corp-2')).body.status,
    before: 'DELETED',
    change: ({ admin }) => admin('/admin/identities/corp-2/restore', {}),
    after: 'ENABLED',
  },
];

const participants = [
  {
    ...{ id: 'p-1', role: 'LENDER', status: 'APPROVED', baseUrl: 'https://lender.example', keys: [keyOf('p-1')] },
    client: { id: 'p-1-client', secret: 'lender-secret-for-tests' },
  },
  {
    ...{ id: 'agent', role: 'LOAN_AGENT', status: 'APPROVED', client: { id: 'agent-client', secret: agentSecret } },
    resources: [{ resource: 'loan-api', roles: ['apply'] }],
  },
];

function network() {
  const [dev, ...rest] = corporateNetwork().realms;
  const settings = { ...(dev as { settings: object }).settings, walletCreation: 'open' };
  const [first, second, ...others] = dev?.credentials ?? [];
  const lists = {
    products: [{ id: 'product-1', name: 'P', description: 'P' }],
    productNetworks: [{ id: 'net-1', name: 'N', productId: 'product-1', participants: ['p-1', 'agent'] }],
    lenderNetworkFilters: [{ id: 'filter-1', requirementName: 'MINIMUM_AMOUNT', participantId: { id: 'agent' } }],
    serverWhitelistingItems: [
      { id: 'item-1', participantRole: { id: 'agent' }, ipAddress: '192.0.2.1', portNumber: '1' },
    ],
  };
  const credentials = [first, { ...second, email: 'bob@acme.example' }, ...others];
  return { realms: [{ ...dev, settings, participants, ...lists, credentials }, ...rest] };
}

const outcome = (act: Promise<unknown>) =>
  act.then(
    () => 'good',
    ({ code }: { code: string }) => code,
  );

eachDatabase('of two nodes', (freshUrl) => {
  let box: Mailbox;
  let one: TestServer;
  let two: TestServer;
  let world: World;
  beforeAll(async () => {
    box = await openMailbox();
    const databaseUrl = await freshUrl();
    one = await testServer({ databaseUrl, network: network(), env: { COUNTERSIGN_SMTP_URL: box.url } });
    const env = { COUNTERSIGN_PORT: String(await freePort()), COUNTERSIGN_PUBLIC_URL: one.url };
    two = await testServer({ databaseUrl, env: { ...env, COUNTERSIGN_SMTP_URL: box.url } });
    world = await worldOf(one, two, box);
  }, 60_000);
  afterAll(async () => {
    await two?.close();
    await one?.close();
    await box?.close();
  });

  test.for(rows)('the second sees within two seconds: $what', async ({ read, before, change, after }) => {
    expect(await read(world)).toEqual(before);
    const answer = (await change(world)) as Partial<Answer> | undefined;
    expect(answer?.status ?? 200, JSON.stringify(answer?.body)).toBeLessThan(300);
    const seen = eventually(async () => ((await read(world)) === after ? true : undefined), 2_000);
    await seen.catch(() => undefined);
    expect(await read(world)).toEqual(after);
  });
});

async function worldOf(one: TestServer, two: TestServer, box: Mailbox): Promise<World> {
  const admin = await one.adminToken();
  const base = (server: TestServer) => `http://localhost:${server.context.config.port}/realms/dev`;
  const ask = async (server: TestServer, path: string, body?: object, method?: string, token = admin) => {
    const answer = await fetch(base(server) + path, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
  };
  let told = '';
  const atTwo = async (url: string, init: RequestInit) => {
    const answer = await fetch(url.replace(one.issuer(), base(two)), init);
    told = answer.headers.get('wallet-recovery') ?? told;
    return answer;
  };
  const wallet = await Wallet.create({ issuer: one.issuer(), ...lock });
  const guest = await deviceOf(wallet, ['read'], Date.now() + 3_600_000);
  const invited = { participant: 'PARTICIPANT_TYPE_INDIVIDUAL', email: 'eve@example.org' };
  const { body: invitation } = await ask(one, '/countersign.v1.ProviderService/Invite', invited);
  const { body: application } = await ask(
    one,
    '/registry/applications',
    await applicationBody(one.issuer(), await createApplicant()),
  );
  const corporate = corporateAt(one);
  await corporate.admin('/realms/dev/passwords/cred-1/create', { password: { value: passwords.first } });
  return {
    admin: (path, body, method) => ask(one, path, body, method),
    atTwo: (path, body, token) => ask(two, path, body, undefined, token),
    wallet,
    guestAtTwo: await Wallet.open(guest.profile, { ...lock, fetch: atTwo }),
    told: () => told,
    beginRecovery: () => beginRecovery(one, box, wallet),
    session: await corporate.session(),
    kept: { invitation: invitation.invitationId, application: application.id, issuerAtTwo: base(two) },
  };
}

/** For a wallet whose address and devices are old enough. */
async function beginRecovery(server: TestServer, box: Mailbox, { id }: OpenedWallet): Promise<void> {
  const { db } = server.context.store;
  const email = 'ada@example.org' as never;
  const long = Date.now() - 40 * 86_400_000;
  const address = { realm: 'dev', wallet_id: id as string, email, confirmed_at: long, removed_at: null };
  await db.insertInto('wallet_address').values(address).execute();
  const profile = await Wallet.prepare({ issuer: server.issuer(), ...lock });
  await Wallet.startRecovery({ profile, email, ...lock });
  const code = await eventually(
    () => box.received.map(({ raw }) => /csb_[A-Za-z0-9_-]{43}/.exec(raw)?.[0]).find((found) => found !== undefined),
    5_000,
  );
  await Wallet.beginRecovery({ profile, code: code as string, ...lock });
}
