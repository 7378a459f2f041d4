import { readBounded } from '../bounded-body.ts';
import { problem } from '../message/message-problem.ts';
import type { Verified } from '../message/verify-request.ts';
import type { Guard, RequestLine } from './guard.ts';
import { refusalOf } from './refusal.ts';
import '../message/message-refusal.ts';

/**
 * The bytes of a request, and a request with the same unread body.
 *
 * @throws {MessageProblem} `body.*`
 */
export async function readRequest(
  request: Request,
  maxBytes: number,
): Promise<{ readonly body: Uint8Array; readonly copy: Request }> {
  if (request.bodyUsed) throw problem('body.consumed');
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) throw problem('body.too_large');
  const body = await readBounded(request.body, maxBytes).catch((error: unknown) => {
    throw problem('body.incomplete', { cause: error });
  });
  if (body === undefined) throw problem('body.too_large');
  const { method, headers, signal } = request;
  const isBodiless = method === 'GET' || method === 'HEAD' || body.length === 0;
  const copy = new Request(request.url, { method, headers, signal, ...(isBodiless ? {} : { body }) });
  return { body, copy };
}

/** The response with a signature over its exact bytes; a 500 if it cannot be signed. */
export async function signedResponse(
  guard: Guard,
  line: RequestLine,
  verified: Verified,
  response: Response,
): Promise<Response> {
  const { status, statusText } = response;
  const isBodiless = line.method === 'HEAD' || status === 204 || status === 205 || status === 304;
  const body = await readBounded(response.body, guard.maxResponseBytes);
  if (body === undefined) throw problem('response.too_large');
  const fields = await guard.sign(verified, status, isBodiless ? new Uint8Array(0) : body);
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(fields)) headers.set(name, value);
  return new Response(isBodiless || response.body === null ? null : body, { status, statusText, headers });
}

export function refusalResponse(error: unknown): Response {
  const { status, headers, body } = refusalOf(error);
  return new Response(body, { status, headers });
}
