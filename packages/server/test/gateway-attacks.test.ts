/** The SDK's own table of attacks, run against a gateway in front of an application that verifies nothing. */

import { createRemoteJwks, importSigningKey, type KeySource } from '@countersign/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Arsenal, attacks, harmless, harmlessAlias, harmlessStrict } from '../../client/test/support/attacks.ts';
import { send } from '../../client/test/support/raw-request.ts';
import {
  agent,
  ecKey,
  lender,
  publicPart,
  type RealmServer,
  rsaKey,
  serveRealm,
} from '../../client/test/support/realm-server.ts';
import type { Gateway } from '../src/gateway/start.ts';
import { eventually } from './support/eventually.ts';
import { type Application, application, startWith } from './support/gateway.ts';

const issuerKey = rsaKey('test-as');
const keys = {
  ecKey: ecKey('ec'),
  retiredKey: ecKey('retired'),
  futureKey: ecKey('future'),
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
let app: Application;
let gateway: Gateway;
let arsenal: Arsenal;

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
      publicPart(ecKey('current')),
    ),
  ]);
  const { issuer, agentKey, lenderKey } = realm;
  const suspendedToken = await realm.token({ clientId: 'suspended-client', secret: secretOf('suspended') });
  const revokedToken = await realm.token(agent);
  await realm.administer('/registry/participants/suspended/suspend');
  const revocation = await fetch(`${issuer}/protocol/openid-connect/revoke`, {
    method: 'POST',
    body: new URLSearchParams({ token: revokedToken, client_id: agent.clientId, client_secret: agent.secret }),
  });
  expect(revocation.status).toBe(200);
  app = await application();
  gateway = await startWith(app.url, {
    maxBody: 300_000,
    participant: {
      issuer,
      clientId: lender.clientId,
      clientSecret: lender.secret,
      privateKey: lenderKey,
      form: 'rfc7797',
      jwks: await withIssuerKey(issuer),
      status: { pollSeconds: 0.2 },
    },
  });
  arsenal = { issuer, url: gateway.url, issuerKey, agentKey, lenderKey, ...keys, suspendedToken, revokedToken };
  for (const [code, token] of [
    ['token.revoked', revokedToken],
    ['token.subject_revoked', suspendedToken],
  ]) {
    await eventually(async () => {
      const headers = ['authorization', `Bearer ${token}`];
      return (await send(gateway.url, { path: '/blind', headers })).json().code === code;
    }, 10_000);
  }
});

afterAll(async () => {
  await gateway?.stop();
  await app?.close();
  await realm?.[Symbol.asyncDispose]();
});

test.each(attacks)('$name: $code', async ({ code, status, request }) => {
  const answer = await send(gateway.url, request(arsenal));
  expect([answer.status, answer.json().code]).toEqual([status, code]);
  expect(answer.headers['www-authenticate'] !== undefined).toBe(status === 401);
  expect(answer.headers['content-type']).toBe('application/problem+json');
  expect(app.received).toHaveLength(0);
});

test('what is harmless passes, and only that was ever seen by the application', async () => {
  for (const make of [harmless, harmlessStrict, harmlessAlias]) {
    const answer = await send(gateway.url, make(arsenal));
    expect(answer.status).toBe(200);
    expect(answer.headers['x-jws-signature']).toMatch(/^[\w-]+\.\.[\w-]+$/);
  }
  expect(app.received.map(({ url }) => url)).toEqual(['/blind', '/blind', '/blind']);
});

test('a strict message reaches the application once, also where ten come at the same time', async () => {
  const before = app.received.length;
  const request = harmlessStrict(arsenal);
  const answers = await Promise.all(Array.from({ length: 10 }, () => send(gateway.url, request)));
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
  expect(app.received.length - before).toBe(1);
});
