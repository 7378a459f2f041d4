/**
 * The `max-age` of a Cache-Control field (RFC 9111 §5.2.2.1) in milliseconds: 0 if storing is not allowed, undefined if the
 * field does not say.
 */
export function maxAgeOf(cacheControl: string | null): number | undefined {
  const directives = (cacheControl ?? '').toLowerCase();
  if (/\bno-(store|cache)\b/.test(directives)) return 0;
  const seconds = /(?:^|[,\s])max-age="?(\d{1,10})"?/.exec(directives)?.[1];
  return seconds === undefined ? undefined : Number(seconds) * 1000;
}
