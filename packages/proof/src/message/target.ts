const maxLength = 8192;

/**
 * Scheme, host with its port, and the rest. User information, fragments, empty paths, and characters outside RFC 3986 do not
 * match.
 */
const shape =
  /^(https?):\/\/([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?(\/(?:[a-z0-9._~!$&'()*+,;=:@/-]|%[0-9a-f]{2})*)(\?(?:[a-z0-9._~!$&'()*+,;=:@/?-]|%[0-9a-f]{2})*)?$/i;

const dotSegment = /\/(?:\.|%2e){1,2}(?:\/|$)/i;
const defaultPorts: Readonly<Record<string, string>> = { http: '80', https: '443' };

/**
 * Writes the canonical spelling of an absolute target URI (RFC 9110 §7.1) of at most 8,192 characters, which signer and
 * verifier compare; undefined if it has none.
 *
 * 1. Scheme and host are in lower case; the default port of the scheme is left out (RFC 3986 §6.2.2.1, §6.2.3).
 * 2. Everything else stays as it is, character by character: escapes are neither decoded nor changed in case.
 * 3. A URI that a URL parser would rewrite is refused, never normalised: user information, a fragment, an empty path,
 *    dot segments (escaped ones too), characters outside RFC 3986, broken escapes, ports out of range or with leading
 *    zeros.
 *
 * It does not check that the host is the caller's own.
 *
 * @example
 * canonicalTarget('HTTPS://Lender.example:443/v4/loans'); // → 'https://lender.example/v4/loans'
 * canonicalTarget('https://lender.example/v4/../loans'); // → undefined
 */
export function canonicalTarget(uri: string): string | undefined {
  if (typeof uri !== 'string' || uri.length > maxLength) return undefined;
  const parts = shape.exec(uri);
  if (parts === null) return undefined;
  const [, scheme = '', host = '', port, path = '', query = ''] = parts;
  if (dotSegment.test(path) || (port !== undefined && Number(port) > 65_535)) return undefined;
  const lower = scheme.toLowerCase();
  const shownPort = port === undefined || port === defaultPorts[lower] ? '' : `:${port}`;
  return `${lower}://${host.toLowerCase()}${shownPort}${path}${query}`;
}
