/**
 * The one spelling in which audience names are compared. For a URL: scheme and host in lower case, the host without a
 * final dot, no default port, no slash at the end. Other names stay as they are.
 */
export function audienceName(text: string): string {
  if (!/^https?:\/\//i.test(text) || !URL.canParse(text)) return text;
  const { protocol, hostname, port, pathname, search, hash } = new URL(text);
  const host = hostname.replace(/\.$/, '') + (port === '' ? '' : `:${port}`);
  const path = pathname.replace(/\/+$/, '').replace(/%[0-9a-f]{2}/gi, (escaped) => escaped.toUpperCase());
  return `${protocol}//${host}${path}${search}${hash}`;
}

/** The owner of a name: an organisation for all its participants, or a client that belongs to no participant. */
export function organisationOwner(organisationId: string): string {
  return `organisation:${organisationId}`;
}

export function clientOwner(clientId: string): string {
  return `client:${clientId}`;
}
