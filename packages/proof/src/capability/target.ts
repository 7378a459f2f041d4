/**
 * The targets of capabilities: `urn:` names, which have no parts, and `http(s):` URLs, which have parts.
 *
 * A target has one spelling. A text that some reader could take for another spelling of a target is refused, never normalised:
 * otherwise a capability would be checked under one spelling and used under another.
 */

const maxLength = 2048;

/** RFC 8141 §2 in its lexically normal form (§3.1): no r-, q- or f-component, scheme and namespace in lower case. */
const urn = /^urn:[a-z0-9][a-z0-9-]{0,30}[a-z0-9]:[A-Za-z0-9._~!$&'()*+,;=:@%-][A-Za-z0-9._~!$&'()*+,;=:@%/-]*$/;

/** No user information, no fragment, no empty path; escapes are checked below. */
const url = /^https?:\/\/[a-z0-9.:[\]_-]+(\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)(\?[A-Za-z0-9._~!$&()*+,;=:@%/?-]+)?$/;

/** RFC 3986 §2.1, §2.3, §6.2.2: escapes have upper-case digits, and only characters that need an escape have one. */
const badEscape = /%(?![0-9A-F]{2})|%(?:2[DE]|3[0-9]|4[1-9A-F]|5[0-9AF]|6[1-9A-F]|7[0-9AE])/;

/** Escapes (also double ones) in a path that would change the path when a server decodes them. */
const hiddenInPath = /%(?:25)*(?:2[EF]|5C|[01][0-9A-F]|7F)/i;

/** Two slashes in a row, which some servers merge. */
const emptySegment = /\/\//;

/**
 * Tells whether a text is the canonical spelling of a target: a `urn:` (RFC 8141 §3.1) or an `http(s):` URL (RFC 3986
 * §6.2.2) of at most 2,048 characters. It does not check that the target exists.
 *
 * @example
 * isCanonicalTarget('https://api.example/loans'); // → true
 * isCanonicalTarget('https://api.example/a/../loans'); // → false
 */
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

/** The escapes must be UTF-8: some readers take an overlong `%C0%AE` for a dot. */
function isDecodable(target: string): boolean {
  if (!target.includes('%')) return true;
  try {
    decodeURIComponent(target);
    return true;
  } catch {
    return false;
  }
}

/**
 * The URL standard's parser must not change it: so no dot segments, default ports, other spellings of addresses, hosts of mixed
 * case.
 */
function isAsParsed(target: string): boolean {
  return URL.canParse(target) && new URL(target).href === target;
}

/**
 * Tells whether `target` equals `within` or is a part of it. A `urn:` has no parts. In a URL the added part must start
 * with `/` or `?`, or with `&` if there is a query already: `alice2` is not a part of `alice`. A query may be made
 * longer, but not by a parameter that it already has, because servers differ in which of the two they read.
 *
 * The caller must check that both are canonical (`isCanonicalTarget`).
 *
 * @example
 * isTargetWithin('https://api.example/loans/7', 'https://api.example/loans'); // → true
 * isTargetWithin('https://api.example/loans2', 'https://api.example/loans'); // → false
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
