import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createParticipant, type Participant, type PrivateJwk, rotateKey } from '../src/index.ts';
import { startProvider } from './support/providers.ts';
import { agent, ecKey, lender, serveRealm } from './support/realm-server.ts';

/** Requests a second, of both participants together, and seconds. */
const rate = 200;
const duration = 20;

test('two participants rotate their keys under 200 requests a second, and no valid request is refused', async () => {
  await using realm = await serveRealm();
  const { issuer } = realm;
  const open: Participant[] = [];
  const as = (who: typeof agent | typeof lender, privateKey: PrivateJwk) => {
    const one = createParticipant({ issuer, clientId: who.clientId, clientSecret: who.secret, privateKey });
    open.push(one);
    return one;
  };
  const sides = [
    { who: agent, key: realm.agentKey, to: lender },
    { who: lender, key: realm.lenderKey, to: agent },
  ].map((side) => ({ ...side, sender: as(side.who, side.key), sent: 0, rotations: 0 }));
  await using agentApi = await startProvider('node', (url) => ({
    participant: as(agent, realm.agentKey),
    publicUrl: url,
  }));
  await using lenderApi = await startProvider('node', (url) => ({
    participant: as(lender, realm.lenderKey),
    publicUrl: url,
  }));
  const apiOf = new Map([
    [agent.id, agentApi],
    [lender.id, lenderApi],
  ] as [string, typeof agentApi][]);

  const statuses = new Map<number, number>();
  const end = performance.now() + duration * 1_000;
  const traffic = sides.map(async (side) => {
    const underWay: Promise<void>[] = [];
    const from = performance.now();
    while (performance.now() < end) {
      // Paced by the clock: a slow answer does not thin the traffic out.
      const due = Math.floor(((performance.now() - from) / 1_000) * (rate / 2));
      while (side.sent < due) underWay.push(send(side, side.sent++));
      await pause(2);
    }
    await Promise.all(underWay);
  });

  async function send(side: (typeof sides)[number], n: number): Promise<void> {
    const response = await side.sender.fetch(`${apiOf.get(side.to.id)?.url}/echo`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: `{"n":${n}}`,
      to: side.to.id,
      // The providers' own keys rotate as well; their answers are verified in other tests.
      response: 'ignored',
    });
    statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1);
  }

  const rotating = sides.map(async (side, index) => {
    await pause(1_500 + index * 700);
    while (performance.now() < end - 3_000) {
      const newKey = ecKey(`${side.who.id.slice(0, 4)}-${side.rotations}`);
      await rotateKey({ issuer, participantId: side.who.id, currentKey: side.key, newKey, overlapSeconds: 600 });
      // With the very next request, while the peer still remembers the registry of a moment ago.
      side.sender = as(side.who, newKey);
      side.key = newKey;
      side.rotations++;
      await pause(3_000);
    }
  });
  await Promise.all([...traffic, ...rotating]);
  for (const one of open) one.close();

  expect([...statuses.keys()]).toEqual([200]);
  expect(statuses.get(200)).toBeGreaterThan(rate * duration * 0.9);
  expect(sides.every(({ rotations }) => rotations >= 3)).toBe(true);
  expect([...agentApi.refusals, ...lenderApi.refusals]).toEqual([]);
});
