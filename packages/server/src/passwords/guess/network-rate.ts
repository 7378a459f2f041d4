import type { Context } from '../../context.ts';
import type { Rate } from '../../kernel/rate.ts';
import { sharedRate } from '../../subject/throttle/shared-rate.ts';

export type NetworkRate = Pick<Rate, 'admit' | 'giveBack'>;

const perNetwork = sharedRate('login network', { budget: 100, window: 600_000, bound: 50_000 });
/** Of an IPv6 /48, the size that one site gets. It contains 65,536 networks. */
const perSite = sharedRate('login site', { budget: 1_000, window: 600_000, bound: 50_000 });

/** Counts by `Source.network`, and the networks of one site together as well. */
export function networkRate(context: Context): NetworkRate {
  const [networks, sites] = [perNetwork(context), perSite(context)];
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
