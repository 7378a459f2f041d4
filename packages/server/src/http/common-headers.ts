import type { Answer } from './answer.ts';
import type { HttpContext } from './call.ts';

/**
 * The headers of every answer, in every protocol. Caches keep no answer unless its handler says so. Only public answers
 * and answers with an ETag do.
 */
export function commonHeaders({ config }: Pick<HttpContext, 'config'>, requestId: string): Answer['headers'] {
  const always = { 'x-request-id': requestId, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' };
  return config.publicUrl.startsWith('https:')
    ? { ...always, 'strict-transport-security': 'max-age=63072000' }
    : always;
}
