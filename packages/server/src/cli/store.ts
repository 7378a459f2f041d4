import { renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Command } from 'commander';
import type { Context } from '../context.ts';
import { readTextFile } from '../kernel/text-file.ts';
import { resealMails } from '../mail/outbox.ts';
import { resealFactors } from '../passwords/factor.ts';
import { syncDirectory } from '../subject/handover.ts';
import { masterKeyOf, masterKeyPath, parseMasterKey } from '../subject/master-key.ts';
import { renewIncarnation } from '../subject/status.ts';
import { type Resealing, reseal } from '../subject/vault.ts';
import { resealWalletKeys } from '../wallets/realm-did.ts';
import { print } from './api.ts';
import { offline } from './offline.ts';

/** The rooms beside `subject` that keep something sealed. */
const sealedElsewhere: readonly Resealing[] = [resealMails, resealWalletKeys, resealFactors];

/** Commands on the database itself, for which no server may run. */
export function storeCommands(program: Command): void {
  program
    .command('migrate')
    .description('Bring the schema up to date and stop.')
    .action(async () => {
      await offline(async () => {});
      print({ migrated: true });
    });
  program
    .command('restored')
    .description('Say that this database was brought back from a copy: readers of the status feed begin anew.')
    .action(async () => {
      print({ incarnation: await offline(renewIncarnation) });
    });
  program
    .command('reseal')
    .description('Replace the master key: everything sealed is sealed again under a new one. Stop all servers first.')
    .option('--new-key-file <file>', 'holds the new key (32 bytes, base64url); default: make one')
    .action(({ newKeyFile }: { newKeyFile?: string }) => offline((context) => resealStore(context, newKeyFile)));
}

async function resealStore({ config, random, store }: Context, newKeyFile: string | undefined): Promise<void> {
  const text = newKeyFile === undefined ? random.token(32) : readTextFile(newKeyFile).trim();
  const to = parseMasterKey(text, newKeyFile ?? 'The new key');
  const from = await masterKeyOf(config, store, random);
  const inFile = config.masterKey === undefined;
  // The new key is on disk before anything is sealed under it, and takes the old one's place only afterwards.
  const next = inFile ? `${masterKeyPath(config)}.next` : newKeyFile;
  if (next === undefined)
    throw new Error('COUNTERSIGN_MASTER_KEY is set: put the new key in a file and name it with --new-key-file.');
  if (inFile) {
    writeFileSync(next, `${text}\n`, { mode: 0o600, flush: true });
    syncDirectory(dirname(next));
  }
  const count = await reseal(store, from, to, sealedElsewhere);
  if (inFile) {
    renameSync(next, masterKeyPath(config));
    syncDirectory(dirname(next));
  }
  print({
    resealed: count,
    masterKey: inFile ? masterKeyPath(config) : 'set COUNTERSIGN_MASTER_KEY to the new key before the next start',
  });
}
