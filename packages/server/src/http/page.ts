import { z } from 'zod';
import { type PageRequest, pageRequest } from '../kernel/page.ts';
import { Problem } from '../kernel/problem.ts';
import { isName } from '../kernel/text.ts';

/** The query of every list. */
export const pageQuery = z.object({ limit: z.string().optional(), after: z.string().optional() });

/** One page. `next` is the `after` of the next page, and is absent on the last. */
export function pageSchema<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item), next: z.string().optional() });
}

/** `?limit=&after=` of a list. */
export function pageOf({ limit, after }: z.output<typeof pageQuery>): PageRequest {
  if (after !== undefined && after !== '' && !isName(after)) {
    throw new Problem('request.invalid', { detail: 'after is not the id of an entry.', pointer: 'after' });
  }
  return pageRequest(limit, after);
}
