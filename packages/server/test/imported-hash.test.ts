/** Hashes of other programs, computed for real: by the threads of a server. */

import { describe, expect, test } from 'vitest';
import { readVector, vectorsPresent } from '../../proof/test/support/vectors.ts';
import { systemRandom } from '../src/kernel/random.ts';
import { importHash } from '../src/subject/secrets/foreign-hash.ts';
import { createHasher } from '../src/subject/secrets/password-hash.ts';
import { readHash, spellHash } from '../src/subject/secrets/stored-hash.ts';
import { realHashPool } from './support/hash-pool.ts';
import { noPeppers } from './support/pepper.ts';

const hasher = createHasher({ random: systemRandom, peppers: noPeppers, pool: realHashPool });

const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

async function expectOnly(password: string, stored: string): Promise<void> {
  expect(await hasher.verify(stored, password)).toEqual({ ok: true, outdated: true });
  expect(await hasher.verify(stored, `${password} `)).toEqual({ ok: false, outdated: false });
}

interface Argon2Vector {
  readonly password: string;
  readonly phc: string;
  readonly hashHex: string;
}

describe.skipIf(!vectorsPresent)("argon2: the reference program's own hashes", () => {
  const vectors = vectorsPresent ? (readVector('passwords/argon2-phc-reference.json') as Argon2Vector[]) : [];

  test.each(vectors)('$phc', async ({ password, phc, hashHex }) => {
    const hash = readHash(phc);
    expect(hash.scheme === 'argon2' && Buffer.from(hash.tag).toString('hex')).toBe(hashHex);
    expect(hash.scheme !== 'bcrypt' && spellHash(hash)).toBe(phc);
    expect(await hasher.verify(phc, password)).toEqual({ ok: true, outdated: true });
    // Those of 256 MiB take their time: the others say the same.
    if (phc.includes('m=256,')) expect((await hasher.verify(phc, `${password}x`)).ok).toBe(false);
  });
});

describe('pbkdf2', () => {
  // All but the one of 16,777,216 iterations, which is more than a login may cost.
  test.each([
    ['sha1', 1, 'password', 'salt', '0c60c80f961f0e71f3a9b524af6012062fe037a6'],
    ['sha1', 2, 'password', 'salt', 'ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957'],
    ['sha1', 4_096, 'password', 'salt', '4b007901b765489abead49d926f721d065a429c1'],
    [
      'sha1',
      4_096,
      'passwordPASSWORDpassword',
      'saltSALTsaltSALTsaltSALTsaltSALTsalt',
      '3d2eec4fe41c849b80c8d83662c0e44a8b291a964cf2f07038',
    ],
    ['sha1', 4_096, 'pass\0word', 'sa\0lt', '56fa6aa75548099dcc37d7f03425e0c3'],
    [
      'sha256',
      1,
      'passwd',
      'salt',
      '55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783',
    ],
    [
      'sha256',
      80_000,
      'Password',
      'NaCl',
      '4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d',
    ],
  ])(
    'with %s, %i iterations, "%s" (RFC 6070 §2, RFC 7914 §11)',
    async (digest, iterations, password, rfcSalt, rfcTag) => {
      await expectOnly(password, `$pbkdf2-${digest}$i=${iterations}$${b64(Buffer.from(rfcSalt))}$${b64(hex(rfcTag))}`);
    },
  );

  test("as passlib spells it: a hash of Odoo's", async () => {
    const passlib =
      '$pbkdf2-sha512$25000$MQbg/L/3/p.zlpLSOicEYA$VSpRTyNgbEL0M/eEs3R7glnU0.2rhUdY5qmlHplkFJTecDozeLwSSjFiK8jOPF7yGo7hsLC4Aor/MG1j/NvHKQ';
    expect(() => readHash(passlib)).toThrow(expect.objectContaining({ code: 'request.invalid' }));
    expect(importHash(passlib)).toMatch(/^\$pbkdf2-sha512\$i=25000\$MQbg\/L\/3\/p\+zlpLSOicEYA\$/);
    await expectOnly('test', importHash(passlib));
  });

  test('as passlib spells SHA-1, and as Django spells it', async () => {
    const known = hex('4b007901b765489abead49d926f721d065a429c1');
    const ab64 = (bytes: Uint8Array) => b64(bytes).replaceAll('+', '.');
    await expectOnly('password', importHash(`$pbkdf2$4096$${ab64(Buffer.from('salt'))}$${ab64(known)}`));
    await expectOnly('password', importHash(`pbkdf2_sha1$4096$salt$${known.toString('base64')}`));
  });
});

describe('scrypt', () => {
  // RFC 7914 §12. The first has no salt, which nothing stored may lack; the last takes a gigabyte.
  test.each([
    [
      10,
      8,
      16,
      'password',
      'NaCl',
      'fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b3731622eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640',
    ],
    [
      14,
      8,
      1,
      'pleaseletmein',
      'SodiumChloride',
      '7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887',
    ],
  ])('with N=2^%i, r=%i, p=%i (RFC 7914 §12)', async (ln, r, p, password, rfcSalt, rfcTag) => {
    await expectOnly(password, `$scrypt$ln=${ln},r=${r},p=${p}$${b64(Buffer.from(rfcSalt))}$${b64(hex(rfcTag))}`);
  });
});

describe('bcrypt', () => {
  test.each([
    ['U*U', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW'],
    ['U*U*', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK'],
    ['U*U*U', '$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a'],
    ['', '$2a$05$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy'],
  ])("Openwall's vector for '%s'", async (password, stored) => {
    await expectOnly(password, stored);
    await expectOnly(password, stored.replace('$2a', '$2b'));
    await expectOnly(password, stored.replace('$2a', '$2y'));
  });

  test('covers 72 bytes: what was lost when it was made is not asked for, and the next hash covers all', async () => {
    const first72 = '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';
    const stored = '$2a$05$abcdefghijklmnopqrstuu5s2v8.iXieOjg/.AySBTTZIIVFJeBui';
    expect(await hasher.verify(stored, `${first72}chars after 72 are ignored`)).toEqual({ ok: true, outdated: true });
    expect((await hasher.verify(stored, first72.slice(0, 71))).ok).toBe(false);
    const own = await hasher.hash(`${first72}tail`);
    expect((await hasher.verify(own, `${first72}other`)).ok).toBe(false);
    expect((await hasher.verify(own, `${first72}tail`)).ok).toBe(true);
  });
});
