import { z } from 'zod';
import type { Answer } from '../http/answer.ts';
import type { Call } from '../http/call.ts';
import { authenticateCallingClient, readParameters } from '../http/client-call.ts';
import { jsonAnswer, toResponse } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { requireGrant } from './grant.ts';

/** RFC 6749 §5.1. */
const uncached = { 'cache-control': 'no-store', pragma: 'no-cache' } as const;

/** For the description only: the hot path reads its few parameters by hand, and more strictly than a schema could. */
const tokenRequest = z.object({
  grant_type: z.literal('client_credentials'),
  client_id: z.string().optional(),
  client_secret: z.string().optional(),
  client_assertion_type: z.string().optional(),
  client_assertion: z.string().optional(),
  scope: z.string().optional(),
  resource: z.union([z.string(), z.array(z.string())]).optional(),
});

const tokenResponse = z.object({
  access_token: z.string(),
  token_type: z.literal('Bearer'),
  expires_in: z.int(),
  scope: z.string(),
  refresh_expires_in: z.literal(0).optional(),
  'not-before-policy': z.literal(0).optional(),
});

export const routes: readonly Route[] = [
  {
    method: 'POST',
    path: '/realms/:realm/protocol/openid-connect/token',
    tag: 'OAuth 2.0',
    operationId: 'generateAccessToken',
    summary: 'An access token for a client that proves itself (RFC 6749 §4.4).',
    security: 'client',
    body: { schema: tokenRequest, mediaTypes: ['application/x-www-form-urlencoded', 'application/json'] },
    responses: { 200: tokenResponse },
    refusals: 'oauth',
    handle: async (call) => toResponse(await token(call)),
    direct: token,
  },
];

async function token(call: Call): Promise<Answer> {
  const realm = await call.realm();
  const parameters = await readParameters(call, realm.settings.tokenRequestJson);
  const grant = requireGrant(parameters.get('grant_type'));
  const client = await authenticateCallingClient(call, realm, parameters);
  return jsonAnswer(200, await grant(call.context, realm, client, parameters), uncached);
}
