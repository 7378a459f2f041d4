import { describe, expect, test } from 'vitest';
import { basicCredentials, requireCredentials } from '../src/edge/credentials.ts';
import { endClient } from '../src/edge/end-client.ts';
import { createKeyOf } from '../src/edge/key.ts';
import { createRefusals } from '../src/edge/refusals.ts';
import { createThrottle } from '../src/edge/throttle.ts';
import { newMac as nodeMac } from '../src/node-crypto.ts';
import { newMac as webMac } from '../src/web-crypto.ts';

const base64 = (text: string | Uint8Array) => Buffer.from(text as string).toString('base64');
const field = (text: string | Uint8Array) => ({ authorization: `Basic ${base64(text)}` });
const codeOf = (act: () => unknown): string => {
  try {
    act();
    return 'passed';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('the field of HTTP Basic', () => {
  test.each([
    ['plain', 'alice:secret', 'alice', 'secret'],
    ['with colons in the password', 'alice:se:cr:et', 'alice', 'se:cr:et'],
    ['with spaces, which are part of it', ' alice : secret ', ' alice ', ' secret '],
    ['in UTF-8', 'zoë:pässwörd 🦦', 'zoë', 'pässwörd 🦦'],
    ['in another form of Unicode, which is another password', 'a:e\u0301', 'a', 'e\u0301'],
    ['with a byte order mark, which is a character', '\ufeffa:b', '\ufeffa', 'b'],
    ['as long as any', `${'n'.repeat(255)}:${'𝕡'.repeat(1024)}`, 'n'.repeat(255), '𝕡'.repeat(1024)],
  ])('%s', (_, text, name, password) => {
    expect(basicCredentials(field(text))).toEqual({ name, password });
  });

  test('in any case, as RFC 9110 has schemes', () => {
    expect(basicCredentials({ authorization: `bASIC   ${base64('a:b')}` })).toEqual({ name: 'a', password: 'b' });
  });

  test.each([
    ['nothing', {}],
    ['another scheme', { authorization: 'Bearer abc' }],
    ['a scheme that only begins alike', { authorization: `BasicX ${base64('a:b')}` }],
    ['an empty field', { authorization: '' }],
  ])('%s is no login', (_, headers) => {
    expect(codeOf(() => basicCredentials(headers))).toBe('login.missing');
  });

  const malformed: [string, Readonly<Record<string, string | readonly string[]>>][] = [
    ['no credentials', { authorization: 'Basic' }],
    ['empty credentials', { authorization: 'Basic ' }],
    ['no Base64', { authorization: 'Basic a:b' }],
    ['no padding', { authorization: 'Basic YTpiYg' }],
    ['too much padding', { authorization: 'Basic YTpi====' }],
    ['padding in the middle', { authorization: 'Basic YQ==OmI=' }],
    ['stray bits', { authorization: 'Basic YTpiYh==' }],
    ['the alphabet for URLs', { authorization: `Basic ${base64('a:b??>>').replace('/', '_').replace('+', '-')}` }],
    ['white space within', { authorization: 'Basic YTpi YTpi' }],
    ['white space behind', { authorization: 'Basic YTpi ' }],
    ['a line break', { authorization: 'Basic YTpi\nYTpi' }],
    ['a parameter', { authorization: 'Basic YTpi, realm="x"' }],
    ['no colon', field('alice')],
    ['no name', field(':secret')],
    ['no password', field('alice:')],
    ['NUL in the name', field('al\0ice:secret')],
    ['NUL in the password', field('alice:sec\0ret')],
    ['a line break in the name', field('alice\r\nx:secret')],
    ['DEL', field('alice:\x7f')],
    ['C1 controls', field('alice:\u0085')],
    ['a line separator in the name', field('ali\u2028ce:secret')],
    ['Latin-1', field(Buffer.from('zoë:secret', 'latin1'))],
    ['overlong UTF-8', field(Uint8Array.of(0x61, 0x3a, 0xc0, 0x80))],
    ['surrogates in UTF-8', field(Uint8Array.of(0x61, 0x3a, 0xed, 0xa0, 0x80))],
    ['half a character', field(Uint8Array.of(0x61, 0x3a, 0xf0, 0x9f, 0xa6))],
    ['UTF-16', field(Buffer.from('alice:secret', 'utf16le'))],
    ['a name that no realm has', field(`${'n'.repeat(256)}:secret`)],
    ['a password that no realm has', field(`a:${'p'.repeat(1025)}`)],
    ['a megabyte', field(`a:${'p'.repeat(1_000_000)}`)],
    ['a megabyte of blanks', { authorization: `Basic ${' '.repeat(1_000_000)}YTpi` }],
    ['two of them', { authorization: [`Basic ${base64('a:b')}`, `Basic ${base64('a:c')}`] }],
  ];
  test.each(malformed)('%s is refused', (_, headers) => {
    expect(codeOf(() => basicCredentials(headers))).toBe('login.malformed');
  });

  test('what another site made a browser send is refused, whatever it says', () => {
    const from = (site: string) => codeOf(() => basicCredentials({ ...field('a:b'), 'sec-fetch-site': site }));
    expect(['cross-site', 'same-site', 'same-origin', 'none'].map(from)).toEqual([
      'login.cross_site',
      'login.cross_site',
      'passed',
      'passed',
    ]);
  });

  test('where a browser does not say so, its origin has to be the host that is called', () => {
    const from = (origin: string | readonly string[], others: object = { host: 'api.example:8443' }) =>
      codeOf(() => basicCredentials({ ...field('a:b'), origin, ...others }));
    expect(from('https://api.example:8443')).toBe('passed');
    expect(from('https://api.example', { host: 'API.example:443' })).toBe('passed');
    expect(from('http://api.example', { ':authority': 'api.example' })).toBe('passed');
    for (const origin of [
      'https://evil.example',
      'https://api.example',
      'null',
      '',
      'api.example:8443',
      'https://u@api.example:8443',
    ]) {
      expect([origin, from(origin)]).toEqual([origin, 'login.cross_site']);
    }
    expect(from('https://api.example:8443', {})).toBe('login.cross_site');
    expect(from(['https://api.example:8443', 'https://evil.example'])).toBe('login.cross_site');
    // What the browser says itself counts more: a proxy may have changed the host.
    expect(from('https://api.example', { host: 'internal', 'sec-fetch-site': 'same-origin' })).toBe('passed');
    expect(codeOf(() => basicCredentials({ ...field('a:b'), 'sec-fetch-site': ['same-origin', 'cross-site'] }))).toBe(
      'login.cross_site',
    );
    // A program says nothing.
    expect(codeOf(() => basicCredentials({ ...field('a:b'), host: 'api.example' }))).toBe('passed');
  });

  test('lone surrogates, which only a program can hand over, are refused', () => {
    expect(codeOf(() => requireCredentials({ name: 'a', password: '\ud800' }))).toBe('login.malformed');
    expect(codeOf(() => requireCredentials({ name: '\udc00', password: 'b' }))).toBe('login.malformed');
  });

  test('a refusal shows nothing of what was presented', () => {
    try {
      basicCredentials(field('alice:sec\0ret'));
    } catch (error) {
      expect(JSON.stringify([error, (error as Error).message, (error as Error).stack])).not.toMatch(/alice|sec|YWxp/);
    }
  });
});

describe('an end client', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1', '192.0.2.1'],
    ['2001:DB8:0:0::1', '2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['fe80::1%eth0', 'fe80::1', 'fe80:0:0:0::/64'],
    ['::1', '::1', '0:0:0:0::/64'],
    ['::FFFF:c000:0201', '192.0.2.1', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1', '192.0.2.1'],
  ])('%s', (given, address, network) => {
    expect(endClient(given)).toEqual({ address, network });
  });

  test.each([
    undefined,
    '',
    'unknown',
    '999.1.1.1',
    '192.0.2.1, 192.0.2.2',
    '192.0.2.1\r\nx: y',
    ':::',
    '[::1]',
    '1.2.3',
    '::1/64',
  ])('%j is nobody in particular, and is sent on to nobody', (given) => {
    expect(endClient(given)).toEqual({ address: undefined, network: '?' });
  });
});

describe('the key of what is remembered', () => {
  test('is the same for the same parts only, and another for another process', async () => {
    const keyOf = createKeyOf();
    expect(await keyOf('a', 'b')).toBe(await keyOf('a', 'b'));
    const parts = [['a', 'b'], ['ab'], ['a', 'b', ''], ['', 'a', 'b'], ['a\0b'], ['b', 'a'], ['a', 'b\0']];
    expect(new Set(await Promise.all(parts.map((list) => keyOf(...list)))).size).toBe(parts.length);
    expect(await createKeyOf()('a', 'b')).not.toBe(await keyOf('a', 'b'));
    expect(await keyOf('a')).toMatch(/^[A-Za-z0-9_-]{43}$/);
  });

  test.each([
    ['node:crypto', nodeMac],
    ['WebCrypto', webMac],
  ])('is a MAC of 256 bits under a key of its own, by %s', async (_, newMac) => {
    const [mac, other] = [newMac(), newMac()];
    const bytes = new TextEncoder().encode('text');
    const digest = await mac(bytes);
    expect(digest).toHaveLength(32);
    expect(Buffer.from(digest)).toEqual(Buffer.from(await mac(bytes)));
    expect(Buffer.from(digest)).not.toEqual(Buffer.from(await other(bytes)));
  });
});

describe('a throttle', () => {
  test('counts a login that is under way as failed, until it is known not to be', () => {
    const throttle = createThrottle(() => 0, { failuresPerMinute: 2 });
    const [first, second] = [throttle.begin('a'), throttle.begin('a')];
    expect(codeOf(() => throttle.begin('a'))).toBe('login.throttled');
    first(false);
    const third = throttle.begin('a');
    second(true);
    third(true);
    expect(codeOf(() => throttle.begin('a'))).toBe('login.throttled');
    expect(codeOf(() => throttle.begin('b'))).toBe('passed');
  });

  test('begins anew after a minute, and when the clock was set back', () => {
    let now = 1_000_000;
    const throttle = createThrottle(() => now, { loginsPerMinute: 1 });
    throttle.begin('a')(false);
    expect(codeOf(() => throttle.begin('a'))).toBe('login.throttled');
    now += 60_000;
    throttle.begin('a')(false);
    expect(codeOf(() => throttle.begin('a'))).toBe('login.throttled');
    now -= 500_000;
    throttle.begin('a')(false);
    expect(codeOf(() => throttle.begin('a'))).toBe('login.throttled');
  });

  test('does not forget who has logins under way when their minute is over', () => {
    let now = 0;
    const throttle = createThrottle(() => now, { failuresPerMinute: 1 });
    const end = throttle.begin('a');
    now += 61_000;
    expect(codeOf(() => throttle.begin('a'))).toBe('login.throttled');
    end(false);
    expect(codeOf(() => throttle.begin('a'))).toBe('passed');
  });

  test('remembers a bounded number of clients', () => {
    const throttle = createThrottle(() => 0, { loginsPerMinute: 1 });
    throttle.begin('first')(true);
    expect(codeOf(() => throttle.begin('first'))).toBe('login.throttled');
    for (let i = 0; i < 10_000; i++) throttle.begin(`client ${i}`)(true);
    expect(codeOf(() => throttle.begin('first'))).toBe('passed');
  });
});

test('refusals are remembered for a while, and a bounded number of them', () => {
  let now = 0;
  const refusals = createRefusals(() => now, 10);
  refusals.remember('first', 'login.failed');
  expect(refusals.find('first')).toBe('login.failed');
  now = 10;
  expect(refusals.find('first')).toBeUndefined();
  refusals.remember('first', 'login.failed');
  for (let i = 0; i < 10_000; i++) refusals.remember(String(i), 'login.failed');
  expect(refusals.find('first')).toBeUndefined();
  expect(refusals.find('0')).toBe('login.failed');
  now = 5;
  expect(refusals.find('0')).toBeUndefined();
});
