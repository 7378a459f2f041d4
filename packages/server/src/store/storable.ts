import { Problem } from '../kernel/problem.ts';

/**
 * What every column takes, on either database: numbers are whole and exact (columns of numbers are 64-bit integers), text is whole
 * characters without NUL. PostgreSQL refuses the rest with the whole statement; SQLite keeps it, changed. Both drivers ask before
 * each statement, so that it is the fault of the request that brought the value, and the database never sees it.
 */
export function requireStorable(parameters: readonly unknown[]): void {
  for (const value of parameters) if (!isStorable(value)) throw unstorable();
}

function isStorable(value: unknown): boolean {
  if (typeof value === 'number') return Number.isSafeInteger(value);
  return typeof value !== 'string' || (!value.includes('\0') && value.isWellFormed());
}

export function unstorable(cause: unknown = new Error('a value that no column takes')): Problem {
  const detail = 'A number is not whole or too large, or a text holds NUL or half a character.';
  return new Problem('request.invalid', detail, { cause });
}
