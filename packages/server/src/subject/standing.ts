import { Problem } from '../kernel/problem.ts';
import type { Writing } from '../store/write.ts';
import { readSubjectState, type Subject } from './subject.ts';

export type { StandingCaller } from '../store/write.ts';

/**
 * Refuses a subject that is no longer live in its generation, as the database knows it.
 *
 * @throws {Problem} of `code`, with the reason for the log only
 */
export async function requireStandingSubject(
  tx: Writing,
  { realm, id, generation }: Pick<Subject, 'realm' | 'id' | 'generation'>,
  code: 'token.invalid' | 'oauth.invalid_client',
): Promise<void> {
  const state = await readSubjectState(tx, realm, id);
  if (state?.live !== true || state.generation !== generation)
    throw new Problem(code, { reason: 'ended a moment ago' });
}
