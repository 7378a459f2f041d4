/** DIDs, and DID URLs of keys, for envelopes (DID Core §3.1, §3.2): here they are compared, never resolved. */

/** A long did:peer:4 contains its whole document. */
const maxLength = 4096;

const did = /^did:[a-z0-9]+(?::(?:[A-Za-z0-9._-]|%[0-9A-F]{2})*)*:(?:[A-Za-z0-9._-]|%[0-9A-F]{2})+$/;
const fragment = /^[A-Za-z0-9._~!$&'()*+,;=:@/?-]+$/;

export function isDid(value: unknown): value is string {
  return typeof value === 'string' && value.length <= maxLength && did.test(value);
}

/** The DID of a key id; undefined unless the key id is a DID URL with a fragment, and without path and query. */
export function didOfKeyId(kid: unknown): string | undefined {
  if (typeof kid !== 'string' || kid.length > maxLength) return undefined;
  const hash = kid.indexOf('#');
  const subject = kid.slice(0, Math.max(hash, 0));
  return isDid(subject) && fragment.test(kid.slice(hash + 1)) ? subject : undefined;
}
