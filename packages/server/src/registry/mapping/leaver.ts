import { audienceName } from '../../kernel/audience-name.ts';
import type { Writing } from '../../store/write.ts';
import { hasLeavers, listFreeClients, listNamed } from './mapping.store.ts';

/** The offboarded participants of a realm, as mappings name them. */
export interface Leavers {
  readonly ids: ReadonlySet<string>;
  /** True if a resource or an audience means one of them: its id, its client id, its base URL or a path below that. */
  isMeant(name: string): boolean;
}

export const noLeavers: Leavers = { ids: new Set(), isMeant: () => false };

/**
 * Reads the names of those who have left. A base URL that a live participant has taken over means that one, and so does
 * a longer base URL below the one of a leaver.
 */
export async function readLeavers({ db }: Pick<Writing, 'db'>, realm: string): Promise<Leavers> {
  if (!(await hasLeavers(db, realm))) return noLeavers;
  const named = await listNamed(db, realm);
  const namesOf = (isGone: boolean) =>
    named
      .filter(({ status }) => (status === 'OFFBOARDED') === isGone)
      .flatMap(({ id, client_id, base_url }) => [id, client_id, base_url].filter((name) => name !== null))
      .map(audienceName);
  const gone = new Set(namesOf(true));
  const live = new Set([...namesOf(false), ...(await listFreeClients(db, realm))]);
  return {
    ids: new Set(named.flatMap(({ id, status }) => (status === 'OFFBOARDED' ? [id] : []))),
    isMeant(name) {
      const nearest = prefixes(audienceName(name)).find((prefix) => live.has(prefix) || gone.has(prefix));
      return nearest !== undefined && !live.has(nearest);
    },
  };
}

/** The name, then for a URL every URL above it, the longest first. */
function prefixes(name: string): readonly string[] {
  if (!/^https?:\/\//.test(name)) return [name];
  const cuts = [...name.matchAll(/[/?#]/g)].map(({ index }) => index).filter((index) => index > 8);
  return [name, ...cuts.reverse().map((index) => name.slice(0, index))];
}
