import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Child, startCountersign, withDirectory } from './child.ts';
import { populateCredentials } from './credentials.ts';
import { drive, tokenRequest } from './load.ts';
import { type Contender, ratio, rotate, spread } from './measure.ts';
import { bench, codeOf, loginNetwork, loginPassword, loginRealm, network, realmOf, tokenPath } from './network.ts';
import { milliseconds, perSecond, type Row, rateNote, share } from './report.ts';
import { tokensPerCpuSecond } from './token-endpoint.ts';

const few = 1_000;
/** Logins in a round: at least three seconds of two cores. */
const logins = 250;
const subjects = 4_000;

/**
 * Measures logins against bare Argon2id and among many credentials, token requests during a flood of logins, and calls of a
 * session.
 */
export async function measureLogins(rounds: number, many: number): Promise<readonly Row[]> {
  return withDirectory(async (directory) => {
    const small = await populated(join(directory, 'small'), few);
    const rows = [
      ...(await againstBare(small, rounds)),
      ...(await besideTokens(small, Math.max(5, rounds))),
      ...(await afterLogin(small, rounds)),
      ...(await amongMany(small, join(directory, 'large'), many, Math.min(rounds, 5))),
    ];
    await small.stop();
    return rows;
  });
}

async function populated(dataDir: string, count: number): Promise<Child> {
  mkdirSync(dataDir);
  const realms = { realms: [...network.realms, ...loginNetwork.realms] };
  await (await startCountersign({ dataDir, network: realms })).stop();
  await populateCredentials(dataDir, count);
  return startCountersign({ dataDir });
}

function loginRequest(among: number): string {
  const credentialCode = codeOf(Math.floor(Math.random() * among));
  return jsonRequest(`/realms/${loginRealm}/auth/login`, { credentialCode, password: loginPassword });
}

function jsonRequest(path: string, body: object, token?: string): string {
  const text = JSON.stringify(body);
  return [
    `POST ${path} HTTP/1.1`,
    'Host: 127.0.0.1',
    'Content-Type: application/json',
    ...(token === undefined ? [] : [`Authorization: Bearer ${token}`]),
    `Content-Length: ${text.length}`,
    '',
    text,
  ].join('\r\n');
}

/** Measured by wall-clock time: how many logins succeed while all cores are busy. */
function loginsPerSecond(child: Child, among: number): Contender<'countersign'>['round'] {
  return async () => {
    const begun = performance.now();
    await drive({ port: child.port, next: () => loginRequest(among), requests: logins, connections: 8 });
    return (logins / (performance.now() - begun)) * 1000;
  };
}

async function againstBare(child: Child, rounds: number): Promise<readonly Row[]> {
  const bare = startBare();
  const contenders = [
    { name: 'countersign', round: loginsPerSecond(child, few) },
    { name: 'bare Argon2id', round: () => bare.rate(logins) },
  ] as const;
  for (const { round } of contenders) await round();
  const rates = await rotate<'countersign' | 'bare Argon2id'>(contenders, rounds);
  bare.stop();
  const what = 'logins per second, against bare Argon2id on all cores';
  const measured = ratio(rates.countersign, rates['bare Argon2id']);
  return [{ what, measured, format: share, bar: { least: 0.9 }, note: rateNote(rates) }];
}

function startBare() {
  const script = fileURLToPath(new URL('bare-argon2.ts', import.meta.url));
  const env = { PATH: process.env['PATH'], UV_THREADPOOL_SIZE: String(availableParallelism()) };
  const child = spawn(process.execPath, [script], { env, stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ready = lines.next();
  return {
    async rate(count: number): Promise<number> {
      await ready;
      child.stdin.write(`${count}\n`);
      return Number((await lines.next()).value);
    },
    stop: () => child.kill(),
  };
}

/**
 * Measures how long single token requests take, without logins and during a flood of logins that the machine cannot keep up
 * with.
 */
async function besideTokens(child: Child, rounds: number): Promise<readonly Row[]> {
  const request = tokenRequest(tokenPath(realmOf('ES256')), bench.clientId, bench.clientSecret);
  const differences: number[] = [];
  const idle: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const calm = await latencies(child, request);
    const flood = drive({ port: child.port, next: () => loginRequest(few), requests: logins, connections: 16 });
    await pause(200);
    const busy = await latencies(child, request);
    await flood;
    idle.push(p99(calm));
    differences.push(p99(busy) - p99(calm));
  }
  const note = `idle ${milliseconds(spread(idle).median)}; ${rounds} rounds of 200 requests`;
  const what = 'p99 of a token request during a login flood, more than idle';
  return [{ what, measured: spread(differences), format: milliseconds, bar: { most: 10 }, note }];
}

async function latencies(child: Child, request: string): Promise<readonly number[]> {
  const taken: number[] = [];
  for (let i = 0; i < 200; i++) {
    const begun = performance.now();
    await drive({ port: child.port, next: () => request, requests: 1, connections: 1 });
    taken.push(performance.now() - begun);
    await pause(4);
  }
  return taken;
}

function p99(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * 0.99)] as number;
}

/** Measures every request of a session: the check, and the signed subject. */
async function afterLogin(child: Child, rounds: number): Promise<readonly Row[]> {
  const token = await openSession(child);
  const issue = jsonRequest(`/realms/${loginRealm}/auth/subject`, { audience: 'ledger' }, token);
  const check = jsonRequest(`/realms/${loginRealm}/passwords/identities/acme/get`, {}, token);
  const contenders = [
    { name: 'signed subjects', round: () => tokensPerCpuSecond(child, () => issue, subjects) },
    { name: 'session checks', round: () => tokensPerCpuSecond(child, () => check, subjects) },
  ] as const;
  for (const { round } of contenders) for (let turn = 0; turn < 3; turn++) await round();
  const rates = await rotate<'signed subjects' | 'session checks'>(contenders, rounds);
  return [
    { what: 'signed subjects (ES256) per CPU second', measured: spread(rates['signed subjects']), format: perSecond },
    {
      what: 'session checks with one read per CPU second',
      measured: spread(rates['session checks']),
      format: perSecond,
    },
  ];
}

async function openSession(child: Child): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${child.port}/realms/${loginRealm}/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ credentialCode: codeOf(0), password: loginPassword }),
  });
  if (!response.ok) throw new Error(`no session: ${response.status}`);
  return ((await response.json()) as { token: string }).token;
}

async function amongMany(small: Child, dataDir: string, many: number, rounds: number): Promise<readonly Row[]> {
  const large = await populated(dataDir, many);
  const contenders = [
    { name: '1,000', round: loginsPerSecond(small, few) },
    { name: 'many', round: loginsPerSecond(large, many) },
  ] as const;
  for (const { round } of contenders) await round();
  const rates = await rotate<'1,000' | 'many'>(contenders, rounds);
  await large.stop();
  const what = `logins per second with ${many.toLocaleString('en')} credentials, against 1,000`;
  return [
    { what, measured: ratio(rates.many, rates['1,000']), format: share, bar: { least: 0.9 }, note: rateNote(rates) },
  ];
}
