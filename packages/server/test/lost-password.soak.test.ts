import { expect, test } from 'vitest';
import { corporate, corporateNetwork } from './support/passwords.ts';

const env = { COUNTERSIGN_TRUSTED_PROXIES: '127.0.0.1', COUNTERSIGN_LOG_LEVEL: 'silent' };
const many = 48;

/** The share of these times that the best limit between them puts on the right side. 0.5 is what guessing gets, and a little more. */
function toldApart(known: readonly number[], unknown: readonly number[]): number {
  const limits = [...known, ...unknown];
  const share = (limit: number) =>
    (known.filter((time) => time > limit).length + unknown.filter((time) => time <= limit).length) / limits.length;
  return Math.max(...limits.map((limit) => Math.max(share(limit), 1 - share(limit))));
}

test('by the times of the requests after a start nobody tells whether the code exists', async () => {
  const credentials = Array.from({ length: many }, (_, at) => ({
    ...{ id: `many-${at}`, identityId: 'corp-1', type: 'USER', code: `user-${at}@acme.example` },
  }));
  const network = corporateNetwork();
  network.realms[0]?.credentials.push(...credentials);
  const { server, call } = await corporate({ env, network, withPassword: credentials.map(({ id }) => id) });
  let sources = 0;
  /** Of the next request, and the sum of the fifty after it: mail and events come a moment later. */
  const probe = async (email: string) => {
    const source = { 'x-forwarded-for': `10.0.${sources >> 8}.${sources++ & 255}` };
    await call('/passwords/lost_password/start', undefined, { email }, source);
    const times: number[] = [];
    for (let i = 0; i < 50; i++) {
      const begun = performance.now();
      await (await fetch(`${server.url}/healthz`)).text();
      times.push(performance.now() - begun);
    }
    await new Promise((resolve) => setTimeout(resolve, 600));
    return { next: times[0] as number, longest: Math.max(...times), sum: times.reduce((a, b) => a + b, 0) };
  };
  for (let i = 0; i < 5; i++) await probe(`warm-${i}@acme.example`);
  const known: Awaited<ReturnType<typeof probe>>[] = [];
  const unknown: typeof known = [];
  for (let at = 0; at < many; at++) {
    known.push(await probe(`user-${at}@acme.example`));
    unknown.push(await probe(`nobody-${at}@acme.example`));
  }
  for (const what of ['next', 'longest', 'sum'] as const) {
    const [one, other] = [known, unknown].map((all) => all.map((times) => times[what])) as [number[], number[]];
    const share = toldApart(one, other);
    const median = (all: number[]) => [...all].sort((a, b) => a - b)[all.length >> 1]?.toFixed(2);
    process.stdout.write(
      `${what}: ${median(one)} ms known, ${median(other)} ms unknown, told apart ${share.toFixed(2)}\n`,
    );
    expect(share, what).toBeLessThan(0.75);
  }
}, 300_000);
