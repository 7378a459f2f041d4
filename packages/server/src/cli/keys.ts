import type { Command } from 'commander';
import { connect, online } from './api.ts';
import { listing, pagesOf, printList } from './list.ts';
import { print } from './output.ts';

export function keyCommands(program: Command): void {
  const keys = program.command('keys').description('Signing keys of a realm: current, next and previous.');
  listing(online(keys.command('list'))).action(async (options) => {
    const api = connect(options);
    const { items } = (await api.get(`${api.realm}/admin/signing-keys`)) as { items: { kid: string }[] };
    await printList(
      options,
      pagesOf(items, ({ kid }) => kid),
      'items',
    );
  });
  online(keys.command('rotate'))
    .description('Let the next key sign; the old one stays published until its last token has died.')
    .option('--purpose <purpose>', 'token, status or receipt', 'token')
    .option('--immediately', 'the key is compromised: stop publishing it now', false)
    .action(async (options) => {
      const api = connect(options);
      const { purpose, immediately } = options as { purpose: string; immediately: boolean };
      print(await api.post(`${api.realm}/admin/signing-keys/rotate`, { purpose, immediately }));
    });
}
