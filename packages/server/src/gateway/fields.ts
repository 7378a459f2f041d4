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

/** What a proxy before us may have said and what only we vouch for: nobody tells the application where a call came from but us. */
export function isForwarding(name: string): boolean {
  return /^(?:forwarded|x[-_]forwarded[-_].*|x[-_]real[-_]ip|via)$/.test(name);
}

/** Back to the form in which Node takes them. */
export function flat(fields: readonly Field[]): string[] {
  return fields.flat();
}
