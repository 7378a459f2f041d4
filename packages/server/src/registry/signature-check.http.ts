import { authenticateBearer } from '../http/authenticate.ts';
import { readJson } from '../http/body.ts';
import type { Call } from '../http/call.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { checkSchema, checkSignature, requireParty, verdictSchema } from './signature-check.ts';

export const routes: readonly Route[] = [
  {
    method: 'POST',
    path: '/realms/:realm/signatures/verify',
    tag: 'Messages',
    operationId: 'verifySignature',
    summary:
      'Whether the signature of a message is good now, and if not, what its sender did wrong. For its two parties.',
    security: 'bearer',
    refusals: 'problem',
    body: { schema: checkSchema, mediaTypes: ['application/json'] },
    responses: { 200: verdictSchema },
    handle: verify,
  },
];

async function verify(call: Call): Promise<Response> {
  const party = requireParty(await authenticateBearer(call));
  const asked = await readJson(call, checkSchema);
  const verdict = await checkSignature(call.context, await call.realm(), party, asked);
  return json(200, verdict);
}
