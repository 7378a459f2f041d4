/**
 * The one spelling under which the names of audiences are compared. Of a URL: scheme and host in lower case and without a final dot, no
 * default port, no slash at the end. Everything else is a name as it is.
 */
export function audienceName(text: string): string {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return text;
  const { protocol, hostname, port, pathname, search, hash } = new URL(text);
  const host = hostname.replace(/\.$/, '') + (port === '' ? '' : `:${port}`);
  const path = pathname.replace(/\/+$/, '').replace(/%[0-9a-f]{2}/gi, (escaped) => escaped.toUpperCase());
  return `${protocol}//${host}${path}${search}${hash}`;
}

/** Whose a name is: an organisation's, for all its participants; or that of a client which belongs to no participant. */
export function organisationOwner(organisationId: string): string {
  return `organisation:${organisationId}`;
}

export function clientOwner(clientId: string): string {
  return `client:${clientId}`;
}
