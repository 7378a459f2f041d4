import { Problem } from '../kernel/problem.ts';
import type { Realm } from '../subject/realm.ts';

/**
 * Where a participant's API is: an absolute https URL without user, query or fragment, kept and given out as it was written.
 * http passes here too: whether it may be used is a setting of the realm (`development`), see `needsDevelopment`.
 */
export function isBaseUrl(text: string): boolean {
  return text.length <= 2048 && visibleAscii.test(text) && shape.test(text) && URL.canParse(text);
}

export function needsDevelopment(baseUrl: string): boolean {
  return !/^https:/i.test(baseUrl);
}

/** The base URL as it was written, if this realm takes it. Throws `request.invalid` with the pointer. */
export function requireBaseUrl(text: string, realm: Pick<Realm, 'settings'>, pointer: string): string {
  if (isBaseUrl(text) && (realm.settings.development || !needsDevelopment(text))) return text;
  const rule =
    'must be an absolute https URL without user, query and fragment (http only where the realm is for development)';
  throw new Problem('request.invalid', `${pointer}: ${rule}.`, { pointer });
}

/** URL parsers drop tabs and newlines, and turn other letters into another spelling. */
const visibleAscii = /^[\x21-\x7e]+$/;
/** No backslash, which parsers read as a slash, and no `@` before the path. */
const shape = /^https?:\/\/[^/\\?#@]+(\/[^\\?#]*)?$/i;
