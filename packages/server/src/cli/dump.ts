import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { type Config, loadConfig } from '../config.ts';
import { systemClock } from '../kernel/clock.ts';
import { createLog } from '../kernel/log.ts';
import { systemRandom } from '../kernel/random.ts';
import { openConfiguredStore } from '../server.ts';
import type { Store } from '../store/open.ts';
import { dumpStore, loadStore } from '../subject/dump.ts';
import { requireMasterKey } from '../subject/master-key.ts';
import { print } from './api.ts';

/** The complete, encrypted move between databases. */
export function dumpCommands(program: Command): void {
  program
    .command('dump')
    .description('Write the whole database to an encrypted file, for another database or for safe-keeping.')
    .requiredOption('-f, --file <file>', 'a new file')
    .action(({ file }: { file: string }) => withStore((store, config) => dump(store, config, file)));
  program
    .command('load')
    .description('Load a dump into an empty database. It needs the master key of the dumped one.')
    .requiredOption('-f, --file <file>', 'the dump')
    .action(({ file }: { file: string }) => withStore((store, config) => load(store, config, file)));
}

async function dump(store: Store, config: Config, file: string): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    print({
      dumped: await dumpStore(store, requireMasterKey(config), systemRandom, (line) => handle.appendFile(`${line}\n`)),
    });
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function load(store: Store, config: Config, file: string): Promise<void> {
  const input = createReadStream(file, 'utf8');
  const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  try {
    print({ loaded: await loadStore(store, requireMasterKey(config), lines) });
  } finally {
    lines.close();
    input.destroy();
  }
}

async function withStore(act: (store: Store, config: Config) => Promise<void>): Promise<void> {
  const { config } = loadConfig(process.env);
  const store = await openConfiguredStore(config, systemClock, createLog('warn'));
  try {
    await act(store, config);
  } finally {
    await store.close();
  }
}
