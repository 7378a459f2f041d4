import { parseIpAddress } from '@countersign/proof';

/** Where a request came to the edge from. */
export interface EndClient {
  /** As it is sent on. Undefined where it is not known: then nothing is sent. */
  readonly address: string | undefined;
  /** What it is counted as: an IPv4 address, or the /64 of an IPv6 address, of which one host has as many as it likes. */
  readonly network: string;
}

/** Clients that cannot be told apart count as one. */
const unknown: EndClient = { address: undefined, network: '?' };

/** `address` is that of the caller's connection, or what a trusted proxy in front says of it. */
export function endClient(address: string | undefined): EndClient {
  return parseIpAddress(address ?? '') ?? unknown;
}
