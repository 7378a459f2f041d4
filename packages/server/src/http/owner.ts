import type { AccessTokenSubject } from '@countersign/proof';
import type { Caller } from '../context.ts';
import { Problem } from '../kernel/problem.ts';
import { adminScope } from '../subject/administrator.ts';
import { callerOf } from './administration.ts';
import { authenticateAdministrator, authenticateBearer } from './authenticate.ts';
import type { Call } from './call.ts';

export interface Owner {
  /** The realm of the path. */
  readonly realm: string;
  /** False for an administrator who acts for the participant. */
  readonly isOwn: boolean;
  readonly caller: Caller;
}

/** The participant that the `:id` of the path names, with its own token; or an administrator. */
export async function authenticateOwner(call: Call): Promise<Owner> {
  const subject = await bearerOrSystem(call);
  const isOwn = subject.kind === 'participant' && subject.participantId === call.params.id;
  if (!isOwn && !subject.scopes.includes(adminScope)) {
    throw new Problem(
      'token.insufficient_scope',
      `Only the participant itself may do this, or the scope ${adminScope}.`,
    );
  }
  const { name } = await call.realm();
  return { realm: name, isOwn, caller: callerOf(call, subject) };
}

async function bearerOrSystem(call: Call): Promise<AccessTokenSubject> {
  try {
    return await authenticateBearer(call);
  } catch (thrown) {
    // Of the other realms only `system` has a say here.
    if (thrown instanceof Problem && thrown.code === 'token.other_realm') return authenticateAdministrator(call);
    throw thrown;
  }
}
