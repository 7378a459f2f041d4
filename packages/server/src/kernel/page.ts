import { Problem } from './problem.ts';

/** One page of a list ordered by id. `next` is the id to continue after, and is absent on the last page. */
export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

export interface PageRequest {
  readonly limit: number;
  readonly after: string;
}

const maxLimit = 200;

/**
 * `?limit=1…200&after=<id>`, or as `name` calls the limit. The empty string sorts before every id.
 *
 * @throws {Problem} `request.invalid`
 */
export function pageRequest(limit: string | undefined, after: string | undefined, name = 'limit'): PageRequest {
  const wanted = Number(limit ?? '50');
  if ((limit !== undefined && !/^\d{1,3}$/.test(limit)) || wanted < 1 || wanted > maxLimit) {
    throw new Problem('request.invalid', {
      detail: `${name} must be a whole number from 1 to ${maxLimit}.`,
      pointer: name,
    });
  }
  return { limit: wanted, after: after ?? '' };
}

/** `rows` has up to limit + 1 entries. The extra one only shows that there are more. */
export function toPage<T>(rows: readonly T[], limit: number, key: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return rows.length > limit && last !== undefined ? { items, next: key(last) } : { items };
}
