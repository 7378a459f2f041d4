import type { Command } from 'commander';
import { connect, online, pagesAt } from './api.ts';
import { listing, printList } from './list.ts';
import { print } from './output.ts';

export function clientCommands(program: Command): void {
  const client = program.command('client').description('Clients that belong to no participant, such as automation.');
  listing(online(client.command('list'))).action(async (options) => {
    const api = connect(options);
    await printList(options, pagesAt(api, `${api.realm}/admin/clients`), 'items');
  });
  online(client.command('create <name>'))
    .description('Make a client. Its secret is shown once.')
    .option('--id <id>', 'the client id (default: a random one)')
    .option('--scope <scope>', 'space-separated scopes that it may ask for', '')
    .action(async (name: string, options) => {
      const api = connect(options);
      const { id, scope } = options as { id?: string; scope: string };
      print(await api.post(`${api.realm}/admin/clients`, { name, scope, ...(id === undefined ? {} : { id }) }));
    });
  online(client.command('secret <id>'))
    .description('Add a secret and show it once.')
    .action(async (id: string, options) => {
      const api = connect(options);
      print(await api.post(`${api.realm}/admin/clients/${encodeURIComponent(id)}/secrets`));
    });
  for (const [step, text] of [
    ['disable', 'Refuse the client; its tokens die.'],
    ['enable', 'Let the client get tokens again.'],
    ['end', 'Refuse the client for good; its id is never used again.'],
  ] as const) {
    online(client.command(`${step} <id>`))
      .description(text)
      .action(async (id: string, options) => {
        const api = connect(options);
        print(await api.post(`${api.realm}/admin/clients/${encodeURIComponent(id)}/${step}`));
      });
  }
}
