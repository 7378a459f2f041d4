import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseIpAddress } from '../src/index.ts';

describe('an IP address has one spelling and one network', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['0.0.0.0', '0.0.0.0', '0.0.0.0'],
    ['::ffff:6.6.6.6', '6.6.6.6', '6.6.6.6'],
    ['::FFFF:0606:0606', '6.6.6.6', '6.6.6.6'],
    ['::ffff:606:606', '6.6.6.6', '6.6.6.6'],
    ['0:0:0:0:0:ffff:6.6.6.6', '6.6.6.6', '6.6.6.6'],
    ['0000:0000:0000:0000:0000:ffff:0606:0606', '6.6.6.6', '6.6.6.6'],
    ['::ffff:0:0', '0.0.0.0', '0.0.0.0'],
    ['::ffff:6.6.6.6%eth0', '6.6.6.6', '6.6.6.6'],
    ['2001:DB8::1', '2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:0db8:0000:0000:0000:0000:0000:0001', '2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80::1', 'fe80:0:0:0::/64'],
    ['::', '::', '0:0:0:0::/64'],
    ['1::', '1::', '1:0:0:0::/64'],
    ['::6.6.6.6', '::606:606', '0:0:0:0::/64'],
    ['64:ff9b::6.6.6.6', '64:ff9b::606:606', '64:ff9b::606:606'],
  ])('%s', (text, address, network) => {
    expect(parseIpAddress(text)).toEqual({ address, network });
  });

  test.each([
    '',
    'unknown',
    '_hidden',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '01.2.3.4',
    '1.2.3.4%eth0',
    '1.2.3.4:80',
    '[::1]',
    ':::',
    '1::2::3',
    '::ffff:1.2.3',
    '::ffff:01.2.3.4',
    '1:2:3:4:5:6:7:8:9',
    '::12345',
    'fe80::1%',
    'fe80::1%a%b',
    '::1/64',
    '::1]@evil[',
    ' 1.2.3.4',
    '1.2.3.4\n',
    '１.2.3.4',
    '0x7f.1',
    `${':'.repeat(100_000)}1`,
    undefined as never,
    7 as never,
  ])('%j is none', (text) => {
    expect(parseIpAddress(text)).toBeUndefined();
  });

  test('every way to write eight groups gives the same address, and that is a fixed point', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 65_535 }), { minLength: 8, maxLength: 8 }),
        fc.ipV6(),
        (groups, v6) => {
          const short = groups.map((group) => group.toString(16)).join(':');
          const long = groups.map((group) => group.toString(16).toUpperCase().padStart(4, '0')).join(':');
          const read = parseIpAddress(short);
          expect(read).toBeDefined();
          expect(parseIpAddress(long)).toEqual(read);
          const other = parseIpAddress(v6);
          expect(other).toBeDefined();
          expect(parseIpAddress(other?.address ?? '')).toEqual(other);
        },
      ),
    );
  });
});
