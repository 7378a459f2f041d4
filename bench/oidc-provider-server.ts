import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { type Alg, algs, bench } from './network.ts';

/**
 * oidc-provider with JWT access tokens, its own in-memory adapter, and one client for each algorithm. Every other feature than
 * the client credentials grant is switched off if possible.
 */
const port = Number(process.argv[2]);

// Imported by a variable, because the type check of the workspace also runs without the installed peers.
const peer: string = 'oidc-provider';
const { Provider } = (await import(peer)) as {
  Provider: new (issuer: string, configuration: object) => { callback(): RequestListener };
};

const privateKeys: Record<Alg, KeyObject> = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
  Ed25519: generateKeyPairSync('ed25519').privateKey,
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
};

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: algs.map((alg) => ({
    client_id: `${bench.clientId}-${alg}`,
    client_secret: bench.clientSecret,
    token_endpoint_auth_method: 'client_secret_post',
    grant_types: ['client_credentials'],
    response_types: [],
    redirect_uris: [],
  })),
  jwks: {
    keys: algs.map((alg) => ({ ...privateKeys[alg].export({ format: 'jwk' }), alg, use: 'sig', kid: randomUUID() })),
  },
  ttl: { ClientCredentials: 600 },
  features: {
    devInteractions: { enabled: false },
    userinfo: { enabled: false },
    rpInitiatedLogout: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (_: unknown, client: { clientId: string }) => `urn:bench:${client.clientId.split('-').at(-1)}`,
      getResourceServerInfo: (_: unknown, resource: string) => ({
        scope: '',
        audience: resource,
        accessTokenTTL: 600,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: resource.split(':').at(-1) } },
      }),
    },
  },
});

createServer(provider.callback()).listen(port, '127.0.0.1');
process.once('SIGTERM', () => process.exit(0));
