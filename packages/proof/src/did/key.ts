/**
 * did:key (https://w3c-ccg.github.io/did-key-spec/): the DID is the key. Every key has one text, and only the key itself can be
 * dereferenced.
 */
import { ProofError } from '../error.ts';
import { type Multikey, maxMultikeyLength, parseMultikey, x25519FromEd25519 } from '../multikey.ts';
import { createRecent } from '../recent.ts';
import {
  isVerificationRelationship,
  mayServe,
  type ResolvedKey,
  type VerificationRelationship,
} from './relationship.ts';

export interface DidKey extends Multikey {
  readonly did: string;
  /** The DID URL of its only key: the DID, `#`, and the method-specific identifier again. */
  readonly verificationMethod: string;
}

const prefix = 'did:key:';

/** Caches checked points; a runtime also finds its imported key by the identity of the key. */
const decoded = createRecent<DidKey>(1024);

/** @throws {ProofError} with a code that starts with `did_key.` or `multikey.` */
export function parseDidKey(did: string): DidKey {
  const known = decoded.get(did);
  if (known !== undefined) return known;
  const key = decode(did);
  // Not under `did`, which may be a slice of a large string.
  decoded.set(key.did, key);
  return key;
}

/**
 * The key that a DID URL names for a purpose. The fragment must be the method-specific identifier; for key agreement with an Ed25519
 * key, that of the X25519 key derived from it.
 *
 * @throws {ProofError} with a code that starts with `did_key.`, `multikey.` or `did.`
 */
export function dereferenceDidKey(url: string, relationship: VerificationRelationship): DidKey {
  if (url.length > 2 * (prefix.length + maxMultikeyLength)) throw new ProofError('did_key.too_large');
  const hash = url.indexOf('#');
  if (hash < 0) throw new ProofError('did.url');
  const key = parseDidKey(url.slice(0, hash));
  const named = relationship === 'keyAgreement' && key.keyType === 'Ed25519' ? agreementKey(key) : key;
  if (url !== named.verificationMethod) throw new ProofError('did_key.fragment');
  if (!mayServe(named.keyType, relationship)) throw new ProofError('did.key_role');
  return named;
}

/** A `resolve` for proofs that only did:keys may sign. */
export function resolveDidKey(url: string, purpose: string): ResolvedKey {
  if (!isVerificationRelationship(purpose)) throw new ProofError('did.relationship');
  const { jwk, did } = dereferenceDidKey(url, purpose);
  if (jwk === undefined) throw new ProofError('did.key_role');
  return { jwk, controller: did };
}

/** The did:key of a public key. */
export function didKeyOf({ multikey }: Pick<Multikey, 'multikey'>): DidKey {
  return parseDidKey(prefix + multikey);
}

/** The key-agreement key of a did:key: its own, or derived from its Ed25519 key. */
export function agreementKey(key: DidKey): DidKey {
  if (key.keyType !== 'Ed25519') return key;
  const derived = x25519FromEd25519(key);
  return { ...derived, did: key.did, verificationMethod: `${key.did}#${derived.multikey}` };
}

function decode(did: string): DidKey {
  if (typeof did !== 'string' || !did.startsWith(prefix)) throw new ProofError('did_key.malformed');
  if (did.length > prefix.length + maxMultikeyLength) throw new ProofError('did_key.too_large');
  const multikey = did.slice(prefix.length);
  // This also refuses a version (`1.1:`), a path, a query and a fragment: parameters of a DID URL are never executed.
  if (!/^z[0-9A-Za-z]+$/.test(multikey)) throw new ProofError('did_key.malformed');
  const key = parseMultikey(multikey);
  const own = prefix + key.multikey;
  return Object.freeze({ ...key, did: own, verificationMethod: `${own}#${key.multikey}` });
}
