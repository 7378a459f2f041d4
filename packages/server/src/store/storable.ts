import { Problem } from '../kernel/problem.ts';

/**
 * The values that every column accepts, on both databases: whole and exact numbers (columns of numbers are 64-bit
 * integers), and text of whole characters without NUL. PostgreSQL refuses other values together with the whole
 * statement; SQLite stores them changed. Both drivers check before each statement, so the request with such a value is
 * refused, and the database never sees it.
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
  return new Problem('request.invalid', { detail, cause });
}
