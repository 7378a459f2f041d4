/**
 * did:peer, method 2 (peer-did-method-spec, "Multiple Inception Key without DIDDoc"): the DID lists keys with their purposes,
 * and services. The names of keys follow the clarification of 2023: `#key-1`, `#key-2`, … in the order of the keys.
 */
import { decodeBase64url } from '../base64url.ts';
import { ProofError } from '../error.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../json.ts';
import { type Multikey, parseMultikey } from '../multikey.ts';
import { type DidDocument, hasTooManyBls, maxMethods, parseDidDocument } from './document.ts';
import { mayServe, type VerificationRelationship } from './relationship.ts';
import './refusal.ts';

const prefix = 'did:peer:2';
const maxLength = 8_192;

const purposes: Record<string, VerificationRelationship> = {
  A: 'assertionMethod',
  E: 'keyAgreement',
  V: 'authentication',
  I: 'capabilityInvocation',
  D: 'capabilityDelegation',
};

const abbreviations: Record<string, string> = { t: 'type', s: 'serviceEndpoint', r: 'routingKeys', a: 'accept' };

/**
 * Parses a did:peer of method 2 (peer-did-method-spec) into its document. It does not check that the presenter holds a
 * key of the document.
 *
 * @throws {ProofError} `did_peer.malformed`, `did_peer.too_large`, `did_peer.encoding`, `did.*`, `multikey.*`
 * @example
 * const document = parseDidPeer2(`did:peer:2.V${owner.multikey.multikey}`);
 * document.json.authentication; // → ['#key-1']
 */
export function parseDidPeer2(did: string): DidDocument {
  if (did.length > maxLength) throw new ProofError('did_peer.too_large');
  const [start, ...elements] = did.split('.');
  if (start !== prefix || elements.length === 0) throw new ProofError('did_peer.malformed');
  const keys = elements.filter((element) => !element.startsWith('S'));
  if (keys.length > maxMethods) throw new ProofError('did_peer.too_large');
  const services = elements.filter((element) => element.startsWith('S')).map(serviceOf);
  const methods = keys.map((element, i) => {
    const publicKeyMultibase = element.slice(1);
    return { id: `#key-${i + 1}`, type: 'Multikey', controller: did, publicKeyMultibase };
  });
  const json = {
    '@context': ['https://www.w3.org/ns/did/v1', 'https://w3id.org/security/multikey/v1'],
    id: did,
    verificationMethod: methods,
    ...relationshipsOf(keys),
    ...(services.length === 0 ? {} : { service: named(services) }),
  };
  return parseDidDocument(json, did);
}

/** Checks that the codec of each key fits the purpose that its letter names. */
function relationshipsOf(keys: readonly string[]): Record<string, string[]> {
  const lists: Record<string, string[]> = {};
  const parsed: Multikey[] = [];
  for (const [i, element] of keys.entries()) {
    const letter = element.charAt(0);
    const relationship = Object.hasOwn(purposes, letter) ? purposes[letter] : undefined;
    if (relationship === undefined) throw new ProofError('did_peer.malformed');
    const key = parseMultikey(element.slice(1));
    parsed.push(key);
    if (hasTooManyBls(parsed)) throw new ProofError('did_peer.too_large');
    if (!mayServe(key.keyType, relationship)) throw new ProofError('did.key_role');
    lists[relationship] = [...(lists[relationship] ?? []), `#key-${i + 1}`];
  }
  return lists;
}

/** "The services MUST NOT be encoded as a JSON list." */
function serviceOf(element: string): JsonObject {
  const bytes = decodeBase64url(element.slice(1), maxLength);
  const parsed = bytes && parseJson(bytes, { maxDepth: 8 });
  if (!parsed?.ok || !isJsonObject(parsed.value)) throw new ProofError('did_peer.encoding');
  const service = spelledOut(parsed.value) as JsonObject;
  const { id } = service;
  if (id !== undefined && (typeof id !== 'string' || !id.startsWith('#'))) throw new ProofError('did_peer.encoding');
  return service.type === 'dm' ? { ...service, type: 'DIDCommMessaging' } : service;
}

/** "Replace abbreviations in key names." A member in both spellings is refused: readers could see two different services. */
function spelledOut(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(spelledOut);
  if (!isJsonObject(value)) return value;
  const members = Object.entries(value).map(([name, inner]) => {
    const full = Object.hasOwn(abbreviations, name) ? (abbreviations[name] as string) : name;
    return [full, spelledOut(inner as JsonValue)] as const;
  });
  if (new Set(members.map(([name]) => name)).size !== members.length) throw new ProofError('did_peer.encoding');
  return Object.fromEntries(members);
}

/** "Set id to #service for the first such service. For all subsequent services without an id, #service-1, #service-2, etc." */
function named(services: readonly JsonObject[]): JsonObject[] {
  let unnamed = 0;
  return services.map((service) => {
    if (service.id !== undefined) return service;
    const id = unnamed === 0 ? '#service' : `#service-${unnamed}`;
    unnamed++;
    return { ...service, id };
  });
}
