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
import './refusal.ts';

/** The key of a did:key, with its DID. */
export interface DidKey extends Multikey {
  readonly did: string;
  /** The DID URL of its only key: the DID, `#`, and the method-specific identifier again. */
  readonly verificationMethod: string;
}

const prefix = 'did:key:';

/** Caches checked points; a runtime also finds its imported key by the identity of the key. */
const decoded = createRecent<DidKey>(1024);

/**
 * Parses a did:key (https://w3c-ccg.github.io/did-key-spec/) in its one spelling. It does not check that the presenter
 * holds the private key.
 *
 * @throws {ProofError} `did_key.malformed`, `did_key.too_large`, `multikey.*`
 * @example
 * const { keyType } = parseDidKey('did:key:z6Mkk7yqnGF3YwTrLpqrW6PGsKci7dNqh1CjnvMbzrMerSeL');
 * keyType; // → 'Ed25519'
 * parseDidKey('did:key:zzz'); // throws multikey.codec
 */
export function parseDidKey(did: string): DidKey {
  const known = decoded.get(did);
  if (known !== undefined) return known;
  const key = decode(did);
  // Not under `did`, which may be a slice of a large string.
  decoded.set(key.did, key);
  return key;
}

/**
 * Finds the key that the DID URL of a did:key names for a purpose. The fragment must be the method-specific identifier;
 * for key agreement with an Ed25519 key, that of the X25519 key derived from it.
 *
 * @throws {ProofError} `did.url`, `did.key_role`, `did_key.*`, `multikey.*`
 * @example
 * const { did } = dereferenceDidKey(owner.signer.verificationMethod, 'authentication');
 * did; // → owner.did
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

/**
 * Resolves a verification method that is a did:key: the `resolve` for proofs that only did:keys may sign.
 *
 * @throws {ProofError} `did.relationship`, `did.url`, `did.key_role`, `did_key.*`, `multikey.*`
 * @example
 * const { controller, jwk } = resolveDidKey(owner.signer.verificationMethod, 'assertionMethod');
 * [controller, jwk.alg]; // → [owner.did, 'Ed25519']
 */
export function resolveDidKey(url: string, purpose: string): ResolvedKey {
  if (!isVerificationRelationship(purpose)) throw new ProofError('did.relationship');
  const { jwk, did } = dereferenceDidKey(url, purpose);
  if (jwk === undefined) throw new ProofError('did.key_role');
  return { jwk, controller: did };
}

/**
 * Makes the did:key of a public key.
 *
 * @throws {ProofError} `did_key.*`, `multikey.*` if the text of `multikey` is not one that this package made
 * @example
 * const { did } = didKeyOf(parseMultikey('z6Mkk7yqnGF3YwTrLpqrW6PGsKci7dNqh1CjnvMbzrMerSeL'));
 * did; // → 'did:key:z6Mkk7yqnGF3YwTrLpqrW6PGsKci7dNqh1CjnvMbzrMerSeL'
 */
export function didKeyOf({ multikey }: Pick<Multikey, 'multikey'>): DidKey {
  return parseDidKey(prefix + multikey);
}

/**
 * Finds the key-agreement key of a did:key: its own, or X25519 derived from its Ed25519 key (RFC 7748 §4.1). It does
 * not check that a key of another type can agree on keys: `dereferenceDidKey` does.
 *
 * @throws {ProofError} `multikey.*` if `key` was not parsed
 * @example
 * const { keyType } = agreementKey(parseDidKey(owner.did));
 * keyType; // → 'X25519'
 */
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
