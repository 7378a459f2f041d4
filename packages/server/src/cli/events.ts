import type { Command } from 'commander';
import { verifyChain } from '../subject/event.ts';
import { connect, online, pagesAt } from './api.ts';
import { listing, printList } from './list.ts';
import { offline } from './offline.ts';
import { print } from './output.ts';

export function eventCommands(program: Command): void {
  const events = program.command('events').description('The append-only event log.');
  listing(online(events.command('list')))
    .description('Newest first.')
    .action(async (options) => {
      const api = connect(options);
      await printList(options, pagesAt(api, `${api.realm}/admin/events`), 'items');
    });
  online(events.command('head'))
    .description('Show the signed end of the chain. Kept elsewhere, it shows later whether the log was cut off.')
    .action(async (options) => {
      const api = connect(options);
      print(await api.get(`${api.realm}/admin/events/head`));
    });
  events
    .command('verify')
    .description('Recompute the whole chain, offline, against the database itself.')
    .option('--seq <number>', 'number of an exported head', seqOption)
    .option('--hash <hash>', 'hash of an exported head', hashOption)
    .action(async ({ seq, hash }: { seq?: number; hash?: string }) => {
      if ((seq === undefined) !== (hash === undefined)) throw new Error('Name --seq and --hash together.');
      const expected = seq === undefined || hash === undefined ? undefined : { seq, hash };
      const verdict = await offline((context) => verifyChain(context, expected));
      print(verdict);
      if (!verdict.intact) process.exitCode = 1;
    });
}

function seqOption(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new Error('--seq must be a whole number from 1 on.');
  return Number(text);
}

function hashOption(text: string): string {
  if (!/^[A-Za-z0-9_-]{43}$/.test(text)) throw new Error('--hash must be the 43 characters of an exported head.');
  return text;
}
