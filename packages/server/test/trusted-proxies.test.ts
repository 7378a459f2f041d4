import { describe, expect, test } from 'vitest';
import { loadConfig } from '../src/config.ts';

const load = (TRUSTED: string) => loadConfig({ COUNTERSIGN_TRUSTED_PROXIES: TRUSTED }).config.trustedProxies;

describe('trusted proxies', () => {
  test.each([
    '10.0.0.1',
    '10.0.0.0/8',
    '0.0.0.0/0',
    '::/0',
    '2001:db8::/32',
    '2001:db8::1/128',
    '10.0.0.1/32, ::1',
    '::ffff:10.0.0.1',
  ])('%s is taken', (text) => {
    expect(load(text)).toEqual(text.split(', '));
  });

  test.each([
    ['10.0.0.1/', '10.0.0.1/ is neither an address nor a CIDR range'],
    ['10.0.0.1/33', '10.0.0.1/33: the prefix is too long'],
    ['2001:db8::/129', '2001:db8::/129: the prefix is too long'],
    ['10.0.0.1/08', '10.0.0.1/08 is neither'],
    ['10.0.0.0/0x8', '10.0.0.0/0x8 is neither'],
    ['10.0.0.0/8/8', '10.0.0.0/8/8 is neither'],
    ['10.0.0.0/-1', '10.0.0.0/-1 is neither'],
    ['10.0.0.1/8', '10.0.0.1/8: 10.0.0.1 is not the first address of a /8'],
    ['10.0.0.1/0', '10.0.0.1/0: 10.0.0.1 is not the first address of a /0'],
    ['2001:db8::1/64', '2001:db8::1/64: 2001:db8::1 is not the first address of a /64'],
    ['::ffff:10.0.0.0/104', '::ffff:10.0.0.0/104: write the range as an IPv4 range'],
    ['10.0.0.1,,10.0.0.2', 'has an empty entry'],
    ['10.0.0.1,', 'has an empty entry'],
    [' ', 'has an empty entry'],
    ['fe80::1%eth0', 'fe80::1%eth0 is neither'],
    ['10.0.0', '10.0.0 is neither'],
    ['010.0.0.1', '010.0.0.1 is neither'],
    ['proxy.example', 'proxy.example is neither'],
    ['*', '* is neither'],
  ])('%s stops the start: %s', (text, fault) => {
    expect(() => load(text)).toThrow(`COUNTERSIGN_TRUSTED_PROXIES: ${fault}`);
  });
});
