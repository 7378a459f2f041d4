/**
 * What is derived dies with what it came from: the tree of docs/threat-model.md. In a realm for each way of ending every child of every
 * edge is made first; then one parent ends. What hangs on it is refused within two seconds by every node, and within ten by those who
 * verify offline; all else is still taken.
 */
import { calculateJwkThumbprint } from 'jose';
import { expect, test } from 'vitest';
import { secret } from './support/chain.ts';
import { masterKey } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { type Family, familyRealm } from './support/descendants.ts';
import { asExpected, childrenOf, type Ending, observed } from './support/ended-family.ts';
import { confirmedApp } from './support/factors.ts';
import type { Cluster } from './support/family-calls.ts';
import { freePort } from './support/free-port.ts';
import { basic, form, signingPair } from './support/oauth.ts';
import { type Corporate, passwords } from './support/passwords.ts';
import { administrator, serve } from './support/serve.ts';
import { obtainToken } from './support/server.ts';
import { mailbox } from './support/smtp.ts';

const { own, client, session, credential, delegation, passedOn } = childrenOf;

const withSession = ({ ask, session }: Family, path: string, body: object = {}) =>
  ask(path, { body, headers: { authorization: `Bearer ${session}` } }).then(({ status }) => status);
const byAdministrator =
  (path: string, body: object = {}, method = 'POST') =>
  ({ administer }: Family) =>
    administer(path, body, method).then(({ status }) => status);
const revoking = (which: 'order' | 'own') => (family: Family) =>
  family
    .ask('/protocol/openid-connect/revoke', { body: form({ token: family[which] }), headers: basic('orders', secret) })
    .then(({ status }) => status);
const newPassword = { password: { value: passwords.second } };
const oldPassword = { oldPassword: { value: passwords.first } };

/** As `confirmedApp` calls. */
const callsOf =
  (ask: Family['ask']): Corporate['call'] =>
  async (path, token, body) => ({
    headers: new Headers(),
    ...(await ask(path, { body: body ?? {}, headers: { authorization: `Bearer ${token}` } })),
  });
let factorId = '';

async function revokeSecret({ administer }: Family, compromised: boolean) {
  const { body } = await administer('/admin/clients/orders', undefined, 'GET');
  const path = `/registry/participants/p-orders/secrets/${body.secrets[0].id}/revoke`;
  return (await administer(path, { compromised })).status;
}

const endings: Readonly<Record<string, Ending>> = {
  logout: { dies: session, end: (family) => withSession(family, '/auth/logout') },
  'forced-end': {
    dies: session,
    async end(family) {
      const { body } = await family.administer('/auth/sessions/get', { credentialId: 'ada' });
      // The newest one is the one that everything hangs on.
      return byAdministrator(`/auth/sessions/${body.sessions[0].id}/terminate`)(family);
    },
  },
  'forced-end-of-all': {
    dies: credential,
    end: byAdministrator('/auth/sessions/terminate', { credentialId: 'ada' }),
  },
  update: {
    dies: credential,
    end: (family) => withSession(family, '/passwords/ada/update', { ...newPassword, ...oldPassword }),
  },
  'authenticated-update': {
    dies: credential,
    end: (family) => withSession(family, '/passwords/ada/authenticated_update', newPassword),
  },
  recovery: {
    dies: credential,
    async end({ ask, code, realm }) {
      const body = { email: `ada@${realm}.example`, nonce: code, newPassword: newPassword.password };
      return (await ask('/passwords/lost_password/resume', { body })).status;
    },
  },
  expiry: { dies: credential, end: byAdministrator('/passwords/ada/1/expire') },
  'expiry-as-compromised': {
    dies: credential,
    end: byAdministrator('/passwords/ada/1/expire', { reason: 'COMPROMISED' }),
  },
  'first-factor': {
    dies: credential,
    async end({ ask, session }) {
      await confirmedApp(callsOf(ask), session, Date);
      return 200;
    },
  },
  'last-factor-removed': {
    dies: session.concat('code'),
    async prepare(ask, session) {
      const confirmed = await confirmedApp(callsOf(ask), session, Date);
      factorId = confirmed.factorId;
      return confirmed.token;
    },
    end: (family) => withSession(family, `/auth/factors/${factorId}/remove`),
  },
  'credential-disabled': { dies: credential, end: byAdministrator('/admin/credentials/ada/disable') },
  'identity-disabled': { dies: credential, end: byAdministrator('/admin/identities/corp/disable') },
  'another-code': {
    dies: credential,
    end: byAdministrator('/admin/credentials/ada', { code: 'ada@elsewhere.example' }, 'PATCH'),
  },
  'another-address': {
    dies: ['code'],
    end: byAdministrator('/admin/credentials/ada', { email: 'ada@elsewhere.example' }, 'PATCH'),
  },
  suspension: { dies: client, end: byAdministrator('/registry/participants/p-orders/suspend') },
  offboarding: { dies: client, end: byAdministrator('/registry/participants/p-orders/offboard') },
  'service-suspended': {
    dies: passedOn,
    unknown: ['order', 'another order', 'subject', 'service token of the client', 'service token of the session'],
    end: byAdministrator('/registry/participants/p-ledger/suspend'),
  },
  'token-revoked': { dies: ['order', 'order, passed on'], end: revoking('order') },
  'own-token-revoked': { dies: own, end: revoking('own') },
  'delegation-revoked': {
    dies: delegation,
    end: ({ byDevice, did }) => byDevice('WalletService/RevokeAccess', { did }).then(({ status }) => status),
  },
  'secret-revoked': { dies: [], end: (family) => revokeSecret(family, false) },
  'secret-compromised': { dies: client, end: (family) => revokeSecret(family, true) },
  'key-retired': { dies: [], end: (family, key) => retireKey(key, false)(family) },
  'key-compromised': { dies: client, end: (family, key) => retireKey(key, true)(family) },
};

