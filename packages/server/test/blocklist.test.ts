import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { importBlocklist, isBlocked, rowsAtOnce } from '../src/passwords/blocklist.ts';
import { requireAcceptable } from '../src/passwords/password-rules.ts';
import { effectiveRules } from '../src/subject/password-config.ts';
import { breachDigest } from '../src/subject/secrets/breach-digest.ts';
import { masterKey, openContext, temporaryDir, tester } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { run } from './support/serve.ts';

async function* lines(...all: readonly string[]) {
  yield* all;
}

const upper = (password: string) => breachDigest(password).toUpperCase();

eachDatabase('an imported list', (freshUrl) => {
  test('of words forbids each of them, in any case and spelling, and what is no password is passed over', async () => {
    const context = await openContext(await freshUrl());
    const words = [
      '\ufeffTr0ub4dor & the horse',
      '',
      'Ｆｕｌｌ width of letters',
      'latin1 \ufffd',
      '\ud800',
      'x'.repeat(1_025),
    ];
    const file = { name: 'words.txt', lines: lines(...words, 'Tr0ub4dor & the horse') };
    expect(await importBlocklist(context, file, tester)).toEqual({ lines: 7, added: 2, passedOver: 4 });
    const check = (password: string) =>
      requireAcceptable(password, effectiveRules({}), {
        words: [],
        isBlocked: (digests) => isBlocked(context, digests),
      });
    for (const password of ['Tr0ub4dor & the horse', 'TR0UB4DOR & THE HORSE', 'full width of letters'])
      await expect(check(password)).rejects.toMatchObject({ code: 'password.compromised' });
    await expect(check('Tr0ub4dor & the horses')).resolves.toBeUndefined();
  });

  test('of digests, with and without counts, and of a range, forbids what was breached', async () => {
    const context = await openContext(await freshUrl());
    const breached = ['one that was breached', 'another one of those', 'a third in lower case'];
    const [one, two, three] = breached.map(breachDigest) as [string, string, string];
    const whole = { name: 'pwned.txt', lines: lines(`${one.toUpperCase()}:5`, three) };
    expect(await importBlocklist(context, whole, tester)).toMatchObject({ lines: 2, added: 2 });
    // A range is padded with entries that are counted zero times, so that its length tells nothing.
    const padded = `${upper('never breached').slice(5)}:0`;
    for (const name of [`${two.slice(0, 5).toUpperCase()}.txt`, two.slice(0, 5)]) {
      const range = { name, lines: lines(`${two.slice(5).toUpperCase()}:1`, padded) };
      expect(await importBlocklist(context, range, tester)).toMatchObject({ lines: 2, passedOver: 1 });
    }
    for (const password of breached) expect(await isBlocked(context, [breachDigest(password)])).toBe(true);
    expect(await isBlocked(context, [breachDigest('never breached')])).toBe(false);
    expect(await isBlocked(context, [two.slice(0, 5) + upper('never breached').slice(5).toLowerCase()])).toBe(false);
  });

  test('that is taken again adds nothing, also when two take it at once', async () => {
    const url = await freshUrl();
    const [context, other] = await Promise.all([openContext(url), openContext(url)]);
    const words = Array.from({ length: 2 * rowsAtOnce + 7 }, (_, number) => `word number ${number}`);
    const file = () => ({ name: 'words', lines: lines(...words) });
    const both = await Promise.all([
      importBlocklist(context, file(), tester),
      importBlocklist(other, { name: 'words', lines: lines(...[...words].reverse()) }, tester),
    ]);
    expect(both.reduce((sum, { added }) => sum + added, 0)).toBe(words.length);
    expect(await importBlocklist(context, file(), tester)).toMatchObject({ lines: words.length, added: 0 });
  });

  test('that breaks off keeps what it took, and goes on from there', async () => {
    const context = await openContext(await freshUrl());
    const entries = Array.from({ length: 10_050 }, (_, number) => upper(`entry ${number}`));
    const broken = { name: 'list', lines: lines(...entries.slice(0, 10_020), 'garbage', ...entries.slice(10_020)) };
    let taken = 0;
    const progress = (done: number) => {
      taken = done;
    };
    await expect(importBlocklist(context, broken, tester, { progress })).rejects.toThrow('Line 10021 of list');
    expect(taken).toBe(10_000);
    expect(await isBlocked(context, [breachDigest('entry 9999')])).toBe(true);
    expect(await isBlocked(context, [breachDigest('entry 10010')])).toBe(false);
    const mended = { name: 'list', lines: lines(...entries) };
    expect(await importBlocklist(context, mended, tester, { skip: taken })).toEqual({
      lines: 10_050,
      added: 50,
      passedOver: 0,
    });
    expect(await isBlocked(context, [breachDigest('entry 10049')])).toBe(true);
  });

  test('is written down, without its passwords', async () => {
    const context = await openContext(await freshUrl());
    await importBlocklist(context, { name: 'words.txt', lines: lines('a s3cret of many') }, tester);
    const events = await context.store.db
      .selectFrom('event')
      .selectAll()
      .where('type', '=', 'blocklist.imported')
      .execute();
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({ realm: 'system', object: 'blocklist:words.txt', actor: 'test' });
    expect(JSON.stringify(events)).not.toContain('s3cret');
  });
});

