import { thumbprint } from '@countersign/proof';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  createParticipant,
  createRemoteJwks,
  importSigningKey,
  type KeySource,
  type Participant,
} from '../src/index.ts';
import { cryptoPort } from '../src/node-crypto.ts';
import { type Arsenal, attacks, harmless, harmlessAlias, harmlessFor, harmlessStrict } from './support/attacks.ts';
import { eventually } from './support/eventually.ts';
import { compact } from './support/forge.ts';
import { adapters, type Provider, startProvider } from './support/providers.ts';
import { send } from './support/raw-request.ts';
import { agent, ecKey, lender, publicPart, type RealmServer, rsaKey, serveRealm } from './support/realm-server.ts';

const issuerKey = rsaKey('test-as');
const keys = {
  ecKey: ecKey('ec'),
  retiredKey: ecKey('retired'),
  futureKey: ecKey('future'),
  currentKey: ecKey('current'),
  strangerKey: rsaKey(),
  strangerEcKey: ecKey('ec'),
};

const secretOf = (id: string) => `secret-of-${id}-for-tests`;
const other = (id: string, status: string, ...registered: readonly object[]) => ({
  id,
  role: 'LOAN_AGENT',
  status,
  keys: registered,
  client: { id: `${id}-client`, secret: secretOf(id) },
});

let realm: RealmServer;
let receiver: Participant;
let arsenal: Omit<Arsenal, 'url'>;

/** The keys of the realm, and one that is ours: the issuer's own signs nothing that is wrong. */
async function withIssuerKey(issuer: string): Promise<KeySource> {
  const remote = createRemoteJwks({ uri: `${issuer}/protocol/openid-connect/certs` });
  const { publicJwk } = await importSigningKey(issuerKey);
  const all = [...(await remote.keys()), publicJwk];
  return { keys: () => all, refresh: async () => false };
}

