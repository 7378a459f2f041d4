import { generateKeyPairSync, type KeyObject, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { rounds } from '../../proof/test/support/rounds.ts';
import { readOfferedKey } from '../src/subject/secrets/offered-key.ts';
import { ask, createApplicant, proofClaims, proxied, step } from './support/applicant.ts';
import { endlessCertificate, expiredCertificate, p384Certificate, rsaCertificate } from './support/certificates.ts';
import { eachDatabase } from './support/databases.ts';
import { type TestServer, testServer } from './support/server.ts';
import { testCertificate, testCertificateKey } from './support/tls.ts';

const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = (key: KeyObject, type: 'spki' | 'pkcs1' | 'pkcs8' = 'spki') =>
  String(key.export({ type, format: 'pem' } as never));
const jwkOf = (key: KeyObject) => ({ ...key.export({ format: 'jwk' }) });
const der = (certificate: string) => new X509Certificate(certificate).raw.toString('base64');
const certified = { ...jwkOf(new X509Certificate(testCertificate).publicKey), x5c: [der(testCertificate)] };

describe('a public key is read from', () => {
  test.each([
    ['SPKI', pem(pair.publicKey), pair.publicKey],
    ['PKCS #1', pem(pair.publicKey, 'pkcs1'), pair.publicKey],
    [
      'PEM with Windows lines and text around it',
      `Key:\r\n${pem(pair.publicKey).replaceAll('\n', '\r\n')}\r\n`,
      pair.publicKey,
    ],
    ['a certificate of RSA', rsaCertificate, new X509Certificate(rsaCertificate).publicKey],
    [
      'a certificate with its chain',
      `${testCertificate}\n${rsaCertificate}`,
      new X509Certificate(testCertificate).publicKey,
    ],
    ['a JWK with x5c', certified, new X509Certificate(testCertificate).publicKey],
    [
      'a JWK with x5c and its digest',
      { ...certified, 'x5t#S256': digest(testCertificate) },
      new X509Certificate(testCertificate).publicKey,
    ],
  ])('%s', (_, value, expected) => {
    const read = readOfferedKey(value);
    expect(read).toMatchObject({ ok: true, jwk: jwkOf(expected) });
  });

  test('a certificate gives its dates, the last second included', () => {
    expect(readOfferedKey(rsaCertificate)).toMatchObject({
      notBefore: Date.UTC(2025, 0, 1),
      notAfter: Date.UTC(2099, 0, 1, 0, 0, 1),
    });
    expect(readOfferedKey(endlessCertificate)).toMatchObject({ notBefore: Date.UTC(2025, 0, 1), notAfter: undefined });
    expect(readOfferedKey(pem(pair.publicKey))).toMatchObject({ notBefore: undefined, notAfter: undefined });
  });
});

function digest(certificate: string): string {
  return Buffer.from(new X509Certificate(certificate).fingerprint256.replaceAll(':', ''), 'hex').toString('base64url');
}

describe('a public key is refused:', () => {
  const encrypted = String(
    pair.privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' } as never),
  );
  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey;
  test.each<[string, unknown, string, RegExp]>([
    ['a private key', pem(pair.privateKey, 'pkcs8'), '', /private key \(PRIVATE KEY\)/],
    ['a private key of PKCS #1', pem(pair.privateKey, 'pkcs1'), '', /private key \(RSA PRIVATE KEY\)/],
    ['an encrypted private key', encrypted, '', /private key \(ENCRYPTED PRIVATE KEY\)/],
    ['a certificate followed by its private key', `${testCertificate}\n${testCertificateKey}`, '', /private key/],
    ['a private JWK', jwkOf(pair.privateKey), 'd', /private/],
    ['a key id that others read as another', { ...jwkOf(pair.publicKey), kid: 'lender-1\u202e' }, 'kid', /malformed/],
    ['a key id of two lines', { ...jwkOf(pair.publicKey), kid: 'lender\n1' }, 'kid', /malformed/],
    ['two keys', pem(pair.publicKey) + pem(pair.publicKey), '', /several/],
    ['a key and a certificate', pem(pair.publicKey) + testCertificate, '', /several/],
    [
      'a request for a certificate',
      '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----',
      '',
      /CERTIFICATE REQUEST/,
    ],
    ['no PEM', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI', '', /no PEM/],
    ['PEM cut off', pem(pair.publicKey).slice(0, 300), '', /no PEM/],
    ['PEM of nonsense', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', '', /no readable/],
    ['a certificate of nonsense', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----', '', /no readable/],
    ['an unsupported curve', p384Certificate, 'crv', /unsupported/],
    ['a key for PSS only', pem(pss), '', /unsupported type/],
    ['eleven certificates', testCertificate.repeat(11), '', /more than 10/],
    ['a text too large', 'x'.repeat(65_537), '', /too large/],
    ['a JWK as text', JSON.stringify(jwkOf(pair.publicKey)), '', /no PEM/],
    ['x5c of another key', { ...jwkOf(pair.publicKey), x5c: [der(testCertificate)] }, 'x5c', /another key/],
    ['x5c with a chain of nonsense', { ...certified, x5c: [der(testCertificate), 'AAAA'] }, 'x5c', /certificates/],
    [
      'x5c as base64url',
      { ...certified, x5c: [der(testCertificate).replaceAll('+', '-').replaceAll('/', '_')] },
      'x5c',
      /certificates/,
    ],
    ['x5c that is no list', { ...certified, x5c: der(testCertificate) }, 'x5c', /list/],
    ['x5c that is empty', { ...certified, x5c: [] }, 'x5c', /list/],
    [
      'the digest of another certificate',
      { ...certified, 'x5t#S256': digest(rsaCertificate) },
      'x5t#S256',
      /not of the/,
    ],
    ['null', null, '', /object/],
    ['a number', 7, '', /object/],
  ])('%s', (_, value, member, reason) => {
    const read = readOfferedKey(value);
    expect(read).toMatchObject({ ok: false, member, reason: expect.stringMatching(reason) });
    expect(JSON.stringify(read)).not.toContain(String(jwkOf(pair.privateKey).d));
  });

  test('whatever comes in, the answer is an answer', () => {
    const label = fc.constantFrom('PUBLIC KEY', 'RSA PUBLIC KEY', 'CERTIFICATE', 'X509 CRL');
    const block = fc
      .tuple(label, fc.uint8Array({ maxLength: 600 }))
      .map(
        ([name, bytes]) => `-----BEGIN ${name}-----\n${Buffer.from(bytes).toString('base64')}\n-----END ${name}-----\n`,
      );
    const value = fc.oneof(
      block,
      fc.string(),
      fc.json(),
      fc.anything(),
      fc.array(block).map((all) => all.join('')),
    );
    fc.assert(
      fc.property(value, (one) => typeof readOfferedKey(one).ok === 'boolean'),
      { numRuns: rounds(500) },
    );
  });
});

eachDatabase('keys as PEM and certificates', (freshUrl) => {
  let server: TestServer;
  let admin: string;
  beforeAll(async () => {
    const participants = [{ id: 'lender', role: 'LENDER', client: { id: 'lender' } }];
    server = await testServer({
      databaseUrl: await freshUrl(),
      env: proxied,
      network: { realms: [{ name: 'dev', profile: 'ocen4', settings: { accessTokenAlg: 'ES256' }, participants }] },
    });
    admin = await server.adminToken();
  });
  afterAll(() => server.close());

  const apply = (keys: readonly unknown[], others: object = {}) =>
    ask(server, '/realms/dev/admin/network', {
      token: admin,
      body: { realms: [{ name: 'dev', participants: [{ id: 'lender', role: 'LENDER', keys, ...others }] }] },
    });
  const keysOf = async (id: string) =>
    (await ask(server, `/realms/dev/admin/participants/${id}`, { token: admin })).body.keys;
  const addKey = (publicKey: unknown, more: object = {}) =>
    step(server, '/realms/dev/admin/participants/lender/keys', admin, { publicKey, ...more });

  test('an organisation applies with its certificate, whose dates become those of its key', async () => {
    const { createPrivateKey } = await import('node:crypto');
    const jwk = jwkOf(new X509Certificate(testCertificate).publicKey);
    const { calculateJwkThumbprint } = await import('jose');
    const issuer = server.issuer();
    const claims = {
      ...proofClaims(issuer),
      role: 'LENDER',
      thumbprint: await calculateJwkThumbprint(jwk),
      participantName: 'Bank',
    };
    const proof = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'ES256', typ: 'countersign-application+jwt' })
      .sign(createPrivateKey(testCertificateKey));
    const base = '/realms/dev/registry/applications';
    const body = {
      role: 'LENDER',
      participant: { participantName: 'Bank' },
      contact: 'ops@bank.example',
      publicKey: testCertificate,
      proof,
    };
    const { status, body: sent } = await ask(server, base, { body });
    expect(status).toBe(201);
    const approved = await step(server, `${base}/${sent.id}/approve`, admin);
    const [key] = await keysOf(approved.body.participantId);
    const { validToDate } = new X509Certificate(testCertificate);
    expect(key).toMatchObject({ publicKey: jwk, exp: validToDate.getTime() / 1000 + 1, valid: true });
  });

  test('an administrator adds one as PEM, as a certificate, and within the dates of a certificate', async () => {
    const plain = await addKey(pem(pair.publicKey));
    expect([plain.status, plain.body.exp]).toEqual([201, null]);
    const exp = Math.floor(Date.now() / 1000) + 1_000;
    const certificate = await addKey(rsaCertificate, { exp });
    expect([certificate.status, certificate.body.exp]).toEqual([201, exp]);
    const { body } = await addKey(endlessCertificate, { nbf: 1_000_000_000 });
    expect([body.nbf, body.exp]).toEqual([Date.UTC(2025, 0, 1) / 1000, null]);
  });

  test.each([
    ['an expired certificate', expiredCertificate, '/publicKey'],
    ['a private key', testCertificateKey, '/publicKey'],
    ['an unsupported curve', p384Certificate, '/publicKey/crv'],
  ])('%s is refused with its pointer', async (_, publicKey, pointer) => {
    const { status, body } = await addKey(publicKey);
    expect([status, body.code, body.pointer]).toEqual([400, 'registry.key', pointer]);
    expect(JSON.stringify(body)).not.toContain('MIGH');
  });

  test('the network file takes all forms, and applying it again changes nothing', async () => {
    const keys = [pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey), expiredCertificate];
    expect((await apply(keys)).body.realms[0].changed).toEqual(['participant:lender']);
    expect((await apply(keys)).body.realms[0].changed).toEqual([]);
    const old = (await keysOf('lender')).find(({ nbf }: { nbf: number }) => nbf === Date.UTC(2020, 0, 1) / 1000);
    expect(old).toMatchObject({ exp: Date.UTC(2021, 0, 1, 0, 0, 1) / 1000, valid: false });
  });

  const at = '/realms/0/participants/0/keys/0';
  test.each<[string, unknown, string]>([
    ['a private key', testCertificateKey, at],
    ['a private JWK', jwkOf(pair.privateKey), `${at}/d`],
    ['x5c of another key', { ...jwkOf(pair.publicKey), x5c: [der(testCertificate)] }, `${at}/x5c`],
    ['an unknown member', { ...jwkOf(pair.publicKey), kidd: 'x' }, `${at}/kidd`],
    ['a number', 7, at],
    ['an empty text', '', at],
  ])('%s in a network file is refused with its pointer', async (_, key, pointer) => {
    const { status, body } = await apply([key]);
    expect([status, body.code, body.pointer]).toEqual([422, 'network.invalid', pointer]);
  });

  test('an approved participant with a base URL needs a key, one without a base URL needs none', async () => {
    const provider = (others: object) => apply([], { id: 'provider', client: { id: 'provider' }, ...others });
    const refused = await provider({ baseUrl: 'https://provider.example' });
    expect([refused.status, refused.body.pointer]).toEqual([422, '/realms/0/participants/0/keys']);
    const alone = await apply([(await createApplicant()).publicKey], { id: 'keyed' });
    expect([alone.status, alone.body.pointer]).toEqual([422, '/realms/0/participants/0']);
    expect((await provider({ baseUrl: 'https://provider.example', status: 'APPLIED' })).status).toBe(200);
    expect((await provider({ status: 'APPROVED' })).body.pointer).toBe('/realms/0/participants/0/keys');
    expect((await provider({ status: 'APPROVED', baseUrl: null })).status).toBe(200);
    expect((await provider({ baseUrl: 'https://provider.example' })).body.pointer).toBe(
      '/realms/0/participants/0/keys',
    );
    const { publicKey } = await createApplicant();
    expect((await provider({ baseUrl: 'https://provider.example', keys: [publicKey] })).status).toBe(200);
  });
});
