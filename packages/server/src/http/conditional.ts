import type { WireRequest } from './call.ts';

/** RFC 9110 §13.1.2: true if the caller already has this version. `If-None-Match` compares weakly. */
export function hasVersion(request: WireRequest, etag: string): boolean {
  const header = request.headers.get('if-none-match');
  if (header === null) return false;
  const opaque = etag.replace(/^W\//, '');
  return header.split(',').some((one) => one.trim() === '*' || one.trim().replace(/^W\//, '') === opaque);
}

/** RFC 9110 §15.4.5: the headers that the whole answer would have, without a body. */
export function notModified(headers: Readonly<Record<string, string>>): Response {
  return new Response(null, { status: 304, headers });
}
