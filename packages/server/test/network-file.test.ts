import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import type { Context } from '../src/context.ts';
import { system } from '../src/kernel/caller.ts';
import { endClient, lookUpClient, parseSecrets } from '../src/registry/client.ts';
import { issueSecret, revokeSecret } from '../src/registry/client-administration.ts';
import { stepParticipant } from '../src/registry/lifecycle.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { exportNetwork } from '../src/registry/network-file/export.ts';
import type { ApplyReport } from '../src/registry/network-file/report.ts';
import { lookUpParticipant, requireParticipant } from '../src/registry/participant.ts';
import { write } from '../src/store/write.ts';
import { requireRealm } from '../src/subject/realm.ts';
import { lookUpSubjectState } from '../src/subject/subject.ts';
import { signingKeys } from '../src/subject/tokens/signing-key.ts';
import { type ManualClock, manualClock } from './support/clock.ts';
import { openContext } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { agentSecret, caller, contentOf, eventsOf, keyOf, publicKey, wholeNetwork } from './support/network.ts';
import { script } from './support/program.ts';

/** A file that says one thing of one participant of realm dev. */
function dev(participants: readonly object[], others: object = {}) {
  return { realms: [{ name: 'dev', participants, ...others }] };
}

const lender = { id: 'l', role: 'LENDER', client: { id: 'l-client', secret: 'a-secret-of-the-lender' } };

async function statusOf(context: Context, id: string) {
  return (await requireParticipant(context, 'dev', id)).status;
}

interface Outcome {
  readonly report?: ApplyReport;
  readonly code?: string;
}

