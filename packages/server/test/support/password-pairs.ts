/** Two commands at once: either may come first, and what is there afterwards must be explained by one of the two orders. */

import fc from 'fast-check';
import { expect } from 'vitest';
import {
  type Command,
  call,
  isDisabled,
  type Known,
  keepUnlocked,
  type Model,
  mayGuess,
  newest,
  type Real,
  requireAsModelled,
  type Version,
  value,
} from './password-model.ts';
import type { Answered } from './passwords.ts';

/** What it calls, and the password that counts if it is done. */
interface Half {
  readonly password?: string;
  readonly answer: Answered;
}

type Act = (model: Model, real: Real, session: Known) => Promise<Half>;

const acts = {
  async login({ versions }, real) {
    const password = versions.at(-1)?.password;
    return { answer: await call(real, '/auth/login', undefined, { credentialCode: real.code, password }) };
  },
  async update({ versions }, real, { token }) {
    const password = real.fresh();
    const body = { oldPassword: value(versions.at(-1)?.password as string), password: value(password) };
    return { password, answer: await call(real, `/passwords/${real.id}/update`, token, body) };
  },
  async 'update without the old one'(_, real, { token }) {
    const password = real.fresh();
    const body = { password: value(password) };
    return { password, answer: await call(real, `/passwords/${real.id}/authenticated_update`, token, body) };
  },
  async expire({ versions }, real) {
    return { answer: await real.corporate.admin(`/passwords/${real.id}/${versions.length}/expire`) };
  },
  async 'expire as compromised'({ versions }, real) {
    const reason = { reason: 'COMPROMISED' };
    return { answer: await real.corporate.admin(`/passwords/${real.id}/${versions.length}/expire`, reason) };
  },
  async 'terminate all'(_, real) {
    return { answer: await real.corporate.admin('/auth/sessions/terminate', { credentialId: real.id }) };
  },
  async disable(_, real) {
    return { answer: await real.corporate.admin(`/realms/dev/admin/credentials/${real.id}/disable`) };
  },
} satisfies Record<string, Act>;

type Name = keyof typeof acts;
const names = Object.keys(acts) as Name[];

function pair(one: Name, other: Name): Command {
  const sessionOf = ({ sessions }: Model) => sessions.findLast(({ alive, restricted }) => alive && !restricted);
  return {
    check: (model) => mayGuess(model) && sessionOf(model) !== undefined,
    async run(model, real) {
      await keepUnlocked(model, real);
      const session = sessionOf(model);
      // An hour may just have passed, which ends all sessions.
      if (session === undefined) return;
      const halves = await Promise.all([one, other].map((name) => (acts[name] as Act)(model, real, session)));
      for (const { answer } of halves) expect(answer.status).toBeLessThan(500);
      // The one that came second may have found the password not to be the newest any more.
      model.guesses += halves.filter(({ answer }) => answer.status >= 400).length;
      await adopt(model, real, halves);
      await requireAsModelled(model, real);
    },
    toString: () => `at once: ${one} and ${other}`,
  };
}

/** Takes over what the world has come to, and looks whether it may. */
async function adopt(model: Model, real: Real, halves: readonly Half[]): Promise<void> {
  const { db } = real.corporate.server.context.store;
  const won = halves.filter(({ password, answer }) => password !== undefined && answer.status === 200);
  // Of two updates one wins; of what came between, the loser has heard.
  expect(won.length).toBeLessThanOrEqual(1);
  const rows = await db
    .selectFrom('password')
    .selectAll()
    .where('credential_id', '=', real.id)
    .orderBy('version')
    .execute();
  expect(rows).toHaveLength(model.versions.length + won.length);
  const known = [...model.versions.map(({ password }) => password), ...won.map(({ password }) => password as string)];
  model.versions = rows.map(
    ({ expired_at, compromised_at }, index): Version => ({
      password: known[index] as string,
      expired: expired_at !== null,
      compromised: compromised_at !== null,
    }),
  );
  const subject = await db
    .selectFrom('subject')
    .selectAll()
    .where('id', '=', `credential:${real.id}`)
    .executeTakeFirstOrThrow();
  const before = model.epoch;
  expect(subject.generation).toBeGreaterThanOrEqual(before + Math.min(won.length, 1));
  expect(subject.generation).toBeLessThanOrEqual(before + 2);
  model.epoch = subject.generation;
  model.credentialDisabled = subject.suspended_at !== null;
  if (model.epoch > before) for (const session of model.sessions) session.alive = false;
  await adoptSessions(model, real, halves);
}

async function adoptSessions(model: Model, real: Real, halves: readonly Half[]): Promise<void> {
  for (const { answer } of halves) {
    if (typeof answer.body.token !== 'string') continue;
    const { token } = answer.body;
    const { status } = await call(real, '/auth/sessions/get', token);
    const restricted = answer.status === 409;
    model.sessions.push({ token, restricted, alive: status !== 401 });
    // Nothing that was opened on the way outlives what should have ended it.
    if (status === 401) continue;
    const last = newest(model);
    expect([isDisabled(model), last?.compromised, last?.expired]).toEqual([false, false, restricted]);
  }
}

export const pairs: fc.Arbitrary<Command> = fc
  .tuple(fc.constantFrom(...names), fc.constantFrom(...names))
  .map(([one, other]) => pair(one, other));
