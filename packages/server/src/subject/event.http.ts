import { z } from 'zod';
import { administrator } from '../callers/administrator.ts';
import { pageOf, pageQuery, pageSchema } from '../http/page.ts';
import { seconds } from '../kernel/clock.ts';
import { toPage } from '../kernel/page.ts';
import { Problem } from '../kernel/problem.ts';
import { type Route, route } from '../route.ts';
import { eventHead, eventsBefore } from './event.ts';
import { issueDocument } from './tokens/token.ts';

const base = '/realms/:realm/admin/events';
const administration = { method: 'GET', tag: 'Administration', caller: administrator } as const;

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
  route({
    ...administration,
    path: base,
    operationId: 'listEvents',
    summary: 'Events of the realm, newest first; those of the last second may not be there yet.',
    query: pageQuery,
    answers: { 200: pageSchema(eventSchema) },
    async handle({ context, who: { realm }, query }) {
      const { after, limit } = pageOf(query);
      const events = await eventsBefore(context, realm.name, sequenceNumber(after), limit + 1);
      return toPage(events, limit, (event) => String(event.seq));
    },
  }),
  route({
    ...administration,
    path: `${base}/head`,
    operationId: 'getEventHead',
    summary: 'The head of the event chain, and the same as a signed JWT (`typ: event-head+jwt`) to keep elsewhere.',
    answers: { 200: z.object({ seq: z.number(), hash: z.string(), jwt: z.string() }) },
    /** One chain covers the whole store. Each realm signs the same head with its own key. */
    async handle({ context, who: { realm } }) {
      const { seq, hash } = await eventHead(context);
      const claims = { iss: realm.issuer, iat: seconds(context.clock.now()), seq, hash };
      return { seq, hash, jwt: await issueDocument(context, realm.name, 'token', 'event-head+jwt', claims) };
    },
  }),
];

/** The list goes backwards, so `after` is the number of the event shown last. */
function sequenceNumber(after: string): number {
  if (after === '') return Number.MAX_SAFE_INTEGER;
  if (!/^[0-9]{1,15}$/.test(after))
    throw new Problem('request.invalid', { detail: 'after is not the number of an event.', pointer: 'after' });
  return Number(after);
}
