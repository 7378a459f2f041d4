import type { HeaderFields } from '@countersign/proof';
import {
  type Checks,
  callable,
  having,
  listOf,
  oneOf,
  optional,
  options as optionsOf,
  wrong,
} from '@countersign/proof/argument';
import type { Edge } from '../edge/edge.ts';
import { fieldValues } from '../token/bearer-token.ts';
import { ruleChecks, type SubjectRules } from '../token/subject-rules.ts';
import type { CallerGuard, RefusalLog } from './bearer.ts';
import { reportTo } from './report.ts';

/** `basic`: name and password by HTTP Basic. `session`: a session token of the realm as bearer. */
export type LoginScheme = 'basic' | 'session';

/** The callers of a route that log in from outside. */
export interface LoginOptions<Request> extends SubjectRules, RefusalLog {
  readonly edge: Pick<Edge, 'authenticateBasic' | 'authenticateSession'>;
  /** The accepted ways to log in. Default `['basic']`. */
  readonly schemes?: readonly LoginScheme[];
  /**
   * The end client's address. Behind your own proxy it must come from that proxy, and from nowhere else: a stranger who can
   * choose it has as many tries as there are addresses.
   */
  readonly clientAddress?: (request: Request) => string | undefined;
}

const schemeList = listOf(oneOf('basic', 'session'));

const optionChecks: Checks<LoginOptions<never>> = {
  ...ruleChecks,
  edge: having('authenticateBasic', 'authenticateSession'),
  schemes: optional((value, name) => {
    const schemes = schemeList(value, name) as readonly LoginScheme[];
    if (schemes.length === 0) throw wrong(name, 'a list that is not empty');
    return schemes;
  }),
  clientAddress: optional(callable),
  onRefusal: optional(callable),
};

/** @throws {TypeError} naming the option that is of another type, or that does not exist */
export function createLoginGuard<Request>(given: LoginOptions<Request>): CallerGuard {
  const options = optionsOf(given, 'login', optionChecks as Checks<LoginOptions<Request>>);
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
