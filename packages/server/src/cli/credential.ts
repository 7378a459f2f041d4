import type { Command } from 'commander';
import { connect, online, pagesAt } from './api.ts';
import { deletionCommands } from './deletion.ts';
import { type CsvInvitation, inviteFromCsv } from './invite-csv.ts';
import { listing, printList } from './list.ts';
import { print } from './output.ts';

interface Wanted {
  readonly type: string;
  readonly identity: string;
  readonly id?: string;
  readonly email?: string;
  readonly emailVerified?: true;
}

export function credentialCommands(program: Command): void {
  const credential = program.command('credential').description('Credentials, by which identities are recognised.');
  listing(online(credential.command('list')))
    .description('List credentials.')
    .option('--identity <id>', 'only those of this identity')
    .option('--code <code>', 'only the one with this code')
    .action(async (options) => {
      const api = connect(options);
      const { identity, code } = options as { identity?: string; code?: string };
      await printList(options, pagesAt(api, `${api.realm}/admin/credentials`, { identityId: identity, code }), 'items');
    });
  online(credential.command('get <credential>')).action(async (id: string, options) => {
    const api = connect(options);
    print(await api.get(`${api.realm}/admin/credentials/${encodeURIComponent(id)}`));
  });
  online(credential.command('create <code>'))
    .description('Make a credential. It has no password until its holder is invited and sets one.')
    .requiredOption('--identity <id>', 'the identity that it belongs to')
    .option('--type <type>', 'ROOT or USER', 'USER')
    .option('--id <id>', 'its id (default: a random one)')
    .option('--email <address>', 'the address for mail (default: the code, if that is an address)')
    .option('--email-verified', 'its holder is known to read that address')
    .action(async (code: string, options) => {
      const api = connect(options);
      const { identity: identityId, type, id, email, emailVerified } = options as Wanted;
      const wanted = { id, identityId, type, code, email, emailVerified };
      print(await api.post(`${api.realm}/admin/credentials`, wanted));
    });
  online(credential.command('change <credential>'))
    .description('Change its code, which ends its sessions, or its address for mail.')
    .option('--code <code>', 'the new code')
    .option('--email <address>', 'the new address for mail')
    .option('--email-verified', 'its holder is known to read the address')
    .action(async (id: string, options) => {
      const api = connect(options);
      const { code, email, emailVerified } = options as Partial<Wanted> & { code?: string };
      const change = { code, email, emailVerified };
      print(await api.patch(`${api.realm}/admin/credentials/${encodeURIComponent(id)}`, change));
    });
  for (const [step, text] of [
    ['verify-email', 'Mail its holder a code that verifies the address, unless it is verified: good once, for a day.'],
    ['disable', 'Refuse its logins; its sessions end.'],
    ['enable', 'Let it log in again. Sessions from before stay ended.'],
  ] as const) {
    online(credential.command(`${step} <credential>`))
      .description(text)
      .action(async (id: string, options) => {
        const api = connect(options);
        print(await api.post(`${api.realm}/admin/credentials/${encodeURIComponent(id)}/${step}`));
      });
  }
  deletionCommands(credential, 'credential', 'credentials');
  online(credential.command('unlock <credential>'))
    .description('Forgive its failed logins, so that unknown devices need not wait.')
    .action(async (id: string, options) => {
      const api = connect(options);
      await api.post(`${api.realm}/admin/credentials/${encodeURIComponent(id)}/unlock`);
    });
  online(credential.command('invite [credential]'))
    .description(
      'Mail its holder a token with which to set the first password: good once, for a week. Or many, by CSV.',
    )
    .option('--show', 'show it here, and mail nothing')
    .option('--csv <file>', 'make and invite the credentials of this file: columns code, identity, type, email, id')
    .option('--identity <id>', 'with --csv: the identity of rows that name none')
    .option('--dry-run', 'with --csv: write and send nothing, and say what would happen')
    .option('--report <file>', 'with --csv: where to write what became of each row (default: FILE.report.csv)')
    .action(async (id: string | undefined, options) => invite(id, options));
  online(credential.command('reset-password <credential>'))
    .description('Mail its holder a code with which to set a new password: good once, for a day.')
    .option('--show', 'show it here, and mail nothing')
    .action(async (id: string, options) => print(await mail(id, 'reset-password', options)));
}

interface Delivery {
  readonly realm?: string;
  readonly profile?: string;
  readonly show?: true;
}

async function invite(id: string | undefined, options: Delivery & Partial<CsvInvitation>): Promise<void> {
  const { csv, show } = options;
  if ((id === undefined) === (csv === undefined)) throw new Error('Name either a credential or --csv.');
  if (csv === undefined) {
    if (options.dryRun || options.report !== undefined || options.identity !== undefined) {
      throw new Error('--dry-run, --report and --identity go with --csv.');
    }
    print(await mail(id as string, 'invite', options));
    return;
  }
  if (show) throw new Error('--show goes with one credential.');
  await inviteFromCsv(connect(options), { ...options, csv }, (summary) => {
    print(summary);
    if (summary.refused > 0) process.exitCode = 1;
  });
}

function mail(id: string, step: 'invite' | 'reset-password', options: Delivery): Promise<unknown> {
  const api = connect(options);
  const deliver = options.show === true ? 'show' : 'mail';
  return api.post(`${api.realm}/admin/credentials/${encodeURIComponent(id)}/${step}`, { deliver });
}
