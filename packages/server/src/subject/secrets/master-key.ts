import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { Config } from '../../config.ts';
import { Problem } from '../../kernel/problem.ts';
import type { Random } from '../../kernel/random.ts';
import { isMissing, readTextFile } from '../../kernel/text-file.ts';
import type { Store } from '../../store/open.ts';
import { syncDirectory } from '../handover.ts';
import { sealedUnder } from './vault.ts';

/**
 * The master key: 32 bytes from the configuration, or, with SQLite only, from a 0600 file in the data directory that
 * the first start makes. A store that was sealed never gets a new master key silently.
 */
export async function masterKeyOf(config: Config, store: Store, random: Random): Promise<Uint8Array> {
  if (config.masterKey !== undefined) return config.masterKey;
  const path = masterKeyPath(config);
  const known = readMasterKey(path);
  const sealed = await sealedUnder(store, known);
  if (sealed === 'another' && (await finishReseal(path, store))) return readMasterKey(path) as Uint8Array;
  if (known !== undefined) return known;
  if (sealed !== 'none') {
    throw new Problem('config.invalid', {
      detail: `${path} is missing, and COUNTERSIGN_MASTER_KEY is not set: this database was sealed with a master key.`,
    });
  }
  try {
    createMasterKey(path, random);
  } catch (cause) {
    throw new Problem('config.invalid', { detail: `${path} cannot be written.`, cause });
  }
  return readMasterKey(path) as Uint8Array;
}

/**
 * The file appears whole or not at all, even if several processes start for the first time at once. It is on the disk
 * before anything is sealed under it. If another process was faster, its key counts.
 */
function createMasterKey(path: string, random: Random): void {
  const draft = `${path}.${random.token(9)}`;
  try {
    writeFileSync(draft, `${random.token(32)}\n`, { mode: 0o600, flag: 'wx', flush: true });
    linkSync(draft, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  } finally {
    rmSync(draft, { force: true });
  }
  // Also if another process made the file, because this one may be the first to seal under it.
  syncDirectory(dirname(path));
  syncDirectory(dirname(dirname(resolve(path))));
}

/**
 * Writes the next key to a file beside the present one, before anything is sealed under it. `replaceMasterKey` puts it
 * in place of the present key. If `reseal` is killed in between, the next program that opens the store finishes it.
 */
export function layNextMasterKey(config: Config, text: string): void {
  const next = nextOf(masterKeyPath(config));
  rmSync(next, { force: true });
  writeFileSync(next, `${text}\n`, { mode: 0o600, flag: 'wx', flush: true });
  syncDirectory(config.dataDir);
}

export function replaceMasterKey(config: Config): void {
  const path = masterKeyPath(config);
  renameSync(nextOf(path), path);
  syncDirectory(config.dataDir);
}

function nextOf(path: string): string {
  return `${path}.next`;
}

async function finishReseal(path: string, store: Store): Promise<boolean> {
  const next = readMasterKey(nextOf(path));
  if (next === undefined || (await sealedUnder(store, next)) !== 'this') return false;
  try {
    renameSync(nextOf(path), path);
    syncDirectory(dirname(path));
  } catch (cause) {
    // Another process that started at the same moment was faster.
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
  return true;
}

/** The existing master key, for commands that must not make one. @throws {Problem} `config.invalid` */
export function requireMasterKey(config: Config): Uint8Array {
  const key = config.masterKey ?? readMasterKey(masterKeyPath(config));
  if (key !== undefined) return key;
  throw new Problem('config.invalid', {
    detail: `No master key: set COUNTERSIGN_MASTER_KEY, or put the key of the dumped database into ${masterKeyPath(config)}.`,
  });
}

export function masterKeyPath(config: Config): string {
  return join(config.dataDir, 'master.key');
}

function readMasterKey(path: string): Uint8Array | undefined {
  let text: string;
  try {
    text = readTextFile(path).trim();
  } catch (thrown) {
    if (isMissing(thrown)) return undefined;
    throw thrown;
  }
  return parseMasterKey(text, path);
}

/**
 * Accepts one spelling only: Node's decoder takes others, and a key that no start accepts would close the database for
 * good.
 */
export function parseMasterKey(text: string, path: string): Uint8Array {
  if (!/^[A-Za-z0-9_-]{43}$/.test(text))
    throw new Problem('config.invalid', { detail: `${path} does not hold 32 bytes as base64url.` });
  return Buffer.from(text, 'base64url');
}
