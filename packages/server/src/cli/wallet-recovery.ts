import { type RecoveryEntry, Wallet } from '@countersign/client/wallet';
import type { Command } from 'commander';
import { connect, online } from './api.ts';
import { type ListOptions, listing, pagesOf, printList } from './list.ts';
import { print } from './output.ts';
import { readSecret } from './typed-secret.ts';
import {
  fileOf,
  issuerOf,
  newPassphrase,
  openWallet,
  profileIn,
  type RealmOptions,
  type WalletFileOptions,
  withRealm,
  withWallet,
} from './wallet-options.ts';

type CodeOptions = WalletFileOptions & { readonly codeFile?: string };
type AdminOptions = { readonly realm?: string; readonly profile?: string };

/** The recovery of a wallet whose devices are lost, and its mail address. */
export function recoveryCommands(wallet: Command): void {
  newDeviceCommands(
    wallet.command('recover').description('Get back a wallet whose devices are lost, on a new device, by mail.'),
  );
  const recovery = wallet.command('recovery').description('Recoveries of the wallet of this device.');
  listing(withWallet(recovery.command('list')))
    .description('List them, the newest first. This does not stop a running one.')
    .action(async (options: WalletFileOptions & ListOptions) => {
      const entries = await (await openWallet(options)).recoveries();
      await printList(
        options,
        pagesOf(entries.map(shown), ({ id }) => id),
      );
    });
  withWallet(recovery.command('approve <did>'))
    .description('Let the new device with this DID have the wallet. Do it before any other call of this device.')
    .action(async (did: string, options: WalletFileOptions) =>
      print(shown(await (await openWallet(options)).approveRecovery(did))),
    );
  withWallet(recovery.command('cancel'))
    .description('Stop the running one.')
    .action(async (options: WalletFileOptions) => print(shown(await (await openWallet(options)).cancelRecovery())));
  addressCommands(wallet.command('address').description('The mail address of the wallet, for its recovery.'));
}

/** Commands of the new device: the wallet file has its key, and no capability until the end. */
function newDeviceCommands(recover: Command): void {
  withRealm(withWallet(recover.command('start <email>')))
    .description('Make a key, and ask for a code by mail. The answer is the same for every address.')
    .option('--wallet-id <id>', 'if several wallets have this address: the one that is meant')
    .action(start);
  withCode(withWallet(recover.command('begin')), 'the first mail')
    .description('Begin the delay. Devices of the wallet can stop it.')
    .action(async (options: CodeOptions) => print(shown(await Wallet.beginRecovery(await deviceAndCode(options)))));
  withCode(withWallet(recover.command('finish')), 'the last mail')
    .description('Take over the wallet. For 72 hours it can only be read.')
    .action(async (options: CodeOptions) => {
      const file = fileOf(options);
      const recovered = await Wallet.completeRecovery({ ...(await deviceAndCode(options)), save: file.save });
      print({ id: recovered.id, did: recovered.did, wallet: file.path });
    });
}

function addressCommands(address: Command): void {
  withWallet(address.command('set <email>'))
    .description('Name the address. A code goes there.')
    .action(async (email: string, options: WalletFileOptions) => {
      const until = await (await openWallet(options)).setAddress(email);
      print({ email, codeUntil: new Date(until).toISOString() });
    });
  withCode(withWallet(address.command('confirm')), 'that mail')
    .description('Show the code: the address counts, and after 30 days it can recover the wallet.')
    .action(async (options: CodeOptions) => {
      const code = await readSecret('Code: ', options.codeFile);
      await (await openWallet(options)).confirmAddress(code);
      print({ confirmed: true });
    });
}

/** Commands of administrators, who can stop a recovery, and neither begin nor shorten one. */
export function recoveryAdministration(admin: Command): void {
  online(admin.command('recoveries <wallet>'))
    .description('The recoveries of a wallet, the newest first.')
    .action(async (id: string, options: AdminOptions) => {
      const api = connect(options);
      print(await api.get(`${api.realm}/admin/wallets/${encodeURIComponent(id)}/recoveries`));
    });
  online(admin.command('cancel-recovery <wallet>'))
    .description('Stop the running recovery of a wallet.')
    .action(async (id: string, options: AdminOptions) => {
      const api = connect(options);
      print(await api.post(`${api.realm}/admin/wallets/${encodeURIComponent(id)}/recovery/cancel`));
    });
}

type StartOptions = WalletFileOptions & RealmOptions & { readonly walletId?: string };

/** A device of an earlier attempt is used again. */
async function start(email: string, options: StartOptions): Promise<void> {
  const file = fileOf(options);
  const known = await file.load();
  if (known?.capability !== undefined) throw new Error(`There is a wallet in ${file.path}: name another --wallet.`);
  const passphrase =
    known === undefined ? await newPassphrase(options) : await readSecret('Passphrase: ', options.passphraseFile);
  const profile = known ?? (await Wallet.prepare({ issuer: issuerOf(options), passphrase }));
  await file.save(profile);
  const { walletId } = options;
  const wanted = { profile, passphrase, email, ...(walletId === undefined ? {} : { walletId }) };
  const { earliest } = await Wallet.startRecovery(wanted);
  print({ did: profile.did, wallet: file.path, earliest: new Date(earliest).toISOString() });
}

async function deviceAndCode(options: CodeOptions) {
  const profile = await profileIn(fileOf(options));
  const code = await readSecret('Code: ', options.codeFile);
  return { profile, code, passphrase: await readSecret('Passphrase: ', options.passphraseFile) };
}

function withCode(command: Command, of: string): Command {
  return command.option('--code-file <file>', `its first line is the code of ${of} (default: ask)`);
}

function shown({ started, changed, earliest, ...rest }: RecoveryEntry) {
  const [began, at, end] = [started, changed, earliest].map((time) => time && new Date(time).toISOString());
  return { ...rest, started: began, changed: at, ...(end === undefined ? {} : { earliest: end }) };
}
