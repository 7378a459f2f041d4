import { z } from 'zod';
import { type Bearer, bearer } from '../../callers/bearer.ts';
import { hasVersion, notModified } from '../../http/conditional.ts';
import { Problem } from '../../kernel/problem.ts';
import { type Asked, type Route, route } from '../../route.ts';
import type { SignedStatus } from './status.ts';
import { currentStatus, watchStatus } from './status-feed.ts';

const common = { method: 'GET', tag: 'Status', caller: bearer } as const;

export const routes: readonly Route[] = [
  route({
    ...common,
    path: '/realms/:realm/status',
    operationId: 'getStatus',
    summary: 'What has been revoked and has not expired, as a signed statement that holds for 30 seconds.',
    query: z.object({ after: z.string().optional() }),
    answers: {
      200: 'application/status+jwt: a JWT.',
      304: 'Your statement is the newest, and good for 20 seconds more.',
    },
    handle: status,
  }),
  route({
    ...common,
    path: '/realms/:realm/status/events',
    operationId: 'watchStatus',
    summary: 'The same as server-sent events: everything at once, then what is new.',
    answers: { 200: 'text/event-stream: events named status, each with a JWT.' },
    handle: events,
  }),
];

async function status({ context, call, who: { realm } }: Asked<Bearer>): Promise<Response> {
  const { claims, jwt } = await currentStatus(context, realm, afterOf(call.query));
  const headers = { etag: versionOf(claims), 'cache-control': 'private, no-cache' };
  if (hasVersion(call.request, headers.etag)) return notModified(headers);
  return new Response(jwt, { headers: { ...headers, 'content-type': 'application/status+jwt' } });
}

/** Seconds that an unchanged statement counts as the same version. */
const versionSeconds = 10;

/**
 * Changes with the feed, and every ten seconds without a change. So a reader that gets a 304 holds a statement of the
 * same span, with at least 20 of its 30 seconds left. Weak (RFC 9110 §8.8.1), because statements of one span differ in
 * `iat` and signature.
 */
function versionOf({ incarnation, seq, after, iat }: SignedStatus['claims']): string {
  return `W/"${incarnation}.${seq}.${after}.${Math.floor(iat / versionSeconds)}"`;
}

function afterOf(query: URLSearchParams): number {
  const given = query.getAll('after');
  if (given.length === 0) return 0;
  const text = given[0] as string;
  if (given.length > 1 || !/^\d{1,15}$/.test(text)) {
    throw new Problem('request.invalid', {
      detail: 'after must be a sequence number of the feed, once.',
      pointer: 'after',
    });
  }
  return Number(text);
}

/** Events that may wait for a slow reader before it is cut off. */
const maxWaiting = 16;

async function events({ context, call, who: { realm, subject } }: Asked<Bearer>): Promise<Response> {
  const encoder = new TextEncoder();
  let leave = () => {};
  let sink: ReadableStreamDefaultController<Uint8Array> | undefined;
  const close = () => {
    leave();
    call.stopping.removeEventListener('abort', close);
    sink?.close();
    sink = undefined;
  };
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => {
      sink = controller;
    },
    cancel: () => {
      sink = undefined;
      close();
    },
  });
  leave = await watchStatus(context, {
    realm,
    subject,
    send({ claims, jwt }) {
      sink?.enqueue(encoder.encode(`event: status\nid: ${claims.seq}\ndata: ${jwt}\n\n`));
      return sink !== undefined && (sink.desiredSize ?? 0) > -maxWaiting;
    },
    end: close,
  });
  if (call.stopping.aborted) close();
  // The reader may have gone, or its first statement may have ended it.
  if (sink !== undefined) call.stopping.addEventListener('abort', close);
  return new Response(body, {
    headers: { 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' },
  });
}
