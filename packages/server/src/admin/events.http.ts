import { z } from 'zod';
import { authenticateAdministration } from '../http/administration.ts';
import type { Call } from '../http/call.ts';
import { pageOf } from '../http/name.ts';
import { json } from '../http/render.ts';
import type { Route } from '../http/route.ts';
import { seconds } from '../kernel/clock.ts';
import { toPage } from '../kernel/page.ts';
import { Problem } from '../kernel/problem.ts';
import { eventHead, eventsBefore } from '../subject/event.ts';
import { issueDocument } from '../subject/token.ts';
import { pageQuery, pageSchema } from './page-schema.ts';

const base = '/realms/:realm/admin/events';
const administration = {
  method: 'GET',
  tag: 'Administration',
  refusals: 'problem',
  security: 'administrator',
} as const;

const eventSchema = z.object({
  id: z.string(),
  seq: z.number().nullable(),
  at: z.string(),
  realm: z.string(),
  type: z.string(),
  object: z.string(),
  actor: z.string(),
  requestId: z.string(),
  before: z.unknown(),
  after: z.unknown(),
  hash: z.string().nullable(),
});

export const routes: readonly Route[] = [
  {
    ...administration,
    path: base,
    operationId: 'listEvents',
    summary: 'Events of the realm, newest first; those of the last second may not be there yet.',
    query: pageQuery,
    responses: { 200: pageSchema(eventSchema) },
    handle: list,
  },
  {
    ...administration,
    path: `${base}/head`,
    operationId: 'getEventHead',
    summary: 'The head of the event chain, and the same as a signed JWT (`typ: event-head+jwt`) to keep elsewhere.',
    responses: { 200: z.object({ seq: z.number(), hash: z.string(), jwt: z.string() }) },
    handle: head,
  },
];

async function list(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  const { after, limit } = pageOf(call);
  const events = await eventsBefore(call.context, realm, sequenceNumber(after), limit + 1);
  return json(
    200,
    toPage(events, limit, (event) => String(event.seq)),
  );
}

/** The chain is one for the whole store; each realm signs the same head with its own key. */
async function head(call: Call): Promise<Response> {
  const { realm } = await authenticateAdministration(call);
  const { issuer } = await call.realm();
  const { seq, hash } = await eventHead(call.context);
  const claims = { iss: issuer, iat: seconds(call.context.clock.now()), seq, hash };
  return json(200, { seq, hash, jwt: await issueDocument(call.context, realm, 'token', 'event-head+jwt', claims) });
}

/** `after` of a list that goes backwards: the number of the event shown last. */
function sequenceNumber(after: string): number {
  if (after === '') return Number.MAX_SAFE_INTEGER;
  if (!/^[0-9]{1,15}$/.test(after))
    throw new Problem('request.invalid', 'after is not the number of an event.', { pointer: 'after' });
  return Number(after);
}
