import { bearer } from '../../callers/bearer.ts';
import { type Route, route } from '../../route.ts';
import { checkSchema, checkSignature, requireParty, verdictSchema } from './signature-check.ts';

export const routes: readonly Route[] = [
  route({
    method: 'POST',
    path: '/realms/:realm/signatures/verify',
    tag: 'Messages',
    operationId: 'verifySignature',
    summary:
      'Whether the signature of a message is good now, and if not, what its sender did wrong. For its two parties.',
    caller: bearer,
    body: checkSchema,
    answers: { 200: verdictSchema },
    handle: ({ context, who: { realm, subject }, body }) => checkSignature(context, realm, requireParty(subject), body),
  }),
];
