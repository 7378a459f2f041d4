import type { Command } from 'commander';
import { type Config, loadConfig } from '../config.ts';
import { systemClock } from '../kernel/clock.ts';
import { createLog } from '../kernel/log.ts';
import { systemRandom } from '../kernel/random.ts';
import { openConfiguredStore } from '../server.ts';
import { noteBackup } from '../store/backed-up.ts';
import type { Store, StoreNeed } from '../store/open.ts';
import { backupOpening, backupSealing } from '../subject/backup.ts';
import {
  type Counts,
  checkDump,
  dumpOpening,
  dumpSealing,
  dumpStore,
  loadStore,
  type Opening,
  type Sealing,
} from '../subject/dump.ts';
import { masterKeyOf, requireMasterKey } from '../subject/secrets/master-key.ts';
import { commandLines, commandSink, fileLines, fileSink, interruptible, type Sink, until } from './lines.ts';
import { print } from './output.ts';
import { createProgress } from './progress.ts';
import { readNewSecret, readSecret } from './typed-secret.ts';

/** The complete, encrypted move between databases, and the backup, which is the same under a passphrase. */
export function dumpCommands(program: Command): void {
  program
    .command('dump')
    .description('Write the whole database to an encrypted file, for another database or for safe-keeping.')
    .requiredOption('-f, --file <file>', 'a new file')
    .action(async ({ file }: { file: string }) => {
      const sealing = async (store: Store, config: Config) =>
        dumpSealing(await masterKeyOf(config, store, systemRandom), systemRandom);
      print({ dumped: await interruptible((signal) => write(() => fileSink(file), sealing, signal, 'dump')) });
    });
  program
    .command('load')
    .description('Load a dump into an empty database. It needs the master key of the dumped one.')
    .requiredOption('-f, --file <file>', 'the dump')
    .action(async ({ file }: { file: string }) => {
      const opening = dumpOpening(requireMasterKey(loadConfig(process.env).config));
      print({ loaded: await interruptible((signal) => loadFile(file, 'The dump', opening, signal)) });
    });
}

interface Backup {
  readonly file?: string;
  readonly to?: string;
  readonly passphraseFile?: string;
}

interface Restore {
  readonly file?: string;
  readonly from?: string;
  readonly passphraseFile?: string;
  readonly acceptBrokenChain: boolean;
}

export function backupCommands(program: Command): void {
  program
    .command('backup')
    .description(
      'Write the whole database, while the server runs, under a passphrase. The master key is not in it: keep that elsewhere.',
    )
    .option('-f, --file <file>', 'a new file')
    .option('--to <command>', 'or a shell command that takes it as its standard input')
    .option('--passphrase-file <file>', 'its first line is the passphrase (default: ask)')
    .action(async ({ file, to, passphraseFile }: Backup) => {
      requireOne(file, to, '--file', '--to');
      const passphrase = await readNewSecret('Passphrase of the backup: ', passphraseFile);
      const sink = () => (file === undefined ? commandSink(to as string) : fileSink(file));
      const sealing = () => backupSealing(passphrase, systemRandom);
      print({ backedUp: await interruptible((signal) => write(sink, sealing, signal, 'backup')) });
    });
  program
    .command('restore')
    .description(
      'Restore a backup into an empty database, with the master key of the one that was backed up. Keeps all of it or nothing, and verifies the chain of events.',
    )
    .option('-f, --file <file>', 'the backup')
    .option('--from <command>', 'or a shell command that writes it to its standard output')
    .option('--passphrase-file <file>', 'its first line is the passphrase (default: ask)')
    .option('--accept-broken-chain', 'also if the chain of events was broken before the backup', false)
    .action(async ({ file, from, passphraseFile, acceptBrokenChain }: Restore) => {
      requireOne(file, from, '--file', '--from');
      const masterKey = requireMasterKey(loadConfig(process.env).config);
      const passphrase = await readSecret('Passphrase of the backup: ', passphraseFile);
      const opening = backupOpening(passphrase, { masterKey, acceptBrokenChain });
      const restored = await interruptible((signal) =>
        file === undefined ? loadOnce(from as string, opening, signal) : loadFile(file, 'The backup', opening, signal),
      );
      print({ restored });
    });
}

function requireOne(one: string | undefined, other: string | undefined, first: string, second: string): void {
  if ((one === undefined) === (other === undefined)) throw new Error(`Name ${first} or ${second}: one of the two.`);
}

async function write(
  open: () => Sink | Promise<Sink>,
  sealing: (store: Store, config: Config) => Promise<Sealing>,
  signal: AbortSignal,
  what: 'dump' | 'backup',
): Promise<Counts> {
  const { config } = loadConfig(process.env);
  return withStore(config, 'existing', async (store) => {
    const sealed = await sealing(store, config);
    const sink = await open();
    const progress = createProgress();
    let [rows, expected] = [0, 0];
    const put = (line: string) => {
      if (signal.aborted) throw new Error(`The ${what} was interrupted: no file was written.`);
      return sink.put(line);
    };
    try {
      const counts = await dumpStore(store, sealed, put, (more, all = expected) => {
        [rows, expected] = [rows + more, all];
        progress.tell(`${rows} rows ${what === 'dump' ? 'dumped' : 'backed up'}`, rows / expected);
      });
      await sink.done();
      // A database that takes no writes, such as one on a full disk, was backed up all the same.
      await noteBackup(store.db, systemClock.now()).catch(() => {});
      return counts;
    } catch (thrown) {
      await sink.undo();
      throw thrown;
    } finally {
      progress.end();
    }
  });
}

const interrupted = 'The load was interrupted: nothing was loaded.';

/**
 * Reads the file twice, so that an incomplete file, or one under another key, is refused before the database is
 * touched.
 */
async function loadFile(file: string, named: string, opening: Opening, signal: AbortSignal): Promise<Counts> {
  const { config } = loadConfig(process.env);
  const read = await fileLines(file, named);
  const progress = createProgress();
  let loaded = 0;
  const percent = (share: number) => `${Math.floor(share * 100)} % of the file`;
  const lines = (said: (share: number) => string) =>
    until(
      signal,
      read((share) => progress.tell(said(share), share)),
      interrupted,
    );
  try {
    await checkDump(
      opening,
      lines((share) => `checked ${percent(share)}`),
    );
    const again = lines((share) => `${loaded} rows loaded, ${percent(share)}`);
    return await withStore(config, 'any', (store) =>
      loadStore(store, opening, again, (rows) => {
        loaded += rows;
      }),
    );
  } finally {
    progress.end();
  }
}

/** What a command writes can be read only once. The transaction keeps nothing of what is refused. */
async function loadOnce(command: string, opening: Opening, signal: AbortSignal): Promise<Counts> {
  const progress = createProgress();
  let loaded = 0;
  const lines = until(signal, commandLines(command), interrupted);
  try {
    return await withStore(loadConfig(process.env).config, 'any', (store) =>
      loadStore(store, opening, lines, (rows) => {
        loaded += rows;
        progress.tell(`${loaded} rows loaded`);
      }),
    );
  } finally {
    progress.end();
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
