import { Command } from 'commander';
import { version } from '../kernel/version.ts';
import { preferJson } from './output.ts';

/** Of every command that has a result. */
export const jsonOption = 'the result as JSON, also on a terminal';

/** Adds its commands to the program. `whole` makes one with every command. */
type Adding = (program: Command, whole: () => Promise<Command>) => void;

/**
 * The file of each command. A start loads only the file of its own command: all files together are the whole server,
 * whose loading takes longer than most commands.
 */
export const sources: readonly { readonly names: readonly string[]; readonly read: () => Promise<Adding> }[] = [
  { names: ['serve'], read: async () => (await import('./serve.ts')).serveCommands },
  { names: ['doctor'], read: async () => (await import('./doctor.ts')).doctorCommands },
  { names: ['apply', 'export'], read: async () => (await import('./network.ts')).networkCommands },
  {
    names: ['product', 'product-network', 'lender-network-filter', 'server-whitelisting-item'],
    read: async () => (await import('./network-entry.ts')).networkEntryCommands,
  },
  { names: ['participant'], read: async () => (await import('./participant.ts')).participantCommands },
  { names: ['client'], read: async () => (await import('./client.ts')).clientCommands },
  { names: ['identity', 'identity-profile'], read: async () => (await import('./identity.ts')).identityCommands },
  { names: ['credential'], read: async () => (await import('./credential.ts')).credentialCommands },
  { names: ['password', 'password-profile'], read: async () => (await import('./password.ts')).passwordCommands },
  { names: ['email'], read: async () => (await import('./email.ts')).emailCommands },
  { names: ['factor'], read: async () => (await import('./factor.ts')).factorCommands },
  { names: ['login', 'whoami', 'logout', 'sessions'], read: async () => (await import('./login.ts')).loginCommands },
  { names: ['wallet'], read: async () => (await import('./wallet.ts')).walletCommands },
  { names: ['did'], read: async () => (await import('./did.ts')).didCommands },
  { names: ['capability'], read: async () => (await import('./capability.ts')).capabilityCommands },
  { names: ['keys'], read: async () => (await import('./keys.ts')).keyCommands },
  { names: ['pepper'], read: async () => (await import('./pepper.ts')).pepperCommands },
  { names: ['realm'], read: async () => (await import('./realm.ts')).realmCommands },
  { names: ['events'], read: async () => (await import('./events.ts')).eventCommands },
  { names: ['receipt'], read: async () => (await import('./receipt.ts')).receiptCommands },
  { names: ['upgrade'], read: async () => (await import('./upgrade.ts')).upgradeCommand },
  { names: ['migrate', 'restored', 'reseal'], read: async () => (await import('./store.ts')).storeCommands },
  { names: ['dump', 'load'], read: async () => (await import('./dump.ts')).dumpCommands },
  { names: ['backup', 'restore'], read: async () => (await import('./dump.ts')).backupCommands },
  { names: ['blocklist'], read: async () => (await import('./blocklist.ts')).blocklistCommands },
  { names: ['completion'], read: async () => (await import('./completion.ts')).completionCommands },
  { names: ['gateway'], read: async () => (await import('./gateway.ts')).gatewayCommands },
];

/**
 * `countersign` with the one named command, or with every command if the name is unknown: for help, and for the
 * reference.
 */
export async function createProgram(name?: string): Promise<Command> {
  const program = new Command('countersign')
    .description('Authentication and authorization for networks of participants, wallets and corporate identities.')
    .version(version, '--version', 'show the version')
    .showHelpAfterError('(countersign --help lists the commands)')
    .configureHelp({ sortSubcommands: true })
    // The text after `=` may be a secret that was passed by mistake.
    .configureOutput({ outputError: (text, write) => write(text.replace(/(unknown option '--[\w-]+)=.*'/s, "$1'")) });
  const own = sources.filter(({ names }) => name !== undefined && names.includes(name));
  const wanted = name === '--version' ? [] : own.length > 0 ? own : sources;
  const adding = await Promise.all(wanted.map(({ read }) => read()));
  for (const add of adding) add(program, createProgram);
  for (const command of program.commands) offerJson(command);
  return program.hook('preAction', (_program, command) => {
    if (command.opts<{ json?: true }>().json === true) preferJson();
  });
}

/** Commands that run until they are stopped, or whose output is for a shell. */
const withoutResult: readonly string[] = ['serve', 'gateway', 'completion'];

/** Every command that has a result gives it as JSON if asked. */
function offerJson(command: Command): void {
  for (const one of command.commands) offerJson(one);
  if (command.commands.length > 0) return;
  if (withoutResult.includes(command.name()) || command.options.some(({ long }) => long === '--json')) return;
  command.option('--json', jsonOption);
}
