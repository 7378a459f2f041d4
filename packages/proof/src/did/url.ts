import { ProofError } from '../error.ts';
import './refusal.ts';

/** A DID, and the fragment that names something in its document. */
export interface DidUrl {
  readonly did: string;
  /** The fragment with its `#`. */
  readonly fragment: string;
}

/** Enough for a long did:peer:4 and a fragment. */
const maxLength = 9_216;

/** DID Core §3.1. Only a did:web needs percent-encoding. */
const did = /^did:[a-z0-9]{1,32}:[A-Za-z0-9._%:-]+$/;
const fragment = /^#[A-Za-z0-9._~:-]{1,256}$/;

/**
 * Splits a DID URL of at most 9,216 characters into the DID and the fragment (DID Core §3.2). Path, query and
 * parameters are refused: they have no meaning for a key, and a resolver that executes them would change the document
 * (`?signedIetfJsonPatch=`). It does not check that the DID exists.
 *
 * @throws {ProofError} `did.url`
 * @example
 * parseDidUrl('did:web:a.example#key-1'); // → { did: 'did:web:a.example', fragment: '#key-1' }
 * parseDidUrl('did:web:a.example?versionId=2#key-1'); // throws did.url
 */
export function parseDidUrl(url: string): DidUrl {
  const hash = typeof url === 'string' && url.length <= maxLength ? url.indexOf('#') : -1;
  if (hash < 0 || !did.test(url.slice(0, hash)) || !fragment.test(url.slice(hash))) throw new ProofError('did.url');
  return { did: url.slice(0, hash), fragment: url.slice(hash) };
}