/** Each file is applied by a process of its own, all at the same moment. */
async function raceProcesses(url: string, files: readonly object[]): Promise<Outcome[]> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-race-'));
  const runners = files.map((file, index) => {
    const path = join(folder, `${index}.json`);
    writeFileSync(path, JSON.stringify(file));
    return spawn(process.execPath, [script('apply-process'), url, path], { stdio: ['pipe', 'pipe', 'inherit'] });
  });
  try {
    const lines = runners.map((runner) => createInterface(runner.stdout)[Symbol.asyncIterator]());
    await Promise.all(lines.map((line) => line.next()));
    for (const runner of runners) runner.stdin.end('go');
    return await Promise.all(lines.map(async (line) => JSON.parse((await line.next()).value ?? '{}') as Outcome));
  } finally {
    for (const runner of runners) runner.kill();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Generation and life of the subject behind a client. */
async function subjectOf(context: Context, clientId: string) {
  const row = await context.store.db
    .selectFrom('client')
    .selectAll()
    .where('id', '=', clientId)
    .executeTakeFirstOrThrow();
  return { row, state: await lookUpSubjectState(context, 'dev', row.subject_id) };
}

eachDatabase('the network file', (freshUrl) => {
  async function withContext(act: (context: Context, clock: ManualClock) => Promise<void>) {
    const clock = manualClock();
    await act(await openContext(await freshUrl(), { clock }), clock);
  }

  test('is stored as a whole, with signing keys for the new realm', () =>
    withContext(async (context) => {
      const report = await applyNetwork(context, wholeNetwork(), caller);
      expect(report.realms).toEqual([
        {
          name: 'dev',
          created: [
            'realm:dev',
            'participant:agent',
            'client:agent-client',
            'participant:lender',
            'client:lender-client',
            'participant:data',
            'product:product-1',
            'product_network:network-1',
            'lender_network_filter:filter-1',
            'server_whitelisting_item:item-1',
            'server_whitelisting_item:item-0',
            'identity_profile:ip-1',
            'password_profile:ip-1',
            'identity:corp-1',
            'credential:cred-1',
          ],
          changed: [],
          unchanged: 0,
        },
      ]);
      expect(report.secrets).toEqual([
        { realm: 'dev', clientId: 'lender-client', secret: expect.stringMatching(/^[\w-]{43}$/) },
      ]);
      expect((await signingKeys(context, 'dev')).length).toBeGreaterThanOrEqual(4);
      const agent = await requireParticipant(context, 'dev', 'agent');
      expect(agent).toMatchObject({
        role: 'LOAN_AGENT',
        organisationId: 'org-agent',
        clientId: 'agent-client',
        approvedBy: 'admin',
      });
      expect((await requireParticipant(context, 'dev', 'data')).role).toBe('DERIVED_DATA_PARTNER');
      const client = await lookUpClient(context, 'dev', 'agent-client');
      expect(client?.live).toBe(true);
      expect(client?.subject).toMatchObject({
        participantId: 'agent',
        roles: ['LOAN_AGENT'],
        scopes: ['loans:read', 'loans:write'],
        resourceAccess: { 'loan-api': { roles: ['apply', 'read'] } },
      });
      expect(context.vault.matches('client-secret', agentSecret, client?.secrets[0]?.digest ?? '')).toBe(true);
      const made = (await lookUpClient(context, 'dev', 'lender-client'))?.secrets[0]?.digest ?? '';
      expect(context.vault.matches('client-secret', report.secrets[0]?.secret ?? '', made)).toBe(true);
    }));

  test('applied twice changes nothing, writes no event and drops no cache entry', () =>
    withContext(async (context, clock) => {
      const file = wholeNetwork();
      await applyNetwork(context, file, caller);
      const before = await contentOf(context);
      clock.advance(3_600_000);
      const again = await applyNetwork(context, file, { actor: 'somebody else', requestId: 'request-2' });
      expect(again).toEqual({ realms: [{ name: 'dev', created: [], changed: [], unchanged: 15 }], secrets: [] });
      expect(await contentOf(context)).toBe(before);
    }));

  test('its export changes nothing in the same store, and makes everything but secrets in an empty one', () =>
    withContext(async (context, clock) => {
      await applyNetwork(context, wholeNetwork(), caller);
      await stepParticipant(context, 'dev', 'lender', 'suspend', undefined, caller);
      await applyNetwork(
        context,
        dev([
          {
            id: 'gone',
            role: 'KYC_PARTNER',
            keys: [publicKey(), { ...publicKey(), nbf: 4_000_000_000 }],
            client: { id: 'gone-client' },
          },
        ]),
        caller,
      );
      clock.advance(1_500);
      await stepParticipant(context, 'dev', 'gone', 'offboard', undefined, caller);
      const before = await contentOf(context);
      const exported = await exportNetwork(context);
      expect(JSON.stringify(exported)).not.toMatch(/digest|secret/);
      clock.advance(60_000);
      await applyNetwork(context, exported, caller);
      expect(await contentOf(context)).toBe(before);

      const other = await openContext(await freshUrl(), { clock });
      const report = await applyNetwork(other, exported, caller);
      expect(await exportNetwork(other)).toEqual(exported);
      // A tombstone gets no secret.
      expect(report.secrets.map(({ clientId }) => clientId)).toEqual(['agent-client', 'lender-client']);
      expect((await lookUpClient(other, 'dev', 'lender-client'))?.live).toBe(false);
      expect(await lookUpClient(other, 'dev', 'gone-client')).toBeUndefined();
      expect((await subjectOf(other, 'gone-client')).state).toEqual({ generation: 2, live: false });
      const ended = other.store.db.selectFrom('subject').select('id').where('ended_at', 'is not', null);
      expect(await ended.execute()).toHaveLength(1);
    }));

  test('never prunes: what it does not name stays, entry by entry and member by member', () =>
    withContext(async (context) => {
      await applyNetwork(context, wholeNetwork(), caller);
      const before = await exportNetwork(context, 'dev');
      const report = await applyNetwork(context, dev([{ id: 'agent', role: 'LOAN_AGENT' }], { products: [] }), caller);
      expect(report.realms).toEqual([{ name: 'dev', created: [], changed: [], unchanged: 2 }]);
      expect(await exportNetwork(context, 'dev')).toEqual(before);
    }));

  test('changes what it names and clears what it says is null, with one event for each changed entry', () =>
    withContext(async (context, clock) => {
      await applyNetwork(context, wholeNetwork(), caller);
      const known = (await eventsOf(context)).length;
      clock.advance(60_000);
      const agent = {
        id: 'agent',
        role: 'LENDER',
        baseUrl: null,
        resources: [],
        participant: { participantPhone: null },
      };
      const network = { id: 'network-1', name: 'Network', participants: ['lender'] };
      const report = await applyNetwork(context, dev([agent], { productNetworks: [network] }), caller);
      expect(report.realms[0]?.changed).toEqual(['participant:agent', 'product_network:network-1']);
      const stored = await requireParticipant(context, 'dev', 'agent');
      expect(stored).toMatchObject({ role: 'LENDER', baseUrl: null, resources: [], organisationId: 'org-agent' });
      expect(stored.organisation).toMatchObject({ participantPhone: null, participantEmail: 'ops@agent.example' });
      expect(stored.updatedAt).toBe(clock.now());
      expect((await lookUpClient(context, 'dev', 'agent-client'))?.subject.resourceAccess).toEqual({});
      const exported = (await exportNetwork(context, 'dev')).realms[0] as { productNetworks?: unknown };
      expect(exported.productNetworks).toEqual([{ ...network, description: null, productId: 'product-1' }]);
      const events = (await eventsOf(context)).slice(known);
      expect(events.map(({ type, object }) => `${type} ${object}`).sort()).toEqual([
        'participant.changed participant:agent',
        'product_network.changed product_network:network-1',
      ]);
    }));

  test('a secret is made once, kept when it is the same, and replaced when it is another', () =>
    withContext(async (context, clock) => {
      const digests = async () => parseSecrets((await subjectOf(context, 'l-client')).row.secrets);
      const first = await applyNetwork(context, dev([{ ...lender, client: { id: 'l-client' } }]), caller);
      const made = first.secrets[0]?.secret ?? '';
      expect((await applyNetwork(context, dev([{ ...lender, client: { id: 'l-client' } }]), caller)).secrets).toEqual(
        [],
      );
      await applyNetwork(context, dev([{ ...lender, client: { id: 'l-client', secret: made } }]), caller);
      expect((await digests()).map(({ expiresAt }) => expiresAt)).toEqual([null]);
      clock.advance(1_000);
      const changed = await applyNetwork(context, dev([lender]), caller);
      expect(changed).toMatchObject({ realms: [{ changed: ['client:l-client'] }], secrets: [] });
      // The file says which secret there is: the one before ends at once.
      expect((await digests()).map(({ expiresAt }) => expiresAt)).toEqual([clock.now(), null]);
      // An old file does not bring an ended secret back.
      clock.advance(1_000);
      await applyNetwork(context, dev([{ ...lender, client: { id: 'l-client', secret: made } }]), caller);
      expect((await digests()).map(({ expiresAt }) => expiresAt)).toEqual([clock.now() - 1_000, null]);
    }));

  test('a secret that was revoked, or replaced by the participant itself, is not brought back', () =>
    withContext(async (context) => {
      const tries = async (secret: string) => {
        const { row } = await subjectOf(context, 'l-client');
        return parseSecrets(row.secrets).filter(({ digest }) => context.vault.matches('client-secret', secret, digest));
      };
      const issue = () => issueSecret(context, 'dev', 'l-client', { overlapSeconds: 0, isOwn: true }, caller);
      await applyNetwork(context, dev([lender]), caller);
      const [first] = await tries(lender.client.secret);
      await revokeSecret(context, 'dev', 'l-client', first?.id ?? '', true, caller);
      expect((await applyNetwork(context, dev([lender]), caller)).realms).toMatchObject([{ changed: [] }]);
      expect(await tries(lender.client.secret)).toEqual([]);

      const second = { ...lender, client: { id: 'l-client', secret: 'another-secret-of-the-lender' } };
      await applyNetwork(context, dev([second]), caller);
      expect(await tries(second.client.secret)).toMatchObject([{ expiresAt: null }]);
      for (let i = 0; i < 3; i++) await issue();
      const { clientSecret } = await issue();
      for (const file of [lender, second]) await applyNetwork(context, dev([file]), caller);
      expect(await tries(second.client.secret)).toEqual([]);
      expect(await tries(clientSecret)).toMatchObject([{ expiresAt: null }]);
    }));

  test('no secret and no digest is in the events', () =>
    withContext(async (context) => {
      const { secrets } = await applyNetwork(context, wholeNetwork(), caller);
      await applyNetwork(
        context,
        dev([
          { id: 'agent', role: 'LOAN_AGENT', client: { id: 'agent-client', secret: 'another-secret-of-the-agent' } },
        ]),
        caller,
      );
      const log = (await eventsOf(context)).map(({ text }) => text).join('\n');
      const digest = context.vault.digest('client-secret', agentSecret);
      for (const value of [agentSecret, 'another-secret-of-the-agent', secrets[0]?.secret ?? '', digest]) {
        expect(value.length).toBeGreaterThan(15);
        expect(log.includes(value)).toBe(false);
      }
    }));

  test('never lifts SUSPENDED or OFFBOARDED, and follows the file otherwise', () =>
    withContext(async (context, clock) => {
      const say = (status: string) =>
        applyNetwork(context, dev([{ ...lender, status, resources: [{ resource: 'r', roles: ['x'] }] }]), caller);
      await say('APPLIED');
      expect(await lookUpClient(context, 'dev', 'l-client')).toMatchObject({ live: false });
      expect((await subjectOf(context, 'l-client')).state).toEqual({ generation: 1, live: false });
      await say('APPROVED');
      // Not what the cache knew when it was APPLIED.
      expect(await lookUpClient(context, 'dev', 'l-client')).toMatchObject({ live: true });
      const approved = await subjectOf(context, 'l-client');
      expect(approved.state?.live).toBe(true);
      expect(await requireParticipant(context, 'dev', 'l')).toMatchObject({
        approvedBy: 'operator',
        approvedAt: clock.now(),
      });
      await say('REJECTED');
      const rejected = await subjectOf(context, 'l-client');
      expect(rejected.state).toEqual({ generation: (approved.state?.generation ?? 0) + 1, live: false });
      await say('APPROVED');
      expect((await subjectOf(context, 'l-client')).state).toEqual({
        generation: rejected.state?.generation,
        live: true,
      });
      await say('SUSPENDED');
      await say('APPROVED');
      expect(await statusOf(context, 'l')).toBe('SUSPENDED');
      expect((await subjectOf(context, 'l-client')).state?.live).toBe(false);
      await say('OFFBOARDED');
      await say('APPROVED');
      expect(await requireParticipant(context, 'dev', 'l')).toMatchObject({
        status: 'OFFBOARDED',
        resources: [],
        clientId: 'l-client',
      });
      const { row, state } = await subjectOf(context, 'l-client');
      expect(row).toMatchObject({ secrets: '[]', ended_at: clock.now() });
      expect(state?.live).toBe(false);
    }));

  test('nothing is added to an offboarded participant', () =>
    withContext(async (context) => {
      await applyNetwork(context, dev([lender]), caller);
      await applyNetwork(context, dev([{ ...lender, status: 'OFFBOARDED' }]), caller);
      const before = await contentOf(context);
      const more = {
        baseUrl: 'https://back.example',
        keys: [publicKey()],
        resources: [{ resource: 'r', roles: ['x'] }],
      };
      await applyNetwork(context, dev([{ ...lender, ...more, status: 'APPROVED' }]), caller);
      expect(await contentOf(context)).toBe(before);
    }));

  test('offboarding by file ends the keys, and no file revives one', () =>
    withContext(async (context, clock) => {
      const key = publicKey();
      await applyNetwork(context, dev([{ ...lender, keys: [key] }]), caller);
      clock.advance(5_000);
      await applyNetwork(
        context,
        dev([{ ...lender, keys: [{ ...key, exp: Math.floor(clock.now() / 1000) }] }]),
        caller,
      );
      clock.advance(5_000);
      await applyNetwork(context, dev([{ ...lender, keys: [{ ...key, exp: 4_000_000_000 }] }]), caller);
      const [retired] = (await requireParticipant(context, 'dev', 'l')).keys;
      expect(retired?.notAfter).toBe(clock.now() - 5_000);
      await applyNetwork(context, dev([{ ...lender, keys: [publicKey()] }]), caller);
      await applyNetwork(context, dev([{ ...lender, status: 'OFFBOARDED' }]), caller);
      expect((await requireParticipant(context, 'dev', 'l')).keys.map(({ notAfter }) => notAfter)).toEqual([
        clock.now() - 5_000,
        clock.now(),
      ]);
    }));

  test('a later key of the list is the newer one, and keys that the file leaves out stay', () =>
    withContext(async (context) => {
      await applyNetwork(context, dev([{ ...lender, keys: [publicKey('a'), publicKey('b'), publicKey('c')] }]), caller);
      await applyNetwork(context, dev([{ ...lender, keys: [] }]), caller);
      const { keys } = await requireParticipant(context, 'dev', 'l');
      expect(keys.map(({ jwk }) => jwk.kid)).toEqual(['a', 'b', 'c']);
    }));

  test('the end of a key that is still valid follows the file', () =>
    withContext(async (context, clock) => {
      const key = publicKey();
      const now = Math.floor(clock.now() / 1000);
      const say = (validity: object) =>
        applyNetwork(context, dev([{ ...lender, keys: [{ ...key, ...validity }] }]), caller);
      await say({});
      const seen = [];
      for (const validity of [{ exp: now + 100 }, { exp: now + 50 }, {}, { exp: now + 200 }]) {
        const { realms } = await say(validity);
        const [stored] = (await requireParticipant(context, 'dev', 'l')).keys;
        seen.push([stored?.notAfter, realms[0]?.changed]);
      }
      expect(seen).toEqual([
        [(now + 100) * 1000, ['participant:l']],
        [(now + 50) * 1000, ['participant:l']],
        [(now + 50) * 1000, []],
        [(now + 200) * 1000, ['participant:l']],
      ]);
    }));

  test('an updatedOn alone is no change, and never makes a change look older than it is', () =>
    withContext(async (context, clock) => {
      const say = (updatedOn: string, baseUrl: string) =>
        applyNetwork(context, dev([{ ...lender, baseUrl, keys: [keyOf('l')], updatedOn }]), caller);
      const stored = async () => (await requireParticipant(context, 'dev', 'l')).updatedAt;
      await say('2024-03-05T00:00:00Z', 'https://one.example');
      expect(await stored()).toBe(Date.UTC(2024, 2, 5));
      expect((await say('2025-01-01', 'https://one.example')).realms[0]?.changed).toEqual([]);
      await say('2025-01-01T05:30:00+05:30', 'https://two.example');
      expect(await stored()).toBe(Date.UTC(2025, 0, 1));
      await say('2024-03-05T00:00:00Z', 'https://three.example');
      expect(await stored()).toBe(clock.now());
    }));

  test('a participant that called nobody until now gets a client', () =>
    withContext(async (context) => {
      const provider = {
        id: 'provider',
        role: 'KYC_PARTNER',
        baseUrl: 'https://kyc.example',
        keys: [keyOf('provider')],
      };
      await applyNetwork(context, dev([provider]), caller);
      expect((await requireParticipant(context, 'dev', 'provider')).clientId).toBeNull();
      const report = await applyNetwork(context, dev([{ ...provider, client: { id: 'kyc' } }]), caller);
      expect(report.realms[0]).toMatchObject({ created: ['client:kyc'], changed: [] });
      expect((await requireParticipant(context, 'dev', 'provider')).clientId).toBe('kyc');
      expect(await lookUpClient(context, 'dev', 'kyc')).toMatchObject({ participantId: 'provider', live: true });
    }));

  test('a client that has ended stays a tombstone, whatever the file says of it', () =>
    withContext(async (context) => {
      await applyNetwork(context, dev([lender]), caller);
      const { row } = await subjectOf(context, 'l-client');
      await write(context, system, (tx) => endClient(tx, row));
      const before = await contentOf(context);
      await applyNetwork(
        context,
        dev([{ ...lender, client: { id: 'l-client', secret: 'another-secret-of-it', scope: 'x' } }]),
        caller,
      );
      expect(await contentOf(context)).toBe(before);
    }));

  test('the scope and the audiences of a client follow the file, and stay when it says nothing', () =>
    withContext(async (context) => {
      const say = (client: object) =>
        applyNetwork(context, dev([{ ...lender, client: { id: 'l-client', ...client } }]), caller);
      await say({ scope: 'a b', audiences: ['x'] });
      expect((await say({})).realms[0]?.changed).toEqual([]);
      expect((await say({ scope: 'a', secret: 'a-secret-of-the-lender' })).realms[0]?.changed).toEqual([
        'client:l-client',
      ]);
      const client = await lookUpClient(context, 'dev', 'l-client');
      expect([client?.subject.scopes, client?.audiences, client?.secrets.length]).toEqual([['a'], ['x'], 2]);
      await say({ scope: '', audiences: [] });
      const bare = await lookUpClient(context, 'dev', 'l-client');
      expect([bare?.subject.scopes, bare?.audiences]).toEqual([[], []]);
    }));

  test('settings are replaced when the file says them, and stay when it does not', () =>
    withContext(async (context) => {
      const say = (realm: object) => applyNetwork(context, { realms: [{ name: 'r', ...realm }] }, caller);
      await say({});
      expect(await requireRealm(context, 'r')).toMatchObject({ profile: 'strict', settings: { development: false } });
      await say({ profile: 'ocen4', settings: { accessTokenSeconds: 60, development: true } });
      expect((await say({})).realms).toEqual([{ name: 'r', created: [], changed: [], unchanged: 1 }]);
      expect((await say({ settings: { accessTokenSeconds: 90 } })).realms[0]?.changed).toEqual(['realm:r']);
      expect(await requireRealm(context, 'r')).toMatchObject({
        profile: 'ocen4',
        settings: { accessTokenSeconds: 90, development: false, accessTokenTyp: 'JWT' },
      });
      expect((await eventsOf(context)).map(({ type }) => type).sort()).toEqual([
        'realm.changed',
        'realm.changed',
        'realm.created',
      ]);
    }));

  test('two roles of one organisation may share a key; another organisation may not take it, and nothing is half-written', () =>
    withContext(async (context) => {
      const key = publicKey();
      const role = (id: string, organisation: string) => ({
        id,
        role: 'LENDER',
        baseUrl: 'https://x.example',
        participant: { id: organisation },
        keys: [key],
      });
      await applyNetwork(context, dev([role('one', 'org'), role('two', 'org')]), caller);
      const before = await contentOf(context);
      const file = dev([
        { id: 'new', role: 'LENDER', baseUrl: 'https://y.example', keys: [keyOf('new')] },
        role('three', 'other'),
      ]);
      await expect(applyNetwork(context, file, caller)).rejects.toMatchObject({
        code: 'network.invalid',
        pointer: '/realms/0/participants/1/keys/0',
      });
      expect(await contentOf(context)).toBe(before);
      expect(await lookUpParticipant(context, 'dev', 'new')).toBeUndefined();
    }));

  test('the same file at the same moment from two processes: written once, whole', async () => {
    const url = await freshUrl();
    const context = await openContext(url, { realms: true });
    const file = wholeNetwork();
    const outcomes = await raceProcesses(url, [file, file]);
    const done = outcomes.flatMap(({ report }) => report ?? []);
    expect(outcomes.flatMap(({ code }) => code ?? [])).toEqual([]);
    expect(done.filter(({ realms }) => realms[0]?.created.length === 14)).toHaveLength(1);
    expect(done.filter(({ secrets }) => secrets.length === 1)).toHaveLength(1);
    expect((await eventsOf(context)).filter(({ object }) => object === 'participant:agent')).toHaveLength(1);
    // Whoever came second found everything there.
    expect((await applyNetwork(context, file, caller)).realms).toEqual([
      { name: 'dev', created: [], changed: [], unchanged: 15 },
    ]);
  });

  test('two files that want the same client id at the same moment from two processes: one of them gets it', async () => {
    const url = await freshUrl();
    const context = await openContext(url, { realms: true });
    const files = ['one', 'two'].map((id) => dev([{ id, role: 'LENDER', client: { id: 'wanted' } }]));
    const outcomes = await raceProcesses(url, files);
    expect(outcomes.flatMap(({ report }) => report ?? [])).toHaveLength(1);
    expect(outcomes.flatMap(({ code }) => code ?? [])).toEqual(['network.invalid']);
    expect(await context.store.db.selectFrom('participant').select('id').execute()).toHaveLength(1);
  });

  test('the same file twice at the same moment in one process', () =>
    withContext(async (context) => {
      const file = wholeNetwork();
      const reports = await Promise.all([applyNetwork(context, file, caller), applyNetwork(context, file, caller)]);
      expect(reports.map(({ realms }) => realms[0]?.created.length).sort()).toEqual([0, 15]);
      expect(reports.flatMap(({ secrets }) => secrets)).toHaveLength(1);
    }));

  test('a thousand participants at once, and again', () =>
    withContext(async (context) => {
      const participants = Array.from({ length: 1_000 }, (_, index) => ({
        id: `p-${index}`,
        role: 'LENDER',
        baseUrl: `https://p-${index}.example`,
        keys: [keyOf(String(index))],
        client: { id: `c-${index}` },
      }));
      const report = await applyNetwork(context, dev(participants), caller);
      expect(report.secrets).toHaveLength(1_000);
      const again = await applyNetwork(context, dev(participants), caller);
      expect(again.realms).toEqual([{ name: 'dev', created: [], changed: [], unchanged: 2_001 }]);
      expect((await lookUpClient(context, 'dev', 'c-999'))?.live).toBe(true);
    }));
});
