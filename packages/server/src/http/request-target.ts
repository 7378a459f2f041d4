import type { IncomingMessage } from 'node:http';
import { Problem } from '../kernel/problem.ts';

/** A path segment that URL parsers remove; for `..` together with the segment before it. */
const dotSegment = /\/(?:\.|%2e){1,2}(?:\/|$)/i;

/**
 * Refuses a target that two servers may read differently: a proxy in front judges the path as written, and the server
 * that answers looks at where it leads.
 *
 * - RFC 3986 §6.2.2.3: a client removes `.` and `..` before it sends a path.
 * - RFC 9112 §3.2 allows no fragment.
 * - Some servers read a backslash as a slash.
 * - A target in absolute form (§3.2.2) must name the same host as `Host`.
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
  return new Problem('request.invalid', { detail });
}
