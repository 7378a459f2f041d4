import { z } from 'zod';

/** The query of every list. */
export const pageQuery = z.object({ limit: z.string().optional(), after: z.string().optional() });

/** One page: `next` goes into `after` for the next one, and is absent on the last. */
export function pageSchema<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item), next: z.string().optional() });
}
