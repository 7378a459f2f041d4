/** Finds the key of a DID URL of any method: a `resolve` for proofs. */
import { type Checks, callable, having, number, optional, options } from '../argument.ts';
import type { CryptoPort } from '../crypto.ts';
import { ProofError } from '../error.ts';
import { type DidDocument, dereference, parseDidDocument } from './document.ts';
import { agreementKey, type DidKey, parseDidKey, resolveDidKey } from './key.ts';
import { parseDidPeer2 } from './peer-2.ts';
import { isDidPeer4, isShortDidPeer4, parseDidPeer4, shortDidPeer4 } from './peer-4.ts';
import { isVerificationRelationship, mayServe, type ResolvedKey, verificationRelationships } from './relationship.ts';
import { parseDidUrl } from './url.ts';
import './refusal.ts';

type Known = DidDocument | undefined;

/** The primitives and the known documents for resolving DIDs. */
export interface DidSource {
  readonly crypto: Pick<CryptoPort, 'sha256'>;
  /**
   * The document of a DID that does not contain it: the short form of a did:peer:4, a did:web. Only this function may fetch
   * something. Without it, such DIDs are unknown.
   */
  readonly known?: (did: string) => Known | Promise<Known>;
}

const sourceChecks: Checks<DidSource> = { crypto: having('sha256'), known: optional(callable) };

/**
 * Finds the document of a DID: in the DID itself (did:key, did:peer:2, the long form of did:peer:4), or else by
 * `known`. It fetches nothing. The caller must check, in `known`, that a document came from the right place.
 *
 * @throws {ProofError} `did.*`, `did_key.*`, `did_peer.*`, `multikey.*`, and every error of `known`
 * @throws {TypeError} naming the member of `source` that is of another type, or that does not exist
 * @example
 * const { id } = await resolveDid(owner.did, { crypto: cryptoPort });
 * id; // → owner.did
 * await resolveDid('did:web:a.example', { crypto: cryptoPort }); // throws did.unknown
 */
export async function resolveDid(did: string, source: DidSource): Promise<DidDocument> {
  const { crypto, known } = options(source, 'source', sourceChecks);
  if (did.startsWith('did:key:')) return didKeyDocument(parseDidKey(did));
  if (did.startsWith('did:peer:2')) return parseDidPeer2(did);
  if (isDidPeer4(did) && !isShortDidPeer4(did)) return (await parseDidPeer4(did, crypto)).longDocument;
  const document = await known?.(did);
  if (document === undefined) throw new ProofError(isDidPeer4(did) ? 'did_peer.unknown' : 'did.unknown');
  if (document.id !== did) throw new ProofError('did.document_id');
  return document;
}

/**
 * Makes a `resolve` for proofs, for DIDs of every method, at a time in epoch milliseconds. The controller of a
 * did:peer:4 is always its short form.
 *
 * @throws {TypeError} naming the member of `source` that is of another type, or that does not exist
 * @example
 * const resolve = keyResolver({ crypto: cryptoPort }, now * 1000);
 * const { controller } = await resolve(owner.signer.verificationMethod, 'authentication');
 * controller; // → owner.did
 */
export function keyResolver(given: DidSource, now: number) {
  const source = options(given, 'source', sourceChecks);
  number(now, 'now');
  return (url: string, purpose: string): ResolvedKey | Promise<ResolvedKey> => {
    // The usual case needs no document and no waiting.
    if (url.startsWith('did:key:')) return resolveDidKey(url, purpose);
    return resolveMethod(url, purpose, source, now);
  };
}

async function resolveMethod(url: string, purpose: string, source: DidSource, now: number): Promise<ResolvedKey> {
  if (!isVerificationRelationship(purpose)) throw new ProofError('did.relationship');
  const { did } = parseDidUrl(url);
  const document = await resolveDid(did, source);
  const { jwk, controller } = dereference(document, url, purpose, now);
  if (jwk === undefined) throw new ProofError('did.key_role');
  return { jwk, controller: actingDid(controller) };
}

/** The name under which a DID acts: for a did:peer:4 always the short form. */
export function actingDid(did: string): string {
  return isDidPeer4(did) ? shortDidPeer4(did) : did;
}

/**
 * Makes the document of a did:key. It lists the key for every purpose that its type allows.
 *
 * @throws {ProofError} `did.*`, `multikey.*` if `key` was not parsed
 * @example
 * const document = didKeyDocument(parseDidKey(owner.did));
 * document.relationships.authentication.has(owner.signer.verificationMethod); // → true
 */
export function didKeyDocument(key: DidKey): DidDocument {
  const methods = key.keyType === 'Ed25519' ? [key, agreementKey(key)] : [key];
  const lists = verificationRelationships.map((name) => {
    return [
      name,
      methods.filter(({ keyType }) => mayServe(keyType, name)).map((one) => one.verificationMethod),
    ] as const;
  });
  const json = {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: key.did,
    verificationMethod: methods.map(({ verificationMethod, multikey }) => {
      return { id: verificationMethod, type: 'Multikey', controller: key.did, publicKeyMultibase: multikey };
    }),
    ...Object.fromEntries(lists.filter(([, ids]) => ids.length > 0)),
  };
  return parseDidDocument(json, key.did);
}
