import type { Subject } from '@countersign/proof';
import { type MessageProblemCode, orUnavailable, problem } from '../message/message-problem.ts';
import type { StatusFollower, TokenFate } from './status.ts';

const problemOf: Readonly<Record<TokenFate, MessageProblemCode>> = {
  subject: 'token.subject_revoked',
  actor: 'token.actor_revoked',
  session: 'session.ended',
  capability: 'capability.revoked',
  token: 'token.revoked',
  ancestor: 'token.ancestor_revoked',
};

/**
 * Checks by the status feed whether the token was revoked since it was signed. Waits until the feed is fresh.
 *
 * @throws {MessageProblem} `token.subject_revoked`, `token.actor_revoked`, `session.ended`, `capability.revoked`, `token.revoked`, `token.ancestor_revoked`, `status.unavailable`
 */
export async function requireLive(status: StatusFollower | undefined, subject: Subject): Promise<void> {
  await orUnavailable('status.unavailable', () => status?.ready());
  refuseRevoked(status, subject);
}

/**
 * The same check with the present state of the feed, without waiting.
 *
 * @throws {MessageProblem} `token.subject_revoked`, `token.actor_revoked`, `session.ended`, `capability.revoked`, `token.revoked`, `token.ancestor_revoked`
 */
export function refuseRevoked(status: StatusFollower | undefined, subject: Subject): void {
  const fate = status?.fate(subject);
  if (fate !== undefined) throw problem(problemOf[fate]);
}
