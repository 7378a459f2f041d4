import type { Clock } from '../kernel/clock.ts';
import { createRate, type Rate } from '../kernel/rate.ts';

export type NetworkRate = Pick<Rate, 'admit' | 'giveBack'>;

const perNetwork = { budget: 100, window: 600_000, bound: 50_000 } as const;
/** Of an IPv6 /48, the size that one site gets. It contains 65,536 networks. */
const perSite = { budget: 1_000, window: 600_000, bound: 50_000 } as const;

/** Counts by `Source.network`, and the networks of one site together as well. */
export function createNetworkRate(clock: Clock): NetworkRate {
  const [networks, sites] = [createRate(clock, perNetwork), createRate(clock, perSite)];
  return {
    admit(network) {
      const site = siteOf(network);
      if (site !== undefined) sites.require(site);
      networks.admit(network);
      if (site !== undefined) sites.spend(site);
    },
    giveBack(network) {
      const site = siteOf(network);
      if (site !== undefined) sites.giveBack(site);
      networks.giveBack(network);
    },
  };
}

/** The /48 of a /64. */
function siteOf(network: string): string | undefined {
  const [, site] = /^((?:[0-9a-f]+:){2}[0-9a-f]+):[0-9a-f]+::\/64$/.exec(network) ?? [];
  return site;
}
