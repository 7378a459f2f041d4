import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { temporaryDir } from './support/context.ts';
import { eachDatabase } from './support/databases.ts';
import { everyRow, fill, variables } from './support/move.ts';
import { run } from './support/serve.ts';

/** Seconds. PostgreSQL ends a transaction that is silent for ten. */
const pause = 14;

eachDatabase('a backup', (freshUrl) => {
  test('goes to a slow command, and comes from one, though the transaction waits for it', async () => {
    const [from, to, folder] = [await freshUrl(), await freshUrl(), temporaryDir()];
    await fill(from, 20_000);
    const [file, secret] = [join(folder, 'x.backup'), join(folder, 'passphrase')];
    writeFileSync(secret, 'a passphrase for tests alone\n');
    const slowly = ['--passphrase-file', secret];
    const made = await run(['backup', '--to', `sleep ${pause}; cat > '${file}'`, ...slowly], variables(from, folder));
    expect(made).toMatchObject({ code: 0 });
    const half = `head -c 200000 '${file}'; sleep ${pause}; tail -c +200001 '${file}'`;
    // These rows were never chained.
    const restored = await run(['restore', '--from', half, '--accept-broken-chain', ...slowly], variables(to, folder));
    expect(restored).toMatchObject({ code: 0 });
    expect(await everyRow(to)).toEqual(await everyRow(from));
  }, 120_000);
});
