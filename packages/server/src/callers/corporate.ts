import type { Call, WireRequest } from '../http/call.ts';
import { Problem } from '../kernel/problem.ts';
import { lookUpRealm, type Realm, requireRealm } from '../subject/realm.ts';

/**
 * The realm that a documented call of corporate identities names: in its path, as `X-programmeKey: tenant|programme`, as
 * `programmeId`. Undefined where it names none. An unknown name, and two that disagree, are the caller's mistake: `request.invalid`.
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
    if (realm === undefined) throw new Problem('request.invalid', `${pointer} names no realm.`, { pointer });
    if (found !== undefined && found.name !== realm.name) {
      throw new Problem('request.invalid', `${pointer} names another realm than the rest of the request.`, { pointer });
    }
    found = realm;
  }
  return found;
}

/** Where the caller need not prove itself: the realm that it names, else the default one. */
export async function realmOrDefault(call: Call, programmeId?: string | null): Promise<Realm> {
  return (
    (await namedRealm(call, programmeId ?? undefined)) ?? requireRealm(call.context, call.context.config.defaultRealm)
  );
}

/** The tenant is ignored: it was for routing, and is no secret. */
function programmeOf(request: WireRequest): string | undefined {
  const header = request.headers.get('x-programmekey');
  if (header === null) return undefined;
  const [, programme] = /^[^|]*\|([^|]+)$/.exec(header.trim()) ?? [];
  if (programme === undefined) {
    throw new Problem('request.invalid', 'X-programmeKey must be tenant|programme.', { pointer: 'X-programmeKey' });
  }
  return programme;
}
