/** Everything that can be done to a credential's passwords and sessions, and what must come of it. */

import fc from 'fast-check';
import { system } from '../../src/kernel/caller.ts';
import { write } from '../../src/store/write.ts';
import { issueOneTimeCode } from '../../src/subject/secrets/one-time-code.ts';
import {
  addVersion,
  always,
  type Command,
  call,
  command,
  endAll,
  isDisabled,
  type Known,
  type Model,
  mayGuess,
  newest,
  type Real,
  remember,
  sessionAt,
  type Version,
  value,
} from './password-model.ts';
import { type Answered, said } from './passwords.ts';

const create = command('create', always, async (model, real) => {
  const password = real.fresh();
  const answer = await real.corporate.admin(`/passwords/${real.id}/create`, { password: value(password) });
  if (model.versions.length > 0) return [said(answer), '409 PASSWORD_ALREADY_CREATED'];
  addVersion(model, password);
  return [said(answer), '200'];
});

type Guess = 'the newest' | 'a wrong one' | 'the one before' | 'the one two before';
const guessed = ({ versions }: Model, real: Real, guess: Guess): string => {
  const back = { 'the newest': 1, 'a wrong one': 0, 'the one before': 2, 'the one two before': 3 }[guess];
  return (back === 0 ? undefined : versions.at(-back)?.password) ?? real.fresh();
};

const login = (guess: Guess) =>
  command(`login with ${guess}`, mayGuess, async (model, real) => {
    const password = guessed(model, real, guess);
    const answer = await call(real, '/auth/login', undefined, { credentialCode: real.code, password });
    const last = newest(model) as Version;
    if (password !== last.password || isDisabled(model) || last.compromised) {
      model.guesses++;
      return [said(answer), '403 FAILED_LOGIN'];
    }
    remember(model, answer, last.expired);
    return [said(answer), last.expired ? '409 EXPIRED_PASSWORD' : '200'];
  });

const update = (guess: Guess, at: number) =>
  command(
    `update with ${guess}, by session ${at}`,
    (model) => model.sessions.length > 0 && mayGuess(model),
    async (model, real) => {
      const session = sessionAt(model, at);
      const [oldPassword, password] = [guessed(model, real, guess), real.fresh()];
      const body = { oldPassword: value(oldPassword), password: value(password) };
      const answer = await call(real, `/passwords/${real.id}/update`, session.token, body);
      if (!session.alive) return [said(answer), '401 SESSION_INVALID'];
      if (oldPassword !== newest(model)?.password) {
        model.guesses++;
        return [said(answer), '409 PASSWORD_INCORRECT'];
      }
      addVersion(model, password, answer);
      return [said(answer), '200'];
    },
  );

/** What a session that is alive and not restricted may do. */
const bySession = (
  name: string,
  at: number,
  path: (real: Real, session: Known) => string,
  body: (password: string) => object | undefined,
  done: (model: Model, session: Known, answer: Answered, password: string) => void,
) =>
  command(
    `${name}, by session ${at}`,
    ({ sessions }) => sessions.length > 0,
    async (model, real) => {
      const session = sessionAt(model, at);
      const password = real.fresh();
      const answer = await call(real, path(real, session), session.token, body(password));
      if (!session.alive) return [said(answer), '401 SESSION_INVALID'];
      if (session.restricted) return [said(answer), '403 SESSION_RESTRICTED'];
      done(model, session, answer, password);
      return [said(answer), answer.status === 204 ? '204' : '200'];
    },
  );

const updateAuthenticated = (at: number) =>
  bySession(
    'update without the old one',
    at,
    ({ id }) => `/passwords/${id}/authenticated_update`,
    (password) => ({ password: value(password) }),
    (model, _, answer, password) => addVersion(model, password, answer),
  );

/** A restricted session may end itself too. */
const logout = (at: number) =>
  command(
    `logout, by session ${at}`,
    ({ sessions }) => sessions.length > 0,
    async (model, real) => {
      const session = sessionAt(model, at);
      const answer = await call(real, '/auth/logout', session.token);
      if (!session.alive) return [said(answer), '401 SESSION_INVALID'];
      session.alive = false;
      return [said(answer), '204'];
    },
  );

