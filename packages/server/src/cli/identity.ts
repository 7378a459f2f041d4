import type { Command } from 'commander';
import { connect, online, pagesAt } from './api.ts';
import { deletionCommands } from './deletion.ts';
import { importKeycloakCommand } from './import-keycloak.ts';
import { listing, printList } from './list.ts';
import { print } from './output.ts';

/** Profiles are made rarely and identities often, so each is a noun of its own. */
export function identityCommands(program: Command): void {
  profileCommands(program);
  const identity = program.command('identity').description('Corporate identities, whose credentials log in.');
  importKeycloakCommand(identity);
  listing(online(identity.command('list')))
    .description('List identities.')
    .option('--identity-profile <id>', 'only those of this identity profile')
    .action(async (options) => {
      const api = connect(options);
      const { identityProfile } = options as { identityProfile?: string };
      await printList(options, pagesAt(api, `${api.realm}/admin/identities`, { profileId: identityProfile }), 'items');
    });
  online(identity.command('get <identity>')).action(async (id: string, options) => {
    const api = connect(options);
    print(await api.get(`${api.realm}/admin/identities/${encodeURIComponent(id)}`));
  });
  online(identity.command('create <name>'))
    .description('Make an identity from an identity profile.')
    .requiredOption('--identity-profile <id>', 'the identity profile that it is made from')
    .option('--id <id>', 'its id (default: a random one)')
    .action(async (name: string, options) => {
      const api = connect(options);
      const { identityProfile: profileId, id } = options as { identityProfile: string; id?: string };
      print(await api.post(`${api.realm}/admin/identities`, { id, profileId, name }));
    });
  deletionCommands(identity, 'identity', 'identities');
  for (const [step, text] of [
    ['disable', 'Let none of its credentials log in; their sessions end.'],
    ['enable', 'Let its credentials log in again, except those that are disabled themselves.'],
  ] as const) {
    online(identity.command(`${step} <identity>`))
      .description(text)
      .action(async (id: string, options) => {
        const api = connect(options);
        print(await api.post(`${api.realm}/admin/identities/${encodeURIComponent(id)}/${step}`));
      });
  }
}

function profileCommands(program: Command): void {
  const profile = program.command('identity-profile').description('Identity profiles, which identities are made from.');
  listing(online(profile.command('list'))).action(async (options) => {
    const api = connect(options);
    await printList(options, pagesAt(api, `${api.realm}/admin/identity-profiles`), 'items');
  });
  online(profile.command('get <profile>')).action(async (id: string, options) => {
    const api = connect(options);
    print(await api.get(`${api.realm}/admin/identity-profiles/${encodeURIComponent(id)}`));
  });
  online(profile.command('create <name>'))
    .description('Make an identity profile.')
    .option('--id <id>', 'its id, which its password profile has too (default: a random one)')
    .action(async (name: string, options) => {
      const api = connect(options);
      print(await api.post(`${api.realm}/admin/identity-profiles`, { id: (options as { id?: string }).id, name }));
    });
}
