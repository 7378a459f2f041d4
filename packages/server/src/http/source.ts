import type { IncomingMessage } from 'node:http';
import { BlockList, isIP } from 'node:net';
import { Problem } from '../kernel/problem.ts';

/** Decides which address a request came from. */
export type SourceOf = (incoming: IncomingMessage) => string;

/**
 * The peer's address; behind trusted proxies (addresses or CIDR ranges), the last address of `X-Forwarded-For` that is not a
 * trusted proxy's own. Without trusted proxies the header is not read: anybody can write it.
 */
export function sourceOf(trustedProxies: readonly string[], setting = 'COUNTERSIGN_TRUSTED_PROXIES'): SourceOf {
  if (trustedProxies.length === 0) return (incoming) => peer(incoming);
  const trusted = toBlockList(trustedProxies, setting);
  const isTrusted = (address: string) => trusted.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4');
  return (incoming) => {
    const own = peer(incoming);
    if (!isTrusted(own)) return own;
    const forwarded = String(incoming.headers['x-forwarded-for'] ?? '')
      .split(',')
      .map((part) => part.trim());
    for (const address of forwarded.reverse()) {
      if (isIP(address) === 0) return own;
      if (!isTrusted(address)) return address;
    }
    return own;
  };
}

function peer(incoming: IncomingMessage): string {
  return (incoming.socket.remoteAddress ?? 'unknown').replace(/^::ffff:/, '');
}

function toBlockList(ranges: readonly string[], setting: string): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    const prefix = Number(bits ?? (family === 'ipv6' ? 128 : 32));
    if (isIP(address) === 0 || !Number.isInteger(prefix) || prefix < 0 || prefix > (family === 'ipv6' ? 128 : 32)) {
      throw new Problem('config.invalid', `${setting}: ${range} is neither an address nor a CIDR range.`);
    }
    list.addSubnet(address, prefix, family);
  }
  return list;
}
