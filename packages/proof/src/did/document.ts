/**
 * DID documents (DID Core §5, Controlled Identifiers 1.0), parsed once so that keys can be looked up.
 *
 * 1. The document belongs to the requested DID.
 * 2. Its verification methods have distinct identifiers and one key each, in one spelling. Methods of unknown types or with
 *    unknown kinds of keys are left out, so that nothing can refer to them. An unsound key of a known kind refuses the whole
 *    document.
 * 3. A key is given out for a purpose only if the document lists it for that purpose (§5.3.1: "a verification method … is not …
 *    for other verification relationships"), says that it controls the key itself, and the type of the key is for such a
 *    purpose.
 */
import { number, text } from '../argument.ts';
import { ProofError } from '../error.ts';
import { parseInstant } from '../instant.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json.ts';
import { type KeyType, type Multikey, multikeyFromForeignJwk, parseMultikey } from '../multikey.ts';
import { mayServe, type VerificationRelationship } from './relationship.ts';
import './refusal.ts';

/** A key of a DID document, with its identifier and the DID that controls it. */
export interface VerificationMethod extends Multikey {
  /** The absolute identifier. */
  readonly id: string;
  /** The DID that may use the key, from the document. */
  readonly controller: string;
  /** Epoch milliseconds; from then on the key is revoked or expired. */
  readonly end: number | undefined;
}

/** A DID document that was parsed once, so that keys can be looked up. */
export interface DidDocument {
  readonly id: string;
  /** By absolute identifier. */
  readonly verificationMethods: ReadonlyMap<string, VerificationMethod>;
  /** Absolute identifiers. */
  readonly relationships: Readonly<Record<VerificationRelationship, ReadonlySet<string>>>;
  readonly json: JsonObject;
}

interface Lists {
  readonly did: string;
  readonly methods: Map<string, VerificationMethod>;
  readonly ids: Set<string>;
}

/** The member with the key for each type of method, and the type that the key must have. */
const methodTypes: Record<string, { readonly member: 'publicKeyMultibase' | 'publicKeyJwk'; readonly only?: KeyType }> =
  {
    Multikey: { member: 'publicKeyMultibase' },
    JsonWebKey: { member: 'publicKeyJwk' },
    JsonWebKey2020: { member: 'publicKeyJwk' },
    Ed25519VerificationKey2020: { member: 'publicKeyMultibase', only: 'Ed25519' },
    X25519KeyAgreementKey2020: { member: 'publicKeyMultibase', only: 'X25519' },
  };

const materials = ['publicKeyMultibase', 'publicKeyJwk', 'publicKeyBase58', 'publicKeyHex', 'publicKeyPem'];
/** The largest number of entries of one list. */
const maxEntries = 64;
export const maxMethods = 16;
/**
 * The check that a BLS12-381 key is in its subgroup takes up to 6 ms, and a chain of capabilities names nine documents
 * of strangers. One secret has a key in each of the two groups.
 */
const maxBlsKeys = 2;

/**
 * Parses the document of a DID (DID Core §5, Controlled Identifiers 1.0 §2.2): at most 16 keys, two of them of
 * BLS12-381, each sound, with distinct identifiers. Keys of unknown types are left out.
 *
 * It does not check where the document came from. The caller must fetch it by the rules of the DID method.
 *
 * @param did the requested DID, which the document must belong to
 * @throws {ProofError} `did.document`, `did.document_id`, `did.method_repeated`, `multikey.*`
 * @throws {TypeError} if `did` is not a string
 * @example
 * const did = 'did:web:a.example';
 * const method = { id: '#key', type: 'Multikey', controller: did, publicKeyMultibase: owner.multikey.multikey };
 * const json = { id: did, verificationMethod: [method], authentication: ['#key'] };
 * const document = parseDidDocument(json, did);
 * [...document.verificationMethods.keys()]; // → ['did:web:a.example#key']
 */
export function parseDidDocument(json: JsonValue, did: string): DidDocument {
  if (!isJsonObject(json)) throw new ProofError('did.document');
  text(did, 'did');
  if (json.id !== did) throw new ProofError('did.document_id');
  const lists: Lists = { did, methods: new Map(), ids: new Set() };
  for (const one of entries(json.verificationMethod)) addMethod(one, lists);
  const listed = (name: VerificationRelationship) =>
    new Set(entries(json[name]).map((one) => (typeof one === 'string' ? absolute(one, did) : addMethod(one, lists))));
  const relationships = {
    authentication: listed('authentication'),
    assertionMethod: listed('assertionMethod'),
    keyAgreement: listed('keyAgreement'),
    capabilityInvocation: listed('capabilityInvocation'),
    capabilityDelegation: listed('capabilityDelegation'),
  };
  return { id: did, verificationMethods: lists.methods, relationships, json };
}

