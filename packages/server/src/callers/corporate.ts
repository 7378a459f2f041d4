import type { WireRequest } from '../http/call.ts';
import { Problem } from '../kernel/problem.ts';
import type { Call } from '../route.ts';
import { lookUpRealm, type Realm, requireRealm } from '../subject/realm.ts';

/**
 * The realm that a documented corporate call names: in its path, as `X-programmeKey: tenant|programme`, or as
 * `programmeId`. Undefined if it names none.
 *
 * @throws {Problem} `request.invalid` for an unknown name, or for two names that differ
 */
export async function namedRealm(call: Call, programmeId?: string): Promise<Realm | undefined> {
  const names = [
    ['realm', call.params.realm],
    ['X-programmeKey', programmeOf(call.request)],
    ['programmeId', programmeId],
  ] as const;
  let found: Realm | undefined;
  for (const [pointer, name] of names) {
    if (name === undefined) continue;
    const realm = await lookUpRealm(call.context, name);
    if (realm === undefined) throw new Problem('request.invalid', { detail: `${pointer} names no realm.`, pointer });
    if (found !== undefined && found.name !== realm.name) {
      throw new Problem('request.invalid', {
        detail: `${pointer} names another realm than the rest of the request.`,
        pointer,
      });
    }
    found = realm;
  }
  return found;
}

/** For callers who need no proof: the named realm, else the default one. */
export async function realmOrDefault(call: Call, programmeId?: string | null): Promise<Realm> {
  return (
    (await namedRealm(call, programmeId ?? undefined)) ?? requireRealm(call.context, call.context.config.defaultRealm)
  );
}

/** The tenant is ignored. It was for routing, and is not a secret. */
function programmeOf(request: WireRequest): string | undefined {
  const header = request.headers.get('x-programmekey');
  if (header === null) return undefined;
  const [, programme] = /^[^|]*\|([^|]+)$/.exec(header.trim()) ?? [];
  if (programme === undefined) {
    throw new Problem('request.invalid', {
      detail: 'X-programmeKey must be tenant|programme.',
      pointer: 'X-programmeKey',
    });
  }
  return programme;
}
