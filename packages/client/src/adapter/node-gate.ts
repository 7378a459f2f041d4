import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Verified } from '../message/verify-request.ts';
import type { Guard, RequestLine } from './guard.ts';
import { captureBody } from './incoming-body.ts';
import { signWhenWhole } from './outgoing-body.ts';

/**
 * Verifies a request of Node, and prepares the signature of its response, unless the response is streamed. Throws
 * {MessageProblem}.
 */
export async function admit(
  guard: Guard,
  line: RequestLine,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<Verified> {
  const body = await captureBody(request, guard.maxBodyBytes);
  const verified = await guard.verify(line, fieldsOf(request.rawHeaders), body);
  if (guard.isSigned(line)) {
    signWhenWhole(response, {
      maxBytes: guard.maxResponseBytes,
      isHead: line.method === 'HEAD',
      sign: (status, bytes) => guard.sign(verified, status, bytes),
      report: (error) => guard.report(error, line),
    });
  }
  return verified;
}

/** All received fields: the parsed ones show only the first of some repeated fields. */
export function fieldsOf(raw: readonly string[]): readonly (readonly [string, string])[] {
  return Array.from({ length: raw.length >> 1 }, (_, at) => [raw[2 * at] as string, raw[2 * at + 1] as string]);
}
