import { generateKeyPairSync } from 'node:crypto';
import { compactVerify, importJWK } from 'jose';
import { describe, expect, test } from 'vitest';
import { importSigningKey, signJwt } from '../src/message/signing-key.ts';
import { privateSigner as webSigner } from '../src/web-crypto.ts';

const kinds = [
  ['RS256', 'rsa', { modulusLength: 2048 }],
  ['PS256', 'rsa', { modulusLength: 2048 }],
  ['ES256', 'ec', { namedCurve: 'P-256' }],
  ['Ed25519', 'ed25519', {}],
] as const;

function privateJwk(type: string, options: object): Record<string, unknown> {
  const make = generateKeyPairSync as unknown as (
    type: string,
    options: object,
  ) => { privateKey: { export(o: object): Record<string, unknown> } };
  return make(type, options).privateKey.export({ format: 'jwk' });
}

describe.each(kinds)('a private key for %s', (alg, type, options) => {
  test('signs a JWT that jose verifies, without showing itself', async () => {
    const key = await importSigningKey({ ...privateJwk(type, options), alg, kid: 'k1' });
    const { payload, protectedHeader } = await compactVerify(
      await signJwt(key, 'x+jwt', { a: 1 }),
      await importJWK(key.publicJwk, alg),
    );
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual({ a: 1 });
    expect(protectedHeader).toEqual({ alg, typ: 'x+jwt', kid: 'k1' });
    expect(JSON.stringify(key)).not.toContain('"d"');
  });

  test('signs through WebCrypto too', async () => {
    const jwk = { ...privateJwk(type, options), alg, use: 'sig' };
    const { publicJwk } = await importSigningKey(jwk);
    const sign = await webSigner(alg, jwk);
    const input = `${Buffer.from(JSON.stringify({ alg })).toString('base64url')}.e30`;
    const signature = Buffer.from(await sign(Buffer.from(input))).toString('base64url');
    await expect(compactVerify(`${input}.${signature}`, await importJWK(publicJwk, alg))).resolves.toBeDefined();
  });
});

test('a private part of another key is refused', async () => {
  const one = privateJwk('ed25519', {});
  const other = privateJwk('ed25519', {});
  await expect(importSigningKey({ ...one, d: other['d'] })).rejects.toMatchObject({ code: 'signing_key.private' });
});

test.each([
  ['no private part', { d: undefined }, 'signing_key.private'],
  ['a public key off the curve', { x: 'AAAA' }, 'signing_key.public'],
  ['an unknown kind', { kty: 'oct' }, 'signing_key.public'],
])('%s is refused, and the refusal quotes nothing of the key', async (_, change, code) => {
  const jwk: Record<string, unknown> = { ...privateJwk('ec', { namedCurve: 'P-256' }), ...change };
  const refusal = await importSigningKey(jwk).catch((error: unknown) => error as Error & { code: string });
  expect(refusal).toMatchObject({ code });
  expect(String((refusal as Error).message)).not.toContain(String(jwk['y']));
});
