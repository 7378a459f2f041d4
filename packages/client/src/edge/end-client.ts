/** Where a request came to the edge from. */
export interface EndClient {
  /** As it is sent on. Undefined where nobody knows: then nothing is sent. */
  readonly address: string | undefined;
  /** Whom to count it as: an IPv4 address, or the /64 of an IPv6 address, of which one host has as many as it likes. */
  readonly network: string;
}

/** Whoever cannot be told apart counts as one. */
const nobody: EndClient = { address: undefined, network: '?' };

/** `address` is that of the caller's connection, or what a trusted proxy in front says of it. */
export function endClient(address: string | undefined): EndClient {
  const [plain = ''] = (address ?? '').replace(/^::ffff:(?=\d+\.)/i, '').split('%', 1);
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(plain) && plain.split('.').every((byte) => Number(byte) <= 255)) {
    return { address: plain, network: plain };
  }
  if (!/^[0-9a-f:.]{2,45}$/i.test(plain) || !plain.includes(':') || !URL.canParse(`http://[${plain}]`)) return nobody;
  // A URL parser writes an address in its one form.
  const canonical = new URL(`http://[${plain}]`).hostname.slice(1, -1);
  return { address: canonical, network: `${prefixOf(canonical)}::/64` };
}

/** The first four groups. */
function prefixOf(canonical: string): string {
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = Array<string>(Math.max(0, 8 - left.length - right.length)).fill('0');
  return [...left, ...(tail === undefined ? [] : zeros), ...right].slice(0, 4).join(':');
}
