import { describe, expect, test } from 'vitest';
import { systemRandom } from '../src/kernel/random.ts';
import { hotp, matchTotp, newTotpSecret, totpStepSeconds, totpUri } from '../src/subject/secrets/totp.ts';

/** The secret of RFC 4226, Appendix D, and of RFC 6238, Appendix B. */
const secret = Buffer.from('12345678901234567890');

test.each([
  [0, '755224'],
  [1, '287082'],
  [2, '359152'],
  [3, '969429'],
  [4, '338314'],
  [5, '254676'],
  [6, '287922'],
  [7, '162583'],
  [8, '399871'],
  [9, '520489'],
])('RFC 4226, Appendix D: counter %i', (counter, code) => {
  expect(hotp(secret, counter)).toBe(code);
});

test.each([
  [59, '94287082'],
  [1_111_111_109, '07081804'],
  [1_111_111_111, '14050471'],
  [1_234_567_890, '89005924'],
  [2_000_000_000, '69279037'],
  [20_000_000_000, '65353130'],
])('RFC 6238, Appendix B: at %i seconds', (seconds, code) => {
  const step = Math.floor(seconds / totpStepSeconds);
  expect(hotp(secret, step, 8)).toBe(code);
  expect(matchTotp(secret, code.slice(2), seconds * 1_000)).toBe(step);
});

describe('a code', () => {
  const now = 1_700_000_010_000;
  const step = Math.floor(now / 30_000);

  test('counts in its step, the one before and the one after, and in no other', () => {
    for (const offset of [-1, 0, 1]) expect(matchTotp(secret, hotp(secret, step + offset), now)).toBe(step + offset);
    for (const offset of [-3, -2, 2, 3]) expect(matchTotp(secret, hotp(secret, step + offset), now)).toBeUndefined();
  });

  test('counts once: not again, and none before one that was used', () => {
    expect(matchTotp(secret, hotp(secret, step), now, step - 1)).toBe(step);
    expect(matchTotp(secret, hotp(secret, step), now, step)).toBeUndefined();
    expect(matchTotp(secret, hotp(secret, step - 1), now, step)).toBeUndefined();
    expect(matchTotp(secret, hotp(secret, step + 1), now, step)).toBe(step + 1);
  });

  test('may be typed in groups, and is nothing else than six digits', () => {
    const code = hotp(secret, step);
    const wide = code.replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)));
    expect(matchTotp(secret, wide, now)).toBe(step);
    expect(matchTotp(secret, `${code.slice(0, 3)} ${code.slice(3)}`, now)).toBe(step);
    for (const other of [
      '',
      ' ',
      code.slice(1),
      `0${code}`,
      `-${code.slice(1)}`,
      `${code.slice(0, 5)}x`,
      '١٢٣٤٥٦',
      '1e5',
      '\0'.repeat(6),
    ])
      expect(matchTotp(secret, other, now)).toBeUndefined();
    expect(matchTotp(Buffer.from('another secret of 20'), code, now)).toBeUndefined();
  });

  test('counts at the beginning of time too', () => {
    expect(matchTotp(secret, '755224', 0)).toBe(0);
    expect(matchTotp(secret, '287082', 0)).toBe(1);
  });
});

test('a secret has 160 bits and is never the same', () => {
  const secrets = Array.from({ length: 100 }, () => totpUri(newTotpSecret(systemRandom), 'x', 'y'));
  expect(new Set(secrets).size).toBe(100);
  for (const uri of secrets) expect(uri).toMatch(/[?]secret=[A-Z2-7]{32}&/);
});

test('the URI is one that authenticator apps read, whoever is named in it', () => {
  expect(totpUri(secret, 'Acme Travel', 'alice@acme.example')).toBe(
    'otpauth://totp/Acme%20Travel:alice%40acme.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Acme%20Travel&algorithm=SHA1&digits=6&period=30',
  );
  const uri = new URL(totpUri(secret, 'A:B&issuer=C', 'x?secret=AAAA#:/'));
  expect(uri.searchParams.get('secret')).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ');
  expect(uri.searchParams.getAll('issuer')).toEqual(['A B&issuer=C']);
  expect(decodeURIComponent(uri.pathname).match(/:/g)).toHaveLength(1);
});
