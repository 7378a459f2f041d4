import type { Command } from 'commander';
import { connect, online, pagesAt } from './api.ts';
import { listing, printList } from './list.ts';
import { print } from './output.ts';

export function realmCommands(program: Command): void {
  const realm = program.command('realm').description('Realms: tenants with an issuer and keys of their own.');
  listing(online(realm.command('list'))).action(async (options) =>
    printList(options, pagesAt(connect(options), '/admin/realms'), 'items'),
  );
  online(realm.command('create <name>'))
    .description('Make a realm.')
    .option('--defaults <profile>', 'ocen4 or strict', 'strict')
    .action(async (name: string, options) =>
      print(await connect(options).post('/admin/realms', { name, profile: options.defaults })),
    );
  online(realm.command('settings'))
    .description('Show the settings of a realm.')
    .action(async (options) => {
      const api = connect(options);
      print(await api.get(`${api.realm}/admin/settings`));
    });
}