const retireKey = (key: string, compromised: boolean) =>
  byAdministrator(`/registry/participants/p-orders/keys/${key}/retire`, { compromised });

/** Of one process, all that the others say goes by the same address. */
async function started(nodes: 'three workers' | 'two nodes', databaseUrl: string, network: object) {
  const mails = await mailbox();
  const shared = {
    ...{ COUNTERSIGN_DATABASE_URL: databaseUrl, COUNTERSIGN_MASTER_KEY: masterKey },
    ...{ COUNTERSIGN_SMTP_URL: mails.url, COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1,::1' },
  };
  const workers = nodes === 'three workers' ? { COUNTERSIGN_WORKERS: '3' } : {};
  const one = await serve({ ...shared, ...workers });
  const port = String(await freePort());
  const two = await (nodes === 'two nodes'
    ? serve({ ...shared, COUNTERSIGN_PORT: port, COUNTERSIGN_PUBLIC_URL: one.url })
    : one);
  const admin = await obtainToken(`${one.url}/realms/system`, administrator.id, administrator.secret);
  const applied = await fetch(`${one.url}/admin/network`, {
    method: 'POST',
    headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
    body: JSON.stringify(network),
  });
  expect([applied.status, applied.status === 200 ? '' : await applied.text()]).toEqual([200, '']);
  const asked = nodes === 'two nodes' ? [one.url, two.url, one.url, two.url] : Array(6).fill(one.url);
  return { url: one.url, nodes: asked, mails, admin } satisfies Cluster;
}

eachDatabase('what is derived', (freshUrl, kind) => {
  const nodes = kind === 'sqlite' ? ('three workers' as const) : ('two nodes' as const);
  const title = 'dies with what it came from, and nothing else does, at %s and offline';
  test.each([nodes])(title, { timeout: 600_000 }, async () => {
    const { jwk } = await signingPair('ES256', 'orders-1');
    const realms = Object.keys(endings).map((name) => familyRealm(name, jwk));
    const cluster = await started(nodes, await freshUrl(), { realms });
    const thumbprint = await calculateJwkThumbprint(jwk);
    const all = Object.entries(endings);
    // Some at a time: most of it is waiting for the status feed.
    for (let i = 0; i < all.length; i += 4) {
      const some = all
        .slice(i, i + 4)
        .map(async ([name, ending]) => [name, await observed(cluster, name, ending, thumbprint)]);
      const wanted = all.slice(i, i + 4).map(([name, ending]) => [name, asExpected(ending)]);
      expect(await Promise.all(some)).toEqual(wanted);
    }
  });
});
