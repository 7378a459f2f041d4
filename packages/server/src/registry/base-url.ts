import { Problem } from '../kernel/problem.ts';
import type { Realm } from '../subject/realm.ts';

/**
 * Accepts the address of a participant's API: an absolute https URL without user, query or fragment, kept exactly as
 * written. http passes here too: the realm's setting `development` decides about it, see `needsDevelopment`.
 */
export function isBaseUrl(text: string): boolean {
  return text.length <= 2048 && visibleAscii.test(text) && shape.test(text) && URL.canParse(text);
}

export function needsDevelopment(baseUrl: string): boolean {
  return !/^https:/i.test(baseUrl);
}

/** The base URL as written, if this realm accepts it. @throws {Problem} `request.invalid` with the pointer */
export function requireBaseUrl(text: string, realm: Pick<Realm, 'settings'>, pointer: string): string {
  if (isBaseUrl(text) && (realm.settings.development || !needsDevelopment(text))) return text;
  const rule =
    'must be an absolute https URL without user, query and fragment (http only where the realm is for development)';
  throw new Problem('request.invalid', { detail: `${pointer}: ${rule}.`, pointer });
}

/** URL parsers drop tabs and newlines, and respell other letters. */
const visibleAscii = /^[\x21-\x7e]+$/;
/** No backslash, which parsers read as a slash, and no `@` before the path. */
const shape = /^https?:\/\/[^/\\?#@]+(\/[^\\?#]*)?$/i;
