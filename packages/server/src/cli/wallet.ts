import { type OpenedWallet, type RpcPath, Wallet, type WalletProfile } from '@countersign/client/wallet';
import type { Command } from 'commander';
import { readJsonFile } from '../json-file.ts';
import { print, printDocument } from './output.ts';
import { readSecret } from './typed-secret.ts';
import { accessCommands } from './wallet-access.ts';
import { walletAdministration } from './wallet-administration.ts';
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
import { recoveryAdministration, recoveryCommands } from './wallet-recovery.ts';
import { nameCommand, rolesAdministration } from './wallet-roles.ts';

interface CreateOptions extends WalletFileOptions, RealmOptions {
  readonly code?: true;
  readonly codeFile?: string;
  readonly description?: string;
}

export function walletCommands(program: Command): void {
  const wallet = program
    .command('wallet')
    .description('Wallets: the key of a device, what it may do, and calls with it.');
  deviceCommands(wallet);
  accessCommands(wallet);
  recoveryCommands(wallet);
  nameCommand(wallet);
  const admin = wallet.command('admin').description('Wallets of a realm, as an administrator.');
  walletAdministration(admin);
  recoveryAdministration(admin);
  rolesAdministration(admin);
  withWallet(wallet.command('token'))
    .description('Acquire a token by invoking the capability.')
    .option('--for <path>', 'the metadata of one call: /countersign.v1.WalletService/GetWallet')
    .option('--service <audience>', 'a token for this service instead, which the realm itself refuses')
    .action(token);
  withWallet(wallet.command('call <method> [message]'))
    .description('Make one call: countersign.v1.WalletService/GetWallet and its message in JSON (default: {}).')
    .option('--invocation', 'with an invocation of the capability for this one call, instead of a token')
    .option('--action <action>', 'the action of the invocation (default: the one that the call needs)')
    .option('--packed', 'as an encrypted message that only the realm can read')
    .action(call);
}

function deviceCommands(wallet: Command): void {
  withRealm(withWallet(wallet.command('create')))
    .description('Make a key and a wallet for it: with the code of an invitation, or where the realm is open.')
    .option('--code', 'ask for the security code of the invitation')
    .option('--code-file <file>', 'its first line is the security code of the invitation')
    .option('--description <text>', 'one line about the wallet')
    .action(create);
  withRealm(withWallet(wallet.command('prepare')))
    .description('Make only a key. Another device then grants a capability to its DID.')
    .action(prepare);
  withWallet(wallet.command('accept <file>'))
    .description('Take a capability that was granted to this device, for a wallet or for the realm.')
    .action(accept);
  withWallet(wallet.command('open'))
    .description('Open the wallet and show its state at the realm.')
    .action(async (options: WalletFileOptions) => {
      const opened = await openWallet(options);
      print({ ...(opened.id === undefined ? {} : await described(opened)), ...deviceIn(opened.profile) });
    });
  withWallet(wallet.command('owner'))
    .description('Show the DID document of the owner, who signs the first delegation.')
    .action(async (options: WalletFileOptions) =>
      printDocument((await (await openWallet(options)).describe()).didDocument),
    );
}

async function described(opened: OpenedWallet): Promise<object> {
  const { didDocument, created, ...rest } = await opened.describe();
  return { ...rest, created: new Date(created).toISOString(), owner: didDocument.id };
}

/** If an earlier attempt broke off, its key is still there and is used. */
async function create(options: CreateOptions): Promise<void> {
  const file = fileOf(options);
  const profile = await file.load();
  if (profile?.capability !== undefined) throw new Error(`There is a wallet in ${file.path}: name another --wallet.`);
  const { passphraseFile, description, codeFile } = options;
  const asked = codeFile !== undefined || options.code === true;
  const code = asked ? await readSecret('Security code: ', codeFile) : undefined;
  const passphrase =
    profile === undefined ? await newPassphrase(options) : await readSecret('Passphrase: ', passphraseFile);
  const opened = await Wallet.create({
    issuer: issuerOf(options),
    passphrase,
    save: file.save,
    ...(code === undefined ? {} : { code }),
    ...(description === undefined ? {} : { description }),
    ...(profile === undefined ? {} : { profile }),
  });
  print({ id: opened.id, ...deviceIn(opened.profile), wallet: file.path });
}

async function prepare(options: WalletFileOptions & RealmOptions): Promise<void> {
  const file = fileOf(options);
  if ((await file.load()) !== undefined) throw new Error(`There is a device in ${file.path}: name another --wallet.`);
  const profile = await Wallet.prepare({ issuer: issuerOf(options), passphrase: await newPassphrase(options) });
  await file.save(profile);
  print({ did: profile.did, wallet: file.path });
}

/** Signs nothing and leaves the key alone, so no passphrase is needed. */
async function accept(path: string, options: WalletFileOptions): Promise<void> {
  const file = fileOf(options);
  const given = readJsonFile(path) as { readonly capability?: object };
  const profile = Wallet.accept(await profileIn(file), (given.capability ?? given) as never);
  await file.save(profile);
  print({ ...deviceIn(profile), wallet: file.path });
}

function deviceIn({ did, issuer, capability, realmCapability }: WalletProfile): object {
  const { allowedAction, expires } = capability ?? realmCapability ?? {};
  return { did, issuer, actions: allowedAction, expires };
}

interface TokenOptions extends WalletFileOptions {
  readonly for?: string;
  readonly service?: string;
}

async function token(options: TokenOptions): Promise<void> {
  const { for: path, service } = options;
  if (path !== undefined && service !== undefined) throw new Error('Use either --for or --service.');
  const opened = await openWallet(options);
  if (path !== undefined) print(await opened.authorize(path));
  else print({ token: await (service === undefined ? opened.token() : opened.service(service).token()) });
}

interface CallOptions extends WalletFileOptions {
  readonly invocation?: true;
  readonly action?: string;
  readonly packed?: true;
}

async function call(method: string, message = '{}', options: CallOptions): Promise<void> {
  const path = `/${method.replace(/^\//, '')}` as RpcPath;
  if (!/^\/[\w.]+\/\w+$/.test(path)) throw new Error('Name the method as countersign.v1.WalletService/GetWallet.');
  const request = messageIn(message);
  const by = options.invocation === true ? 'invocation' : 'token';
  const opened = await openWallet(options);
  if (options.packed === true) print(await packed(opened, path, request, by));
  else print(await opened.call(path, request, by, options.action));
}

function messageIn(text: string): Record<string, never> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, never>;
  } catch {
    // Refused below, with all other values that are not an object.
  }
  throw new Error('The message must be a JSON object.');
}

/** Packed calls are in protobuf, so the method must be known here. */
async function packed(
  opened: OpenedWallet,
  path: string,
  request: object,
  by: 'token' | 'invocation',
): Promise<unknown> {
  const services = await import('@countersign/client/rpc');
  const { fromJson, toJson } = await import('@bufbuild/protobuf');
  const known = [services.WalletService, services.ProviderService, services.RecoveryService].flatMap(
    ({ methods }) => methods,
  );
  const method = known.find(({ parent, name }) => `/${parent.typeName}/${name}` === path);
  if (method?.methodKind !== 'unary') throw new Error(`There is no method ${path.slice(1)} to pack a call for.`);
  const message = fromJson(method.input, request as never);
  return toJson(method.output, await opened.pack(method as never, message as never, by));
}
