import { ProofError } from '../error.ts';

/** A DID, and the fragment that names something in its document. */
export interface DidUrl {
  readonly did: string;
  /** With `#`. */
  readonly fragment: string;
}

/** A long did:peer:4 and the fragment. */
const maxLength = 9_216;

/** DID Core §3.1, in the characters that need no percent-encoding but in did:web. */
const did = /^did:[a-z0-9]{1,32}:[A-Za-z0-9._%:-]+$/;
const fragment = /^#[A-Za-z0-9._~:-]{1,256}$/;

/**
 * Takes a DID URL apart. Path, query and parameters are refused: there is nothing that they could mean for a key, and a resolver
 * that executes them changes the document (`?signedIetfJsonPatch=`).
 *
 * @throws {ProofError} `did.url`
 */
export function parseDidUrl(url: string): DidUrl {
  const hash = typeof url === 'string' && url.length <= maxLength ? url.indexOf('#') : -1;
  if (hash < 0 || !did.test(url.slice(0, hash)) || !fragment.test(url.slice(hash))) throw new ProofError('did.url');
  return { did: url.slice(0, hash), fragment: url.slice(hash) };
}
