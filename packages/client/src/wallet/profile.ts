/**
 * The profile of a device, as a JSON document: its realm, its DID, its capabilities, and its key, sealed under a passphrase or
 * kept in a store that does not export it. Unknown members are refused, because they may have a meaning.
 *
 * Realm and DID are sealed with the key. Capabilities are not: the realm checks them at every use.
 */
import {
  canonicalize,
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
  realmPrefix,
  walletPrefix,
} from '@countersign/proof';
import { object, textOrBytes } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import { publicJwkOf } from './device-key.ts';
import type { StoredKeyName } from './key-store.ts';
import { readSealed, type SealedKey, sealedJson } from './seal.ts';

/** The profile of a device. The private key in it is sealed, or kept in a store. */
export interface WalletProfile {
  /** The realm: `https://…/realms/{name}`. */
  readonly issuer: string;
  /** The did:key of the device. */
  readonly did: string;
  /** The capability for a wallet; absent until the wallet is created, or a capability of another device is accepted. */
  readonly capability?: JsonObject;
  /** The capability for the realm, which allows to invite. */
  readonly realmCapability?: JsonObject;
  readonly key: SealedKey | StoredKeyName;
}

const type = 'CountersignWallet';
const version = 1;
/** Bytes. */
export const maxProfile = 262_144;
const limits = { maxBytes: maxProfile, maxDepth: 64 };
const members = ['type', 'version', 'issuer', 'did', 'capability', 'realmCapability', 'key'];

/**
 * Writes the text of a profile for saving. A profile that could not be opened again is refused.
 *
 * It does not check that the passphrase opens the key. The caller must save the text where only the owner can read it.
 *
 * @throws {ClientError} `profile.version`, `profile.malformed` with the faulty member
 * @throws {TypeError} if it is not an object
 * @example
 * const text = profileText(await prepareDevice({ issuer: issuer.url, ...lock }));
 * JSON.parse(text).type; // → 'CountersignWallet'
 */
export function profileText(profile: WalletProfile): string {
  const text = documentOf(profile);
  parseProfile(text);
  return text;
}

function documentOf(profile: WalletProfile): string {
  const { issuer, did, capability, realmCapability, key } = object(profile, 'profile') as WalletProfile;
  object(key, 'profile.key');
  const capabilities = { ...(capability && { capability }), ...(realmCapability && { realmCapability }) };
  const kept = 'store' in key ? { store: key.store, id: key.id } : sealedJson(key);
  return `${JSON.stringify({ type, version, issuer, did, ...capabilities, key: kept }, null, 2)}\n`;
}

/**
 * Reads a profile from its text or bytes, at most 262,144 bytes; a byte order mark before it is removed.
 *
 * It does not verify the capabilities, which the realm does at every use, and does not open the key: `openWallet` does.
 *
 * @throws {ClientError} `profile.version`, `profile.malformed` with the faulty member
 * @throws {TypeError} if it is neither a string nor a Uint8Array
 * @example
 * const text = profileText(await prepareDevice({ issuer: issuer.url, ...lock }));
 * parseProfile(text).issuer; // → issuer.url
 * parseProfile('{}'); // throws profile.malformed
 */
export function parseProfile(given: string | Uint8Array): WalletProfile {
  const parsed = parseJson(withoutMark(textOrBytes(given, 'profile')), limits);
  if (!parsed.ok) throw malformed(`not strict JSON (${parsed.reason})`);
  const document = parsed.value;
  if (!isJsonObject(document) || document.type !== type) throw malformed(`type must be ${type}`);
  requireVersion(document.version);
  const stranger = Object.keys(document).find((name) => !members.includes(name));
  if (stranger !== undefined) throw malformed('it has a member that no profile of this version has');
  const issuer = issuerIn(document.issuer);
  const did = didIn(document.did);
  const capability = capabilityIn(document, 'capability', did, walletPrefix);
  const realmCapability = capabilityIn(document, 'realmCapability', did, realmPrefix);
  const key = readSealed(document.key) ?? storedIn(document.key);
  if (key === undefined) throw malformed('key is neither sealed as this version seals nor in a store');
  return { issuer, did, ...(capability && { capability }), ...(realmCapability && { realmCapability }), key };
}

/** Some editors write a byte order mark before a text (RFC 8259 §8.1: a parser may ignore it). */
function withoutMark(document: string | Uint8Array): string | Uint8Array {
  if (typeof document === 'string') return document.replace(/^\ufeff/, '');
  const isMarked = document[0] === 0xef && document[1] === 0xbb && document[2] === 0xbf;
  return isMarked ? document.subarray(3) : document;
}

/** The data that is sealed together with the key. */
export function boundTo({ issuer, did }: Pick<WalletProfile, 'issuer' | 'did'>): Uint8Array {
  return new TextEncoder().encode(canonicalize({ type, version, issuer, did }));
}

/**
 * The issuer must be https, or http on loopback, without query, fragment and slash at the end.
 *
 * @throws {ClientError} `profile.malformed`
 */
export function issuerIn(value: JsonValue | undefined): string {
  const url = typeof value === 'string' && URL.canParse(value) ? new URL(value) : undefined;
  const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && loopback.test(url.hostname));
  const isPlain = url !== undefined && url.origin + url.pathname === value && /\/realms\/[^/]+$/.test(url.pathname);
  if (isSafe && isPlain) return value as string;
  throw malformed('issuer must be the https URL of a realm, as …/realms/{name}');
}

const loopback = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** @throws {ClientError} `profile.version` */
function requireVersion(found: JsonValue | undefined): void {
  if (found === version) return;
  const text = `The profile is of another version than ${version}: open it with the release that wrote it, or a later one.`;
  throw new ClientError('profile.version', text);
}

function didIn(value: JsonValue | undefined): string {
  try {
    if (typeof value === 'string') publicJwkOf(value);
    if (typeof value === 'string') return value;
  } catch (refusal) {
    if (!(refusal instanceof ClientError)) throw refusal;
  }
  throw malformed('did must be a did:key of an Ed25519 key');
}

function capabilityIn(document: JsonObject, name: string, did: string, prefix: string): JsonObject | undefined {
  const value = document[name];
  if (value === undefined) return undefined;
  if (!isJsonObject(value)) throw malformed(`${name} must be a capability`);
  const { controller, invocationTarget: target } = value;
  if (typeof target !== 'string' || !target.startsWith(prefix)) throw malformed(`${name} is not for ${prefix}…`);
  if (controller !== did) throw malformed(`${name} was given to another DID`);
  return value;
}

function storedIn(value: JsonValue | undefined): StoredKeyName | undefined {
  if (!isJsonObject(value) || Object.keys(value).sort().join() !== 'id,store') return undefined;
  const { store, id } = value;
  return typeof store === 'string' && typeof id === 'string' ? { store, id } : undefined;
}

/** The error has only fixed words: a profile is never quoted. */
function malformed(what: string): ClientError {
  return new ClientError('profile.malformed', `This is no wallet profile: ${what}.`);
}
