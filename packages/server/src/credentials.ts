import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';
import type { MadeSecret } from './registry/network-file/report.ts';
import type { Files } from './subject/handover.ts';

/** Where the first credentials are: 0600 files in a directory of the data directory. */
export function credentialsDir(config: Config): string {
  return join(config.dataDir, 'credentials');
}

/** The directory, and whatever is in it. */
export function credentialPaths(config: Config): readonly string[] {
  const directory = credentialsDir(config);
  if (!existsSync(directory)) return [];
  return [directory, ...readdirSync(directory).map((name) => join(directory, name))];
}

/** Where the command line finds its administrator. */
export function administratorFile(config: Config): string {
  return join(credentialsDir(config), 'admin.json');
}

/** The body of a login, as `curl -d @…` sends it. */
export function loginFile(config: Config): string {
  return join(credentialsDir(config), 'example-root.json');
}

/** A passphrase for the key of a first wallet, whose line on the screen would else have to ask for one. */
export function walletPassphraseFile(config: Config): string {
  return join(credentialsDir(config), 'wallet.passphrase');
}

/** Where the command line keeps a wallet unless told otherwise. */
export function walletProfileFile(config: Config): string {
  return join(credentialsDir(config), 'wallet.json');
}

/** Secrets that applying a network file made: nobody else has them, so each gets a file of its own. */
export function secretFiles(secrets: readonly MadeSecret[]): Files {
  // A client id may hold anything but control characters: encoded, it names one file in this directory.
  const named = secrets.map((made) => [`${made.realm}.${encodeURIComponent(made.clientId)}.secret`, made.secret]);
  return Object.fromEntries(named) as Files;
}
