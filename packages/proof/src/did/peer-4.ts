/**
 * did:peer, method 4 (peer-did-method-spec, "Short Form and Long Form"): the long form carries a document, the short form is the hash of
 * it. The hash is over the text of the document as it stands in the DID: nothing is ever serialised again.
 */
import { having, object } from '../argument.ts';
import type { CryptoPort } from '../crypto.ts';
import { ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../json.ts';
import { decodeMultibase, encodeMultibase, readVarint, withVarint } from '../multibase.ts';
import { createRecent } from '../recent.ts';
import { type DidDocument, parseDidDocument } from './document.ts';
import { verificationRelationships } from './relationship.ts';

/** A did:peer:4 whose hash was computed anew. */
export interface DidPeer4 {
  /** What is stored and compared: 57 characters or so. */
  readonly short: string;
  readonly long: string;
  /** About the long form. */
  readonly longDocument: DidDocument;
  /** About the short form: the one that capabilities and signatures name. */
  readonly document: DidDocument;
}

const prefix = 'did:peer:4';
/** Base58 costs the square of it. Four keys are some 1,600 characters. */
const maxLong = 8_192;
const jsonCodec = 0x0200;
/** Multihash: SHA-256, 32 bytes. */
const sha256Prefix = [0x12, 0x20] as const;
const encoder = new TextEncoder();

const opened = createRecent<DidPeer4>(64);

/** Whether a DID says to be a did:peer:4, of either form. */
export function isDidPeer4(did: string): boolean {
  return did.startsWith(prefix);
}

/**
 * The DID of an input document: no `id` at its root, all identifiers relative, no `controller` where it is the document's own subject.
 *
 * @throws {ProofError} with a code that starts with `did.`, `did_peer.` or `multikey.`
 */
export async function createDidPeer4(input: JsonObject, crypto: Pick<CryptoPort, 'sha256'>): Promise<DidPeer4> {
  object(input, 'input');
  const encoded = encodeMultibase(withVarint(jsonCodec, encoder.encode(JSON.stringify(input))));
  return parseDidPeer4(`${prefix}${await hashOf(encoded, crypto)}:${encoded}`, crypto);
}

/**
 * The long form, with its document under both of its names.
 *
 * @throws {ProofError} with a code that starts with `did.`, `did_peer.` or `multikey.`; a short form is `did_peer.unknown`
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

/** The short form that either form begins with. That the hash in it is the one of the document is looked at elsewhere. */
export function shortDidPeer4(did: string): string {
  const end = did.indexOf(':', prefix.length);
  return end < 0 ? did : did.slice(0, end);
}

/** Whether a text is a short form, of a document or of none. */
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
