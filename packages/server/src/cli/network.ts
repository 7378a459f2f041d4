import { readFileSync } from 'node:fs';
import { parseJson } from '@countersign/proof';
import type { Command } from 'commander';
import { Problem } from '../kernel/problem.ts';
import { connect, online, print } from './api.ts';

export function networkCommands(program: Command): void {
  online(program.command('apply'))
    .description(
      'Bring realms, participants and everything else of a network file into being. Applying twice changes nothing.',
    )
    .requiredOption('-f, --file <file>', 'the network file')
    .action(async (options) =>
      print(await connect(options).post('/admin/network', readNetworkFile(options.file as string))),
    );
  online(program.command('export'))
    .description('Print the network file of all realms, or of --realm, without secrets.')
    .action(async (options) => {
      const api = connect(options);
      print(await api.get(options.realm === undefined ? '/admin/network' : `${api.realm}/admin/network`));
    });
}

/** Strictly: what has duplicate members here must not be sent as if it had not. */
export function readNetworkFile(path: string): unknown {
  const parsed = parseJson(readFileSync(path), { maxBytes: 256 * 1024 * 1024 });
  if (parsed.ok) return parsed.value;
  throw new Problem(
    'network.invalid',
    `${path}${parsed.pointer === '' ? '' : ` at ${parsed.pointer}`}: ${parsed.reason}.`,
  );
}
