/** Header fields as in Node's `rawHeaders`: names and values by turns, in the order and case of the wire. */
export type RawFields = readonly string[];
export type Field = readonly [name: string, value: string];

/**
 * Fields that belong to one connection and not to the message: RFC 9110 §7.6.1, and two that older proxies wrote. Compared
 * as CGI reads them: a framework that believes `Transfer_Encoding` would look for the end of the body elsewhere.
 */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export function fieldsOf(raw: RawFields): readonly Field[] {
  const fields: Field[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) fields.push([raw[i] as string, raw[i + 1] as string]);
  return fields;
}

/**
 * Drops the fields of the connection, the fields that `Connection` names (RFC 9110 §7.6.1), and the fields for which
 * `isOurs` is true because the gateway writes them.
 */
export function endToEnd(raw: RawFields, isOurs: (name: string) => boolean): readonly Field[] {
  const fields = fieldsOf(raw);
  const named = fields.flatMap(([name, value]) => (name.toLowerCase() === 'connection' ? value.split(',') : []));
  const dropped = new Set(named.map((name) => name.trim().toLowerCase()));
  return fields.filter(([name]) => {
    const lower = name.toLowerCase();
    return !hopByHop.has(asCgiReads(name)) && !dropped.has(lower) && !isOurs(lower);
  });
}

/**
 * True for a name that an application might read as a field of the gateway. CGI and its successors read `_` and `.` as
 * `-`, so `x_countersign_subject` would arrive as `X-Countersign-Subject`.
 */
export function isReserved(name: string): boolean {
  return asCgiReads(name).startsWith('x-countersign-');
}

/** The spelling under which CGI and its successors know a field: every sign that is no letter or digit is the same to them. */
export function asCgiReads(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]/g, '-');
}

/**
 * Fields in which proxies and content delivery networks say where a call came from and went to; and `Proxy`, which CGI turns
 * into the proxy of the application's own calls (CVE-2016-5385). Compared as CGI reads them.
 */
const forwarding = [
  /^(?:.*-)?(?:forwarded|proxied)(?:-.*)?$/,
  /^(?:.*-)?(?:client|real|connecting|connection|user|proxyuser|socket|source|remote|originating|pseudo)-?ip(?:v[46])?$/,
  /^(?:.*-)?(?:remote-addr|external-address)$/,
  /^(?:via|proxy|x-host|x-original-host|(?:x-)?(?:http-)?host-override)$/,
];

/**
 * Fields that make a framework (Symfony, IIS, Rails, Express and their successors) use another method, path or query
 * than the request line. Only the method and target of the request line were verified.
 */
const rewriting =
  /^(?:x-original-(?:url|uri|path|method)|x-rewrite-(?:url|uri)|x-(?:envoy-original|waws-unencoded|unencoded)-(?:path|url)|x-http-method(?:-override)?|x-method(?:-override)?|x-http-path-override|x-path-info|x-script-name|script-name|path-info|request-uri|request-method)$/;

/**
 * Fields that a proxy before the gateway may have written. Only the gateway tells the application where a call came
 * from and goes.
 */
export function isForwarding(name: string): boolean {
  const read = asCgiReads(name);
  return rewriting.test(read) || forwarding.some((pattern) => pattern.test(read));
}

/** Turns fields back into the form that Node takes. */
export function flat(fields: readonly Field[]): string[] {
  return fields.flat();
}
