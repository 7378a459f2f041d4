import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWK, type JWTPayload, SignJWT } from 'jose';

/** What an issuer answers: an object as JSON, a string as it is, or whatever it does with the response itself. */
export type Answer =
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: unknown }
  | Handler;
type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A real HTTP server on loopback that plays an issuer; `routes` may be changed while it runs. */
export interface TestIssuer extends AsyncDisposable {
  readonly issuer: string;
  readonly routes: Record<string, Answer>;
  /** Requests so far by path. */
  readonly seen: Record<string, number>;
  readonly keys: JWK[];
  sign(claims?: JWTPayload, header?: { alg?: string; kid?: string; typ?: string }): Promise<string>;
  /** A new signing key, published under its kid. */
  rotate(kid: string, alg?: string): Promise<void>;
}

export const realm = '/realms/dev';

export async function startIssuer(): Promise<TestIssuer> {
  const routes: Record<string, Answer> = {};
  const seen: Record<string, number> = {};
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    seen[path] = (seen[path] ?? 0) + 1;
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => answer(routes[path], request, response, body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}${realm}`;
  const keys: JWK[] = [];
  let signing: { key: Parameters<SignJWT['sign']>[0]; alg: string; kid: string };
  const self: TestIssuer = {
    issuer,
    routes,
    seen,
    keys,
    async rotate(kid, alg = 'ES256') {
      const pair = await generateKeyPair(alg, { extractable: true });
      signing = { key: pair.privateKey, alg, kid };
      keys.push({ ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' });
    },
    sign(claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1000);
      const all = {
        iss: issuer,
        sub: 's-1',
        aud: 'api',
        iat: now,
        exp: now + 600,
        azp: 'c-1',
        participantId: 'role-1',
        ...claims,
      };
      return new SignJWT(all)
        .setProtectedHeader({ alg: signing.alg, kid: signing.kid, typ: 'JWT', ...header })
        .sign(signing.key);
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  await self.rotate('k-1');
  routes[`${realm}/.well-known/openid-configuration`] = {
    body: { issuer, jwks_uri: `${issuer}/certs`, token_endpoint: `${issuer}/token` },
  };
  routes[`${realm}/certs`] = { body: { keys }, headers: { 'cache-control': 'max-age=60' } };
  return self;
}

function answer(route: Answer | undefined, request: IncomingMessage, response: ServerResponse, body: string): void {
  if (typeof route === 'function') {
    route(request, response, body);
    return;
  }
  response.writeHead(route?.status ?? (route === undefined ? 404 : 200), {
    'content-type': 'application/json',
    ...route?.headers,
  });
  response.end(typeof route?.body === 'string' ? route.body : JSON.stringify(route?.body ?? {}));
}

/** A clock that only the test moves, in milliseconds. */
export function testClock(start = Date.now()): { now: () => number; advance: (milliseconds: number) => void } {
  let at = start;
  return {
    now: () => at,
    advance: (milliseconds) => {
      at += milliseconds;
    },
  };
}