beforeAll(async () => {
  realm = await serveRealm([
    other('suspended', 'APPROVED', publicPart(ecKey('s'))),
    other('applied', 'APPLIED'),
    other('keyless', 'APPROVED'),
    other('ec', 'APPROVED', publicPart(keys.ecKey)),
    other(
      'rotated',
      'APPROVED',
      { ...publicPart(keys.retiredKey), nbf: 1_500_000_000, exp: 1_600_000_000 },
      { ...publicPart(keys.futureKey), nbf: 4_000_000_000 },
      publicPart(keys.currentKey),
    ),
  ]);
  const { issuer, agentKey, lenderKey } = realm;
  receiver = createParticipant({
    issuer,
    clientId: lender.clientId,
    clientSecret: lender.secret,
    privateKey: lenderKey,
    jwks: await withIssuerKey(issuer),
    status: { pollSeconds: 0.2 },
  });
  const suspendedToken = await realm.token({ clientId: 'suspended-client', secret: secretOf('suspended') });
  const revokedToken = await realm.token({ clientId: agent.clientId, secret: agent.secret });
  await realm.administer('/registry/participants/suspended/suspend');
  const revocation = await fetch(`${issuer}/protocol/openid-connect/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ token: revokedToken, client_id: agent.clientId, client_secret: agent.secret }),
  });
  expect(revocation.status).toBe(200);
  arsenal = { issuer, issuerKey, agentKey, lenderKey, ...keys, suspendedToken, revokedToken };
});
afterAll(async () => {
  receiver?.close();
  await realm?.[Symbol.asyncDispose]();
});

test('there are more than sixty, by name and by reason', () => {
  const names = new Set(attacks.map(({ name, code }) => `${code} ${name}`));
  expect(names.size).toBe(attacks.length);
  expect(new Set(attacks.map(({ code }) => code)).size).toBeGreaterThan(60);
});

describe.each(adapters)('%s', (adapter) => {
  let provider: Provider;
  beforeAll(async () => {
    provider = await startProvider(adapter, (url) => ({
      participant: receiver,
      publicUrl: url,
      maxBodyBytes: 300_000,
    }));
    const knows = (code: string, token: string) =>
      eventually(async () => {
        const headers = ['authorization', `Bearer ${token}`];
        return (await send(provider.url, { path: '/blind', headers })).json().code === code;
      }, 10_000);
    await knows('token.revoked', arsenal.revokedToken);
    await knows('token.subject_revoked', arsenal.suspendedToken);
  });
  afterAll(() => provider?.[Symbol.asyncDispose]());

  test.each(attacks)('$name: $code', async ({ code, status, request }) => {
    const answer = await send(provider.url, request({ ...arsenal, url: provider.url }));
    expect([answer.status, answer.json().code]).toEqual([status, code]);
    expect(answer.headers['www-authenticate'] !== undefined).toBe(status === 401);
    expect(provider.handled()).toBe(0);
  });

  test('what is harmless passes', async () => {
    for (const make of [harmless, harmlessStrict, harmlessAlias]) {
      expect((await send(provider.url, make({ ...arsenal, url: provider.url }))).status).toBe(200);
    }
    expect(provider.handled()).toBe(3);
  });

  test('a strict message passes once, also where both come at the same time', async () => {
    const request = harmlessStrict({ ...arsenal, url: provider.url });
    const answers = await Promise.all(Array.from({ length: 10 }, () => send(provider.url, request)));
    const codes = answers.map((answer) => answer.json().code ?? 'passed');
    expect(codes.filter((code) => code === 'passed')).toHaveLength(1);
    expect(codes.filter((code) => code === 'message.replayed')).toHaveLength(9);
  });
});

test('we name ourselves as audience, and our own token is for others', async () => {
  const named = createParticipant({
    issuer: realm.issuer,
    clientId: lender.clientId,
    clientSecret: lender.secret,
    privateKey: realm.lenderKey,
    jwks: await withIssuerKey(realm.issuer),
    audience: 'lender-api',
  });
  await using provider = await startProvider('node', (url) => ({ participant: named, publicUrl: url }));
  const to = (audience: string) => send(provider.url, harmlessFor({ ...arsenal, url: provider.url }, audience));
  expect((await to('lender-api')).status).toBe(200);
  expect((await to('another-api')).json().code).toBe('jwt.audience');
  named.close();
});

test('a key that was given up as compromised is refused by its thumbprint, whatever a cached entry says', async () => {
  const { publicJwk } = await importSigningKey(keys.ecKey);
  const print = await thumbprint(publicJwk, cryptoPort);
  const registry = {
    network: receiver.registry.network,
    participant: async () => {
      const { keys: _keys, ...rest } = await receiver.registry.participant('ec');
      return { ...rest, keys: [{ key: publicJwk, notBefore: undefined, notAfter: undefined, form: undefined }] };
    },
  };
  const verifier = createParticipant({
    issuer: realm.issuer,
    clientId: lender.clientId,
    clientSecret: lender.secret,
    privateKey: realm.lenderKey,
    jwks: await withIssuerKey(realm.issuer),
    registry,
    status: { pollSeconds: 0.2 },
  });
  const message = {
    kind: 'request',
    method: 'POST',
    target: '',
    requestTarget: '/x',
    body: Buffer.from('{}'),
  } as const;
  const signer = createParticipant({
    issuer: realm.issuer,
    clientId: 'ec-client',
    clientSecret: secretOf('ec'),
    privateKey: keys.ecKey,
  });
  const verify = async () => {
    const fields = await signer.sign(message);
    // The tokens of the participant die with its key: this one is of another subject.
    const now = Math.floor(Date.now() / 1000);
    const token = compact(
      { alg: 'RS256', typ: 'JWT', kid: 'test-as' },
      { iss: realm.issuer, sub: 'x', iat: now, exp: now + 60, azp: 'ec-client', participantId: 'ec' },
      issuerKey,
    );
    const headers = { authorization: `Bearer ${token}`, ...fields };
    return verifier.verifyRequest({ ...message, headers }).then(
      () => 'passed',
      (error) => error.code as string,
    );
  };
  expect(await verify()).toBe('passed');
  await realm.administer(`/admin/participants/ec/keys/${print}/retire`, { compromised: true });
  await eventually(async () => (await verify()) === 'message.key_revoked', 10_000);
  verifier.close();
  signer.close();
});
