import type { Context } from '../context.ts';
import type { Answer } from './answer.ts';

/**
 * What every answer carries, of whatever protocol. No answer is kept by a cache unless its handler says so: only what is public, or has
 * an ETag, says so.
 */
export function commonHeaders({ config }: Pick<Context, 'config'>, requestId: string): Answer['headers'] {
  const always = { 'x-request-id': requestId, 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' };
  return config.publicUrl.startsWith('https:')
    ? { ...always, 'strict-transport-security': 'max-age=63072000' }
    : always;
}
