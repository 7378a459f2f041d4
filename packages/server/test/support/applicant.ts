import { createHash, randomUUID } from 'node:crypto';
import type { PrivateJwk } from '@countersign/client';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  FlattenedSign,
  generateKeyPair,
  type JWK,
  SignJWT,
} from 'jose';
import type { TestServer } from './server.ts';

/** An organisation that holds a key of its own; jose signs for it, as a foreign implementation. */
export interface Applicant {
  readonly publicKey: JWK;
  readonly thumbprint: string;
  sign(
    typ: string,
    claims: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, unknown>>,
  ): Promise<string>;
  /** The value of `x-jws-signature` for a POST. */
  strict(request: StrictRequest): Promise<string>;
}

/** An applicant whose private key the SDK may have. */
export type OpenApplicant = Applicant & { readonly privateJwk: PrivateJwk };

/** What a strict signature of a request to the server covers. */
export interface StrictRequest {
  readonly url: string;
  readonly audience: string;
  readonly body?: string;
  /** Replaces members of the protected header. */
  readonly change?: Readonly<Record<string, unknown>>;
}

export async function createApplicant(alg: 'ES256' | 'RS256' | 'EdDSA' = 'ES256'): Promise<OpenApplicant> {
  const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), alg, use: 'sig' };
  return {
    privateJwk: { ...(await exportJWK(privateKey)), alg, use: 'sig' } as PrivateJwk,
    publicKey: jwk,
    thumbprint: await calculateJwkThumbprint(jwk),
    sign: (typ, claims, header = {}) => signed(privateKey, { alg, typ, ...header }, claims),
    strict: (request) => strictly(privateKey, alg, request),
  };
}

function signed(
  key: CryptoKey,
  header: { readonly alg: string; readonly typ: string },
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  return new SignJWT({ ...claims }).setProtectedHeader(header).sign(key);
}

async function strictly(key: CryptoKey, alg: string, { url, audience, body = '', change = {} }: StrictRequest) {
  const payload = new TextEncoder().encode(body === '' ? new URL(url).pathname : body);
  const { signature, protected: header } = await new FlattenedSign(payload)
    .setProtectedHeader({
      alg,
      b64: false,
      crit: ['b64', 'htm', 'htu', 'aud', 'iat', 'jti'],
      htm: 'POST',
      htu: url,
      aud: audience,
      iat: Math.floor(Date.now() / 1000),
      jti: randomUUID(),
      ...change,
    })
    .sign(key, { crit: { b64: true, htm: true, htu: true, aud: true, iat: true, jti: true } });
  return `${header}..${signature}`;
}

/** One POST that a participant signs for itself. */
export async function askSigned(
  server: TestServer,
  path: string,
  by: Applicant,
  body: unknown = {},
  change: Readonly<Record<string, unknown>> = {},
): Promise<Answer> {
  const [realm] = /^\/realms\/[^/]+/.exec(path) ?? [''];
  const rawBody = JSON.stringify(body);
  const request = { url: `${server.url}${path}`, audience: `${server.url}${realm}`, body: rawBody, change };
  return ask(server, path, { rawBody, headers: { 'x-jws-signature': await by.strict(request) } });
}

