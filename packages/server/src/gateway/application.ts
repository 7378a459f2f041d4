/** The fields that pass between the gateway and the application behind it, for every kind of caller. */
import type { IncomingMessage } from 'node:http';
import type { SourceOf } from '../http/source.ts';
import { Problem } from '../kernel/problem.ts';
import { type Call, sendLong } from './call.ts';
import { asCgiReads, endToEnd, type Field, isForwarding, isReserved } from './fields.ts';
import type { Upstream } from './upstream.ts';

/** Where the gateway stands between its callers and the application. */
export interface Placement {
  /** The URL at which callers reach the gateway, without a slash at its end. */
  readonly publicUrl: string;
  /** Finds the address that a call came from. */
  readonly sourceOf: SourceOf;
}

/**
 * Credentials stay in the gateway: the application does not need them, and would otherwise write them into its logs.
 */
const keptHere: ReadonlySet<string> = new Set(['authorization', 'content-length', 'expect', 'host']);

/** The caller's fields without the reserved ones, followed by the fields that the gateway writes. */
export function fieldsForApplication(
  { request }: Call,
  { publicUrl, sourceOf }: Placement,
  own: readonly Field[],
): readonly Field[] {
  const { protocol, host } = new URL(publicUrl);
  const written = new Set([...keptHere, ...own.map(([name]) => name.toLowerCase())]);
  const isOurs = (name: string) => written.has(asCgiReads(name)) || isReserved(name) || isForwarding(name);
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

/** RFC 9110 §15: a status outside 200 to 599 can be neither signed nor understood. */
export function statusOf({ statusCode = 0 }: IncomingMessage): number {
  if (statusCode < 200 || statusCode > 599) throw new Problem('gateway.response_refused');
  return statusCode;
}

/**
 * Drops a signature that the application wrote, so that the response carries only ours. RFC 9421 signatures are kept.
 */
export function answerFields({ rawHeaders, headers }: IncomingMessage): readonly Field[] {
  const isSignature = (name: string) =>
    name === 'x-jws-signature' || (name === 'signature' && headers['signature-input'] === undefined);
  return endToEnd(rawHeaders, (name) => isReserved(name) || isSignature(name));
}
