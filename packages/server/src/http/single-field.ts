import type { IncomingMessage } from 'node:http';
import { Problem } from '../kernel/problem.ts';

/** RFC 3986 §3.2.2, without the comma, which only a list of two hosts would have. */
const hostAndPort = /^(?:\[[0-9a-f:.]+\]|[\w.~!$&'()*+;=%-]*)(?::\d{0,5})?$/i;

/**
 * RFC 9112 §3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks
 * a Host header field and to any request message that contains more than one Host header field line or a Host header
 * field with an invalid field value." RFC 9113 §8.3.1: Host must not differ from `:authority`. A proxy in front may
 * have read the other one.
 */
export function hostFault({ rawHeaders, httpVersionMajor }: IncomingMessage): Problem | undefined {
  let host: string | undefined;
  let authority: string | undefined;
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] as string;
    if (name === ':authority') authority = rawHeaders[i + 1];
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue;
    if (host !== undefined) return repeated('Host');
    host = rawHeaders[i + 1] as string;
  }
  if (host === undefined) return undefined;
  if (!hostAndPort.test(host)) return new Problem('request.invalid', { detail: 'The field Host holds no host.' });
  const differs = httpVersionMajor > 1 && authority !== undefined && authority.toLowerCase() !== host.toLowerCase();
  return differs ? new Problem('request.invalid', { detail: 'Host and :authority differ.' }) : undefined;
}

/** Node would keep the first of two, and other programs the last, so a proxy in front may have judged the other one. */
const singles = new Map([
  ['authorization', 'Authorization'],
  ['content-type', 'Content-Type'],
  ['content-length', 'Content-Length'],
]);

export function requireSingleFields({ rawHeaders }: IncomingMessage): void {
  const seen = new Set<string>();
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const field = rawHeaders[i] as string;
    if (field.length < 12 || field.length > 14) continue;
    const name = field.toLowerCase();
    if (seen.has(name) && singles.has(name)) throw repeated(singles.get(name) as string);
    seen.add(name);
  }
}

function repeated(name: string): Problem {
  return new Problem('request.invalid', { detail: `The field ${name} occurs twice.` });
}
