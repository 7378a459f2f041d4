import type { z } from 'zod';
import { parseJsonBody, readBytes, requireMediaType, validate } from './body.ts';
import type { Call } from './call.ts';

/** Like `readJson`, for steps whose body says only what is not the default: no body is the same as `{}`. */
export async function readOptionalJson<S extends z.ZodType>(
  call: Call,
  schema: S,
  body?: Uint8Array,
): Promise<z.output<S>> {
  const bytes = body ?? (await readBytes(call.request));
  if (bytes.length === 0) return validate(schema, {});
  requireMediaType(call.request, ['application/json']);
  return validate(schema, parseJsonBody(bytes));
}
