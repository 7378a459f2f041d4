/** Clients that this project did not write, unmodified, over real HTTP. */

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { basic, form, type NetworkKeys, networkKeys, oauthNetwork, post, secrets } from './support/oauth.ts';
import { obtainToken, type TestServer, testServer } from './support/server.ts';

let keys: NetworkKeys;
let server: TestServer;
beforeAll(async () => {
  keys = await networkKeys();
  server = await testServer({ network: oauthNetwork(keys) });
});
afterAll(() => server.close());

describe('oauth4webapi', () => {
  const insecure = { [oauth.allowInsecureRequests]: true };

  async function discover(realm: string, algorithm: 'oidc' | 'oauth2'): Promise<oauth.AuthorizationServer> {
    const issuer = new URL(server.issuer(realm));
    const response = await oauth.discoveryRequest(issuer, { algorithm, ...insecure });
    return oauth.processDiscoveryResponse(issuer, response);
  }

  const methods: Record<string, () => oauth.ClientAuth> = {
    client_secret_post: () => oauth.ClientSecretPost(secrets.agent),
    client_secret_basic: () => oauth.ClientSecretBasic(secrets.agent),
    'private_key_jwt with ES256': () => oauth.PrivateKeyJwt({ key: keys.es256.privateKey, kid: 'agent-es256' }),
    'private_key_jwt with RS256': () => oauth.PrivateKeyJwt({ key: keys.rs256.privateKey, kid: 'agent-rs256' }),
    'private_key_jwt with Ed25519': () => oauth.PrivateKeyJwt({ key: keys.ed25519.privateKey, kid: 'agent-ed25519' }),
    'private_key_jwt without kid': () => oauth.PrivateKeyJwt(keys.es256.privateKey),
  };

  test.each(Object.entries(methods))('discovers, obtains, introspects and revokes by %s', async (_, proof) => {
    const as = await discover('dev', 'oauth2');
    const client: oauth.Client = { client_id: 'agent' };
    const parameters = new URLSearchParams({ scope: 'loans:read' });
    const response = await oauth.clientCredentialsGrantRequest(as, client, proof(), parameters, insecure);
    const { access_token } = await oauth.processClientCredentialsResponse(as, client, response);
    const introspect = async () =>
      oauth.processIntrospectionResponse(
        as,
        client,
        await oauth.introspectionRequest(as, client, proof(), access_token, insecure),
      );
    expect(await introspect()).toMatchObject({ active: true, client_id: 'agent', scope: 'loans:read' });
    await oauth.processRevocationResponse(await oauth.revocationRequest(as, client, proof(), access_token, insecure));
    expect(await introspect()).toEqual({ active: false });
  });

  test('binds a token to its key, and reads the registry with it', async () => {
    const as = await discover('dev', 'oauth2');
    const client: oauth.Client = { client_id: 'agent' };
    const DPoP = oauth.DPoP(client, await oauth.generateKeyPair('ES256'));
    const proof = oauth.ClientSecretBasic(secrets.agent);
    const response = await oauth.clientCredentialsGrantRequest(as, client, proof, {}, { DPoP, ...insecure });
    const { access_token, token_type } = await oauth.processClientCredentialsResponse(as, client, response);
    expect(token_type).toBe('dpop');
    const entry = new URL(`${server.issuer()}/service/participant-roles/p-lender`);
    const options = { DPoP, ...insecure };
    const read = await oauth.protectedResourceRequest(access_token, 'GET', entry, undefined, undefined, options);
    expect(await read.json()).toMatchObject({ id: 'p-lender' });
  });

  test('reads the refusal of a wrong secret', async () => {
    const as = await discover('dev', 'oidc');
    const client: oauth.Client = { client_id: 'agent' };
    const wrong = oauth.ClientSecretBasic('wrong');
    const response = await oauth.clientCredentialsGrantRequest(as, client, wrong, {}, insecure);
    await expect(oauth.processClientCredentialsResponse(as, client, response)).rejects.toMatchObject({ status: 401 });
  });

  test("validates the strict realm's token as a resource server does (RFC 9068)", async () => {
    const as = await discover('bank', 'oidc');
    const client: oauth.Client = { client_id: 'teller' };
    const proof = oauth.ClientSecretPost(secrets.other);
    const response = await oauth.clientCredentialsGrantRequest(as, client, proof, {}, insecure);
    const { access_token } = await oauth.processClientCredentialsResponse(as, client, response);
    const request = new Request('https://api.example/accounts', {
      headers: { authorization: `Bearer ${access_token}` },
    });
    const claims = await oauth.validateJwtAccessToken(as, request, server.issuer('bank'), insecure);
    expect(claims).toMatchObject({ client_id: 'teller', scope: 'accounts:read' });
  });
});

