import { AsyncLocalStorage } from 'node:async_hooks';
import type { KyselyPlugin } from 'kysely';
import { expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { system } from '../src/kernel/caller.ts';
import { openCredentialSession } from '../src/passwords/credential-session.ts';
import { requireCredential, stepCredential } from '../src/passwords/identity/credential.ts';
import {
  createPassword,
  expirePassword,
  updateAuthenticatedPassword,
  updatePassword,
} from '../src/passwords/password.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { write } from '../src/store/write.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { authenticateSession, type OpenedSession } from '../src/subject/session.ts';
import { terminateSession, terminateSessionsOf } from '../src/subject/session-administration.ts';
import { openContext, tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { corporateNetwork, passwords } from './support/passwords.ts';
import { from } from './support/source.ts';

const source = from('192.0.2.1');
const ids = ['cred-1', 'cred-2', 'cred-3'] as const;
type Id = (typeof ids)[number];

/** Realm `dev`, where each of them has its first password. */
async function open(databaseUrl: string): Promise<Context> {
  const context = await openContext(databaseUrl);
  await applyNetwork(context, corporateNetwork(), tester);
  for (const id of ids) await createPassword(context, 'dev', id, { password: passwords.first }, tester);
  return context;
}

/** As a login does once it has found the first password to be right. */
async function opened(context: Context, id: Id, plugins: readonly KyselyPlugin[] = []): Promise<OpenedSession> {
  const realm = await requireRealm(context, 'dev');
  const credential = await requireCredential(context, 'dev', id);
  return write(context, system, (tx) => {
    const db = plugins.reduce((reading, plugin) => reading.withPlugin(plugin) as typeof reading, tx.db);
    return openCredentialSession(context, { ...tx, db }, realm, credential, {
      version: 1,
      amr: ['pwd'],
      acr: 'aal1',
      source,
    });
  });
}

async function isAlive(context: Context, token: string): Promise<boolean> {
  return authenticateSession(context, token).then(
    () => true,
    () => false,
  );
}

async function update(context: Context, id: Id): Promise<void> {
  const realm = await requireRealm(context, 'dev');
  const { session } = await opened(context, id);
  await updateAuthenticatedPassword(context, realm, session, { password: passwords.second, source }, tester);
}

/** What ends every session of a credential. */
const ends: Readonly<Record<string, (context: Context, id: Id) => Promise<void>>> = {
  'an update': update,
  expiry: (context, id) => expirePassword(context, 'dev', id, 1, undefined, tester),
  'expiry as compromised': (context, id) => expirePassword(context, 'dev', id, 1, 'COMPROMISED', tester),
  disabling: (context, id) => stepCredential(context, 'dev', id, 'disable', tester),
  'termination of all': (context, id) => terminateSessionsOf(context, 'dev', id, tester),
};

/** The context whose `reads`-th read of this credential in full is met by `end`. */
function metContext(context: Context, id: Id, reads: number, end: () => Promise<void>): Context {
  const elsewhere = AsyncLocalStorage.snapshot();
  let seen = 0;
  const meeting: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      const isRead = result.rows.some((row) => row.id === id && 'devices_after' in row);
      if (isRead && ++seen === reads) await elsewhere(end);
      return result;
    },
  };
  return { ...context, store: { ...context.store, db: context.store.db.withPlugin(meeting) } };
}

/** A login whose transaction is met by `end` after so many reads: what it comes to. */
async function metLogin(context: Context, id: Id, reads: number, end: () => Promise<void>) {
  const elsewhere = AsyncLocalStorage.snapshot();
  let seen = 0;
  const meeting: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    async transformResult({ result }) {
      if (++seen === reads) await elsewhere(end);
      return result;
    },
  };
  const outcome = await opened(context, id, [meeting]).catch(({ code }: { code: string }) => code);
  expect(seen).toBeGreaterThanOrEqual(reads);
  if (typeof outcome === 'string') return outcome;
  return (await isAlive(context, outcome.token)) ? 'alive' : 'dead';
}

eachDatabase('a change while another is under way', (freshUrl, kind) => {
  // On SQLite a transaction that writes is alone; on PostgreSQL its every statement sees what was committed before it.
  if (kind === 'postgres') {
    test('never leaves the session of a login that it met alive, wherever in its transaction', async () => {
      const context = await open(await freshUrl());
      const outcomes: string[] = [];
      for (const [what, end] of Object.entries(ends)) {
        for (const [index, id] of ids.entries()) {
          outcomes.push(`${what}: ${await metLogin(context, id, index + 1, () => end(context, id))}`);
          // As it was.
          await context.store.db.deleteFrom('password').where('version', '>', 1).execute();
          await context.store.db.updateTable('password').set({ expired_at: null, compromised_at: null }).execute();
          await stepCredential(context, 'dev', id, 'enable', tester);
        }
      }
      expect(outcomes).toHaveLength(ids.length * Object.keys(ends).length);
      expect(outcomes.filter((outcome) => !/: (dead|login\.failed)$/.test(outcome))).toEqual([]);
    });

    test('is not undone by a network file that gives the credential another address', async () => {
      const context = await open(await freshUrl());
      const file = (email: string) => ({
        realms: [
          {
            name: 'dev',
            credentials: ids.map((id) => ({
              ...corporateNetwork().realms[0]?.credentials.find((c) => c.id === id),
              email,
            })),
            identities: [{ id: 'corp-1', profileId: 'ip-1', name: `Acme of ${email}` }],
          },
        ],
      });
      for (const [index, id] of ids.entries()) {
        const change = async () => {
          await stepCredential(context, 'dev', id, 'disable', tester);
          await expirePassword(context, 'dev', id, 1, 'COMPROMISED', tester);
        };
        await applyNetwork(metContext(context, id, index + 1, change), file(`new-${index}@acme.example`), tester);
        const { disabledAt, devicesAfter, createdAt, email } = await requireCredential(context, 'dev', id);
        expect([disabledAt !== null, devicesAfter > createdAt, email]).toEqual([
          true,
          true,
          `new-${index}@acme.example`,
        ]);
      }
    });
  }

  test.each([...Object.keys(ends), 'termination of this one'])(
    'breaks off a password update that %s meets',
    async (what) => {
      const context = await open(await freshUrl());
      const realm = await requireRealm(context, 'dev');
      const { session } = await opened(context, 'cred-1');
      let met = 0;
      const hash = async (password: string) => {
        if (met++ === 0) {
          await (ends[what]?.(context, 'cred-1') ?? terminateSession(context, 'dev', session.id, undefined, tester));
        }
        return context.hasher.hash(password);
      };
      const wanted = { oldPassword: passwords.first, password: passwords.third, source };
      const slow = { ...context, hasher: { ...context.hasher, hash } };
      const updating = updatePassword(slow, realm, session, wanted, tester);
      const code = what === 'an update' ? 'write.conflict' : 'session.invalid';
      await expect(updating).rejects.toMatchObject({ code });
      const versions = await context.store.db
        .selectFrom('password')
        .select('version')
        .where('credential_id', '=', 'cred-1')
        .execute();
      expect(versions).toHaveLength(what === 'an update' ? 2 : 1);
    },
  );
});
