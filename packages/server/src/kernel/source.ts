/** Where a request came from, read once where it enters. */
export interface Source {
  /** In its one spelling: what logs, events and sessions show. */
  readonly address: string;
  /** What every throttle counts: the address, or its /64 where it is an IPv6 address. */
  readonly network: string;
}

/** A request without an address; all of them count as one. */
export const unknownSource: Source = { address: 'unknown', network: 'unknown' };
