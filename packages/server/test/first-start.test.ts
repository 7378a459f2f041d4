import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { rounds } from '../../proof/test/support/rounds.ts';
import type { Context } from '../src/context.ts';
import { credentialsDir } from '../src/credentials.ts';
import { makeFirstStart } from '../src/first-start.ts';
import { system } from '../src/kernel/caller.ts';
import { write } from '../src/store/write.ts';
import { leaveFiles, writeLeftFiles } from '../src/subject/handover.ts';
import { openContext } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { firstStartsAtOnce, killedFirstStarts } from './support/first-starts.ts';

const rows = async ({ store: { db } }: Context) => ({
  realms: (await db.selectFrom('realm').select('name').orderBy('name').execute()).map(({ name }) => name),
  clients: (await db.selectFrom('client').select('id').orderBy('id').execute()).map(({ id }) => id),
  passwords: (await db.selectFrom('password').select('credential_id').execute()).map(
    ({ credential_id }) => credential_id,
  ),
  keys: (await db.selectFrom('signing_key').select('kid').execute()).length,
  left: (await db.selectFrom('sealed').select('name').where('name', 'like', 'files:%').execute()).length,
});
const files = ({ config }: Context) =>
  existsSync(credentialsDir(config)) ? readdirSync(credentialsDir(config)).sort() : [];

const whole = [
  'admin.json',
  'example-root.json',
  'lender.private.jwk',
  'lender.secret',
  'loan-agent.private.jwk',
  'loan-agent.secret',
  'wallet.passphrase',
];

eachDatabase('a first start', (freshUrl, kind) => {
  test('commits everything at once, and files follow: a start that was interrupted between is finished by the next', async () => {
    const context = await openContext(await freshUrl('empty'));
    expect(await makeFirstStart(context, undefined)).toBe('made');
    const made = {
      realms: ['dev', 'system'],
      clients: ['countersign-cli', 'lender', 'loan-agent'],
      passwords: ['example-root'],
      keys: 12,
      left: 1,
    };
    expect(await rows(context)).toEqual(made);
    expect(files(context)).toEqual([]);
    // What waits is sealed.
    const sealed = JSON.stringify(await context.store.db.selectFrom('sealed').selectAll().execute());
    expect(sealed).not.toContain('countersign-cli');
    expect(await makeFirstStart(context, undefined)).toBe('was there');
    await writeLeftFiles(context, credentialsDir(context.config));
    expect(files(context)).toEqual(whole);
    expect(await rows(context)).toEqual({ ...made, left: 0 });
  });

  test('leaves nothing where its transaction fails', async () => {
    const context = await openContext(await freshUrl('empty'));
    const participant = { id: '1', role: 'LENDER', participant: { id: 'o', participantName: 'O' } };
    const network = {
      realms: [
        { name: 'dev', participants: [participant], productNetworks: [{ id: 'n', name: 'N', productId: 'none' }] },
      ],
    };
    await expect(makeFirstStart(context, network)).rejects.toMatchObject({ code: 'network.invalid' });
    expect(await rows(context)).toEqual({ realms: [], clients: [], passwords: [], keys: 0, left: 0 });
  });

  test('at the same moment on several nodes is made once, and each file is of what was committed', async () => {
    const url = await freshUrl('empty');
    const nodes = await Promise.all([openContext(url), openContext(url), openContext(url)]);
    const outcomes = await Promise.all(nodes.map((node) => makeFirstStart(node, undefined)));
    expect(outcomes.sort()).toEqual(['made', 'was there', 'was there']);
    const [context] = nodes;
    expect(await rows(context as Context)).toMatchObject({ keys: 12, left: 1, passwords: ['example-root'] });
    await Promise.all(nodes.map((node) => writeLeftFiles(node, credentialsDir((context as Context).config))));
    expect(files(context as Context)).toEqual(whole);
  });

  test('two servers at once: both run, with the credentials on disk', async () => {
    for (let pair = 0; pair < rounds(2, 1); pair++)
      await firstStartsAtOnce(kind === 'sqlite' ? undefined : await freshUrl('empty'));
  }, 180_000);

  test('what was left is not written again once it was written, and is gone from a directory when its owner removed it', async () => {
    const context = await openContext(await freshUrl('empty'));
    const directory = join(context.config.dataDir, 'elsewhere');
    await write(context, system, (tx) => leaveFiles(context, tx, { a: 'one' }));
    mkdirSync(directory);
    await writeLeftFiles(context, directory);
    expect(readFileSync(join(directory, 'a'), 'utf8')).toBe('one');
    await writeLeftFiles(context, join(directory, 'another'));
    expect(existsSync(join(directory, 'another'))).toBe(false);
  });
});

eachDatabase('a first start that is killed', (freshUrl, kind) => {
  test('at random moments: the next start works, with the credentials on disk', async () => {
    await killedFirstStarts(rounds(4, 2), kind === 'sqlite' ? undefined : freshUrl);
  }, 240_000);
});
