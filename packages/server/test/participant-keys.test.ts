/** What a participant does with its keys and receipts, by the SDK and on the command line. */

import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createTokenSource,
  fetchReceiptCerts,
  issueSecret,
  type PrivateJwk,
  requestReceipt,
  retireKey,
  revokeSecret,
  rotateKey,
  verifyReceipt,
} from '@countersign/client';
import { calculateJwkThumbprint, type JWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { generateJwks } from '../src/subject/tokens/signing-key.ts';
import { rfc7797, type Sender, sender, signed, strict, strictTarget } from './support/message.ts';
import { program } from './support/program.ts';
import { entryOf, registryEntry, secretOf } from './support/rotation.ts';
import { administrator, type TestServer, testServer } from './support/server.ts';

const first = sender('ES256', 'agent-1');
const callerKey = sender('ES256', 'c');
let callerSecret = secretOf('caller');
const document = '{"amount":100}';

const privateJwkOf = ({ privateKey, jwk }: Sender): PrivateJwk => ({ ...privateKey.export({ format: 'jwk' }), ...jwk });
const printOf = (jwk: PrivateJwk) => calculateJwkThumbprint(jwk as JWK);

let server: TestServer;
let dir: string;
const at = (name: string) => join(dir, name);

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'countersign-keys-'));
  const of = (id: string, keys: readonly object[]) => entryOf({ id, organisation: `org-${id}`, keys: [] }, { keys });
  const participants = [
    of('agent', [first.jwk]),
    of('caller', [callerKey.jwk]),
    of('lender', [sender('ES256', 'lender').jwk]),
  ];
  server = await testServer({ network: { realms: [{ name: 'dev', profile: 'ocen4', participants }] } });
});
afterAll(async () => {
  await server.close();
  rmSync(dir, { recursive: true, force: true });
});

const callerOf = (id: string) => {
  const issuer = server.issuer();
  const clientSecret = id === 'caller' ? callerSecret : secretOf(id);
  return { issuer, token: createTokenSource({ issuer, clientId: id, clientSecret }) };
};

test('the SDK rotates a key whose name in the registry is another, and retires the old one', async () => {
  const newKey = (await generateJwks('Ed25519')).privateJwk as PrivateJwk;
  const currentKey = { ...privateJwkOf(first), kid: 'our-own-name' };
  const begins = Math.floor(Date.now() / 1000);
  const { issuer } = callerOf('agent');
  const own = { issuer, participantId: 'agent' };
  const rotated = await rotateKey({
    ...own,
    currentKey,
    newKey,
    overlapSeconds: 600,
  });
  expect(rotated.thumbprint).toBe(await printOf(newKey));
  expect(rotated.notBefore).toBeGreaterThanOrEqual(begins);
  expect(rotated.previous).toEqual([{ thumbprint: await printOf(currentKey), notAfter: expect.any(Number) }]);
  expect(rotated.previous[0]?.notAfter).toBeGreaterThanOrEqual(begins + 600);

  const old = rotated.previous[0]?.thumbprint ?? '';
  const { token: ownToken } = callerOf('agent');
  for (const proof of [{ token: ownToken }, { currentKey: newKey, participantId: 'lender' }]) {
    await expect(retireKey({ ...own, ...proof, thumbprint: old })).rejects.toMatchObject({ code: 'keys.refused' });
  }
  await expect(retireKey({ ...own, thumbprint: old })).rejects.toMatchObject({ code: 'keys.unproved' });
  await retireKey({ ...own, currentKey, thumbprint: old });
  await expect(rotateKey({ ...own, currentKey, newKey })).rejects.toMatchObject({ code: 'keys.refused' });
  const last = { ...own, currentKey: newKey, thumbprint: rotated.thumbprint };
  await expect(retireKey(last)).rejects.toMatchObject({
    code: 'keys.refused',
    message: 'This is the last valid key. Rotate it, or say that it is compromised.',
  });
  await retireKey({ ...last, compromised: true });

  // Without a key of its own, an administrator approves.
  const lost = { participantId: 'agent', newKey: (await generateJwks('ES256')).privateJwk as PrivateJwk };
  await expect(rotateKey({ issuer, token: ownToken, ...lost })).rejects.toMatchObject({ code: 'keys.refused' });
  const [clientId, clientSecret] = [administrator.id, administrator.secret];
  const token = createTokenSource({ issuer: server.issuer('system'), clientId, clientSecret });
  expect((await rotateKey({ issuer: server.issuer(), token, ...lost })).previous).toEqual([]);
});

