import { Problem } from '../kernel/problem.ts';
import { grantClientCredentials } from './client-credentials.ts';

/** The grants of the token endpoint, by their name on the wire. Discovery lists what stands here, and nothing else. */
export const grants = { client_credentials: grantClientCredentials } as const;

/** RFC 6749 §5.2. Throws `request.invalid`, `oauth.unsupported_grant_type`. */
export function requireGrant(name: string | undefined): (typeof grants)[keyof typeof grants] {
  if (name === undefined) throw new Problem('request.invalid', 'grant_type is missing.');
  if (!Object.hasOwn(grants, name)) throw new Problem('oauth.unsupported_grant_type');
  return grants[name as keyof typeof grants];
}
