/** A network for the OAuth suites: participants in every state, with keys that the tests hold. */

import { randomUUID } from 'node:crypto';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { freePort } from './free-port.ts';
import { type TestServer, type TestServerOptions, testServer } from './server.ts';

/** TEST SECRETS: nothing outside these suites knows them. */
export const secrets = {
  agent: 'agent-secret-for-tests',
  lender: 'lender secret+/=&é',
  checker: 'checker-secret-for-tests',
  other: 'other-realm-secret-for-tests',
  asleep: 'secret-of-no-live-participant',
} as const;

export const scopeOfAgent = 'loans:read loans:write';

export interface SigningPair {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK;
}

export async function signingPair(alg: string, kid: string): Promise<SigningPair> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
}

export interface NetworkKeys {
  readonly es256: SigningPair;
  readonly rs256: SigningPair;
  readonly ed25519: SigningPair;
  /** Was valid, is no more. */
  readonly retired: SigningPair;
  /** Belongs to the lender. */
  readonly lender: SigningPair;
}

export async function networkKeys(): Promise<NetworkKeys> {
  const [es256, rs256, ed25519, retired, lender] = await Promise.all([
    signingPair('ES256', 'agent-es256'),
    signingPair('RS256', 'agent-rs256'),
    signingPair('Ed25519', 'agent-ed25519'),
    signingPair('ES256', 'agent-retired'),
    signingPair('ES256', 'lender-es256'),
  ]);
  return { es256, rs256, ed25519, retired, lender };
}

/** Realm `dev` in OCEN's profile, and `bank` in the strict one with a client of its own. */
export function oauthNetwork(keys: NetworkKeys) {
  const asleep = ['APPLIED', 'UNDER_REVIEW', 'REJECTED', 'SUSPENDED', 'OFFBOARDED'].map((status) => ({
    id: `p-${status}`,
    role: 'LENDER',
    status,
    client: { id: `client-${status}`, secret: secrets.asleep },
  }));
  return {
    realms: [
      {
        name: 'dev',
        profile: 'ocen4',
        participants: [
          {
            id: 'p-agent',
            role: 'LOAN_AGENT',
            baseUrl: 'https://agent.example',
            client: {
              id: 'agent',
              secret: secrets.agent,
              scope: scopeOfAgent,
              audiences: ['https://lender.example', 'p-lender', 'lender', 'https://nobody.example'],
            },
            keys: [
              keys.es256.jwk,
              keys.rs256.jwk,
              keys.ed25519.jwk,
              { ...keys.retired.jwk, nbf: 1_600_000_000, exp: 1_700_000_000 },
            ],
            resources: [
              { resource: 'loan-api', roles: ['apply', 'read'] },
              { resource: 'https://ledger.example', roles: ['read'] },
            ],
          },
          {
            id: 'p-lender',
            role: 'LENDER',
            baseUrl: 'https://lender.example',
            client: { id: 'lender', secret: secrets.lender },
            keys: [keys.lender.jwk],
          },
          { id: 'p-onlooker', role: 'LENDER', client: { id: 'onlooker', secret: secrets.lender } },
          { id: 'p-checker', role: 'LENDER', client: { id: 'checker', secret: secrets.checker } },
          ...asleep,
        ],
      },
      {
        name: 'bank',
        profile: 'strict',
        participants: [
          {
            id: 'p-teller',
            role: 'LENDER',
            client: { id: 'teller', secret: secrets.other, scope: 'accounts:read' },
            keys: [{ ...keys.es256.jwk, kid: 'teller-es256' }],
          },
        ],
      },
    ],
  };
}

export interface Wire {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array | ReadableStream;
}

export const formType = 'application/x-www-form-urlencoded';

/** One POST of a form, as it is. */
export function post(url: string, body: Wire['body'], headers: Wire['headers'] = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: { 'content-type': formType, ...headers },
    body,
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  } as RequestInit);
}

export function tokenUrl(server: Pick<TestServer, 'issuer'>, realm = 'dev'): string {
  return `${server.issuer(realm)}/protocol/openid-connect/token`;
}

export function basic(id: string, secret: string): { authorization: string } {
  const encoded = [id, secret].map((part) => encodeURIComponent(part).replaceAll('%20', '+')).join(':');
  return { authorization: `Basic ${Buffer.from(encoded).toString('base64')}` };
}

export function form(parameters: Readonly<Record<string, string>>): string {
  return new URLSearchParams(parameters).toString();
}

export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** The claims of a good assertion; each may be replaced, or left out by undefined. */
export function assertionClaims(issuer: string, clientId: string, change: Readonly<Record<string, unknown>> = {}) {
  const now = Math.floor(Date.now() / 1000);
  const claims = { iss: clientId, sub: clientId, aud: issuer, jti: randomUUID(), iat: now, exp: now + 60, ...change };
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined));
}

export function signAssertion(pair: SigningPair, claims: object, header: object = {}): Promise<string> {
  const protectedHeader = { alg: pair.jwk.alg as string, kid: pair.jwk.kid as string, ...header };
  return new SignJWT(claims as Record<string, never>).setProtectedHeader(protectedHeader).sign(pair.privateKey);
}

export function assertionForm(assertion: string, more: Readonly<Record<string, string>> = {}): string {
  return form({
    grant_type: 'client_credentials',
    client_assertion_type: assertionType,
    client_assertion: assertion,
    ...more,
  });
}

/** Asks again until the answer is as wanted, at most so long (milliseconds); gives the last answer. */
export async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean, within: number): Promise<T> {
  const deadline = performance.now() + within;
  for (;;) {
    const answer = await ask();
    if (wanted(answer) || performance.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

export async function errorOf(response: Response): Promise<string> {
  const body = (await response.json()) as { error?: string };
  return `${response.status} ${body.error}`;
}

export interface Nodes {
  readonly one: TestServer;
  readonly two: TestServer;
  /** The same URL, answered by the second node. */
  atTwo(url: string): string;
  close(): Promise<void>;
}

/** Two nodes of one deployment: one database, one public URL, which leads to the first. */
export async function twoNodes(options: TestServerOptions & { readonly databaseUrl: string }): Promise<Nodes> {
  const one = await testServer(options);
  const port = await freePort();
  const { network: _, ...rest } = options;
  const own = { COUNTERSIGN_PORT: String(port), COUNTERSIGN_PUBLIC_URL: one.url };
  const two = await testServer({ ...rest, env: { ...options.env, ...own } });
  return {
    one,
    two,
    atTwo: (url) => url.replace(one.url, `http://127.0.0.1:${port}`),
    async close() {
      await two.close();
      await one.close();
    },
  };
}