test('the SDK replaces a client secret by the present one or by a key, and revokes one', async () => {
  const own = { issuer: server.issuer(), participantId: 'caller' };
  const present = { clientId: 'caller', clientSecret: secretOf('caller') };
  const next = await issueSecret({ ...own, by: present });
  expect(next).toEqual({ secretId: expect.any(String), clientId: 'caller', clientSecret: expect.any(String) });
  const currentKey = privateJwkOf(callerKey);
  const third = await issueSecret({ ...own, by: { currentKey }, overlapSeconds: 0 });
  await expect(issueSecret({ ...own, by: present })).rejects.toMatchObject({ code: 'secrets.refused' });
  await expect(issueSecret({ ...own, by: next })).rejects.toMatchObject({ code: 'secrets.refused' });
  const back = await issueSecret({ ...own, by: third });
  const { secretId } = third;
  await revokeSecret({ ...own, by: { currentKey }, secretId, compromised: true });
  await expect(revokeSecret({ ...own, by: back, secretId })).rejects.toMatchObject({ code: 'secrets.refused' });
  callerSecret = back.clientSecret;
});

describe('a receipt by the SDK', () => {
  const own = sender('ES256', 'signer');
  beforeAll(async () => {
    const token = createTokenSource({
      issuer: server.issuer('system'),
      clientId: administrator.id,
      clientSecret: administrator.secret,
    });
    const response = await fetch(`${server.url}/realms/dev/admin/participants/lender/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await token.token()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ publicKey: own.jwk }),
    });
    expect(response.status).toBe(201);
  });
  const message = (more: object = {}) => ({
    signature: signed(own, rfc7797(own), document),
    body: Buffer.from(document),
    participantId: 'lender',
    ...more,
  });

  test('is asked for by either party and verified with kept keys', async () => {
    const certs = await fetchReceiptCerts({ issuer: server.issuer() });
    for (const who of ['lender', 'caller']) {
      const receipt = await requestReceipt({ ...callerOf(who), message: message() });
      const kept = JSON.parse(JSON.stringify(certs));
      const read = await verifyReceipt(receipt, { certs: kept, body: Buffer.from(document) });
      expect(read).toMatchObject({ checked: 'message', participantId: 'lender', presenter: { participantId: who } });
      expect((await verifyReceipt(receipt, { certs: kept })).checked).toBe('unchecked');
      await expect(verifyReceipt(receipt, { certs: kept, body: Buffer.from('x') })).rejects.toMatchObject({
        code: 'receipt.message',
      });
      await expect(
        verifyReceipt(receipt, { certs: { ...kept, issuer: 'https://other.example' } }),
      ).rejects.toMatchObject({
        code: 'receipt.issuer',
      });
      for (const none of [{}, null, [], { keys: kept.keys }]) {
        await expect(verifyReceipt(receipt, { certs: none })).rejects.toMatchObject({ code: 'receipt.malformed' });
      }
    }
    const bound = { signature: signed(own, strict(own, 'caller'), document), method: 'POST', target: strictTarget };
    const strictly = await requestReceipt({
      ...callerOf('lender'),
      message: message({ ...bound, audience: 'caller' }),
    });
    expect(await verifyReceipt(strictly, { certs, body: Buffer.from(document) })).toMatchObject({ binding: 'message' });
  });

  test('is refused with the reason', async () => {
    const wrong = message({ body: Buffer.from('x') });
    await expect(requestReceipt({ ...callerOf('caller'), message: wrong })).rejects.toMatchObject({
      code: 'receipt.refused',
      message: 'message.signature: The signature does not verify.',
    });
  });
});

describe('on the command line', () => {
  interface Run {
    readonly code: number;
    readonly out: string;
    readonly err: string;
  }
  function run(...args: string[]): Promise<Run> {
    const env = { ...process.env, COUNTERSIGN_DATA_DIR: dir, COUNTERSIGN_PUBLIC_URL: server.url };
    return new Promise((resolve) => {
      execFile(process.execPath, [program, ...args], { env }, (error, out, err) => {
        resolve({ code: error === null ? 0 : Number(error.code), out, err });
      });
    });
  }
  const credentials = (id: string) => ['--client-id', id, '--client-secret-file', at(`${id}.secret`)];
  const key = sender('ES256', 'cli-1');
  /** What the rotation has made. */
  const key2 = () => at(readdirSync(dir).find((name) => name.startsWith('key.json.')) ?? 'none');

  beforeAll(async () => {
    writeFileSync(at('caller.secret'), `${callerSecret}\n`);
    writeFileSync(at('key.json'), JSON.stringify(privateJwkOf(key)));
    const { url } = server;
    const added = await fetch(`${url}/realms/dev/admin/participants/caller/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ publicKey: key.jwk }),
    });
    expect(added.status).toBe(201);
  });

  test('keys are listed, rotated with a new key beside the old one, and retired', async () => {
    const listed = JSON.parse((await run('participant', 'keys', 'list', 'caller', ...credentials('caller'))).out);
    expect(listed.map(({ kid }: { kid: string }) => kid)).toEqual(['c', 'cli-1']);

    const rotated = await run(
      'participant',
      'keys',
      'rotate',
      'caller',
      '--key',
      at('key.json'),
      '--make',
      '--overlap',
      '60',
    );
    expect(rotated).toMatchObject({ code: 0, err: '' });
    const { newKeyFile, thumbprint, previous } = JSON.parse(rotated.out);
    expect(statSync(newKeyFile).mode & 0o777).toBe(0o600);
    const made = JSON.parse(readFileSync(newKeyFile, 'utf8'));
    expect(await calculateJwkThumbprint(made)).toBe(thumbprint);
    expect(previous).toHaveLength(2);
    const { publicKey } = await registryEntry(server, 'caller', await callerOf('caller').token.token());
    expect(await calculateJwkThumbprint(JSON.parse(publicKey))).toBe(thumbprint);
    // Neither the old private key nor the new one, nor the secret, is shown.
    for (const secret of [made.d, callerSecret]) expect(rotated.out + rotated.err).not.toContain(secret);

    const old = await printOf(privateJwkOf(key));
    expect((await run('participant', 'keys', 'retire', 'caller', old, '--key', at('key.json'))).code).toBe(0);
    const last = await run('participant', 'keys', 'rotate', 'caller', '--key', at('key.json'), '--new-key', newKeyFile);
    expect(last).toMatchObject({ code: 1, out: '' });
    expect(last.err).toMatch(/^countersign: .*proof of possession.*\n$/);
    const both = await run('participant', 'keys', 'rotate', 'caller', '--key', at('key.json'));
    expect(both.err).toBe('countersign: Name --new-key or --make, one of them.\n');
    expect(readdirSync(dir).filter((name) => name.startsWith('key.json'))).toHaveLength(2);
  });

  test('a secret is added by the participant alone, with its secret or its key', async () => {
    for (const proof of [credentials('caller'), ['--key', key2()]]) {
      const { code, out, err } = await run('participant', 'secret', 'caller', ...proof, '--overlap', '60');
      expect([code, err]).toEqual([0, '']);
      expect(JSON.parse(out)).toMatchObject({ clientId: 'caller', clientSecret: expect.any(String) });
    }
    for (const proof of [[], ['--client-id', 'caller'], [...credentials('caller'), '--key', at('key.json')]]) {
      const { code, err } = await run('participant', 'secret', 'caller', ...proof);
      expect([code, err]).toEqual([
        1,
        'countersign: Name --key, or --client-id with --client-secret-file: one of the two.\n',
      ]);
    }
  });

  test('a receipt is checked with saved keys, and nothing else is believed', async () => {
    const fresh = sender('ES256', 'fresh');
    await fetch(`${server.url}/realms/dev/admin/participants/caller/keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await server.adminToken()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ publicKey: fresh.jwk }),
    });
    const receipt = await requestReceipt({
      ...callerOf('lender'),
      message: {
        signature: signed(fresh, rfc7797(fresh), document),
        body: Buffer.from(document),
        participantId: 'caller',
      },
    });
    writeFileSync(at('receipt.json'), JSON.stringify({ receipt }));
    writeFileSync(at('message.json'), document);
    writeFileSync(at('other.json'), `${document} `);
    const saved = await run('receipt', 'certs', '--issuer', server.issuer());
    writeFileSync(at('certs.json'), saved.out);

    const verify = (...args: string[]) => run('receipt', 'verify', at('receipt.json'), ...args);
    const good = await verify('--certs', at('certs.json'), '--message', at('message.json'));
    expect(good.code).toBe(0);
    expect(JSON.parse(good.out)).toMatchObject({ checked: 'message', participantId: 'caller' });
    const online = await verify('--issuer', server.issuer());
    expect(JSON.parse(online.out)).toMatchObject({ checked: 'unchecked' });

    const other = await verify('--certs', at('certs.json'), '--message', at('other.json'));
    expect(other).toEqual({ code: 1, out: '', err: 'countersign: The receipt is one of another message.\n' });
    expect((await verify()).err).toMatch(/^countersign: Name --certs .* or --issuer/);
    expect((await verify('--certs', at('receipt.json'))).err).toMatch(/not a set of receipt keys/);
    expect((await verify('--certs', at('nowhere.json'))).code).toBe(1);
    writeFileSync(at('forged.json'), JSON.stringify({ receipt: `${receipt.slice(0, -4)}AAAA`, certs: {} }));
    expect((await run('receipt', 'verify', at('forged.json'), '--certs', at('certs.json'))).code).toBe(1);
    writeFileSync(at('empty.json'), '{}');
    expect((await run('receipt', 'verify', at('empty.json'), '--certs', at('certs.json'))).err).toMatch(
      /holds no receipt/,
    );
    expect(existsSync(at('countersign.db'))).toBe(false);
  });
});
