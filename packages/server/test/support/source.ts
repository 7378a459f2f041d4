import { parseIpAddress } from '@countersign/proof';
import type { Source } from '../../src/kernel/source.ts';

/** As it enters from the wire. */
export function from(address: string): Source {
  return parseIpAddress(address) ?? { address, network: address };
}
