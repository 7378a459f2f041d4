import { Problem } from '../../kernel/problem.ts';
import type { Exchange } from '../../subject/tokens/exchange.ts';
import { grantClientCredentials } from './client-credentials.ts';
import type { GrantRequest } from './grant-request.ts';
import { grantTokenExchange } from './token-exchange.ts';

export type Grant = (request: GrantRequest) => Promise<object>;

/** RFC 6749 §4.4, RFC 8693 §2.1. Discovery lists these grants and no others. */
export const grantTypes = ['client_credentials', 'urn:ietf:params:oauth:grant-type:token-exchange'] as const;

export type Grants = Readonly<Record<(typeof grantTypes)[number], Grant>>;

/** The grants of the token endpoint, by their name on the wire. */
export function grantsWith(exchanges: readonly Exchange[]): Grants {
  return {
    client_credentials: async (request) =>
      grantClientCredentials(request.context, request.realm, await request.authenticate(), request),
    'urn:ietf:params:oauth:grant-type:token-exchange': (request) => grantTokenExchange(exchanges, request),
  };
}

/** RFC 6749 §5.2. @throws {Problem} `request.invalid`, `oauth.unsupported_grant_type` */
export function requireGrant(grants: Grants, name: string | undefined): Grant {
  if (name === undefined) throw new Problem('request.invalid', { detail: 'grant_type is missing.' });
  if (!Object.hasOwn(grants, name)) throw new Problem('oauth.unsupported_grant_type');
  return grants[name as keyof Grants];
}
