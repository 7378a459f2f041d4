import type { Command } from 'commander';
import { connect, online } from './api.ts';
import { print } from './output.ts';
import { openWallet, type WalletFileOptions, withWallet } from './wallet-options.ts';

type AdminOptions = { readonly realm?: string; readonly profile?: string };

/** Commands of administrators, who assign the roles and names of wallets. */
export function rolesAdministration(admin: Command): void {
  online(admin.command('roles <wallet> [roles...]'))
    .description('Replace the roles of a wallet. That of its type stays. Its tokens with the earlier roles end.')
    .option('--none', 'leave it only the role of its type')
    .action(async (id: string, roles: readonly string[], options: AdminOptions & { readonly none?: true }) => {
      if ((roles.length === 0) === (options.none === undefined)) throw new Error('Name the roles, or --none.');
      print(await change(options, id, { roles }));
    });
  online(admin.command('name <wallet> [name]'))
    .description('Give a wallet a name, in place of the one it has. No other wallet can ever get it.')
    .option('--remove', 'only remove the name that it has')
    .action(async (id: string, name: string | undefined, options: AdminOptions & { readonly remove?: true }) => {
      if ((name === undefined) === (options.remove === undefined)) throw new Error('Give a name, or --remove.');
      print(await change(options, id, { name: name ?? null }));
    });
}

export function nameCommand(wallet: Command): void {
  withWallet(wallet.command('resolve <name>'))
    .description('The id of the wallet of the realm that has this name.')
    .action(async (name: string, options: WalletFileOptions) =>
      print({ id: await (await openWallet(options)).resolve(name) }),
    );
}

function change(options: AdminOptions, id: string, body: object): Promise<unknown> {
  const api = connect(options);
  return api.patch(`${api.realm}/admin/wallets/${encodeURIComponent(id)}`, body);
}
