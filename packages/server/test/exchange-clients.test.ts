/** Token exchange by clients that this project did not write, unmodified, over real HTTP. */
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  accessType,
  chainNetwork,
  exchangeGrant,
  openTestSession,
  secret,
  sessionType,
  subjectToken,
  transactionType,
} from './support/chain.ts';
import { type TestServer, testServer } from './support/server.ts';

let server: TestServer;
beforeAll(async () => {
  server = await testServer({ network: chainNetwork });
});
afterAll(() => server.close());

const insecure = { [oauth.allowInsecureRequests]: true };
/** RFC 8693 §2.2.1: what is no access token has the type `N_A`, which a client has to have heard of. */
const recognizedTokenTypes = { n_a: () => undefined };

async function discovered(): Promise<oauth.AuthorizationServer> {
  const issuer = new URL(server.issuer());
  return oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, insecure));
}

test('oauth4webapi exchanges a session without a client secret, and its token by a client', async () => {
  const as = await discovered();
  const { token } = await openTestSession(server);
  const exchange = async (clientId: string, proof: oauth.ClientAuth, parameters: Record<string, string>) => {
    const client = { client_id: clientId };
    const request = oauth.genericTokenEndpointRequest(as, client, proof, exchangeGrant, parameters, insecure);
    return oauth.processGenericTokenEndpointResponse(as, client, await request, { recognizedTokenTypes });
  };
  const first = await exchange('browser', oauth.None(), {
    subject_token: token,
    subject_token_type: sessionType,
    audience: 'orders',
  });
  const second = await exchange('orders', oauth.ClientSecretBasic(secret), {
    subject_token: first.access_token,
    subject_token_type: transactionType,
    audience: 'https://ledger.example',
  });
  expect(second).toMatchObject({ issued_token_type: transactionType });
  const keys = createRemoteJWKSet(new URL(as.jwks_uri as string));
  const { payload } = await jwtVerify(second.access_token, keys, {
    issuer: as.issuer,
    audience: 'https://ledger.example',
    typ: 'txntoken+jwt',
    maxTokenAge: 60,
  });
  expect(payload).toMatchObject({ sub: 'credential:cred-1', act: { client_id: 'orders' } });
  await expect(
    exchange('ledger', oauth.ClientSecretBasic(secret), {
      subject_token: first.access_token,
      subject_token_type: transactionType,
      audience: 'https://archive.example',
    }),
  ).rejects.toMatchObject({ status: 400, error: 'invalid_request' });
});

test('openid-client exchanges an access token for the next service', async () => {
  const options = { execute: [oidc.allowInsecureRequests] };
  const as = (id: string) =>
    oidc.discovery(new URL(server.issuer()), id, undefined, oidc.ClientSecretPost(secret), options);
  const { access_token } = await oidc.clientCredentialsGrant(await as('orders'), {
    resource: 'https://ledger.example',
  });
  const ledger = await as('ledger');
  const exchanged = await oidc.genericGrantRequest(ledger, exchangeGrant, {
    subject_token: access_token,
    subject_token_type: accessType,
    audience: 'https://archive.example',
  });
  expect(exchanged).toMatchObject({ token_type: 'bearer', issued_token_type: accessType });
  expect(await oidc.tokenIntrospection(await as('archive'), exchanged.access_token)).toMatchObject({
    active: true,
    act: { client_id: 'ledger' },
  });
});

test('oauth4webapi introspects a transaction token as its audience', async () => {
  const as = await discovered();
  const token = await subjectToken(server, (await openTestSession(server)).token, 'ledger');
  const client = { client_id: 'ledger' };
  const response = await oauth.introspectionRequest(as, client, oauth.ClientSecretBasic(secret), token, insecure);
  expect(await oauth.processIntrospectionResponse(as, client, response)).toMatchObject({
    active: true,
    token_type: 'N_A',
    sub: 'credential:cred-1',
  });
});
