import type { Command } from 'commander';
import { connect, online, pagesAt } from './api.ts';
import { listing, printList } from './list.ts';
import { print } from './output.ts';

/** The kinds of entries of a network that have no life of their own, with the path of each. */
const kinds = [
  { name: 'product', many: 'products' },
  { name: 'product-network', many: 'product-networks' },
  { name: 'lender-network-filter', many: 'lender-network-filters' },
  { name: 'server-whitelisting-item', many: 'server-whitelisting-items' },
] as const;

/** Made and changed by `apply`, listed and deleted here. */
export function networkEntryCommands(program: Command): void {
  for (const { name, many } of kinds) {
    const noun = name.replaceAll('-', ' ');
    const command = program.command(name).description(`The ${many.replaceAll('-', ' ')} of a realm.`);
    listing(online(command.command('list')))
      .description('List them.')
      .action(async (options) => {
        const api = connect(options);
        await printList(options, pagesAt(api, `${api.realm}/admin/${many}`), 'items');
      });
    online(command.command('show <id>'))
      .description(`Show one ${noun}.`)
      .action(async (id: string, options) => {
        const api = connect(options);
        print(await api.get(`${api.realm}/admin/${many}/${encodeURIComponent(id)}`));
      });
    online(command.command('delete <id>'))
      .description(
        name === 'product'
          ? 'Delete a product that no product network has.'
          : `Delete a ${noun}${name === 'product-network' ? ', with the memberships in it' : ''}.`,
      )
      .action(async (id: string, options) => {
        const api = connect(options);
        await api.delete(`${api.realm}/admin/${many}/${encodeURIComponent(id)}`);
      });
  }
}
