import { createReadStream } from 'node:fs';
import { access, open, rename, rm, stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { type Config, loadConfig } from '../config.ts';
import { systemClock } from '../kernel/clock.ts';
import { createLog } from '../kernel/log.ts';
import { systemRandom } from '../kernel/random.ts';
import { openConfiguredStore } from '../server.ts';
import type { Store, StoreNeed } from '../store/open.ts';
import { type Counts, checkDump, dumpStore, loadStore } from '../subject/dump.ts';
import { masterKeyOf, requireMasterKey } from '../subject/secrets/master-key.ts';
import { print } from './api.ts';
import { createProgress } from './progress.ts';

/** The complete, encrypted move between databases. */
export function dumpCommands(program: Command): void {
  program
    .command('dump')
    .description('Write the whole database to an encrypted file, for another database or for safe-keeping.')
    .requiredOption('-f, --file <file>', 'a new file')
    .action(async ({ file }: { file: string }) =>
      print({ dumped: await interruptible((signal) => dump(file, signal)) }),
    );
  program
    .command('load')
    .description('Load a dump into an empty database. It needs the master key of the dumped one.')
    .requiredOption('-f, --file <file>', 'the dump')
    .action(async ({ file }: { file: string }) =>
      print({ loaded: await interruptible((signal) => load(file, signal)) }),
    );
}

/** The file gets its name once it is whole. */
async function dump(file: string, signal: AbortSignal): Promise<Counts> {
  const { config } = loadConfig(process.env);
  if (await exists(file)) throw new Error(`${file} is there already: name a new file.`);
  const partial = `${file}.partial`;
  await rm(partial, { force: true });
  const handle = await open(partial, 'wx', 0o600).catch((cause) => {
    throw new Error(`${file} cannot be written: ${cause.code}.`);
  });
  const progress = createProgress();
  let dumped = 0;
  try {
    const counts = await withStore(config, 'existing', async (store) =>
      dumpStore(
        store,
        await masterKeyOf(config, store, systemRandom),
        systemRandom,
        async (line) => {
          if (signal.aborted) throw new Error('The dump was interrupted: no file was written.');
          await handle.appendFile(`${line}\n`);
        },
        (rows) => {
          dumped += rows;
          progress.tell(`${dumped} rows dumped`);
        },
      ),
    );
    await handle.sync();
    await rename(partial, file);
    return counts;
  } catch (thrown) {
    await rm(partial, { force: true });
    throw thrown;
  } finally {
    progress.end();
    await handle.close();
  }
}

/**
 * Reads the file twice, so that an incomplete file, or one under another key, is refused before the database is
 * touched.
 */
async function load(file: string, signal: AbortSignal): Promise<Counts> {
  const { config } = loadConfig(process.env);
  const masterKey = requireMasterKey(config);
  const found = await stat(file).catch((cause) => {
    throw new Error(`The dump ${file} cannot be read: ${cause.code}.`);
  });
  if (!found.isFile()) throw new Error(`The dump ${file} cannot be read twice: name a file, not a pipe or a device.`);
  const { size } = found;
  const progress = createProgress();
  let loaded = 0;
  const share = (read: number) => `${Math.floor((read / size) * 100)} % of the file`;
  const lines = (said: (read: number) => string) => linesOf(file, signal, (read) => progress.tell(said(read)));
  try {
    await checkDump(
      masterKey,
      lines((read) => `checked ${share(read)}`),
    );
    const again = lines((read) => `${loaded} rows loaded, ${share(read)}`);
    return await withStore(config, 'any', (store) =>
      loadStore(store, masterKey, again, (rows) => {
        loaded += rows;
      }),
    );
  } finally {
    progress.end();
  }
}

/** Far above the longest line of a dump, and far below the length that breaks a process. */
const longestLine = 256 * 1024 * 1024;

async function* linesOf(file: string, signal: AbortSignal, passed: (bytes: number) => void): AsyncGenerator<string> {
  let rest = '';
  let bytes = 0;
  for await (const chunk of createReadStream(file, { encoding: 'latin1', highWaterMark: 1024 * 1024 })) {
    const text = chunk as string;
    bytes += text.length;
    passed(bytes);
    const [head = '', ...more] = text.split('\n');
    rest += head;
    for (const next of more) {
      if (signal.aborted) throw new Error('The load was interrupted: nothing was loaded.');
      yield rest.replace(/\r$/, '');
      rest = next;
    }
    if (rest.length > longestLine) throw new Error(`The dump was not loaded: ${file} has a line that is too long.`);
  }
  if (rest !== '') yield rest;
}

/** The signal is checked between two lines, so that the command can undo its work and say so. */
async function interruptible<T>(act: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  const abort = () => stop.abort();
  for (const signal of signals) process.on(signal, abort);
  try {
    return await act(stop.signal);
  } finally {
    for (const signal of signals) process.off(signal, abort);
  }
}

async function withStore<T>(config: Config, need: StoreNeed, act: (store: Store) => Promise<T>): Promise<T> {
  const store = await openConfiguredStore(config, systemClock, createLog('warn'), need);
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
