import { text } from './argument.ts';

/** An IP address in its one spelling (RFC 5952). */
export interface IpAddress {
  /** An IPv4 address that came in the form of an IPv6 address is that IPv4 address. */
  readonly address: string;
  /** Counts as one host: an IPv4 address, or the /64 of an IPv6 address, because one host can use all addresses of a /64. */
  readonly network: string;
}

const byte = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)';
const ipv4 = new RegExp(`^${byte}(?:\\.${byte}){3}$`);
const ipv6 = /^[0-9a-f:]{2,39}(?:\.[0-9]{1,3}){0,3}$/i;
const zone = /%[\w.~-]{1,64}$/;

/**
 * Reads every form of RFC 4291 §2.2, and gives the one spelling of RFC 5952. The result is undefined for every other
 * text, and for an IPv4 address with a leading zero, because some programs read it as octal. A zone id (RFC 4007) is
 * removed, because it has a meaning only on one machine. It does not check whether the address is private or reserved.
 *
 * @example
 * parseIpAddress('::ffff:192.0.2.1')?.address; // → '192.0.2.1'
 * parseIpAddress('2001:DB8:0:0::1')?.network; // → '2001:db8:0:0::/64'
 */
export function parseIpAddress(text: string): IpAddress | undefined {
  if (typeof text !== 'string' || text.length > 128) return undefined;
  // A shortcut for the form in which a socket for both versions shows IPv4.
  const plain = text.startsWith('::ffff:') ? text.slice(7) : text;
  if (ipv4.test(plain)) return { address: plain, network: plain };
  const bare = text.replace(zone, '');
  if (!ipv6.test(bare) || !bare.includes(':') || !URL.canParse(`http://[${bare}]`)) return undefined;
  // A URL parser writes an IPv6 address in its canonical form, with hexadecimal groups only.
  const address = new URL(`http://[${bare}]`).hostname.slice(1, -1);
  const groups = ipv6Groups(address);
  const isMapped = groups.slice(0, 6).join(':') === '0:0:0:0:0:ffff';
  if (isMapped) return parseIpAddress(lastFourBytes(groups));
  // RFC 6052: behind a translator every IPv4 host has an address with this prefix, so the /64 would be all of them.
  const isTranslated = groups.slice(0, 6).join(':') === '64:ff9b:0:0:0:0';
  return { address, network: isTranslated ? address : `${groups.slice(0, 4).join(':')}::/64` };
}

/**
 * Splits an IPv6 address that `parseIpAddress` wrote into its eight groups. It does not check the address: give it no
 * other text.
 *
 * @throws {TypeError} if `canonical` is not a string
 * @example
 * const groups = ipv6Groups('2001:db8::1');
 * groups.join(); // → '2001,db8,0,0,0,0,0,1'
 */
export function ipv6Groups(canonical: string): readonly string[] {
  text(canonical, 'canonical');
  const [head = '', tail] = canonical.split('::');
  const left = head === '' ? [] : head.split(':');
  if (tail === undefined) return left;
  const right = tail === '' ? [] : tail.split(':');
  return [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
}

function lastFourBytes(groups: readonly string[]): string {
  return groups
    .slice(6)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((group) => [group >> 8, group & 255])
    .join('.');
}
