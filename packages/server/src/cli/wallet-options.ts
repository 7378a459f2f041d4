import { type OpenedWallet, Wallet, type WalletProfile } from '@countersign/client/wallet';
import { type WalletFile, walletFile } from '@countersign/client/wallet-file';
import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { walletProfileFile } from '../credentials.ts';
import { serverUrl } from './server-url.ts';
import { readSecret } from './typed-secret.ts';

/** The file of a wallet, and how it is opened. */
export interface WalletFileOptions {
  readonly wallet?: string;
  readonly passphraseFile?: string;
}

/** The realm of a new device. */
export interface RealmOptions {
  readonly realm?: string;
  readonly url?: string;
}

export function withWallet(command: Command): Command {
  return command
    .option('--wallet <file>', 'the profile of the device (default: credentials/wallet.json in the data directory)')
    .option('--passphrase-file <file>', 'its first line is the passphrase (default: ask, or standard input)');
}

export function withRealm(command: Command): Command {
  return command
    .option('--realm <name>', 'the realm (default: COUNTERSIGN_DEFAULT_REALM)')
    .option('--url <url>', 'the server (default: COUNTERSIGN_PUBLIC_URL)');
}

export function issuerOf({ realm, url }: RealmOptions): string {
  const { config } = loadConfig(process.env);
  return `${url === undefined ? config.publicUrl : serverUrl(url, '--url')}/realms/${encodeURIComponent(realm ?? config.defaultRealm)}`;
}

export interface NamedFile extends WalletFile {
  readonly path: string;
}

export function fileOf({ wallet }: WalletFileOptions): NamedFile {
  const path = wallet ?? walletProfileFile(loadConfig(process.env).config);
  return { path, ...walletFile(path) };
}

export async function profileIn(file: NamedFile): Promise<WalletProfile> {
  const profile = await file.load();
  if (profile === undefined) throw new Error(`There is no wallet in ${file.path}: create one first.`);
  return profile;
}

export async function openWallet(options: WalletFileOptions): Promise<OpenedWallet> {
  const profile = await profileIn(fileOf(options));
  return Wallet.open(profile, { passphrase: await readSecret('Passphrase: ', options.passphraseFile) });
}

/** The passphrase of a new key. Typed twice, because a key with a mistyped passphrase is lost. */
export async function newPassphrase({ passphraseFile }: WalletFileOptions): Promise<string> {
  const passphrase = await readSecret('Passphrase for the new key: ', passphraseFile);
  if (passphraseFile !== undefined || !process.stdin.isTTY) return passphrase;
  if ((await readSecret('The same again: ', undefined)) === passphrase) return passphrase;
  throw new Error('These are two different passphrases.');
}
