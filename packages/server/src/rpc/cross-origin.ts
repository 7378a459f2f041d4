/**
 * Headers that a page of a configured origin may read. The preflight (OPTIONS) is answered elsewhere, alike for every
 * path.
 */
const exposed = 'grpc-status, grpc-message, grpc-status-details-bin, x-request-id, www-authenticate, retry-after';

export function crossOrigin(
  allowed: readonly string[],
): (origin: string | undefined) => Readonly<Record<string, string>> {
  if (allowed.length === 0) return () => ({});
  return (origin) =>
    origin !== undefined && allowed.includes(origin)
      ? { 'access-control-allow-origin': origin, 'access-control-expose-headers': exposed, vary: 'origin' }
      : { vary: 'origin' };
}