const terminateAll = (at: number) =>
  bySession(
    'terminate all',
    at,
    () => '/auth/sessions/terminate',
    () => undefined,
    endAll,
  );

const terminate = (at: number) =>
  command(
    `an administrator terminates session ${at}`,
    ({ sessions }) => sessions.some(({ id }) => id !== undefined),
    async (model, real) => {
      const known = model.sessions.filter(({ id }) => id !== undefined);
      const session = known[at % known.length] as Known;
      const answer = await real.corporate.admin(`/realms/dev/auth/sessions/${session.id}/terminate`);
      session.alive = false;
      return [said(answer), '204'];
    },
  );

const expire = (back: number, compromised: boolean) =>
  command(`expire the newest but ${back}${compromised ? ' as compromised' : ''}`, always, async (model, real) => {
    const version = model.versions.length - back;
    const reason = compromised ? { reason: 'COMPROMISED' } : {};
    const answer = await real.corporate.admin(`/passwords/${real.id}/${version}/expire`, reason);
    const row = version < 1 ? undefined : model.versions[version - 1];
    if (row === undefined) return [said(answer), '404 PASSWORD_UNKNOWN'];
    const changes = !row.expired || (compromised && !row.compromised);
    model.versions[version - 1] = { ...row, expired: true, compromised: row.compromised || compromised };
    if (changes && back === 0) endAll(model);
    return [said(answer), '204'];
  });

const step = (what: 'credential' | 'identity', to: 'disable' | 'enable') =>
  command(`${to} the ${what}`, always, async (model, real) => {
    const path = what === 'credential' ? `credentials/${real.id}` : `identities/${real.identityId}`;
    const answer = await real.corporate.admin(`/realms/dev/admin/${path}/${to}`);
    const before = model[`${what}Disabled`];
    model[`${what}Disabled`] = to === 'disable';
    // An identity shuts out the credentials that are not disabled themselves.
    if (!before && to === 'disable' && !(what === 'identity' && model.credentialDisabled)) endAll(model);
    return [String(answer.status < 300), 'true'];
  });

const resume = (right: boolean) =>
  command(`resume with a ${right ? 'good' : 'wrong'} code`, always, async (model, real) => {
    const { context } = real.corporate.server;
    const { code: nonce } = await write(context, system, (tx) =>
      issueOneTimeCode(context, tx, 'dev', 'lost-password', right ? real.id : 'cred-1', 60_000),
    );
    const password = real.fresh();
    const body = { credentialCode: real.code, nonce, newPassword: value(password) };
    const answer = await call(real, '/passwords/lost_password/resume', undefined, body);
    if (!right || isDisabled(model) || model.versions.length === 0) return [said(answer), '409 INVALID_NONCE_OR_EMAIL'];
    addVersion(model, password, answer);
    return [said(answer), '200'];
  });

const guesses = fc.constantFrom<Guess>(
  'the newest',
  'the newest',
  'a wrong one',
  'the one before',
  'the one two before',
);
const at = fc.nat(3);

/** What a run begins with, unless it is one of the few that shall do without. */
export const beginning: readonly Command[] = [create, login('the newest'), login('the newest')];

export const commands: readonly fc.Arbitrary<Command>[] = [
  fc.constant(create),
  guesses.map(login),
  fc.constantFrom(login('the newest'), login('the newest')),
  fc.tuple(guesses, at).map(([guess, index]) => update(guess, index)),
  fc.tuple(fc.constant<Guess>('the newest'), fc.constant(1)).map(([guess, index]) => update(guess, index)),
  at.map(updateAuthenticated),
  fc.tuple(fc.integer({ min: -1, max: 2 }), fc.boolean()).map(([back, compromised]) => expire(back, compromised)),
  at.map(logout),
  at.map(terminate),
  at.map(terminateAll),
  fc
    .tuple(
      fc.constantFrom('credential' as const, 'identity' as const),
      fc.constantFrom('disable' as const, 'enable' as const, 'enable' as const),
    )
    .map(([what, to]) => step(what, to)),
  fc.boolean().map(resume),
];
