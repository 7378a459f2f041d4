import { z } from 'zod';
import type { Call } from '../http/call.ts';
import { authenticateCallingClient, readParameters } from '../http/client-call.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { Problem } from '../kernel/problem.ts';
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
  security: 'client',
  body: { schema: tokenParameters, mediaTypes: ['application/x-www-form-urlencoded'] },
  refusals: 'oauth',
} as const;

export const routes: readonly Route[] = [
  {
    ...common,
    path: '/realms/:realm/protocol/openid-connect/token/introspect',
    operationId: 'introspectToken',
    summary: 'Whether a token is alive, for its client and its audience (RFC 7662).',
    responses: { 200: z.looseObject({ active: z.boolean() }) },
    handle: introspectToken,
  },
  {
    ...common,
    path: '/realms/:realm/protocol/openid-connect/revoke',
    operationId: 'revokeToken',
    summary: 'Gives up a token of the calling client (RFC 7009).',
    responses: { 200: 'Empty, also when there was nothing to revoke.' },
    handle: revokeToken,
  },
];

async function introspectToken(call: Call): Promise<Response> {
  const realm = await call.realm();
  const parameters = await readParameters(call, false);
  const { client } = await authenticateCallingClient(call, realm, parameters, realm.profile === 'ocen4');
  return json(200, await introspect(call.context, realm, client, requireToken(parameters)));
}

async function revokeToken(call: Call): Promise<Response> {
  const realm = await call.realm();
  const parameters = await readParameters(call, false);
  const { client } = await authenticateCallingClient(call, realm, parameters);
  await revoke(call.context, realm, client, requireToken(parameters), call.caller(client.id));
  return new Response(null, { status: 200 });
}

/** RFC 7662 §2.1 and RFC 7009 §2.1: `token` is required; `token_type_hint` is a hint, and there is only one type here. */
function requireToken(parameters: Parameters): string {
  const token = parameters.get('token');
  if (token === undefined) throw new Problem('request.invalid', 'token is missing.', { pointer: 'token' });
  return token;
}
