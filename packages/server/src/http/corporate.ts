import { Problem } from '../kernel/problem.ts';
import { lookUpRealm, type Realm, requireRealm } from '../subject/realm.ts';
import type { Call, WireRequest } from './call.ts';
import type { Route } from './route.ts';

/** What the documented calls of corporate identities share: their two places, how they name a realm, their correlation id. */
export type CorporateRoute = Pick<Route, 'path' | 'tag' | 'operationId' | 'summary' | 'security' | 'handle'> & {
  readonly body: NonNullable<Route['body']>['schema'];
  /** True where no body means `{}`. */
  readonly optionalBody?: boolean;
  readonly responses: Route['responses'];
};

const json = ['application/json'] as const;

/** Each at the root, as documented, and under its realm. */
export function corporateRoutes(table: readonly CorporateRoute[]): readonly Route[] {
  return table.flatMap(({ body, optionalBody = false, ...route }) => {
    const common = {
      ...route,
      method: 'POST',
      refusals: 'corporate',
      body: { schema: body, mediaTypes: json, ...(optionalBody ? { optional: true } : {}) },
    } as const;
    const ofRealm = { path: `/realms/:realm${route.path}`, operationId: `${route.operationId}InRealm` };
    return [common, { ...common, ...ofRealm }];
  });
}

/**
 * The realm that a request names: in its path, as `X-programmeKey: tenant|programme`, as `programmeId`. Undefined where it names
 * none. A name that is unknown, or two that disagree, is the caller's mistake: `request.invalid`.
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
export async function realmOrDefault(call: Call, programmeId?: string): Promise<Realm> {
  return (await namedRealm(call, programmeId)) ?? requireRealm(call.context, call.context.config.defaultRealm);
}

/** The tenant is not looked at: it was routing, and no secret. */
function programmeOf(request: WireRequest): string | undefined {
  const header = request.headers.get('x-programmekey');
  if (header === null) return undefined;
  const [, programme] = /^[^|]*\|([^|]+)$/.exec(header.trim()) ?? [];
  if (programme === undefined) {
    throw new Problem('request.invalid', 'X-programmeKey must be tenant|programme.', { pointer: 'X-programmeKey' });
  }
  return programme;
}

/** What a caller may send, and gets back: visible ASCII. */
const callRef = /^[\x21-\x7e]{1,128}$/;

/** The header to repeat, if it is one. */
export function echoedCallRef(request: Pick<WireRequest, 'headers'>): string | undefined {
  const given = request.headers.get('x-callref');
  return given !== null && callRef.test(given) ? given : undefined;
}

/** Joins all calls of a chain: what the caller names it, else the id of this request. */
export function correlationId(call: Call): string {
  const given = call.request.headers.get('x-callref');
  if (given === null) return call.requestId;
  if (callRef.test(given)) return given;
  throw new Problem('request.invalid', 'X-CallRef must be 1 to 128 visible ASCII characters.', {
    pointer: 'X-CallRef',
  });
}
