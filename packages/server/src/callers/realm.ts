import type { Call, CallerKind } from '../route.ts';
import { type Realm, requireRealm } from '../subject/realm.ts';

/** The realm of the path. @throws {Problem} `realm.unknown` */
export function realmOf(call: Call): Promise<Realm> {
  return requireRealm(call.context, call.params.realm ?? '');
}

/** Every caller, in the realm of the path. */
export const anybodyInRealm: CallerKind<Realm> = { security: 'none', authenticate: realmOf };
