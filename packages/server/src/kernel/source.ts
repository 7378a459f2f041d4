/** Where a request came from, read once on entry. */
export interface Source {
  /** In its one spelling, as logs, events and sessions show it. */
  readonly address: string;
  /** The key of every throttle: the address, or the /64 of an IPv6 address. */
  readonly network: string;
}

/** A request: where it came from, and the id that its answer carries. */
export interface RequestOrigin {
  readonly source: Source;
  readonly requestId: string;
}

/** A request without an address. All such requests count as one source. */
export const unknownSource: Source = { address: 'unknown', network: 'unknown' };
