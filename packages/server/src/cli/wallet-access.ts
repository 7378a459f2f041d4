import { writeFileSync } from 'node:fs';
import type { Action } from '@countersign/client/wallet';
import type { Command } from 'commander';
import { connect, online } from './api.ts';
import { type ListOptions, listing, pagesOf, printList } from './list.ts';
import { print, printDocument } from './output.ts';
import { openWallet, type WalletFileOptions, withWallet } from './wallet-options.ts';

interface InviteOptions extends WalletFileOptions {
  readonly organization?: true;
  readonly description: string;
  readonly role: readonly string[];
  readonly didWeb?: true;
  readonly asDevice?: true;
  readonly language?: string;
  readonly from?: string;
  readonly message?: string;
  readonly realm?: string;
  readonly profile?: string;
}

interface GrantOptions extends WalletFileOptions {
  readonly action: readonly Action[];
  readonly days: string;
  readonly out?: string;
}

const day = 86_400_000;

/** Who may act on a wallet, and who gets one. */
export function accessCommands(wallet: Command): void {
  online(withWallet(wallet.command('invite <email>')))
    .description('Mail the code for a new wallet, as an administrator.')
    .option('--organization', 'an organization (default: an individual)')
    .option('--description <text>', 'one line: whose wallet it will be', '')
    .option('--role <role>', 'a role besides that of its kind; may be repeated', collect, [])
    .option('--did-web', 'for an organization: a did:web beside its did:peer')
    .option('--language <code>', 'of the mail and its page: en, hi, pt or fr (default: en)')
    .option('--from <name>', 'your name, for the invited person')
    .option('--message <text>', 'your words, for the invited person')
    .option('--as-device', 'as the device of --wallet, with its capability for the realm')
    .action(async (email: string, options: InviteOptions) => print(await invite(email, options)));
  withWallet(wallet.command('grant <did>'))
    .description('Give another DID the actions of this device, or some of them.')
    .option('--action <action>', 'read, write, grant or invite; may be repeated (default: read)', collect, [])
    .option('--days <days>', 'how many days it lasts', '30')
    .option('--out <file>', 'write the capability there, for the other device to accept')
    .action(grant);
  withWallet(wallet.command('revoke [capability]'))
    .description('End a capability, or with --did those of a DID, and all that descend from them.')
    .option('--did <did>', 'whose capabilities')
    .action(async (capabilityId: string | undefined, options: WalletFileOptions & { did?: string }) => {
      const { did } = options;
      if ((capabilityId === undefined) === (did === undefined)) throw new Error('Name one capability, or a --did.');
      const what = did === undefined ? { capabilityId: capabilityId as string } : { did };
      print({ revoked: await (await openWallet(options)).revoke(what) });
    });
  listing(withWallet(wallet.command('list')))
    .description('List the capabilities and who holds them.')
    .option('--revoked', 'also revoked ones', false)
    .action(async (options: WalletFileOptions & ListOptions & { revoked: boolean }) => {
      const entries = await (await openWallet(options)).list({ revoked: options.revoked });
      const shown = entries.map(({ expires, revoked, ...entry }) => ({
        ...entry,
        expires: time(expires),
        revoked: time(revoked),
      }));
      await printList(
        options,
        pagesOf(shown, ({ id }) => id),
      );
    });
}

async function invite(email: string, options: InviteOptions): Promise<unknown> {
  const { description, role: roles, didWeb = false, language = '', from: inviterName = '', message = '' } = options;
  const words = { language, inviterName, message };
  const participant = options.organization === true ? 'organization' : 'individual';
  if (options.asDevice === true) {
    const opened = await openWallet(options);
    const { expires, ...invited } = await opened.invite({ participant, email, description, roles, didWeb, ...words });
    return { ...invited, expires: time(expires) };
  }
  const api = connect(options);
  const type = `PARTICIPANT_TYPE_${participant.toUpperCase()}`;
  const request = { participant: type, email, description, roles, didWeb, ...words };
  return api.post(`${api.realm}/countersign.v1.ProviderService/Invite`, request);
}

async function grant(did: string, options: GrantOptions): Promise<void> {
  const days = Number(options.days);
  if (!(days > 0)) throw new Error('--days must be a number above 0.');
  const opened = await openWallet(options);
  const actions = options.action.length === 0 ? (['read'] as const) : options.action;
  const expires = Math.floor((Date.now() + days * day) / 1000) * 1000;
  const { capabilityId, capability } = await opened.grant(did, { actions, expires });
  if (options.out === undefined) return printDocument({ capabilityId, capability });
  writeFileSync(options.out, `${JSON.stringify(capability, null, 2)}\n`);
  print({ capabilityId, did, actions, expires: time(expires), capability: options.out });
}

function time(milliseconds: number | undefined): string | undefined {
  return milliseconds === undefined ? undefined : new Date(milliseconds).toISOString();
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
