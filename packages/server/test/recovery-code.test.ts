import { join } from 'node:path';
import { expect, test } from 'vitest';
import { digestOf, makeRecoveryCodes, matchRecoveryCode } from '../src/subject/secrets/recovery-code.ts';
import { openContext, temporaryDir } from './support/context.ts';

const open = () => openContext(`sqlite:${join(temporaryDir(), 'countersign.db')}`);

test('there are ten, each of 120 bits, in letters that are not mistaken for each other', async () => {
  const context = await open();
  const { codes, digests } = makeRecoveryCodes(context, 'cred-1');
  expect(new Set(codes).size).toBe(10);
  expect(new Set(digests).size).toBe(10);
  for (const code of codes) expect(code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{4}){5}$/);
  for (const code of codes) expect(digests.join()).not.toContain(code.replaceAll('-', ''));
});

test('a code is recognised however it is typed, by its owner only, and only while it is kept', async () => {
  const context = await open();
  const { codes, digests } = makeRecoveryCodes(context, 'cred-1');
  const [code, digest] = [codes[3] as string, digests[3] as string];
  const wide = code.replace(/[0-9A-Z]/g, (one) => String.fromCharCode(one.charCodeAt(0) + 0xfee0));
  const typed = [wide, code, code.toLowerCase(), code.replaceAll('-', ''), ` ${code.replaceAll('-', ' ')} `];
  for (const text of [...typed, code.replaceAll('0', 'o').replaceAll('1', 'l')]) {
    expect(matchRecoveryCode(context.vault, text, 'cred-1', digests)).toBe(digest);
    expect(digestOf(context.vault, text, 'cred-1')).toBe(digest);
  }
  expect(matchRecoveryCode(context.vault, code, 'cred-2', digests)).toBeUndefined();
  const left = digests.filter((one) => one !== digest);
  expect(matchRecoveryCode(context.vault, code, 'cred-1', left)).toBeUndefined();
  expect(matchRecoveryCode((await open()).vault, code, 'cred-1', digests)).toBeUndefined();
});

test('a code of 16 letters, as they were made before, is still good', async () => {
  const { vault } = await open();
  const before = '0123-4567-89AB-CDEF';
  const digest = vault.digest('recovery-code', `cred-1\0${before.replaceAll('-', '')}`);
  expect(matchRecoveryCode(vault, 'o123 4567 89ab cdef', 'cred-1', [digest])).toBe(digest);
  expect(matchRecoveryCode(vault, '0123-4567-89AB-CDEG', 'cred-1', [digest])).toBeUndefined();
});

test('what cannot be a code is none', async () => {
  const context = await open();
  const { codes, digests } = makeRecoveryCodes(context, 'cred-1');
  const code = codes[0] as string;
  for (const text of [
    '',
    '-',
    code.slice(1),
    `${code}0`,
    code.replace(/.$/, 'U'),
    code.replace(/.$/, '\0'),
    '0'.repeat(16),
    '0'.repeat(24),
    code.slice(0, 19),
    'x'.repeat(1_000_000),
  ]) {
    expect(matchRecoveryCode(context.vault, text, 'cred-1', digests)).toBeUndefined();
  }
  expect(digestOf(context.vault, 'x', 'cred-1')).toBeUndefined();
});
