/** Header fields as Node has them in `rawHeaders`: names and values by turns, in the order and case of the wire. */
export type RawFields = readonly string[];
export type Field = readonly [name: string, value: string];

/** RFC 9110 §7.6.1, and what older proxies wrote: of one connection, never of the message. */
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
 * The fields of a message without those of its connection, those that `Connection` names (RFC 9110 §7.6.1), and those that
 * `isOurs` says we write.
 */
export function endToEnd(raw: RawFields, isOurs: (name: string) => boolean): readonly Field[] {
  const fields = fieldsOf(raw);
  const named = fields.flatMap(([name, value]) => (name.toLowerCase() === 'connection' ? value.split(',') : []));
  const dropped = new Set(named.map((name) => name.trim().toLowerCase()));
  return fields.filter(([name]) => {
    const lower = name.toLowerCase();
    return !hopByHop.has(lower) && !dropped.has(lower) && !isOurs(lower);
  });
}

/**
 * Whether an application might take a field for one of ours. CGI and its heirs cannot tell `_` and `.` from `-`, so that
 * `x_countersign_subject` would arrive as `X-Countersign-Subject`.
 */
export function isReserved(name: string): boolean {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '-')
    .startsWith('x-countersign-');
}

/** Where a call came from and went to, as proxies say it. Compared as CGI would read them: `_` and `.` are `-` there. */
const forwarding =
  /^(?:forwarded|via|x-forwarded(?:-.*)?|x-real-ip|(?:x-)?client-ip|x-cluster-client-ip|true-client-ip|x-originating-ip|x-remote-(?:ip|addr)|x-host|x-original-(?:host|forwarded-for|remote-addr))$/;

/**
 * By which a framework takes another method, path or query than those of the request line (Symfony, IIS, Rails, Express and their heirs). Those
 * that were verified are the only ones.
 */
const rewriting =
  /^(?:x-original-(?:url|uri|path|method)|x-rewrite-(?:url|uri)|x-(?:envoy-original|waws-unencoded|unencoded)-(?:path|url)|x-http-method(?:-override)?|x-method(?:-override)?|x-http-path-override|x-path-info|x-script-name|script-name|path-info|request-uri|request-method)$/;

/** What a proxy before us may have said and what only we vouch for: nobody tells the application where a call came from, or goes, but us. */
export function isForwarding(name: string): boolean {
  const read = name.toLowerCase().replace(/[^a-z0-9]/g, '-');
  return forwarding.test(read) || rewriting.test(read);
}

/** Back to the form in which Node takes them. */
export function flat(fields: readonly Field[]): string[] {
  return fields.flat();
}
