/** Ends one parent of a family, and looks at every child: what hangs on the parent must be refused, all else must be taken. */
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { type Family, makeFamily } from './descendants.ts';
import type { Cluster } from './family-calls.ts';

const of = (who: string) => [
  ...[`capability of ${who}`, `wallet token of ${who}`, `capability that ${who} granted on`],
  ...[`packed call by the wallet token of ${who}`, `packed call by the capability of ${who}`],
  ...[`service token of ${who}`, `service token of ${who}, passed on`],
];
const own = ['own token', ...of('the client')];
const session = ['session', 'session, held at the edge', 'subject', 'subject, passed on', ...of('the session')];
const otherSessions = ['other session', 'other session, opened at the edge'];

/** The children by what they hang on. */
export const childrenOf = {
  own,
  client: ['order', 'order, passed on', 'another order', ...own],
  session,
  sessions: [...session, ...otherSessions],
  credential: [...session, ...otherSessions, 'code'],
  delegation: of('the session'),
  passedOn: ['order', 'subject', 'service token of the client', 'service token of the session'].map(
    (one) => `${one}, passed on`,
  ),
} satisfies Record<string, readonly string[]>;

export interface Ending {
  readonly dies: readonly string[];
  /** The status of the answer. */
  end(family: Family, key: string): Promise<number>;
  /** Children whose own service, which could tell, is gone itself. */
  readonly unknown?: readonly string[];
  /** What the session has shown before anything is made from it. */
  readonly prepare?: Parameters<typeof makeFamily>[2];
  /** Children that offline verifiers take until their `exp`, as the threat model says. */
  readonly untilExpiry?: readonly string[];
}

/** What `observed` answers if all is as it should be. */
export const asExpected = ({ dies }: Ending) => ({
  ended: true,
  accepted: [],
  acceptedOffline: [],
  killed: [],
  dies: dies.length,
});

const gone = /revoked$|^jwt\.expired$|^session\.(ended|invalid|unknown)$/;

/** Asked later than this after `since`, and still not so: too late. */
async function within(milliseconds: number, holds: () => Promise<boolean>, since = performance.now()) {
  for (;;) {
    const isLate = performance.now() - since > milliseconds;
    if (await holds()) return true;
    if (isLate) return false;
    // Not so often that the asking itself holds the servers up.
    await pause(250);
  }
}

/** `key` is the thumbprint of the client's key. */
export async function observed(cluster: Cluster, name: string, ending: Ending, key: string) {
  const { dies, unknown = [], untilExpiry = [], end, prepare } = ending;
  const family = await makeFamily(cluster, name, prepare);
  const { children } = family;
  const everywhere = async (child: string) =>
    [...new Set(await Promise.all(cluster.nodes.map((node) => children[child]?.verdict?.(node))))].join();
  const offline = async (child: string) => children[child]?.offline?.();
  // With a factor the sessions before it are gone.
  const present = Object.keys(children).filter((child) => !(prepare && otherSessions.includes(child)));
  for (const child of present) {
    const online = children[child]?.verdict === undefined ? '' : 'alive';
    expect([name, child, await everywhere(child), await offline(child)]).toEqual([name, child, online, undefined]);
  }
  expect(dies.filter((child) => children[child] === undefined)).toEqual([]);
  const status = await end(family, key);
  const at = performance.now();
  const takenLate = async (
    among: readonly string[],
    milliseconds: number,
    isRefused: (child: string) => Promise<boolean>,
  ) => {
    const refused = await Promise.all(among.map((child) => within(milliseconds, () => isRefused(child), at)));
    return among.filter((_, index) => !refused[index]);
  };
  const online = dies.filter((child) => children[child]?.verdict !== undefined);
  const verified = dies.filter((child) => children[child]?.offline !== undefined && !untilExpiry.includes(child));
  const accepted = await takenLate(online, 2_000, async (child) => (await everywhere(child)) === 'refused');
  const acceptedOffline = await takenLate(verified, 10_000, async (child) => gone.test((await offline(child)) ?? ''));
  const killed: string[] = [];
  for (const child of present.filter((one) => !dies.includes(one) && !unknown.includes(one))) {
    const isTaken = children[child]?.verdict === undefined || (await everywhere(child)) === 'alive';
    // Until it has heard the feed again, a verifier whose clock has jumped may say that it cannot tell.
    const isTakenOffline = await within(10_000, async () => (await offline(child)) === undefined);
    if (!isTaken || !isTakenOffline) killed.push(child);
  }
  return { ended: status >= 200 && status < 300, accepted, acceptedOffline, killed, dies: dies.length };
}
