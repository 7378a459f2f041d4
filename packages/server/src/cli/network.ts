import type { Command } from 'commander';
import { readMarked } from '../kernel/text-file.ts';
import { applyNetwork } from '../registry/network-file/apply.ts';
import { maxNetworkFile, parseNetworkFile } from '../registry/network-file/prepare.ts';
import { type Api, connect, online } from './api.ts';
import { offline } from './offline.ts';
import { print, printDocument } from './output.ts';

export function networkCommands(program: Command): void {
  online(program.command('apply'))
    .description(
      'Make the realms, participants and other entries of a network file. Applying it again changes nothing.',
    )
    .requiredOption('-f, --file <file>', 'the network file')
    .option('--offline', 'on the database itself, for files over 1 MiB or before the first start', false)
    .action(async (options) => {
      const { file, realm, ...given } = options as { file: string; offline: boolean; realm?: string };
      print(given.offline ? await applyOffline(file, realm) : await applyOnline(connect(options), file, realm));
    });
  online(program.command('export'))
    .description('Print the network file of all realms, or of --realm, without secrets.')
    .action(async (options) => {
      const api = connect(options);
      printDocument(await api.get(options.realm === undefined ? '/admin/network' : `${api.realm}/admin/network`));
    });
}

export function readNetworkFile(path: string): unknown {
  return parseNetworkFile(readMarked(path, 'network file', { maxBytes: maxNetworkFile }));
}

/** With `--realm`, a file that names another realm is refused. */
async function applyOnline(api: Api, file: string, realm: string | undefined): Promise<unknown> {
  return api.post(realm === undefined ? '/admin/network' : `${api.realm}/admin/network`, readNetworkFile(file));
}

async function applyOffline(file: string, realm: string | undefined): Promise<unknown> {
  return offline(
    (context) => applyNetwork(context, readNetworkFile(file), { actor: 'cli', requestId: 'offline' }, realm),
    'any',
  );
}
