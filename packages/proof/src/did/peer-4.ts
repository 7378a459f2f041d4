/**
 * did:peer, method 4 (peer-did-method-spec, "Short Form and Long Form"): the long form contains a document, the short form its
 * hash. The hash is over the text of the document in the DID, which is never serialised again.
 */
import { having, object } from '../argument.ts';
import type { CryptoPort } from '../crypto.ts';
import { ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../json.ts';
import { decodeMultibase, encodeMultibase, readVarint, withVarint } from '../multibase.ts';
import { createRecent } from '../recent.ts';
import { type DidDocument, parseDidDocument } from './document.ts';
import { verificationRelationships } from './relationship.ts';
import './refusal.ts';

/** A did:peer:4 whose hash was checked. */
export interface DidPeer4 {
  /** The form that is stored and compared: about 57 characters. */
  readonly short: string;
  readonly long: string;
  /** The document with the long form as its DID. */
  readonly longDocument: DidDocument;
  /** The document with the short form as its DID: capabilities and signatures name this one. */
  readonly document: DidDocument;
}

const prefix = 'did:peer:4';
/** Base58 takes quadratic time in the length. Four keys take about 1,600 characters. */
const maxLong = 8_192;
const jsonCodec = 0x0200;
/** Multihash: SHA-256, 32 bytes. */
const sha256Prefix = [0x12, 0x20] as const;
const encoder = new TextEncoder();

const opened = createRecent<DidPeer4>(64);

/**
 * Tells whether a DID claims to be a did:peer:4, in either form. It does not check the form: `parseDidPeer4` does.
 *
 * @example
 * isDidPeer4('did:peer:4zQm'); // → true
 * isDidPeer4('did:key:z6Mk'); // → false
 */
export function isDidPeer4(did: string): boolean {
  return did.startsWith(prefix);
}

/**
 * Makes the did:peer:4 of an input document (peer-did-method-spec). The document has no `id` at its root, only relative
 * identifiers, and no `controller` that is its own subject.
 *
 * @throws {ProofError} `did.*`, `did_peer.*`, `multikey.*`
 * @throws {TypeError} if `input` is not an object or `crypto` is not a port
 * @example
 * const key = { id: '#key', type: 'Multikey', publicKeyMultibase: owner.multikey.multikey };
 * const peer = await createDidPeer4({ verificationMethod: [key], authentication: ['#key'] }, cryptoPort);
 * peer.document.id === peer.short; // → true
 */
export async function createDidPeer4(input: JsonObject, crypto: Pick<CryptoPort, 'sha256'>): Promise<DidPeer4> {
  object(input, 'input');
  const encoded = encodeMultibase(withVarint(jsonCodec, encoder.encode(JSON.stringify(input))));
  return parseDidPeer4(`${prefix}${await hashOf(encoded, crypto)}:${encoded}`, crypto);
}

/**
 * Parses the long form of a did:peer:4 of at most 8,192 characters, and compares its hash with its document. The result
 * has the document under both DIDs. It does not check that the presenter holds a key of the document.
 *
 * @throws {ProofError} `did_peer.*` (`did_peer.unknown` for a short form), `did.*`, `multikey.*`
 * @throws {TypeError} if `crypto` is not a port
 * @example
 * const key = { id: '#key', type: 'Multikey', publicKeyMultibase: owner.multikey.multikey };
 * const { long, short } = await createDidPeer4({ verificationMethod: [key], authentication: ['#key'] }, cryptoPort);
 * (await parseDidPeer4(long, cryptoPort)).short === short; // → true
 * await parseDidPeer4(short, cryptoPort); // throws did_peer.unknown
 */
export async function parseDidPeer4(long: string, crypto: Pick<CryptoPort, 'sha256'>): Promise<DidPeer4> {
  having('sha256')(crypto, 'crypto');
  const known = opened.get(long);
  if (known !== undefined) return known;
  if (long.length > maxLong) throw new ProofError('did_peer.too_large');
  if (!long.startsWith(prefix)) throw new ProofError('did_peer.malformed');
  const [hash, encoded, ...more] = long.slice(prefix.length).split(':');
  if (hash === undefined || more.length > 0 || !isHash(hash)) throw new ProofError('did_peer.malformed');
  if (encoded === undefined) throw new ProofError('did_peer.unknown');
  if ((await hashOf(encoded, crypto)) !== hash) throw new ProofError('did_peer.hash');
  const input = inputOf(encoded);
  const short = prefix + hash;
  const peer = {
    short,
    long,
    longDocument: contextualized(input, long, short),
    document: contextualized(input, short, long),
  };
  opened.set(long, peer);
  return peer;
}

/** The short form, with which both forms begin. Whether its hash fits the document is checked elsewhere. */
export function shortDidPeer4(did: string): string {
  const end = did.indexOf(':', prefix.length);
  return end < 0 ? did : did.slice(0, end);
}

/**
 * Tells whether a text has the shape of a short form. It does not check that a document with this hash exists.
 *
 * @example
 * const key = { id: '#key', type: 'Multikey', publicKeyMultibase: owner.multikey.multikey };
 * const { short, long } = await createDidPeer4({ verificationMethod: [key] }, cryptoPort);
 * [isShortDidPeer4(short), isShortDidPeer4(long)]; // → [true, false]
 */
export function isShortDidPeer4(did: string): boolean {
  return did.startsWith(prefix) && isHash(did.slice(prefix.length));
}

function isHash(text: string): boolean {
  const bytes = decodeMultibase(text, 50);
  return bytes?.length === 34 && bytes[0] === sha256Prefix[0] && bytes[1] === sha256Prefix[1];
}

async function hashOf(encoded: string, crypto: Pick<CryptoPort, 'sha256'>): Promise<string> {
  return encodeMultibase(Uint8Array.from([...sha256Prefix, ...(await crypto.sha256(encoder.encode(encoded)))]));
}

function inputOf(encoded: string): JsonObject {
  const bytes = decodeMultibase(encoded, maxLong);
  const codec = bytes && readVarint(bytes);
  if (bytes === undefined || codec?.value !== jsonCodec) throw new ProofError('did_peer.encoding');
  const parsed = parseJson(bytes.subarray(codec.size), { maxDepth: 16 });
  if (!parsed.ok || !isJsonObject(parsed.value)) throw new ProofError('did_peer.encoding');
  checkRelative(parsed.value);
  return parsed.value;
}

/** "The document MUST NOT include an id at the root … All identifiers within this document MUST be relative." */
function checkRelative(input: JsonObject): void {
  if (input.id !== undefined) throw new ProofError('did.document');
  for (const name of ['verificationMethod', 'service', ...verificationRelationships]) {
    const list = input[name] ?? [];
    if (!Array.isArray(list)) throw new ProofError('did.document');
    for (const one of list as readonly JsonValue[]) {
      const id = isJsonObject(one) ? one.id : one;
      if (typeof id !== 'string' || !/^#[A-Za-z0-9._~:-]+$/.test(id)) throw new ProofError('did.document');
    }
  }
}

/** "Add id at the root … add alsoKnownAs … If controller is not set, set controller to the DID." */
function contextualized(input: JsonObject, did: string, other: string): DidDocument {
  const owned = (list: JsonValue | undefined) =>
    (list as readonly JsonValue[]).map((one) => (isJsonObject(one) ? { controller: did, ...one } : one));
  const lists = ['verificationMethod', ...verificationRelationships].filter((name) => input[name] !== undefined);
  const { alsoKnownAs = [] } = input;
  if (!Array.isArray(alsoKnownAs)) throw new ProofError('did.document');
  const json = {
    ...input,
    ...Object.fromEntries(lists.map((name) => [name, owned(input[name])])),
    id: did,
    alsoKnownAs: [...(alsoKnownAs as readonly JsonValue[]), other],
  };
  return parseDidDocument(json, did);
}