describe('a file that is no list of its kind is refused', () => {
  test.each([
    ['a line of another form', 'list', [upper('a'), 'password']],
    ['a digest that is too long', 'list', [upper('a'), `${upper('b')}0:1`]],
    ['a count that is none', 'list', [upper('a'), `${upper('b')}:many`]],
    ['ends of digests under a name that is no range', 'range.txt', [`${upper('a').slice(5)}:1`]],
    ['ends of digests under too long a name', 'ABCDEF.txt', [`${upper('a').slice(5)}:1`]],
    ['whole digests within a range', 'ABCDE.txt', [`${upper('a').slice(5)}:1`, `${upper('b')}:1`]],
    ['NTLM', 'ntlm.txt', ['32ED87BDB5FDC5E9CBA88547376818D4:24230577']],
  ])('%s', async (_, name, content) => {
    const context = await openContext(`sqlite:${join(temporaryDir(), 'countersign.db')}`);
    await expect(importBlocklist(context, { name, lines: lines(...content) }, tester)).rejects.toMatchObject({
      code: 'request.invalid',
    });
  });
});

test('countersign blocklist import takes files of each kind, and says where to go on', async () => {
  const dataDir = temporaryDir();
  await openContext(`sqlite:${join(dataDir, 'countersign.db')}`);
  const variables = { COUNTERSIGN_DATA_DIR: dataDir, COUNTERSIGN_MASTER_KEY: masterKey };
  const file = (name: string, content: string) => {
    const path = join(dataDir, name);
    writeFileSync(path, content);
    return path;
  };
  const words = file('words.txt', 'first of the words\r\nsecond of the words');
  const range = file('ABCDE.txt', `${'0'.repeat(35)}:3\r\n${'1'.repeat(35)}:0\r\n`);
  const taken = await run(['blocklist', 'import', words, range], variables);
  expect(taken).toMatchObject({ code: 0, stderr: '' });
  expect(taken.stdout).toContain('"added": 2');
  expect(taken.stdout).toContain('"passedOver": 1');
  const broken = file('broken.txt', `${upper('a')}\n${upper('b')}\nc\n`);
  expect(await run(['blocklist', 'import', broken], variables)).toMatchObject({
    code: 1,
    stderr: `countersign: Line 3 of broken.txt is not of the form that its first line has. (${broken}: go on with --skip 0)\n`,
  });
  const endless = file('endless.txt', 'x'.repeat(300_000));
  expect((await run(['blocklist', 'import', endless], variables)).stderr).toContain('a line without end');
  expect((await run(['blocklist', 'import', join(dataDir, 'none')], variables)).code).toBe(1);
  expect((await run(['blocklist', 'import', words, '--skip', 'x'], variables)).stderr).toContain('--skip');
});
