import type { Command } from 'commander';
import { type Api, connect, online } from './api.ts';
import { print, printDocument } from './output.ts';

/** Deleting, restoring and exporting, alike for identities and credentials. */
export function deletionCommands(command: Command, noun: string, plural: string): void {
  const pathOf = (api: Api, id: string) => `${api.realm}/admin/${plural}/${encodeURIComponent(id)}`;
  online(command.command(`delete <${noun}>`))
    .description('Delete it: nothing of it can be used from now on. It can be restored until removedAfter.')
    .action(async (id: string, options) => {
      const api = connect(options);
      print(await api.delete(pathOf(api, id)));
    });
  online(command.command(`restore <${noun}>`))
    .description('Restore a deleted one. Sessions from before stay ended.')
    .action(async (id: string, options) => {
      const api = connect(options);
      print(await api.post(`${pathOf(api, id)}/restore`));
    });
  online(command.command(`export <${noun}>`))
    .description('All that is held about it, without hashes and secrets.')
    .action(async (id: string, options) => {
      const api = connect(options);
      printDocument(await whole(api, `${pathOf(api, id)}/export`));
    });
}

interface Part {
  readonly credentials?: readonly unknown[];
  readonly next?: string;
}

/** Puts the pages of an identity together. */
async function whole(api: Api, path: string): Promise<Part> {
  let { next, ...all } = (await api.get(path)) as Part;
  while (next !== undefined) {
    const more = (await api.get(`${path}?after=${encodeURIComponent(next)}`)) as Part;
    all = { ...all, credentials: [...(all.credentials ?? []), ...(more.credentials ?? [])] };
    next = more.next;
  }
  return all;
}
