import type { z } from 'zod';
import { Problem } from '../kernel/problem.ts';
import type { Call, HttpContext, WireRequest } from './call.ts';
import { type Route, type Row, routeOf } from './route.ts';

/**
 * The documented calls of corporate identities: POST, with their own form of refusals. Each exists at the root, as
 * documented, and under its realm.
 */
export function corporateOf<C extends HttpContext>() {
  const route = routeOf<C>();
  return <Who, const Path extends string, Body extends z.ZodType = z.ZodUndefined>(
    row: Omit<Row<C, Who, Path, Body, z.ZodObject<Record<never, never>>>, 'method' | 'refusals' | 'query'>,
  ): readonly Route<C>[] => {
    const common = { ...row, method: 'POST', refusals: 'corporate' } as const;
    const inRealm = { path: `/realms/:realm${row.path}` as Path, operationId: `${row.operationId}InRealm` };
    return [route(common), route({ ...common, ...inRealm })];
  };
}

/** An allowed value: visible ASCII. The answer repeats it. */
const callRef = /^[\x21-\x7e]{1,128}$/;

/** The header to repeat, if its value is allowed. */
export function echoedCallRef(request: Pick<WireRequest, 'headers'>): string | undefined {
  const given = request.headers.get('x-callref');
  return given !== null && callRef.test(given) ? given : undefined;
}

/** The id that joins all calls of a chain: named by the caller, else the id of this request. */
export function correlationId(call: Call): string {
  const given = call.request.headers.get('x-callref');
  if (given === null) return call.requestId;
  if (callRef.test(given)) return given;
  throw new Problem('request.invalid', {
    detail: 'X-CallRef must be 1 to 128 visible ASCII characters.',
    pointer: 'X-CallRef',
  });
}
