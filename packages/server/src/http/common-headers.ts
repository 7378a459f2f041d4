import type { Context } from '../context.ts';
import type { Answer } from './answer.ts';

/** What every answer carries, of whatever protocol. */
export function commonHeaders({ config }: Pick<Context, 'config'>, requestId: string): Answer['headers'] {
  const always = { 'x-request-id': requestId, 'x-content-type-options': 'nosniff' };
  return config.publicUrl.startsWith('https:')
    ? { ...always, 'strict-transport-security': 'max-age=63072000' }
    : always;
}
