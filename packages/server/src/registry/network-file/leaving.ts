import { withoutLeavers } from '../mapping/document.ts';
import type { Applying } from './applying.ts';
import type { PreparedParticipant } from './prepare.ts';
import { isAbsent, type RealmFile } from './schema.ts';

/**
 * A file may be older than an offboarding, and is perhaps applied at every start. So what it says about a participant
 * that has left is passed over, as its status is.
 */
export function withoutMappings(applying: Applying, prepared: PreparedParticipant): PreparedParticipant {
  const { entry, at } = prepared;
  const resources = kept(applying, entry.resources, `${at}/resources`, ({ resource }) => resource);
  const audiences = kept(applying, entry.client?.audiences, `${at}/client/audiences`, (audience) => audience);
  if (resources === entry.resources && audiences === entry.client?.audiences) return prepared;
  const client = entry.client && { ...entry.client, audiences };
  return { ...prepared, entry: { ...entry, resources, client } };
}

function kept<T>(
  { leavers, skipped }: Applying,
  named: readonly T[] | undefined,
  at: string,
  nameOf: (one: T) => string,
): T[] | undefined {
  const isMeant = named?.map((one) => leavers.isMeant(nameOf(one))) ?? [];
  if (!isMeant.includes(true)) return named as T[] | undefined;
  skipped.push(...isMeant.flatMap((passed, index) => (passed ? [`${at}/${index}`] : [])));
  return named?.filter((_, index) => !isMeant[index]);
}

/** The realm's other entries without them. Their positions are as in the file. */
export function withoutMembers({ leavers, skipped, at }: Applying, file: RealmFile): RealmFile {
  if (leavers.ids.size === 0) return file;
  const documents = <E extends { readonly id: string }>(section: string, entries: readonly E[] | undefined) =>
    entries?.flatMap((entry, index) => {
      const left = isAbsent(entry) ? entry : withoutLeavers(entry, leavers);
      if (left !== entry) skipped.push(`${at}/${section}/${index}`);
      return left === undefined ? [] : [left];
    });
  const productNetworks = file.productNetworks?.map((network, index) => {
    if (isAbsent(network) || network.participants === undefined) return network;
    const participants = network.participants.filter((id, position) => {
      if (!leavers.ids.has(id)) return true;
      skipped.push(`${at}/productNetworks/${index}/participants/${position}`);
      return false;
    });
    return { ...network, participants };
  });
  return {
    ...file,
    productNetworks,
    lenderNetworkFilters: documents('lenderNetworkFilters', file.lenderNetworkFilters),
    serverWhitelistingItems: documents('serverWhitelistingItems', file.serverWhitelistingItems),
  };
}
