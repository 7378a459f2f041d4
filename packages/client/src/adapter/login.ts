import type { HeaderFields } from '@countersign/proof';
import { fieldValues } from '../bearer-token.ts';
import type { Edge } from '../edge/edge.ts';
import type { SubjectRules } from '../subject-rules.ts';
import { type CallerGuard, type RefusalLog, reportTo } from './bearer.ts';

/** `basic`: name and password by HTTP Basic. `session`: a session token of the realm as bearer. */
export type LoginScheme = 'basic' | 'session';

/** Who may call a route from outside. */
export interface LoginOptions<Request> extends SubjectRules, RefusalLog {
  readonly edge: Pick<Edge, 'authenticateBasic' | 'authenticateSession'>;
  /** What callers may show. Default `['basic']`. */
  readonly schemes?: readonly LoginScheme[];
  /**
   * The end client's address. Behind a proxy of your own it is what that proxy says, and only what that proxy says: whoever can
   * choose it has as many tries as there are addresses.
   */
  readonly clientAddress?: (request: Request) => string | undefined;
}

export function createLoginGuard<Request>(options: LoginOptions<Request>): CallerGuard {
  const { edge, schemes = ['basic'], onRefusal, clientAddress: _, ...rules } = options;
  const isSession = (headers: HeaderFields): boolean =>
    schemes.includes('session') &&
    (!schemes.includes('basic') || fieldValues(headers, 'authorization').some((value) => /^bearer /i.test(value)));
  return {
    authenticate(headers, _line, address) {
      const call = { headers, address };
      return isSession(headers) ? edge.authenticateSession(call, rules) : edge.authenticateBasic(call, rules);
    },
    report: reportTo(onRefusal),
  };
}