/**
 * Finds the key that a DID URL names in a document, for a purpose and at a time. The document must list the key for the
 * purpose (DID Core §5.3.1) and control it itself, and the type of the key must allow the purpose.
 *
 * @param now epoch milliseconds; from its `end` on a key is refused
 * @throws {ProofError} `did.method_unknown`, `did.relationship`, `did.method_controller`, `did.key_role`,
 * `did.method_ended`
 * @throws {TypeError} if `now` is not a number
 * @example
 * const document = didKeyDocument(parseDidKey(owner.did));
 * const { keyType } = dereference(document, owner.signer.verificationMethod, 'authentication', now * 1000);
 * keyType; // → 'Ed25519'
 * dereference(document, `${owner.did}#other`, 'authentication', now * 1000); // throws did.method_unknown
 */
export function dereference(
  document: DidDocument,
  url: string,
  relationship: VerificationRelationship,
  now: number,
): VerificationMethod {
  number(now, 'now');
  const method = document.verificationMethods.get(url);
  if (method === undefined) throw new ProofError('did.method_unknown');
  if (!document.relationships[relationship].has(url)) throw new ProofError('did.relationship');
  if (method.controller !== document.id) throw new ProofError('did.method_controller');
  if (!mayServe(method.keyType, relationship)) throw new ProofError('did.key_role');
  if (method.end !== undefined && !(now < method.end)) throw new ProofError('did.method_ended');
  return method;
}

function entries(value: JsonValue | undefined): readonly JsonValue[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > maxEntries) throw new ProofError('did.document');
  return value;
}

/** Step 2. Returns the absolute identifier. */
function addMethod(value: JsonValue, { did, methods, ids }: Lists): string {
  if (!isJsonObject(value)) throw new ProofError('did.document');
  const { type, controller } = value;
  const id = absolute(value.id, did);
  if (typeof type !== 'string' || typeof controller !== 'string') throw new ProofError('did.document');
  if (ids.size === maxMethods) throw new ProofError('did.document');
  if (ids.has(id)) throw new ProofError('did.method_repeated');
  ids.add(id);
  const key = keyOf(value, type);
  if (key !== undefined) methods.set(id, { ...key, id, controller, end: endOf(value) });
  if (hasTooManyBls([...methods.values()])) throw new ProofError('did.document');
  return id;
}

/** True if no further key should be looked at. */
export function hasTooManyBls(keys: readonly Pick<Multikey, 'keyType'>[]): boolean {
  return keys.filter(({ keyType }) => keyType.startsWith('BLS12-381')).length > maxBlsKeys;
}

/** Undefined if the type of method or key is unknown. */
function keyOf(method: JsonObject, type: string): Multikey | undefined {
  const rule = Object.hasOwn(methodTypes, type) ? methodTypes[type] : undefined;
  if (rule === undefined) return undefined;
  const written = materials.filter((name) => method[name] !== undefined);
  if (written.length !== 1 || written[0] !== rule.member) throw new ProofError('did.document');
  const key = existing(method[rule.member]);
  if (key !== undefined && rule.only !== undefined && rule.only !== key.keyType) throw new ProofError('did.document');
  return key;
}

function existing(material: JsonValue | undefined): Multikey | undefined {
  try {
    return typeof material === 'string' ? parseMultikey(material) : multikeyFromForeignJwk(material);
  } catch (refusal) {
    if (refusal instanceof ProofError && absent.includes(refusal.code)) return undefined;
    throw refusal;
  }
}

/** A key that is too large is one of an unknown type. */
const absent: readonly string[] = ['multikey.codec', 'multikey.too_large'];

/** Controlled Identifiers §2.2: `expires` and `revoked`, whichever comes first. */
function endOf({ expires, revoked }: JsonObject): number | undefined {
  const ends = [expires, revoked].filter((one) => one !== undefined).map(parseInstant);
  if (ends.length === 0) return undefined;
  return Math.min(...ends.map((end) => end ?? Number.NEGATIVE_INFINITY));
}

/** A relative identifier belongs to this document. An identifier of another document is never found here. */
function absolute(id: JsonValue | undefined, did: string): string {
  if (typeof id !== 'string' || !id.includes('#')) throw new ProofError('did.document');
  return id.startsWith('#') ? did + id : id;
}