describe('openid-client', () => {
  const methods: Record<string, () => oidc.ClientAuth> = {
    client_secret_post: () => oidc.ClientSecretPost(secrets.agent),
    client_secret_basic: () => oidc.ClientSecretBasic(secrets.agent),
    private_key_jwt: () => oidc.PrivateKeyJwt({ key: keys.es256.privateKey, kid: 'agent-es256' }),
  };

  test.each(Object.entries(methods))('discovers and obtains by %s, with scope and resource', async (_, proof) => {
    const options = { execute: [oidc.allowInsecureRequests] };
    const config = await oidc.discovery(new URL(server.issuer()), 'agent', undefined, proof(), options);
    const tokens = await oidc.clientCredentialsGrant(config, { scope: 'loans:read', resource: 'loan-api' });
    expect(tokens).toMatchObject({ token_type: 'bearer', scope: 'loans:read' });
    expect(tokens.expiresIn()).toBeGreaterThan(86_000);
    // For a resource that is not the realm: its own client may look at it.
    expect(await oidc.tokenIntrospection(config, tokens.access_token)).toMatchObject({ active: true, aud: 'loan-api' });
    await oidc.tokenRevocation(config, tokens.access_token);
    expect(await oidc.tokenIntrospection(config, tokens.access_token)).toEqual({ active: false });
  });
});

describe('jose', () => {
  test.each([
    ['dev', 'agent', secrets.agent],
    ['bank', 'teller', secrets.other],
  ])('verifies a token of %s from discovery alone', async (realm, id, secret) => {
    const response = await post(
      `${server.issuer(realm)}/protocol/openid-connect/token`,
      form({ grant_type: 'client_credentials' }),
      basic(id, secret),
    );
    const { access_token } = (await response.json()) as { access_token: string };
    const configuration = await fetch(`${server.issuer(realm)}/.well-known/openid-configuration`);
    const { issuer, jwks_uri } = (await configuration.json()) as { issuer: string; jwks_uri: string };
    const { payload } = await jwtVerify(access_token, createRemoteJWKSet(new URL(jwks_uri)), {
      issuer,
      audience: issuer,
    });
    expect(payload.azp).toBe(id);
  });
});

describe('keycloak-connect', () => {
  interface Grant {
    readonly access_token: { readonly token: string; readonly content: Record<string, unknown> };
  }
  interface GrantManager {
    obtainFromClientCredentials(): Promise<Grant>;
    validateAccessToken(token: unknown): Promise<unknown>;
    validateToken(token: unknown, type: string): Promise<unknown>;
  }
  type Middleware = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void;
  interface Connector {
    readonly grantManager: GrantManager;
    middleware(): Middleware[];
    protect(guard?: string | ((token: { hasRole(role: string): boolean }) => boolean)): Middleware;
  }
  const Keycloak = createRequire(import.meta.url)('keycloak-connect') as new (
    store: object,
    config: object,
  ) => Connector;

  /** Configured as its README says, with nothing but our address. */
  const connector = (clientId: string, secret: string) =>
    new Keycloak(
      {},
      {
        realm: 'dev',
        'auth-server-url': server.url,
        resource: clientId,
        'bearer-only': true,
        credentials: { secret },
      },
    );

  test('obtains a grant and validates it, offline and at the server', async () => {
    const { grantManager } = connector('agent', secrets.agent);
    const grant = await grantManager.obtainFromClientCredentials();
    expect(grant.access_token.content).toMatchObject({ azp: 'agent', participantId: 'p-agent' });
    expect(await grantManager.validateToken(grant.access_token, 'Bearer')).toBe(grant.access_token);
    expect(await grantManager.validateAccessToken(grant.access_token)).toBe(grant.access_token);
    const peer = connector('checker', secrets.checker).grantManager;
    expect(await peer.validateAccessToken(grant.access_token)).toBe(grant.access_token);
    const revoked = form({ token: grant.access_token.token });
    await post(`${server.issuer()}/protocol/openid-connect/revoke`, revoked, basic('agent', secrets.agent));
    expect(await grantManager.validateAccessToken(grant.access_token)).toBe(false);
  });

  test('protects a resource: the role of the network opens it, nothing else does', async () => {
    const keycloak = connector('checker', secrets.checker);
    const steps = [...keycloak.middleware(), keycloak.protect((token) => token.hasRole('realm:LOAN_AGENT'))];
    const resource = createServer((request, response) => {
      // What Express adds and keycloak-connect uses.
      Object.assign(request, { query: {}, originalUrl: request.url });
      Object.assign(response, { status: (code: number) => Object.assign(response, { statusCode: code }) });
      const run = (step: number): void =>
        step === steps.length ? void response.end('open') : steps[step]?.(request, response, () => run(step + 1));
      run(0);
    });
    await new Promise<void>((resolve) => resource.listen(0, '127.0.0.1', resolve));
    try {
      const url = `http://127.0.0.1:${(resource.address() as AddressInfo).port}/loans`;
      const ask = async (token?: string) =>
        (await fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })).status;
      const agent = await obtainToken(server.issuer(), 'agent', secrets.agent);
      expect(await ask(agent)).toBe(200);
      expect(await ask()).toBe(403);
      expect(await ask(`${agent.slice(0, -8)}AAAAAAAA`)).toBe(403);
      expect(await ask(await obtainToken(server.issuer(), 'lender', secrets.lender))).toBe(403);
      expect(await ask(await obtainToken(server.issuer('bank'), 'teller', secrets.other))).toBe(403);
    } finally {
      resource.close();
    }
  });

  test('does not obtain one with a wrong secret', async () => {
    await expect(connector('agent', 'wrong').grantManager.obtainFromClientCredentials()).rejects.toThrow('401');
  });
});
