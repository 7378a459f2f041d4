import type { IncomingMessage } from 'node:http';
import { Problem } from '../kernel/problem.ts';

/** A segment that a parser of URLs takes away, and with `..` the one before it. */
const dotSegment = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * A target that two servers may read as two: whoever stands in front judges a path as it is written, and whoever answers looks at what it
 * leads to. RFC 3986 §6.2.2.3: a client removes `.` and `..` before it sends them. RFC 9112 §3.2 knows no fragment; a backslash is a slash
 * to some; an absolute form (§3.2.2) has to name the host that `Host` names.
 */
export function targetFault({ url = '', headers }: IncomingMessage): Problem | undefined {
  const [, authority, rest] = /^https?:\/\/([^/?#]*)(.*)$/i.exec(url) ?? [];
  if (authority !== undefined && authority.toLowerCase() !== headers.host?.toLowerCase()) {
    return refused('The request target names another host than the field Host.');
  }
  const target = rest ?? url;
  if (!target.startsWith('/')) return refused('The request target is no path.');
  if (target.includes('#')) return refused('The request target holds a fragment.');
  const path = target.split('?', 1)[0] as string;
  if (dotSegment.test(path)) return refused('The path of the request holds . or .. as a segment.');
  return path.includes('\\') ? refused('The path of the request holds a backslash.') : undefined;
}

function refused(detail: string): Problem {
  return new Problem('request.invalid', detail);
}
