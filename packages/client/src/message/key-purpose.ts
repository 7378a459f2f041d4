import type { PublicJwk } from '@countersign/proof';
import type { KeySource } from '../token/jwks.ts';

/**
 * A realm publishes its keys in one set, and uses each for one purpose. A key that has signed a token is not accepted for the
 * status feed, and the other way round: a thief of one key cannot use it for the other purpose.
 */
export interface KeyPurpose {
  /** The key set without the keys of the other purposes. */
  readonly keys: KeySource;
  /** Records that the key with this id has made a good signature for this purpose. */
  readonly signedBy: (kid: string) => void;
}

export function separateKeys(all: KeySource): { readonly tokens: KeyPurpose; readonly status: KeyPurpose } {
  const ofTokens = new Set<string>();
  const ofStatus = new Set<string>();
  return {
    tokens: { keys: without(all, ofStatus), signedBy: (kid) => void ofTokens.add(kid) },
    status: { keys: without(all, ofTokens), signedBy: (kid) => void ofStatus.add(kid) },
  };
}

function without(all: KeySource, others: ReadonlySet<string>): KeySource {
  let seen: { readonly keys: readonly PublicJwk[]; readonly others: number; readonly rest: readonly PublicJwk[] };
  function rest(keys: readonly PublicJwk[]): readonly PublicJwk[] {
    if (seen?.keys !== keys || seen.others !== others.size)
      seen = {
        keys,
        others: others.size,
        rest: keys.filter(({ kid }) => kid === undefined || !others.has(kid)),
      };
    return seen.rest;
  }
  return {
    keys() {
      const keys = all.keys();
      return keys instanceof Promise ? keys.then(rest) : rest(keys);
    },
    refresh: () => all.refresh(),
  };
}
