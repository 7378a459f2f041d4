import { describe, expect, test } from 'vitest';
import { importHash } from '../src/subject/secrets/foreign-hash.ts';
import { isOutdated, memoryOf, mostMemory, mostWork, readHash, workOf } from '../src/subject/secrets/stored-hash.ts';

const b64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64').replace(/=+$/, '');
const salt = b64(Buffer.alloc(16, 1));
const tag = b64(Buffer.alloc(32, 2));
const good = `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${tag}`;

describe('what is weaker than today is outdated', () => {
  test.each([
    [false, good],
    [false, good.replace('m=19456', 'm=65536')],
    [false, good.replace('t=2', 't=3')],
    [true, good.replace('m=19456', 'm=19455')],
    [true, good.replace('t=2', 't=1')],
    [true, good.replace('$v=19', '$v=16')],
    [true, good.replace('$v=19', '')],
    [true, good.replace('argon2id', 'argon2i')],
    [true, good.replace(salt, b64(Buffer.alloc(15)))],
    [true, good.replace(tag, b64(Buffer.alloc(31)))],
    [true, `$scrypt$ln=17,r=8,p=1$${salt}$${tag}`],
    [true, `$pbkdf2-sha512$i=210000$${salt}$${tag}`],
    [true, '$2b$12$CCCCCCCCCCCCCCCCCCCCC.7uG0VCzI2bS7j6ymqJi9CdcdxiRTWNy'],
  ])('%s: %s', (outdated, stored) => {
    expect(isOutdated(readHash(stored), undefined)).toBe(outdated);
  });
});

describe('what cannot be a stored hash is refused, and not repeated', () => {
  test.each([
    '',
    '$',
    'plain text',
    `${good} `,
    ` ${good}`,
    `${good}\n`,
    `${good}$`,
    good.slice(0, -2),
    good.replace('$v=19', '$v=18'),
    good.replace('$v=19', '$v=019'),
    good.replace('argon2id', 'argon2'),
    good.replace('argon2id', 'ARGON2ID'),
    good.replace('m=19456', 'm=019456'),
    good.replace('m=19456', 'm=-1'),
    good.replace('m=19456', 'm=0'),
    good.replace('m=19456', 'm=1e5'),
    good.replace('m=19456', 'm=4294967295'),
    good.replace('m=19456', `m=${mostMemory + 1}`),
    good.replace('m=19456', 'm=7'),
    good.replace('t=2', 't=0'),
    good.replace('t=2', 't=9999'),
    good.replace('p=1', 'p=0'),
    good.replace('p=1', 'p=17'),
    good.replace('m=19456,t=2', 't=2,m=19456'),
    good.replace(',p=1', ''),
    good.replace(',p=1', ',p=1,keyid=AAAA'),
    good.replace(`$${tag}`, ''),
    good.replace(tag, `${tag}=`),
    good.replace(tag, b64(Buffer.alloc(15))),
    good.replace(tag, b64(Buffer.alloc(65))),
    good.replace(tag, `${tag.slice(0, -1)}J`),
    good.replace(tag, tag.replace('A', '-')),
    good.replace(salt, b64(Buffer.alloc(7))),
    good.replace(salt, b64(Buffer.alloc(65))),
    good.replace(salt, 'A'.repeat(600)),
    `$scrypt$ln=0,r=8,p=1$${salt}$${tag}`,
    `$scrypt$ln=99,r=8,p=1$${salt}$${tag}`,
    `$scrypt$ln=18,r=9,p=1$${salt}$${tag}`,
    `$scrypt$ln=14,r=8,p=17$${salt}$${tag}`,
    `$scrypt$ln=17,r=8,p=16$${salt}$${tag}`,
    // RFC 7914 §2: N is less than 2^(16 r).
    `$scrypt$ln=16,r=1,p=1$${salt}$${tag}`,
    `$scrypt$ln=20,r=1,p=1$${salt}$${tag}`,
    `$pbkdf2-sha256$i=0$${salt}$${tag}`,
    `$pbkdf2-sha256$i=9999999$${salt}$${tag}`,
    `$pbkdf2-sha512$i=3000000$${salt}$${tag}`,
    `$pbkdf2-md5$i=1000$${salt}$${tag}`,
    `$pbkdf2-sha256$i=1000$${b64(Buffer.alloc(3))}$${tag}`,
    '$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$03$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$99$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$5$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    '$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOe',
    `$pbkdf2-sha256$99999999$${salt}$${tag}`,
    `pbkdf2_sha256$1000$$${tag}`,
    'pbkdf2_sha256$1000$salt$!!!!',
    '$1$salt$abcdefghijklmnopqrstuv',
    '{SSHA}c29tZXRoaW5nc29tZXRoaW5n',
    `$argon2id$v=19$m=19456,t=2,p=1$${salt}$${'A'.repeat(1_000_000)}`,
  ])('%#', (text) => {
    for (const read of [readHash, importHash]) {
      expect(() => read(text)).toThrow(expect.objectContaining({ code: 'request.invalid' }));
      if (text.length > 20) expect(() => read(text)).not.toThrow(text.slice(20));
    }
  });

  test('the dearest that is taken stays within the bounds', () => {
    for (const text of [
      `$argon2id$v=19$m=${mostMemory},t=14,p=1$${salt}$${tag}`,
      `$scrypt$ln=17,r=8,p=3$${salt}$${tag}`,
      `$pbkdf2-sha1$i=1300000$${salt}$${tag}`,
      `$pbkdf2-sha256$i=1200000$${salt}$${tag}`,
      `$pbkdf2-sha512$i=1000000$${salt}$${tag}`,
      '$2a$14$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW',
    ]) {
      const hash = readHash(text);
      expect(workOf(hash)).toBeLessThanOrEqual(mostWork);
      expect(memoryOf(hash)).toBeLessThanOrEqual(mostMemory);
    }
  });
});
