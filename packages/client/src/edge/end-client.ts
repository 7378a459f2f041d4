import { parseIpAddress } from '@countersign/proof';

/** The end client of a request to the edge. */
export interface EndClient {
  /** The address that is sent on. If it is undefined, no address is sent. */
  readonly address: string | undefined;
  /** Counts as one client: an IPv4 address, or the /64 of an IPv6 address, because one host can use all addresses of a /64. */
  readonly network: string;
}

/** All clients without a known address count as one. */
const unknown: EndClient = { address: undefined, network: '?' };

/** `address` is the address of the caller's connection, or the one that a trusted proxy in front names. */
export function endClient(address: string | undefined): EndClient {
  return parseIpAddress(address ?? '') ?? unknown;
}
