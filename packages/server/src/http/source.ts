import type { IncomingMessage } from 'node:http';
import { BlockList } from 'node:net';
import { ipv6Groups, parseIpAddress } from '@countersign/proof';
import { Problem } from '../kernel/problem.ts';
import { type Source, unknownSource } from '../kernel/source.ts';

/** Finds the address that a request came from. */
export type SourceOf = (incoming: IncomingMessage) => Source;

/**
 * The peer. While that is a trusted proxy, the address before it in `X-Forwarded-For`. An element that is not an
 * address ends the search at the proxy that reported it. Without trusted proxies the header is not read, because anyone
 * can write it.
 */
export function sourceOf(trustedProxies: readonly string[], setting = 'COUNTERSIGN_TRUSTED_PROXIES'): SourceOf {
  if (trustedProxies.length === 0) return peer;
  const trusted = readProxies(trustedProxies, setting);
  const isTrusted = ({ address }: Source) => trusted.check(address, familyOf(address));
  return (incoming) => {
    let nearest = peer(incoming);
    for (const hop of fromTheEnd(String(incoming.headers['x-forwarded-for'] ?? ''))) {
      const before = isTrusted(nearest) ? parseHop(hop) : undefined;
      if (before === undefined) break;
      nearest = before;
    }
    return nearest;
  };
}

/** Whether the peer itself is a trusted proxy. */
export function proxyTest(trustedProxies: readonly string[]): (incoming: IncomingMessage) => boolean {
  const trusted = readProxies(trustedProxies, 'COUNTERSIGN_TRUSTED_PROXIES');
  return (incoming) => {
    const { address } = peer(incoming);
    return address !== unknownSource.address && trusted.check(address, familyOf(address));
  };
}

function peer({ socket }: IncomingMessage): Source {
  return parseIpAddress(socket.remoteAddress ?? '') ?? unknownSource;
}

/**
 * A stranger chooses the header's length, so only the believed part is read. Empty elements are ignored (RFC 9110
 * §5.6.1).
 */
function* fromTheEnd(list: string): Generator<string> {
  for (let end = list.length; end > 0; ) {
    const comma = list.lastIndexOf(',', end - 1);
    const element = list.slice(comma + 1, end).trim();
    if (element !== '') yield element;
    end = comma;
  }
}

/** Some proxies add the port. */
function parseHop(hop: string): Source | undefined {
  const [, inBrackets] = /^\[([^\]]*)\](?::\d{1,5})?$/.exec(hop) ?? [];
  if (inBrackets !== undefined) return inBrackets.includes(':') ? parseIpAddress(inBrackets) : undefined;
  return parseIpAddress(hop.replace(/^([\d.]+):\d{1,5}$/, '$1'));
}

/**
 * Addresses and CIDR ranges (RFC 4632 §3.1). Strict, because a range read too wide would believe strangers.
 *
 * @throws {Problem} `config.invalid`, naming the entry
 */
export function readProxies(entries: readonly string[], setting: string): BlockList {
  const list = new BlockList();
  for (const entry of entries) {
    const fault = addProxy(list, entry);
    if (fault !== undefined) throw new Problem('config.invalid', { detail: `${setting}: ${fault}.` });
  }
  return list;
}

/** The fault of the entry, if any. */
function addProxy(list: BlockList, entry: string): string | undefined {
  if (entry === '') return 'has an empty entry';
  const [, text = '', bits] = /^([^/%]+)(?:\/(0|[1-9]\d{0,2}))?$/.exec(entry) ?? [];
  const address = parseIpAddress(text)?.address;
  if (address === undefined) return `${entry} is neither an address nor a CIDR range`;
  if (bits === undefined) list.addAddress(address, familyOf(address));
  else {
    if (text.includes(':') !== address.includes(':')) return `${entry}: write the range as an IPv4 range`;
    const prefix = Number(bits);
    if (prefix > (familyOf(address) === 'ipv6' ? 128 : 32)) return `${entry}: the prefix is too long`;
    if (hasHostBits(address, prefix)) return `${entry}: ${address} is not the first address of a /${bits}`;
    list.addSubnet(address, prefix, familyOf(address));
  }
  return undefined;
}

function hasHostBits(address: string, prefix: number): boolean {
  const [parts, radix, width] = address.includes(':') ? [ipv6Groups(address), 16, 16] : [address.split('.'), 10, 8];
  const bits = parts.map((part) => Number.parseInt(part, radix).toString(2).padStart(width, '0')).join('');
  return bits.slice(prefix).includes('1');
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
