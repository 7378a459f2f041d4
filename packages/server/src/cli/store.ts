import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import type { Context } from '../context.ts';
import { readTextFile } from '../kernel/text-file.ts';
import { resealMails } from '../mail/outbox.ts';
import { resealFactors } from '../passwords/factor/factor.ts';
import { requireNoServer } from '../store/hold.ts';
import {
  layNextMasterKey,
  masterKeyOf,
  masterKeyPath,
  parseMasterKey,
  replaceMasterKey,
} from '../subject/secrets/master-key.ts';
import { type Resealing, reseal } from '../subject/secrets/vault.ts';
import { renewIncarnation } from '../subject/tokens/status.ts';
import { resealWalletKeys } from '../wallets/realm-did.ts';
import { offline } from './offline.ts';
import { print } from './output.ts';
import { createProgress } from './progress.ts';

/** The rooms besides `subject` that store sealed values. */
const sealedElsewhere: readonly Resealing[] = [resealMails, resealWalletKeys, resealFactors];

/** Commands on the database itself, during which no server may run. */
export function storeCommands(program: Command): void {
  program
    .command('migrate')
    .description('Bring the schema up to date and stop.')
    .action(async () => {
      // A named PostgreSQL may be empty. A directory without a store may be the wrong one.
      const { databaseUrl } = loadConfig(process.env).config;
      await offline(async () => {}, databaseUrl?.startsWith('postgres') ? 'any' : 'existing');
      print({ migrated: true });
    });
  program
    .command('restored')
    .description('Tell that this database was restored from a copy: readers of the status feed then begin anew.')
    .action(async () => {
      print({ incarnation: await offline(renewIncarnation) });
    });
  program
    .command('reseal')
    .description(
      'Replace the master key: everything sealed is sealed again under a new one. Refused while a server runs.',
    )
    .option('--new-key-file <file>', 'a file with the new key (32 bytes, base64url); default: make one')
    .action(({ newKeyFile }: { newKeyFile?: string }) => offline((context) => resealStore(context, newKeyFile)));
}

async function resealStore({ config, random, store }: Context, newKeyFile: string | undefined): Promise<void> {
  const text = newKeyFile === undefined ? random.token(32) : readTextFile(newKeyFile).trim();
  const to = parseMasterKey(text, newKeyFile ?? 'The new key');
  const inFile = config.masterKey === undefined;
  if (!inFile && newKeyFile === undefined)
    throw new Error('COUNTERSIGN_MASTER_KEY is set: put the new key in a file and name it with --new-key-file.');
  const from = await masterKeyOf(config, store, random);
  const alone = await requireNoServer(store);
  if (inFile) layNextMasterKey(config, text);
  const progress = createProgress();
  let done = 0;
  const told = () => progress.tell(`${++done} values sealed again`);
  const count = await reseal(store, from, to, sealedElsewhere, alone, told).finally(() => progress.end());
  if (inFile) replaceMasterKey(config);
  print({
    resealed: count,
    masterKey: inFile ? masterKeyPath(config) : 'set COUNTERSIGN_MASTER_KEY to the new key before the next start',
  });
}
