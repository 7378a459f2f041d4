/** Checks made of other checks, and the check of options. */
import { callable, object, record, wrong } from './value.ts';

/** A check of one argument: it returns the value, or a copy of it, or throws a TypeError that names the argument. */
export type Check = (value: unknown, name: string) => unknown;

/** One check for each option; `optional` and `leftOut` mark those that are not required. */
export type Checks<T> = { readonly [K in keyof Required<T>]: Check };

/**
 * Makes a check for an object with these methods; its other members are not checked.
 *
 * @example
 * having('verify', 'sha256')(cryptoPort, 'crypto') === cryptoPort; // → true
 * having('verify')({}, 'crypto'); // throws TypeError
 */
export function having(...methods: readonly string[]): Check {
  return (value, name) => {
    const given = object(value, name) as Record<string, unknown>;
    for (const method of methods) callable(given[method], `${name}.${method}`);
    return value;
  };
}

/**
 * Makes a check for one of several values, compared without conversion.
 *
 * @example
 * oneOf('GET', 'POST')('GET', 'method'); // → 'GET'
 * oneOf('GET', 'POST')('get', 'method'); // throws TypeError
 */
export function oneOf(...allowed: readonly unknown[]): Check {
  return (value, name) => {
    if (!allowed.includes(value)) throw wrong(name, `one of ${allowed.map(String).join(', ')}`);
    return value;
  };
}

/**
 * Makes a check for a list, of which each entry passes a check. The result is a copy of the list. A hole is checked as
 * `undefined`, like every other entry.
 *
 * @example
 * listOf(text)(['a', 'b'], 'names'); // → ['a', 'b']
 * listOf(text)(['a', 1], 'names'); // throws TypeError
 */
export function listOf(check: Check): Check {
  return (value, name) => {
    if (!Array.isArray(value)) throw wrong(name, 'a list');
    const each = `${name}[]`;
    return Array.from(value as unknown[], (one) => check(one, each));
  };
}

/**
 * Makes a check that passes if one of several checks passes. Otherwise the error is that of the last one.
 *
 * @example
 * const limit = either(amount, oneOf('none'));
 * limit('none', 'limit'); // → 'none'
 * limit(-1, 'limit'); // throws TypeError
 */
export function either(...checks: readonly [Check, ...Check[]]): Check {
  return (value, name) => {
    let refusal: unknown;
    for (const check of checks) {
      try {
        return check(value, name);
      } catch (error) {
        refusal = error;
      }
    }
    throw refusal;
  };
}

/**
 * Makes a check for an option that may be missing or undefined.
 *
 * @example
 * optional(text)(undefined, 'realm'); // → undefined
 * optional(text)(null, 'realm'); // throws TypeError
 */
export function optional(check: Check): Check {
  return (value, name) => (value === undefined ? undefined : check(value, name));
}

const leftOutChecks = new WeakSet<Check>();

/**
 * Makes a check for an option that may be missing, but not undefined: `{ audience: process.env.AUDIENCE }` without the
 * variable must not mean "any".
 *
 * @example
 * const checks = { audience: leftOut(text) };
 * options({}, 'expected', checks); // → {}
 * options({ audience: undefined }, 'expected', checks); // throws TypeError
 */
export function leftOut(check: Check): Check {
  const own: Check = (value, name) => check(value, name);
  leftOutChecks.add(own);
  return own;
}

/**
 * Checks options, and returns a new object with the same options, each read once. An unknown name is refused. Options
 * that are undefined are left out of the result.
 *
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const checks = { name: text, maxAge: optional(amount) };
 * options({ name: 'ann' }, 'given', checks); // → { name: 'ann' }
 * options(JSON.parse('{"name":"ann","maxage":1}'), 'given', checks); // throws TypeError
 */
export function options<T extends object>(given: T, name: string, checks: Checks<T>): T {
  record(given, name);
  for (const member in given) {
    if (!Object.hasOwn(checks, member)) throw new TypeError(`${name} has no option ${JSON.stringify(member)}.`);
  }
  const own: Record<string, unknown> = {};
  for (const member in checks) {
    const check = checks[member as keyof Checks<T>];
    const isThere = member in given;
    if (!isThere && leftOutChecks.has(check)) continue;
    const value = check(isThere ? given[member as unknown as keyof T] : undefined, `${name}.${member}`);
    if (value !== undefined) own[member] = value;
  }
  return own as T;
}
