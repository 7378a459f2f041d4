import type { AccessTokenSubject } from '@countersign/proof';
import { Problem } from '../kernel/problem.ts';
import type { Call, CallerKind } from '../route.ts';
import type { Realm } from '../subject/realm.ts';
import { authenticateToken } from '../subject/tokens/bearer.ts';
import { realmOf } from './realm.ts';
import { presentedToken, unverifiedIssuer } from './token.ts';

export interface Bearer {
  readonly realm: Realm;
  readonly subject: AccessTokenSubject;
}

/**
 * The holder of a live token of the realm in the path. A token of another realm of this server is `token.other_realm`.
 */
export const bearer: CallerKind<Bearer> = { security: 'bearer', authenticate: authenticateBearer };

export async function authenticateBearer(call: Call): Promise<Bearer> {
  const realm = await realmOf(call);
  const presented = presentedToken(call);
  const issuer = unverifiedIssuer(presented.token);
  if (issuer !== realm.issuer && issuer?.startsWith(`${call.context.config.publicUrl}/realms/`)) {
    throw new Problem('token.other_realm');
  }
  return { realm, subject: await authenticateToken(call.context, realm, presented) };
}
