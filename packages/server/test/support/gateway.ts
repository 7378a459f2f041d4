/** A network of three participants, a realm that runs, and gateways in front of plain applications. */

import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createParticipant, type Participant, type PrivateJwk } from '@countersign/client';
import type { GatewayOptions } from '../../src/gateway/options.ts';
import { type Gateway, startGateway } from '../../src/gateway/start.ts';
import { createLog } from '../../src/kernel/log.ts';
import { freePort } from './free-port.ts';
import { keyOf } from './network.ts';
import { type TestServer, testServer } from './server.ts';

export const names = ['lender', 'agent', 'stranger'] as const;
export type Name = (typeof names)[number];

export interface Town {
  readonly server: TestServer;
  /** The base URL that the registry has of a participant. */
  readonly baseUrls: Readonly<Record<Name, string>>;
  readonly keys: Readonly<Record<Name, PrivateJwk>>;
  secret(name: Name): string;
  /** The SDK as that participant. */
  sdk(name: Name, options?: Partial<Parameters<typeof createParticipant>[0]>): Participant;
  close(): Promise<void>;
}

export function newKey(kid: string, alg: 'ES256' | 'Ed25519' | 'RS256' = 'ES256'): PrivateJwk {
  const { privateKey } =
    alg === 'ES256'
      ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
      : alg === 'Ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...(privateKey.export({ format: 'jwk' }) as PrivateJwk), kid, alg };
}

export function publicHalf({ d, p, q, dp, dq, qi, ...rest }: PrivateJwk): PrivateJwk {
  return rest;
}

const roles = { lender: 'LENDER', agent: 'LOAN_AGENT', stranger: 'DERIVED_DATA_PARTNER' } as const;

/** `keys` are those of a participant that shall not have an ES256 key of its own. */
export async function town(keys: Partial<Record<Name, PrivateJwk>> = {}): Promise<Town> {
  const own = Object.fromEntries(names.map((name) => [name, keys[name] ?? newKey(`${name}-1`)])) as Town['keys'];
  const ports = await Promise.all(names.map(freePort));
  const baseUrls = Object.fromEntries(
    names.map((name, i) => [name, `http://127.0.0.1:${ports[i]}`]),
  ) as Town['baseUrls'];
  const secret = (name: Name) => `${name}-secret-for-tests`;
  const server = await testServer({
    network: {
      realms: [
        {
          name: 'dev',
          profile: 'ocen4',
          settings: { development: true, accessTokenAlg: 'ES256' },
          participants: [
            ...names.map((name) => ({
              id: name,
              role: roles[name],
              status: 'APPROVED',
              baseUrl: baseUrls[name],
              participant: { id: `org-${name}`, participantName: name },
              keys: [publicHalf(own[name])],
              client: { id: `${name}-client`, secret: secret(name) },
              resources: [{ resource: 'loan-api', roles: ['apply'] }],
            })),
            {
              id: 'elsewhere',
              role: 'LENDER',
              status: 'APPROVED',
              baseUrl: 'http://elsewhere.example',
              keys: [keyOf('elsewhere')],
            },
            { id: 'nowhere', role: 'LENDER', status: 'APPROVED', client: { id: 'nowhere-client' } },
          ],
        },
      ],
    },
  });
  const opened: Participant[] = [];
  return {
    server,
    baseUrls,
    keys: own,
    secret,
    sdk(name, options = {}) {
      const participant = createParticipant({
        issuer: server.issuer(),
        clientId: `${name}-client`,
        clientSecret: secret(name),
        privateKey: own[name],
        ...options,
      });
      opened.push(participant);
      return participant;
    },
    async close() {
      for (const participant of opened) participant.close();
      await server.close();
    },
  };
}

/** A gateway of this process, on ports that are free. */
export async function startWith(
  upstream: string,
  options: Partial<GatewayOptions>,
  log: (line: string) => void = () => {},
): Promise<Gateway> {
  const free = { host: '127.0.0.1', port: 0 };
  const known = options.client ?? options.participant;
  if (known === undefined) throw new Error('A gateway is a client of its realm.');
  const { issuer, clientId, clientSecret } = known;
  return startGateway(
    {
      upstream: new URL(upstream),
      listen: free,
      adminListen: free,
      forwardListen: options.participant && free,
      accept: ['message'],
      client: { issuer, clientId, clientSecret },
      participant: undefined,
      subjectAudience: undefined,
      trustedProxies: [],
      publicUrl: undefined,
      unsigned: [],
      maxBody: 1_048_576,
      maxResponse: undefined,
      spoolDir: undefined,
      timeout: 10_000,
      subjectKey: undefined,
      tls: undefined,
      logLevel: 'info',
      unsafe: { listenForOtherMachines: false, allowPlainHttp: false },
      ...options,
    },
    createLog('info', { write: log }),
  );
}

/** The same for a participant of the town, at the address that the registry has of it. */
export async function gatewayOf(
  town: Town,
  name: Name,
  upstream: string,
  options: Partial<GatewayOptions> = {},
  log: (line: string) => void = () => {},
): Promise<Gateway> {
  const participant = {
    issuer: town.server.issuer(),
    clientId: `${name}-client`,
    clientSecret: town.secret(name),
    privateKey: town.keys[name],
    form: 'rfc7797',
  } as const;
  return startWith(upstream, { listen: addressOf(town.baseUrls[name]), participant, ...options }, log);
}

export function addressOf(url: string): { readonly host: string; readonly port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port) };
}

/** What an application was sent, byte for byte. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface Application {
  readonly url: string;
  readonly received: Received[];
  close(): Promise<void>;
}

/** A plain application, which verifies and signs nothing. */
export async function application(
  answer: (received: Received, response: ServerResponse, request: IncomingMessage) => void = (_, response) =>
    void response.end('ok'),
): Promise<Application> {
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return;
    }
    const { method = '', url = '', rawHeaders, headers } = request;
    const one = { method, url, rawHeaders, headers, body: Buffer.concat(chunks) };
    received.push(one);
    answer(one, response, request);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    async close() {
      server.close();
      server.closeAllConnections();
    },
  };
}

export interface SignedParts {
  readonly method?: string;
  readonly path?: string;
  readonly body?: string | Uint8Array;
  readonly form?: 'ocen' | 'rfc7797' | 'strict';
}

/** The raw fields that make a request of the participant a good one. */
export async function signedFields(from: Participant, url: string, parts: SignedParts = {}): Promise<string[]> {
  const { method = 'POST', path = '/', body = '', form = 'rfc7797' } = parts;
  const message = {
    kind: 'request',
    method,
    target: url + path,
    requestTarget: path,
    body: typeof body === 'string' ? Buffer.from(body) : body,
  } as const;
  const fields = await from.sign(message, { form, to: 'lender' });
  return ['authorization', `Bearer ${await from.token()}`, 'x-jws-signature', fields['x-jws-signature']];
}
