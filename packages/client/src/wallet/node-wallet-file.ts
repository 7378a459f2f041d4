/** @countersign/client/wallet-file: a profile in a file that only its owner can read. Node only. */
import { constants } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { someText } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import { maxProfile, parseProfile, profileText, type WalletProfile } from './profile.ts';

/** A profile in a file. */
export interface WalletFile {
  /**
   * Reads the profile; undefined if there is no file.
   *
   * @throws {ClientError} `profile.unreadable`, `profile.version`, `profile.malformed`
   */
  load(): Promise<WalletProfile | undefined>;
  /**
   * Replaces the file completely, or not at all.
   *
   * @throws {ClientError} `profile.exists` if the file is the profile of another device, `profile.unreadable`, `profile.version`,
   *   `profile.malformed`
   */
  save(profile: WalletProfile): Promise<void>;
}

/**
 * Keeps a profile in a file that only its owner can read (mode 0600). A crash leaves the old file or the new one. It
 * does not check that the passphrase opens the key, nor the rights of the folders above.
 *
 * @throws {TypeError} if the path is not a string, or empty
 * @throws {ClientError} by its methods: `profile.*`
 * @example
 * const file = walletFile(`${folder}/wallet.json`);
 * await file.save(await prepareDevice({ issuer: issuer.url, ...lock }));
 * (await file.load())?.issuer; // → issuer.url
 */
export function walletFile(path: string): WalletFile {
  someText(path, 'path');
  const load = async () => {
    const bytes = await readProfile(path);
    return bytes === undefined ? undefined : parseProfile(withoutMark(bytes));
  };
  return {
    load,
    async save(profile) {
      const present = await load();
      if (present !== undefined && present.did !== profile.did) {
        throw new ClientError('profile.exists', `${path} is the profile of another device.`);
      }
      await replace(path, profileText(profile));
    },
  };
}

async function readProfile(path: string): Promise<Uint8Array | undefined> {
  const unreadable = (why: string) => new ClientError('profile.unreadable', `${path} cannot be read (${why}).`);
  let file: FileHandle | undefined;
  try {
    // A pipe without a writer would block the opening.
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = await file.stat();
    if (!status.isFile() && !status.isDirectory()) throw unreadable('it is not a file');
    if (status.size > maxProfile) throw unreadable(`it is larger than ${maxProfile} bytes`);
    return await file.readFile();
  } catch (thrown) {
    if (thrown instanceof ClientError) throw thrown;
    const { code = 'unknown' } = thrown as NodeJS.ErrnoException;
    if (code === 'ENOENT') return undefined;
    throw unreadable(code);
  } finally {
    await file?.close();
  }
}

/** The bytes without the byte order mark that some editors write first. */
function withoutMark(bytes: Uint8Array): Uint8Array {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

/**
 * Writes a new file and renames it, so that a crash leaves the old or the new one. Its mode is 0600 before anything is in it.
 */
async function replace(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${process.pid}.new`;
  await rm(beside, { force: true });
  const file = await open(beside, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await chmod(beside, 0o600);
  await rename(beside, path);
}
