import type { Call } from './call.ts';

/** For the list of sessions that the holder sees: a line of at most 255 characters. */
export function userAgent({ request }: Call): string | undefined {
  const given = request.headers
    .get('user-agent')
    ?.replace(/[^\x20-\x7e]/g, '?')
    .slice(0, 255);
  return given === '' ? undefined : given;
}