/** HTTP Basic (RFC 6749 §2.3.1). */
export function basic({ clientId, clientSecret }: Pick<Credentials, 'clientId' | 'clientSecret'>) {
  const pair = [clientId, clientSecret].map(encodeURIComponent).join(':');
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` };
}

/** The claims of a proof that nothing is wrong with, at the present. */
export function proofClaims(issuer: string): Record<string, unknown> {
  return { aud: issuer, iat: Math.floor(Date.now() / 1000), jti: randomUUID() };
}

export interface ApplicationWishes {
  readonly role?: string;
  readonly baseUrl?: string;
  readonly participantName?: string;
}

/** The body of an application with a good proof. */
export async function applicationBody(issuer: string, applicant: Applicant, wishes: ApplicationWishes = {}) {
  const { role = 'LENDER', baseUrl, participantName = 'Lender One' } = wishes;
  const said = { role, ...(baseUrl === undefined ? {} : { baseUrl }) };
  const { thumbprint, publicKey } = applicant;
  const claims = { ...proofClaims(issuer), ...said, thumbprint, participantName };
  return {
    ...said,
    participant: { participantName },
    contact: 'ops@lender.example',
    publicKey,
    proof: await applicant.sign('countersign-application+jwt', claims),
  };
}

/** The body of a pick-up with a good proof. */
export async function pickUpBody(issuer: string, applicant: Applicant, id: string, code: string) {
  const codeHash = createHash('sha256').update(code).digest('base64url');
  return { code, proof: await applicant.sign('countersign-pickup+jwt', { ...proofClaims(issuer), id, codeHash }) };
}

export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: answers are read member by member and compared.
  readonly body: any;
  readonly headers: Headers;
  /** As it came. */
  text(): string;
}

export interface Request {
  readonly method?: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly rawBody?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The address that the trusted proxy of the test reports. */
  readonly source?: string;
}

/** Servers under test that tell sources apart trust the loopback as their proxy. */
export const proxied = { COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1' } as const;

let sources = 0;

/** Another address each time: what throttles one source must not throttle the tests. */
export function anySource(): string {
  sources++;
  return `10.${(sources >> 16) & 255}.${(sources >> 8) & 255}.${sources & 255}`;
}

export async function ask(server: TestServer, path: string, request: Request = {}): Promise<Answer> {
  const { body, rawBody, token, source = anySource() } = request;
  const payload = rawBody ?? (body === undefined ? undefined : JSON.stringify(body));
  const response = await fetch(`${server.url}${path}`, {
    method: request.method ?? (payload === undefined ? 'GET' : 'POST'),
    headers: {
      'x-forwarded-for': source,
      ...(payload === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...request.headers,
    },
    ...(payload === undefined ? {} : { body: payload }),
  });
  const text = await response.text();
  const parsed = text === '' ? undefined : JSON.parse(text);
  return { status: response.status, headers: response.headers, body: parsed, text: () => text };
}

/** POST without a body is a step. */
export function step(server: TestServer, path: string, token: string, body: unknown = {}): Promise<Answer> {
  return ask(server, path, { method: 'POST', token, body });
}

export interface Credentials {
  readonly participantId: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

/** The whole way into the registry, over HTTP. */
export async function onboard(
  server: TestServer,
  applicant: Applicant,
  wishes: ApplicationWishes = {},
  realm = 'dev',
): Promise<Credentials> {
  const base = `/realms/${realm}/registry/applications`;
  const issuer = server.issuer(realm);
  const { id, pickUpCode } = (await ask(server, base, { body: await applicationBody(issuer, applicant, wishes) })).body;
  const approved = await step(server, `${base}/${id}/approve`, await server.adminToken());
  if (approved.status !== 200) throw new Error(`not approved: ${JSON.stringify(approved.body)}`);
  const answer = await ask(server, `${base}/${id}/credentials`, {
    body: await pickUpBody(issuer, applicant, id, pickUpCode),
  });
  if (answer.status !== 200) throw new Error(`not picked up: ${JSON.stringify(answer.body)}`);
  return answer.body;
}

/** What introspection says of a token, asked by the administrator's own realm's client or by the token's client. */
export async function isActive(
  server: TestServer,
  token: string,
  by: { readonly clientId: string; readonly clientSecret: string },
  realm = 'dev',
): Promise<boolean> {
  const response = await fetch(`${server.issuer(realm)}/protocol/openid-connect/token/introspect`, {
    method: 'POST',
    body: new URLSearchParams({ token, client_id: by.clientId, client_secret: by.clientSecret }),
  });
  const body = (await response.json()) as { active?: boolean };
  if (typeof body.active !== 'boolean') throw new Error(`no introspection: ${response.status} ${JSON.stringify(body)}`);
  return body.active;
}
