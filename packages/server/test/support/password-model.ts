/** What passwords and sessions of one credential must be like after any commands: a small model beside a real server. */

import type fc from 'fast-check';
import { expect } from 'vitest';
import { guessesPerCredential } from '../../src/passwords/guess/throttle.ts';
import { createCredential } from '../../src/passwords/identity/credential.ts';
import { createIdentity } from '../../src/passwords/identity/identity.ts';
import { tester } from './context.ts';
import { type Answered, type Corporate, said } from './passwords.ts';

export interface Version {
  readonly password: string;
  readonly expired: boolean;
  readonly compromised: boolean;
}

export interface Known {
  readonly token: string;
  readonly restricted: boolean;
  alive: boolean;
  id?: string;
}

export interface Model {
  versions: Version[];
  sessions: Known[];
  credentialDisabled: boolean;
  identityDisabled: boolean;
  /** Of the subject: every change that ends all sessions counts one on. */
  epoch: number;
  /** Wrong ones, since the credential was last unlocked: how many are let through is not what this is about. */
  guesses: number;
  /** New passwords that were made when its budget was last known to be whole. */
  spent: number;
}

export interface Real {
  readonly corporate: Corporate;
  readonly id: string;
  readonly identityId: string;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;
  /** A password that was never used. */
  fresh(): string;
  /** So many it has made. */
  made(): number;
  /** Lets an hour pass: then a credential may have ten more new passwords. */
  passAnHour(): void;
}

/** docs/threat-model.md. */
const passwordsPerHour = 10;
let made = 0;

/** A credential without a password, and what is to be thought of it. */
export async function newCredential(
  corporate: Corporate,
  passAnHour: () => void,
): Promise<{ readonly model: Model; readonly real: Real }> {
  const { context } = corporate.server;
  const number = ++made;
  const { id: identityId } = await createIdentity(
    context,
    'dev',
    { profileId: 'ip-1', name: `Model ${number}` },
    tester,
  );
  const code = `model-${number}@acme.example`;
  const { id } = await createCredential(context, 'dev', { identityId, type: 'ROOT', code }, tester);
  let passwords = 0;
  const fresh = () => `long enough ${number} and never used before ${++passwords}`;
  // A network of its own, so that the guesses of one run are not counted against the next.
  const headers = { 'x-forwarded-for': `198.${18 + (number >> 8)}.${number & 255}.1` };
  return {
    model: {
      ...{ versions: [], sessions: [], credentialDisabled: false, identityDisabled: false },
      ...{ epoch: 1, guesses: 0, spent: 0 },
    },
    real: { corporate, id, identityId, code, headers, fresh, made: () => passwords, passAnHour },
  };
}

export type Command = fc.AsyncCommand<Model, Real>;

/** Two more guesses and two more new passwords at least are let through. For the passwords an hour passes, and all sessions end. */
export async function keepUnlocked(model: Model, real: Real): Promise<void> {
  if (real.made() - model.spent > passwordsPerHour - 2) {
    real.passAnHour();
    model.spent = real.made();
    const answer = await real.corporate.admin('/auth/sessions/terminate', { credentialId: real.id });
    expect(answer.status).toBeLessThan(300);
    endAll(model);
  }
  if (model.guesses < guessesPerCredential - 2) return;
  const answer = await real.corporate.admin(`/realms/dev/admin/credentials/${real.id}/unlock`);
  expect(answer.status).toBeLessThan(300);
  model.guesses = 0;
}

/** `act` calls the real server, and answers what it said and what it should have said. Then everything is looked at. */
export function command(
  name: string,
  can: (model: Model) => boolean,
  act: (model: Model, real: Real) => Promise<readonly [said: string, wanted: string]>,
): Command {
  return {
    check: can,
    async run(model, real) {
      await keepUnlocked(model, real);
      const [answered, wanted] = await act(model, real);
      expect(`${name}: ${answered}`).toBe(`${name}: ${wanted}`);
      await requireAsModelled(model, real);
    },
    toString: () => name,
  };
}

export const always = () => true;
export const newest = ({ versions }: Model) => versions.at(-1);
export const isDisabled = ({ credentialDisabled, identityDisabled }: Model) => credentialDisabled || identityDisabled;
export const mayGuess = ({ versions }: Model) => versions.length > 0;
export const value = (text: string) => ({ value: text });

/** All sessions end, and a new generation begins. */
export function endAll(model: Model): void {
  for (const session of model.sessions) session.alive = false;
  model.epoch++;
}

export function remember(model: Model, { body }: Answered, restricted: boolean): void {
  model.sessions.push({ token: String(body.token), restricted, alive: true });
}

export function addVersion(model: Model, password: string, answer?: Answered): void {
  const last = newest(model);
  if (last !== undefined) model.versions[model.versions.length - 1] = { ...last, expired: true };
  model.versions.push({ password, expired: false, compromised: false });
  if (answer === undefined) return;
  endAll(model);
  remember(model, answer, false);
}

export const call = ({ corporate, headers }: Real, path: string, token: string | undefined, body?: object) =>
  corporate.call(path, token, body, headers);
/** One of the last; of those that are alive, if there are any, for most numbers. */
export function sessionAt({ sessions }: Model, at: number): Known {
  const alive = sessions.filter(({ alive }) => alive);
  const among = at > 0 && alive.length > 0 ? alive : sessions;
  return among[among.length - 1 - (at % among.length)] as Known;
}

/** The model and the world, side by side: the versions, the epoch, and every session of the last ones. */
export async function requireAsModelled(model: Model, real: Real): Promise<void> {
  const { db } = real.corporate.server.context.store;
  const rows = await db
    .selectFrom('password')
    .selectAll()
    .where('credential_id', '=', real.id)
    .orderBy('version')
    .execute();
  expect(
    rows.map(({ version, expired_at, compromised_at }) => [version, expired_at !== null, compromised_at !== null]),
  ).toEqual(model.versions.map(({ expired, compromised }, index) => [index + 1, expired, compromised]));
  const subject = await db
    .selectFrom('subject')
    .selectAll()
    .where('id', '=', `credential:${real.id}`)
    .executeTakeFirst();
  expect([subject?.generation, subject?.suspended_at !== null]).toEqual([model.epoch, isDisabled(model)]);
  for (const session of model.sessions.slice(-5)) {
    const answer = await call(real, '/auth/sessions/get', session.token);
    expect(said(answer)).toBe(
      session.alive ? (session.restricted ? '403 SESSION_RESTRICTED' : '200') : '401 SESSION_INVALID',
    );
    if (answer.status !== 200) continue;
    const listed = answer.body.sessions as readonly { readonly id: string; readonly current: boolean }[];
    session.id ??= listed.find(({ current }) => current)?.id as string;
    expect(listed).toHaveLength(model.sessions.filter(({ alive, restricted }) => alive && !restricted).length);
  }
}
