import { isDidPeer4 } from '@countersign/proof';

/** The DID, or that of the key, that is named: under whichever name a did:peer:4 was let in, it acts under the short one. */
export function didOf(named: string): string {
  const [did = ''] = named.split('#');
  return isDidPeer4(did) ? did.split(':', 3).join(':') : did;
}
