import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { Problem } from '../kernel/problem.ts';
import { applyNetwork } from '../registry/network-file/apply.ts';
import { parseNetworkFile } from '../registry/network-file/prepare.ts';
import { createContext } from '../server.ts';
import { connect, online, print } from './api.ts';

export function networkCommands(program: Command): void {
  online(program.command('apply'))
    .description(
      'Bring realms, participants and everything else of a network file into being. Applying twice changes nothing.',
    )
    .requiredOption('-f, --file <file>', 'the network file')
    .option('--offline', 'on the database itself, for files over 1 MiB or before the first start', false)
    .action(async (options) => {
      const { file, offline } = options as { file: string; offline: boolean };
      print(offline ? await applyOffline(file) : await connect(options).post('/admin/network', readNetworkFile(file)));
    });
  online(program.command('export'))
    .description('Print the network file of all realms, or of --realm, without secrets.')
    .action(async (options) => {
      const api = connect(options);
      print(await api.get(options.realm === undefined ? '/admin/network' : `${api.realm}/admin/network`));
    });
}

export function readNetworkFile(path: string): unknown {
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (cause) {
    throw new Problem('config.invalid', `The network file ${path} cannot be read.`, { cause });
  }
  return parseNetworkFile(content);
}

async function applyOffline(file: string): Promise<unknown> {
  const context = await createContext(loadConfig(process.env).config);
  try {
    return await applyNetwork(context, readNetworkFile(file), { actor: 'cli', requestId: 'offline' });
  } finally {
    await context.store.close();
  }
}
