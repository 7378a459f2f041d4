/**
 * What a capability is for: `urn:` names, which are whole, and `http(s):` URLs, which have parts.
 *
 * A target has one spelling. Whatever two readers could take for the same place under another spelling is refused, never
 * normalised, for a capability would else be checked under the one and used under the other.
 */

const maxLength = 2048;

/** RFC 8141 §2 in its lexically normal form (§3.1): no r-, q- or f-component, scheme and namespace in lower case. */
const urn = /^urn:[a-z0-9][a-z0-9-]{0,30}[a-z0-9]:[A-Za-z0-9._~!$&'()*+,;=:@%-][A-Za-z0-9._~!$&'()*+,;=:@%/-]*$/;

/** No user information, no fragment, no empty path; the parts where escapes may stand are looked at below. */
const url = /^https?:\/\/[a-z0-9.:[\]_-]+(\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)(\?[A-Za-z0-9._~!$&()*+,;=:@%/?-]+)?$/;

/** RFC 3986 §2.1, §2.3, §6.2.2: hexadecimal digits in upper case, and none for a character that needs no escape. */
const badEscape = /%(?![0-9A-F]{2})|%(?:2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/;

/** Escaped (also twice) in a path: what would change the path once somebody decodes it. */
const hiddenInPath = /%(?:25)*(?:2[EF]|5C|[01][0-9A-F]|7F)/i;

/** Slashes with nothing between them, which some servers merge. */
const emptySegment = /\/\//;

/** Whether this is the one spelling of a target. */
export function isCanonicalTarget(target: string): boolean {
  if (typeof target !== 'string' || target.length > maxLength || badEscape.test(target) || !isDecodable(target))
    return false;
  if (target.startsWith('urn:')) return urn.test(target);
  const parts = url.exec(target);
  if (parts === null) return false;
  const [, path = ''] = parts;
  if (hiddenInPath.test(path) || emptySegment.test(path)) return false;
  return !trailingDot.test(target) && isAsParsed(target);
}

const trailingDot = /^https?:\/\/[^/]*\.(?::[0-9]+)?\//;

/** UTF-8 behind the escapes: an overlong `%C0%AE` is a dot to some. */
function isDecodable(target: string): boolean {
  if (!target.includes('%')) return true;
  try {
    decodeURIComponent(target);
    return true;
  } catch {
    return false;
  }
}

/** The URL standard's parser leaves it alone: dot segments, default ports, spellings of addresses, hosts of mixed case. */
function isAsParsed(target: string): boolean {
  return URL.canParse(target) && new URL(target).href === target;
}

/**
 * Whether `target` is `within` or a part of it; both are canonical. A `urn:` has no parts. Of a URL, what follows must start with
 * `/` or `?`, or with `&` where there is a query already: `alice` is no prefix of `alice2`. A query may be made longer, and not by
 * a parameter that it has, for nobody knows which of the two a server reads.
 */
export function isTargetWithin(target: string, within: string): boolean {
  if (typeof target !== 'string' || typeof within !== 'string') return false;
  if (target === within) return true;
  if (within.startsWith('urn:') || !target.startsWith(within)) return false;
  const suffix = target.slice(within.length);
  const query = within.indexOf('?');
  if (query < 0) return suffix.startsWith('/') || suffix.startsWith('?');
  return suffix.startsWith('&') && !repeatsParameter(suffix, within.slice(query));
}

function repeatsParameter(suffix: string, query: string): boolean {
  const known = new Set(new URLSearchParams(query).keys());
  return [...new URLSearchParams(suffix).keys()].some((name) => known.has(name));
}
