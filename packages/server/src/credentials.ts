import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';
import type { MadeSecret } from './registry/network-file/report.ts';
import type { Files } from './subject/handover.ts';

/** The directory of the first credentials, in the data directory. Its files have mode 0600. */
export function credentialsDir(config: Config): string {
  return join(config.dataDir, 'credentials');
}

/** The directory and its files. */
export function credentialPaths(config: Config): readonly string[] {
  const directory = credentialsDir(config);
  if (!existsSync(directory)) return [];
  return [directory, ...readdirSync(directory).map((name) => join(directory, name))];
}

/** The file of the command line's administrator. */
export function administratorFile(config: Config): string {
  return join(credentialsDir(config), 'admin.json');
}

/** The body of a login, as `curl -d @…` sends it. */
export function loginFile(config: Config): string {
  return join(credentialsDir(config), 'example-root.json');
}

/** The file of a passphrase for the first wallet, so that the command on the screen need not ask for one. */
export function walletPassphraseFile(config: Config): string {
  return join(credentialsDir(config), 'wallet.passphrase');
}

/** The default file of a wallet of the command line. */
export function walletProfileFile(config: Config): string {
  return join(credentialsDir(config), 'wallet.json');
}

/** The secrets that applying a network file made. They are stored nowhere else, so each gets a file. */
export function secretFiles(secrets: readonly MadeSecret[]): Files {
  // A client id may hold any visible characters. Encoded, it is a safe file name.
  const named = secrets.map((made) => [`${made.realm}.${encodeURIComponent(made.clientId)}.secret`, made.secret]);
  return Object.fromEntries(named) as Files;
}
