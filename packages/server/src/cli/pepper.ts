import type { Command } from 'commander';
import { connect, online } from './api.ts';
import { listing, pagesOf, printList } from './list.ts';
import { print } from './output.ts';

export function pepperCommands(program: Command): void {
  const pepper = program
    .command('pepper')
    .description('The secret key of password hashes, for administrators of system.');
  listing(online(pepper.command('list')))
    .description('List when each began. The last one that has begun is current.')
    .action(async (options) => {
      const { items } = (await connect(options).get('/admin/password-peppers')) as { items: { id: string }[] };
      await printList(
        options,
        pagesOf(items, ({ id }) => id),
        'items',
      );
    });
  online(pepper.command('rotate'))
    .description('Make a new one. Each password is hashed under it at the next login.')
    .action(async (options) => {
      print(await connect(options).post('/admin/password-peppers/rotate'));
    });
}
