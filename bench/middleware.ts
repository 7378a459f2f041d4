import { generateKeyPairSync } from 'node:crypto';
import { createParticipant, type Participant, type PrivateJwk } from '@countersign/client';
import { type Child, startCountersign, startPeer, withDirectory } from './child.ts';
import { type Contender, ratio, rotate, spread } from './measure.ts';
import type { MessageServer } from './message-server.ts';
import { type Row, times } from './report.ts';
import { tokensPerCpuSecond } from './token-endpoint.ts';

const frameworks = ['Express', 'Fastify', 'Hono'] as const;
const modes = ['plain', 'verified', 'signed'] as const;
type Mode = (typeof modes)[number];

export const realm = 'bench-messages';
const requests = 2_000;
/** Different requests, sent again and again: the middleware reports the repetition, but verifies each. */
const distinct = 100;

/** Clients and keys that exist only on loopback and only during the run. */
export const members = {
  sender: member('5b1a0c1e-7a3e-4a53-9a52-0d6a4f0f6c01', 'LOAN_AGENT'),
  receiver: member('5b1a0c1e-7a3e-4a53-9a52-0d6a4f0f6c02', 'LENDER'),
} as const;

function member(id: string, role: string) {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const privateJwk: PrivateJwk = { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig' };
  return { id, role, privateJwk, clientId: `${role}-client`, clientSecret: `${role}, for one run on loopback only` };
}

export const network = {
  realms: [
    {
      name: realm,
      profile: 'ocen4',
      settings: { accessTokenAlg: 'ES256' },
      participants: Object.values(members).map(({ id, role, privateJwk, clientId, clientSecret }) => {
        const { d, ...publicJwk } = privateJwk;
        const client = { id: clientId, secret: clientSecret };
        return { id, role, participant: { participantName: role }, keys: [publicJwk], client };
      }),
    },
  ],
};

/**
 * Measures the cost for a server to verify a signed request of 2 KiB and its token (both ES256), and to sign the response: the
 * CPU time of the same application with the middleware and without.
 */
export async function measureMiddleware(rounds: number): Promise<readonly Row[]> {
  return withDirectory(async (dataDir) => {
    const countersign = await startCountersign({ dataDir, network });
    const issuer = `http://localhost:${countersign.port}/realms/${realm}`;
    const sender = createParticipant({ issuer, ...members.sender, privateKey: members.sender.privateJwk });
    const rows: Row[] = [];
    for (const framework of frameworks) {
      const children: Child[] = [];
      const contenders: Contender<Mode>[] = [];
      for (const mode of modes) {
        const child = await startServer({ framework, mode, issuer });
        children.push(child);
        contenders.push(await contender(mode, child, sender));
      }
      for (const { round } of contenders) for (let turn = 0; turn < 3; turn++) await round();
      rows.push(...compare(framework, await rotate(contenders, rounds)));
      for (const child of children) await child.stop();
    }
    await countersign.stop();
    return rows;
  });
}

function startServer(server: Pick<MessageServer, 'framework' | 'mode' | 'issuer'>): Promise<Child> {
  const { clientId, clientSecret, privateJwk } = members.receiver;
  const told: MessageServer = { ...server, clientId, clientSecret, privateKey: privateJwk };
  return startPeer('message-server.ts', [JSON.stringify(told)]);
}

async function contender(name: Mode, child: Child, sender: Participant): Promise<Contender<Mode>> {
  await requireProtection(child, name !== 'plain');
  return signedLoad(name, child, sender);
}

/** Rounds of signed requests to one server. */
export async function signedLoad<N extends string>(name: N, child: Child, sender: Participant): Promise<Contender<N>> {
  const messages = await Promise.all(Array.from({ length: distinct }, () => signedRequest(child.port, sender)));
  let sent = 0;
  const next = () => messages[sent++ % distinct] as string;
  return { name, round: () => tokensPerCpuSecond(child, next, requests) };
}

/** The requests as bytes. */
async function signedRequest(port: number, sender: Participant): Promise<string> {
  const requestTarget = '/loans';
  const text = JSON.stringify({ id: crypto.randomUUID(), note: 'n'.repeat(1_994) });
  const body = new TextEncoder().encode(text);
  const target = `http://127.0.0.1:${port}${requestTarget}`;
  const fields = await sender.sign({ kind: 'request', method: 'POST', target, requestTarget, body });
  return [
    `POST ${requestTarget} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Content-Type: application/json',
    `Authorization: Bearer ${await sender.token()}`,
    ...Object.entries(fields).map((field) => field.join(': ')),
    `Content-Length: ${body.length}`,
    '',
    text,
  ].join('\r\n');
}

/** Checks that the measured server really verifies: it must refuse an unsigned request. */
export async function requireProtection({ port }: Child, isProtected: boolean): Promise<void> {
  const { status } = await fetch(`http://127.0.0.1:${port}/loans`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"id":""}',
  });
  if (status !== (isProtected ? 401 : 200)) throw new Error(`a server answers ${status} without a signature`);
}

function compare(framework: string, rates: Readonly<Record<Mode, readonly number[]>>): readonly Row[] {
  const microseconds = (mode: Mode) => Math.round(1e6 / spread(rates[mode]).median);
  const row = (mode: Mode, what: string): Row => ({
    what: `${framework}, ${what}, CPU time against none of it`,
    measured: ratio(rates.plain, rates[mode]),
    format: times,
    note: `${microseconds(mode)} µs a request, without ${microseconds('plain')} µs`,
  });
  return [row('verified', 'requests verified'), row('signed', 'requests verified and responses signed')];
}
