import { authenticateHolder, type Holder } from '../callers/holder.ts';
import { Problem } from '../kernel/problem.ts';
import type { CallerKind } from '../route.ts';

/** An administrator, or the ROOT of the identity in the path. For a ROOT, other identities do not exist. */
export const rootOrAdministrator: CallerKind<Holder> = {
  security: 'session',
  async authenticate(call) {
    const who = await authenticateHolder(call);
    if (who.kind === 'administrator') return who;
    const { credential, identity } = who.session.subject;
    // First, because a stranger must not learn whether the identity exists.
    if (identity.id !== call.params.identity_id) throw new Problem('identity.unknown');
    if (credential.type !== 'ROOT')
      throw new Problem('caller.forbidden', { detail: 'This is for the ROOT of the identity.' });
    return who;
  },
};
