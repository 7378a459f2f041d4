import { Agent, request } from 'node:http';
import { expect, test } from 'vitest';
import { guessesPerCredential } from '../src/passwords/guess/throttle.ts';
import { stepCredential } from '../src/passwords/identity/credential.ts';
import { movedClock } from './support/clock.ts';
import { tester } from './support/context.ts';
import { type Corporate, corporate, corporateNetwork, passwords } from './support/passwords.ts';

const alice = 'alice@acme.example';
const env = { COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1', COUNTERSIGN_LOG_LEVEL: 'silent' };
const day = 86_400_000;

/** Loopback only, over connections that are kept. */
function caller(url: string, sockets: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: sockets });
  const { port } = new URL(url);
  const login = (code: string, password: string, source: string, cookie?: string) =>
    new Promise<{ status: number; took: number }>((resolve, reject) => {
      const body = JSON.stringify({ credentialCode: code, password });
      const headers = {
        ...{ 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        ...{ 'x-forwarded-for': source, ...(cookie === undefined ? {} : { cookie }) },
      };
      const begun = performance.now();
      const sent = request(
        { host: '127.0.0.1', port, path: '/auth/login', method: 'POST', agent, headers },
        (answer) => {
          answer.resume();
          answer.on('end', () => resolve({ status: answer.statusCode ?? 0, took: performance.now() - begun }));
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  return { login, end: () => agent.destroy() };
}

async function ownersCookie({ login }: Corporate): Promise<string> {
  const { status, headers } = await login(alice, passwords.first);
  expect(status).toBe(200);
  return (headers.get('set-cookie') ?? '').split(';')[0] ?? '';
}

/** How often anything was hashed to be compared, and for whom. */
function countHashes({ server }: Corporate) {
  const counts = { ofCredential: 0, others: 0 };
  const { hasher } = server.context;
  const verify = hasher.verify.bind(hasher);
  Object.assign(hasher, {
    verify(...given: Parameters<typeof verify>) {
      if (given[0] === undefined) counts.others++;
      else counts.ofCredential++;
      return verify(...given);
    },
  });
  return counts;
}

/** The numbers, for whoever runs this. */
const say = (line: string) => process.stdout.write(`${line}\n`);
const sourceOf = (i: number) => `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`;
const middle = (times: readonly number[], at = 0.5) =>
  [...times].sort((a, b) => a - b)[Math.floor(at * (times.length - 1))]?.toFixed(0);

/** Logs the owner in again and again until `over`; every try must be good. */
async function ownerLogsIn(login: ReturnType<typeof caller>['login'], cookie: string, over: () => boolean) {
  const times: number[] = [];
  const refused: number[] = [];
  while (!over()) {
    const { status, took } = await login(alice, passwords.first, '203.0.113.7', cookie);
    times.push(took);
    if (status !== 200) refused.push(status);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return { times, refused };
}

test('100,000 guesses at a credential from 1,000 sources: 10 are hashed, and its owner logs in at each first try', async () => {
  const made = await corporate({ env });
  const cookie = await ownersCookie(made);
  const hashes = countHashes(made);
  const strangers = caller(made.server.url, 32);
  const owner = caller(made.server.url, 1);
  const statuses = new Map<number, number>();
  let sent = 0;
  let over = false;
  const begun = performance.now();
  const guess = async () => {
    for (let i = sent++; i < 100_000; i = sent++) {
      const { status } = await strangers.login(alice, `guess ${i} at the password`, sourceOf(i % 1_000));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const logins = ownerLogsIn(owner.login, cookie, () => over);
  await Promise.all(Array.from({ length: 32 }, guess));
  over = true;
  const { times, refused } = await logins;
  const seconds = (performance.now() - begun) / 1000;
  say(
    `100,000 guesses in ${seconds.toFixed(0)} s: ${JSON.stringify(Object.fromEntries(statuses))}; hashed for the credential ` +
      `${hashes.ofCredential}, of which the owner's ${times.length}; the owner's logins ` +
      `p50 ${middle(times)} ms, p99 ${middle(times, 0.99)} ms, max ${middle(times, 1)} ms`,
  );
  expect(refused).toEqual([]);
  expect(times.length).toBeGreaterThan(20);
  expect(hashes.ofCredential - times.length).toBe(guessesPerCredential);
  expect(Object.fromEntries(statuses)).toEqual({ 403: guessesPerCredential, 429: 100_000 - guessesPerCredential });
  for (const { end } of [strangers, owner]) end();
});

test('guesses at as many credentials as can be hashed: the owner still logs in at each first try', async () => {
  const made = await corporate({ env });
  const cookie = await ownersCookie(made);
  const strangers = caller(made.server.url, 256);
  const owner = caller(made.server.url, 1);
  const statuses = new Map<number, number>();
  const end = performance.now() + 30_000;
  const over = () => performance.now() > end;
  let sent = 0;
  const guess = async () => {
    while (!over()) {
      const i = sent++;
      const { status } = await strangers.login(`user-${i}`, 'the same for everybody', sourceOf(i % 50_000));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const [{ times, refused }] = await Promise.all([
    ownerLogsIn(owner.login, cookie, over),
    ...Array.from({ length: 256 }, guess),
  ]);
  say(
    `30 s of guesses at ${sent} codes: ${JSON.stringify(Object.fromEntries(statuses))}; the owner's ${times.length} logins ` +
      `p50 ${middle(times)} ms, p99 ${middle(times, 0.99)} ms, max ${middle(times, 1)} ms`,
  );
  expect(refused).toEqual([]);
  expect(times.length).toBeGreaterThan(10);
  for (const { end: close } of [strangers, owner]) close();
});

/** The chance that a time of the first kind is longer than one of the second: 0.5 when nobody can tell them apart. */
function areaUnderCurve(one: readonly number[], other: readonly number[]): number {
  const all = [...one.map((time) => [time, 1] as const), ...other.map((time) => [time, 0] as const)];
  all.sort(([a], [b]) => a - b);
  const ranks = all.reduce((sum, [, kind], index) => sum + kind * (index + 1), 0);
  return (ranks - (one.length * (one.length + 1)) / 2) / (one.length * other.length);
}

test('by the time of 2,000 refusals each nobody tells unknown, wrong, without a password, and disabled apart', async () => {
  const kinds = ['wrong', 'unknown', 'bare', 'disabled'] as const;
  const each = 100;
  const clock = movedClock();
  const network = corporateNetwork();
  const realm = network.realms[0] as (typeof network.realms)[number];
  const codes = kinds.flatMap((kind) =>
    Array.from({ length: each }, (_, i) => ({ kind, code: `${kind}-${i}@acme.example` })),
  );
  const known = codes.filter(({ kind }) => kind !== 'unknown');
  const credentials = known.map(({ code }) => ({ id: code, identityId: 'corp-1', type: 'USER', code }));
  const full = { realms: [{ ...realm, credentials: [...realm.credentials, ...credentials] }] };
  const made = await corporate({ env, clock, network: full });
  const { context } = made.server;
  const [password] = await context.store.db.selectFrom('password').selectAll().execute();
  if (password === undefined) throw new Error('no password');
  for (const { kind, code } of known) {
    if (kind === 'bare') continue;
    await context.store.db
      .insertInto('password')
      .values({ ...password, credential_id: code })
      .execute();
    if (kind === 'disabled') await stepCredential(context, 'dev', code, 'disable', tester);
  }
  const { login, end } = caller(made.server.url, 1);
  const times = { wrong: [] as number[], unknown: [] as number[], bare: [] as number[], disabled: [] as number[] };
  for (let round = 0; round < 2_000; round++) {
    // A new window now and then, so that the budget never ends; the first try of each window included.
    if (round % each === 0 && round % (each * 10) === 0) clock.advance(day + 1);
    for (let turn = 0; turn < kinds.length; turn++) {
      const kind = kinds[(round + turn) % kinds.length] as (typeof kinds)[number];
      const code = `${kind}-${round % each}@acme.example`;
      const { status, took } = await login(code, 'a wrong one, of course', sourceOf(round * 4 + turn));
      expect(status).toBe(403);
      times[kind].push(took);
    }
  }
  end();
  const areas = kinds.slice(1).map((kind) => [kind, areaUnderCurve(times[kind], times.wrong)] as const);
  const spread = kinds.map(
    (kind) => `${kind} p10 ${middle(times[kind], 0.1)} p50 ${middle(times[kind])} p90 ${middle(times[kind], 0.9)} ms`,
  );
  say(
    `AUC against wrong: ${areas.map(([kind, area]) => `${kind} ${area.toFixed(4)}`).join(', ')}; ${spread.join('; ')}`,
  );
  for (const [kind, area] of areas) expect(Math.max(area, 1 - area), kind).toBeLessThanOrEqual(0.55);
});
