import { generateKeyPairSync, getDiffieHellman } from 'node:crypto';
import { parsePublicJwk } from '@countersign/proof';
import { calculateJwkThumbprint } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { primeModulus, publicJwkOf, signRs256, type WeakKey, weakKinds } from '../../proof/test/support/weak-rsa.ts';
import { applyNetwork } from '../src/registry/network-file/apply.ts';
import { isComputableKey } from '../src/subject/secrets/factoring.ts';
import {
  type Answer,
  type Applicant,
  applicationBody,
  ask,
  createApplicant,
  proxied,
  step,
} from './support/applicant.ts';
import { entryOf, member, rotate, tokenOf } from './support/rotation.ts';
import { type TestServer, testServer } from './support/server.ts';

const kinds = [...weakKinds, ['a prime', primeModulus] as const].map(([kind, make]) => [kind, make()] as const);

async function weakApplicant(key: WeakKey): Promise<Applicant> {
  const publicKey = publicJwkOf(key);
  return {
    publicKey,
    thumbprint: await calculateJwkThumbprint(publicKey),
    strict: () => Promise.reject(new Error('a key that is not registered signs no request')),
    sign: async (typ, claims, header = {}) => {
      const parts = [{ alg: 'RS256', typ, ...header }, claims];
      const input = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
      return `${input}.${signRs256(key, input)}`;
    },
  };
}

const refusal = ({ status, body }: Answer) => ({ status, code: body.code, pointer: body.pointer });
const refused = { status: 400, code: 'registry.key', pointer: '/publicKey/n' };

describe('an RSA key whose private half can be computed is refused', () => {
  const agent = member('agent', 'org-agent');
  let server: TestServer;
  let admin: string;
  beforeAll(async () => {
    const network = { realms: [{ name: 'dev', profile: 'ocen4', participants: [entryOf(await agent)] }] };
    server = await testServer({ network, env: proxied });
    admin = await server.adminToken();
  });
  afterAll(() => server.close());

  test.each(kinds)('%s: in an application, though its proof is good', async (_kind, key) => {
    const body = await applicationBody(server.issuer(), await weakApplicant(key));
    expect(refusal(await ask(server, '/realms/dev/registry/applications', { body }))).toEqual(refused);
  });

  test.each(kinds)('%s: at a rotation, though both proofs are good', async (_kind, key) => {
    const [current] = (await agent).keys;
    expect(refusal(await rotate(server, 'agent', await weakApplicant(key), current))).toEqual(refused);
  });

  test.each(kinds)('%s: from an administrator', async (_kind, key) => {
    const body = { publicKey: publicJwkOf(key) };
    const path = '/realms/dev/admin/participants/agent/keys';
    expect(refusal(await ask(server, path, { token: admin, body }))).toEqual(refused);
  });

  test.each(kinds)('%s: for the check of a signature', async (_kind, key) => {
    const body = { signature: 'a..b', payload: '', method: 'GET', target: '/', publicKey: publicJwkOf(key) };
    const token = await tokenOf(server, 'agent');
    expect(refusal(await ask(server, '/realms/dev/signatures/verify', { token, body }))).toEqual(refused);
  });

  test.each(kinds)('%s: in a network file, which then changes nothing', async (_kind, key) => {
    const keys = [publicJwkOf(key)];
    const entry = { ...entryOf(await agent), id: 'another', client: undefined, keys };
    const file = { realms: [{ name: 'dev', participants: [entry] }] };
    await expect(applyNetwork(server.context, file, { actor: 'test', requestId: 'test' })).rejects.toMatchObject({
      code: 'network.invalid',
      pointer: '/realms/0/participants/0/keys/0/n',
    });
  });

  test('at the approval of an application that came before keys were looked at so closely', async () => {
    const good = await createApplicant();
    const applied = await ask(server, '/realms/dev/registry/applications', {
      body: await applicationBody(server.issuer(), good),
    });
    const weak = publicJwkOf(kinds[0]?.[1] as WeakKey);
    await server.context.store.db
      .updateTable('application')
      .set({ jwk: JSON.stringify(weak) })
      .where('id', '=', applied.body.id)
      .execute();
    const path = `/realms/dev/registry/applications/${applied.body.id}/approve`;
    expect(refusal(await step(server, path, admin))).toEqual(refused);
  });
});

test('a weak key that is registered already goes on, as does the file that names it', async () => {
  const [agent, weak] = [await member('agent', 'org-agent'), publicJwkOf(kinds[0]?.[1] as WeakKey)];
  const network = (keys: readonly object[]) => ({
    realms: [
      {
        name: 'dev',
        profile: 'ocen4',
        settings: { accessTokenAlg: 'ES256' },
        participants: [entryOf(agent, { keys })],
      },
    ],
  });
  const server = await testServer({ network: network([agent.keys[0]?.publicKey ?? {}]) });
  try {
    const thumbprint = await calculateJwkThumbprint(weak);
    const { db } = server.context.store;
    const owned = { realm: 'dev', thumbprint, organisation_id: 'org-agent' };
    const times = { not_before: 0, not_after: null, created_at: 0 };
    await db.insertInto('key_owner').values(owned).execute();
    await db
      .insertInto('participant_key')
      .values({ realm: 'dev', participant_id: 'agent', thumbprint, jwk: JSON.stringify(weak), ...times })
      .execute();
    const again = await applyNetwork(server.context, network([weak]), { actor: 'test', requestId: 'test' });
    expect(again.realms[0]?.created).toEqual([]);
  } finally {
    await server.close();
  }
});

function rsa(n: string) {
  const parsed = parsePublicJwk({ kty: 'RSA', alg: 'RS256', n, e: 'AQAB' });
  if (!parsed.ok) throw new Error(parsed.reason);
  return parsed.key;
}

test('keys that OpenSSL makes are good at every door', async () => {
  const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const { n } = publicKey.export({ format: 'jwk' });
  expect(await isComputableKey(rsa(n as string))).toBe(false);
});

// A stranger sends such a number: what it costs must not be what holds up everybody else.
test('a prime of the largest size is seen in seconds, not in a minute', { timeout: 30_000 }, async () => {
  // Half of a safe prime (RFC 3526 §7) is a prime of 8191 bits.
  const prime = BigInt(`0x${getDiffieHellman('modp18').getPrime('hex')}`) >> 1n;
  const n = Buffer.from(prime.toString(16), 'hex').toString('base64url');
  expect(await isComputableKey(rsa(n as string))).toBe(true);
});
