/** Kills a real server while it changes passwords, again and again: the newest one works, and nothing acknowledged is lost. */

import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'vitest';
import { systemClock } from '../../src/kernel/clock.ts';
import { createLog } from '../../src/kernel/log.ts';
import { applyNetwork } from '../../src/registry/network-file/apply.ts';
import { openStore } from '../../src/store/open.ts';
import { openContext, temporaryDir, tester } from './context.ts';
import { eventually } from './eventually.ts';
import { corporateNetwork } from './passwords.ts';
import { administrator, serve } from './serve.ts';
import { obtainToken } from './server.ts';

/** A credential, the passwords that it has certainly had, and the one that it may have got when the server went. */
interface Owner {
  readonly id: string;
  readonly code: string;
  readonly acknowledged: string[];
  pending: string | undefined;
}

export async function passwordKillRounds(databaseUrl: string, rounds: number): Promise<void> {
  const dataDir = temporaryDir();
  const variables = {
    COUNTERSIGN_DATA_DIR: dataDir,
    COUNTERSIGN_DATABASE_URL: databaseUrl,
    COUNTERSIGN_LOG_LEVEL: 'warn',
  };
  await applyNetwork(await openContext(databaseUrl), corporateNetwork(), tester);
  const owners: readonly Owner[] = [
    { id: 'cred-1', code: 'alice@acme.example', acknowledged: [], pending: undefined },
    { id: 'cred-2', code: 'bob', acknowledged: [], pending: undefined },
    { id: 'cred-3', code: 'carol@globex.example', acknowledged: [], pending: undefined },
  ];
  for (let round = 0; round < rounds; round++) {
    const server = await serve(variables);
    const loading = Promise.all(owners.map((owner) => change(server.url, owner)));
    // Under way, however slow the machine is: then at any moment of one of the changes that follow.
    const before = acknowledgedBy(owners);
    await eventually(() => acknowledgedBy(owners) > before, 30_000);
    await pause(Math.random() * 400);
    expect((await server.end('SIGKILL')).signal).toBe('SIGKILL');
    await loading;
    await inspect(databaseUrl, owners);
  }
  const server = await serve(variables);
  for (const owner of owners) {
    await begin(server.url, owner);
    const [before] = owner.acknowledged.slice(-2, -1);
    if (before !== undefined) expect(await logIn(server.url, owner, before)).toBeUndefined();
  }
  expect((await server.end('SIGTERM')).code).toBe(0);
}

const acknowledgedBy = (owners: readonly Owner[]) =>
  owners.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0);

/** Makes one version after the other until the server is gone. */
async function change(url: string, owner: Owner): Promise<void> {
  try {
    let token = await begin(url, owner);
    for (;;) {
      const oldPassword = owner.acknowledged.at(-1) as string;
      const { token: next } = await acknowledged(owner, (password) =>
        post(`${url}/passwords/${owner.id}/update`, token, {
          oldPassword: { value: oldPassword },
          password: { value: password },
        }),
      );
      token = String(next);
    }
  } catch (thrown) {
    // The end of the server is the end of this, and nothing else is.
    if (!(thrown instanceof TypeError)) throw thrown;
  }
}

/** The first password, or a login with what the death of the server has left as the newest. */
async function begin(url: string, owner: Owner): Promise<string> {
  const admin = await obtainToken(`${url}/realms/system`, administrator.id, administrator.secret);
  const { pending } = owner;
  if (pending !== undefined && (await versionsOf(url, admin, owner)) > owner.acknowledged.length) {
    owner.acknowledged.push(pending);
  }
  owner.pending = undefined;
  if (owner.acknowledged.length === 0) {
    await acknowledged(owner, (password) =>
      post(`${url}/passwords/${owner.id}/create`, admin, { password: { value: password } }),
    );
  }
  const token = await logIn(url, owner, owner.acknowledged.at(-1) as string);
  expect([owner.id, token]).toEqual([owner.id, expect.any(String)]);
  return token as string;
}

let made = 0;

async function acknowledged(
  owner: Owner,
  act: (password: string) => Promise<Response>,
): Promise<Record<string, unknown>> {
  const password = `a password that was never used before ${++made}`;
  owner.pending = password;
  const response = await act(password);
  // The status alone is the promise, whether or not the rest of the answer arrives.
  expect(response.status).toBe(200);
  owner.acknowledged.push(password);
  owner.pending = undefined;
  return (await response.json()) as Record<string, unknown>;
}

async function versionsOf(url: string, admin: string, { id }: Owner): Promise<number> {
  const response = await post(`${url}/passwords/${id}/get`, admin, {});
  if (response.status === 404) return 0;
  const { passwordInfo } = (await response.json()) as { passwordInfo: { version: number } };
  return passwordInfo.version;
}

async function logIn(url: string, { code }: Owner, password: string): Promise<string | undefined> {
  const response = await post(`${url}/auth/login`, undefined, { credentialCode: code, password });
  return ((await response.json()) as { token?: string }).token;
}

function post(url: string, token: string | undefined, body: object): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
}

/** Before any server has come back to mend it: versions without a gap, all but the newest expired, no more than was asked for. */
async function inspect(databaseUrl: string, owners: readonly Owner[]): Promise<void> {
  const store = await openStore(databaseUrl, systemClock, createLog('silent'));
  try {
    for (const { id, acknowledged, pending } of owners) {
      const rows = await store.db
        .selectFrom('password')
        .select(['version', 'expired_at', 'hash'])
        .where('credential_id', '=', id)
        .orderBy('version')
        .execute();
      expect(rows.map(({ version }) => version)).toEqual(rows.map((_, index) => index + 1));
      expect(rows.filter(({ expired_at }) => expired_at === null)).toEqual(rows.slice(-1));
      expect(rows.at(-1)?.hash ?? '').toMatch(rows.length === 0 ? /^$/ : /^\$argon2id\$/);
      expect(rows.length).toBeGreaterThanOrEqual(acknowledged.length);
      expect(rows.length).toBeLessThanOrEqual(acknowledged.length + (pending === undefined ? 0 : 1));
    }
  } finally {
    await store.close();
  }
}
