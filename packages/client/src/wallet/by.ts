import { oneOf } from '@countersign/proof/argument';

/** `authorization`, and `dpop` for a bound token. */
export type CallFields = Readonly<Record<string, string>>;

/** The proof of a call: the token, or an invocation of the capability for this one call. */
export type By = 'token' | 'invocation';

/**
 * A misspelt `invocation` must not fall back to the token.
 *
 * @throws {TypeError}
 */
export const requireBy = oneOf('token', 'invocation') as (value: unknown, name: string) => By;
