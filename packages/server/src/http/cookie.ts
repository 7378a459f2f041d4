import type { WireRequest } from './call.ts';

/** Longer cookies cannot be ours. */
const longest = 4_096;

/** The value of the first cookie with this name (RFC 6265 §4.2.1). */
export function presentedCookie(request: Pick<WireRequest, 'headers'>, name: string): string | undefined {
  for (const pair of (request.headers.get('cookie') ?? '').split(';')) {
    const at = pair.indexOf('=');
    if (at === -1 || pair.slice(0, at).trim() !== name) continue;
    const value = pair.slice(at + 1).trim();
    return value.length > longest ? undefined : value;
  }
  return undefined;
}

/**
 * `Set-Cookie` for a cookie that scripts cannot read and other sites do not send. A name with `__Host-` needs https.
 */
export function lastingCookie(name: string, value: string, seconds: number): string {
  const secure = name.startsWith('__Host-') ? '; Secure' : '';
  return `${name}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Lax${secure}`;
}
