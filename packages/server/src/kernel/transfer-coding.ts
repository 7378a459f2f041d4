import { Problem } from './problem.ts';

/** The members of Node's request that are read here. */
interface Received {
  readonly headers: { readonly 'transfer-encoding'?: string | undefined };
  readonly httpVersion: string;
}

/**
 * Refuses a body whose end or whose bytes another server may read differently. Node takes off the chunks alone.
 *
 * - RFC 9112 §6.1: a recipient decodes every transfer coding, so after `gzip, chunked` others see other bytes.
 * - §6.1: HTTP/1.0 has no transfer codings. A server between that ignores the field sees another end of the body, and
 *   another request behind it, so the connection has to be closed.
 */
export function transferCodingFault({ headers, httpVersion }: Received): Problem | undefined {
  const coding = headers['transfer-encoding'];
  if (coding === undefined) return undefined;
  if (httpVersion === '1.0') return refused('HTTP/1.0 has no Transfer-Encoding.');
  return coding.trim().toLowerCase() === 'chunked' ? undefined : refused('Transfer-Encoding: use chunked alone.');
}

function refused(detail: string): Problem {
  return new Problem('request.invalid', { detail });
}
