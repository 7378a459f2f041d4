import { z } from 'zod';
import { clientActor } from '../../kernel/caller.ts';
import { Problem } from '../../kernel/problem.ts';
import { type Route, route } from '../../route.ts';
import { client } from './client-call.http.ts';
import { introspect, revoke } from './introspection.ts';
import type { Parameters } from './parameters.ts';

const tokenParameters = z.object({
  token: z.string(),
  token_type_hint: z.string().optional(),
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  client_assertion_type: z.string().optional(),
  client_assertion: z.string().optional(),
});

const common = {
  method: 'POST',
  tag: 'OAuth 2.0',
  rawBody: { schema: tokenParameters, mediaTypes: ['application/x-www-form-urlencoded'] },
  refusals: 'oauth',
} as const;

export const routes: readonly Route[] = [
  route({
    ...common,
    path: '/realms/:realm/protocol/openid-connect/token/introspect',
    operationId: 'introspectToken',
    summary: 'Whether a token is alive, for its client and its audience (RFC 7662).',
    // Keycloak's adapters send the same secret in the header and in the form.
    caller: client((realm) => realm.profile === 'ocen4'),
    answers: { 200: z.looseObject({ active: z.boolean() }) },
    handle: ({ context, who: { realm, client, parameters } }) =>
      introspect(context, realm, client, requireToken(parameters)),
  }),
  route({
    ...common,
    path: '/realms/:realm/protocol/openid-connect/revoke',
    operationId: 'revokeToken',
    summary: 'Gives up a token of the calling client (RFC 7009).',
    caller: client(() => false),
    answers: { 200: 'Empty, also when there was nothing to revoke.' },
    handle: ({ context, call, who: { realm, client, parameters } }) =>
      revoke(context, realm, client, requireToken(parameters), call.caller(clientActor(client.id))),
  }),
];

/**
 * RFC 7662 §2.1 and RFC 7009 §2.1: `token` is required. `token_type_hint` is ignored, because there is only one type
 * here.
 */
function requireToken(parameters: Parameters): string {
  const token = parameters.get('token');
  if (token === undefined) throw new Problem('request.invalid', { detail: 'token is missing.', pointer: 'token' });
  return token;
}
