import type { Command } from 'commander';
import { connect, online, pagesAt } from './api.ts';
import { type ListOptions, listing, printList } from './list.ts';
import { print } from './output.ts';

type Options = ListOptions & { readonly realm?: string; readonly profile?: string };

/** Wallets, their capabilities and their invitations, for administrators of the realm. */
export function walletAdministration(admin: Command): void {
  listing(online(admin.command('list')))
    .description('List wallets, or find them.')
    .option('--email <address>', 'with this address, or invited there')
    .option('--did <did>', 'with this owner, or let in by this DID')
    .action(async (options: Options & { email?: string; did?: string }) => {
      const api = connect(options);
      const { email, did } = options;
      await printList(options, pagesAt(api, `${api.realm}/admin/wallets`, { email, did }), 'wallets');
    });
  wallet(admin, 'show', 'Show a wallet.', (api, path) => api.get(path));
  wallet(admin, 'suspend', 'Suspend it: devices are refused, and tokens end.', (api, path) =>
    api.post(`${path}/suspend`),
  );
  wallet(admin, 'reinstate', 'Reinstate it.', (api, path) => api.post(`${path}/reinstate`));
  wallet(admin, 'delete', 'Delete it for good, with the keys of its owner.', (api, path) => api.delete(path));
  listing(online(admin.command('capabilities <wallet>')))
    .description('List who may use it.')
    .option('--revoked', 'also revoked ones')
    .action(async (id: string, options: Options & { revoked?: true }) => {
      const api = connect(options);
      const path = `${api.realm}/admin/wallets/${encodeURIComponent(id)}/capabilities`;
      await printList(options, pagesAt(api, path, { revoked: options.revoked && 'true' }), 'capabilities');
    });
  online(admin.command('revoke <wallet> [capability]'))
    .description('End a capability of it, or with --did those of a DID, and all that descend from them.')
    .option('--did <did>', 'whose capabilities')
    .action(async (walletId: string, capabilityId: string | undefined, options: Options & { did?: string }) => {
      const api = connect(options);
      print(await api.post(`${api.realm}/admin/capabilities/revoke`, { walletId, capabilityId, did: options.did }));
    });
  invitationCommands(admin);
}

function invitationCommands(admin: Command): void {
  listing(online(admin.command('invitations')))
    .description('List invitations to wallets.')
    .option('--email <address>', 'sent to this address')
    .action(async (options: Options & { email?: string }) => {
      const api = connect(options);
      const path = `${api.realm}/admin/wallet-invitations`;
      await printList(options, pagesAt(api, path, { email: options.email }), 'invitations');
    });
  online(admin.command('cancel-invitation <id>'))
    .description('Cancel an open invitation: its code opens nothing any more.')
    .action(async (id: string, options: Options) => {
      const api = connect(options);
      await api.post(`${api.realm}/admin/wallet-invitations/${encodeURIComponent(id)}/cancel`);
    });
  online(admin.command('resend-invitation <id>'))
    .description('Send an invitation again, with a new code: the one before opens nothing any more.')
    .action(async (id: string, options: Options) => {
      const api = connect(options);
      print(await api.post(`${api.realm}/admin/wallet-invitations/${encodeURIComponent(id)}/resend`));
    });
  online(admin.command('delete-invitation <id>'))
    .description('Delete an invitation, and the wallet if it still waits for it.')
    .action(async (id: string, options: Options) => {
      const api = connect(options);
      await api.delete(`${api.realm}/admin/wallet-invitations/${encodeURIComponent(id)}`);
    });
}

type Act = (api: ReturnType<typeof connect>, path: string) => Promise<unknown>;

function wallet(admin: Command, name: string, description: string, act: Act): void {
  online(admin.command(`${name} <wallet>`))
    .description(description)
    .action(async (id: string, options: Options) => {
      const api = connect(options);
      print(await act(api, `${api.realm}/admin/wallets/${encodeURIComponent(id)}`));
    });
}
