/** What passes between the gateway and the application behind it, whoever calls. */
import type { IncomingMessage } from 'node:http';
import type { SourceOf } from '../http/source.ts';
import { Problem } from '../kernel/problem.ts';
import { type Call, sendLong } from './call.ts';
import { endToEnd, type Field, isForwarding, isReserved } from './fields.ts';
import type { Upstream } from './upstream.ts';

/** Where the gateway stands between its callers and the application. */
export interface Placement {
  /** Where callers reach us; without a slash at its end. */
  readonly publicUrl: string;
  /** Where a call came from. */
  readonly sourceOf: SourceOf;
}

/** What a caller proves itself with stays here: the application needs none of it, and what it logs would be worth as much. */
const keptHere: ReadonlySet<string> = new Set(['authorization', 'content-length', 'expect', 'host']);

/** The caller's fields without those that only we write, and ours. */
export function fieldsForApplication(
  { request }: Call,
  { publicUrl, sourceOf }: Placement,
  own: readonly Field[],
): readonly Field[] {
  const { protocol, host } = new URL(publicUrl);
  const written = new Set(own.map(([name]) => name.toLowerCase()));
  const isOurs = (name: string) => keptHere.has(name) || written.has(name) || isReserved(name) || isForwarding(name);
  return [
    ...endToEnd(request.rawHeaders, isOurs),
    ['X-Forwarded-For', sourceOf(request).address],
    ['X-Forwarded-Host', host],
    ['X-Forwarded-Proto', protocol.slice(0, -1)],
    ...own,
  ];
}

export async function streamAnswer({ response }: Call, answer: IncomingMessage, upstream: Upstream): Promise<void> {
  await sendLong(response, statusOf(answer), answerFields(answer), upstream.body(answer));
}

/** RFC 9110 §15: anything else could be neither signed nor understood. */
export function statusOf({ statusCode = 0 }: IncomingMessage): number {
  if (statusCode < 200 || statusCode > 599) throw new Problem('gateway.response_refused');
  return statusCode;
}

/** Nobody signs but us: a signature of the application's own would make two. RFC 9421 signatures are another thing. */
export function answerFields({ rawHeaders, headers }: IncomingMessage): readonly Field[] {
  const isSignature = (name: string) =>
    name === 'x-jws-signature' || (name === 'signature' && headers['signature-input'] === undefined);
  return endToEnd(rawHeaders, (name) => isReserved(name) || isSignature(name));
}
