import { isJsonObject, type JsonObject, type JsonValue } from '@countersign/proof';
import { type Checks, having, options as optionsOf, text } from '@countersign/proof/argument';
import { checkRealm } from '../discovery.ts';
import { ClientError } from '../error.ts';
import { fetchJson, type Transport, transportChecks } from '../fetch-json.ts';
import type { TokenSource } from '../token/token.ts';
import { malformed, type ParticipantDetail, participantDetail } from './participant-detail.ts';

/** Reads participants and networks. */
export interface Registry {
  /** One participant by its participant-role id. */
  participant(id: string): Promise<ParticipantDetail>;
  /** The participants of a product network by role; a role without participants may be missing. */
  network(id: string): Promise<Readonly<Record<string, readonly ParticipantDetail[]>>>;
  /** One participant, past the cache. A registry without a cache does not need this: there `participant` does the same. */
  refresh?(id: string): Promise<ParticipantDetail>;
}

/** The realm of a registry, and the token to read it. */
export interface RegistryOptions extends Transport {
  readonly issuer: string;
  /** Reads of the registry need a token of the realm. */
  readonly token: TokenSource;
}

export const registryChecks: Checks<RegistryOptions> = { ...transportChecks, issuer: text, token: having('token') };

/** Bytes: a network of many thousand participants, with their logos. */
const maxBytes = 67_108_864;

/**
 * Makes a reader of the registry of a realm, without a cache.
 *
 * It does not check that a participant is approved: the caller must check `approved`.
 *
 * @throws {ClientError} `discovery.issuer_url`; by its calls `registry.not_found`, `registry.refused`,
 * `registry.unavailable`, `registry.malformed`, `registry.id`, or the error of getting the token
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const registry = createRegistry({ ...realm, token: createTokenSource({ ...realm, ...secrets.agent }) });
 * (await registry.participant('lender')).participantRole; // → 'LENDER'
 * await registry.participant('stranger'); // throws registry.not_found
 */
export function createRegistry(options: RegistryOptions): Registry {
  const read = createRegistryReader(optionsOf(options, 'options', registryChecks));
  return {
    participant: async (id) => (await readParticipant(read, id)).detail,
    network: (id) => readNetwork(read, id),
  };
}

/** One answer of the registry; `value` is undefined if the known version is still the newest (RFC 9110 §15.4.5). */
export interface RegistryAnswer {
  readonly value: JsonObject | undefined;
  readonly etag: string | undefined;
  readonly cacheControl: string | null;
}

export type RegistryReader = (path: string, etag?: string) => Promise<RegistryAnswer>;

export function createRegistryReader(options: RegistryOptions): RegistryReader {
  const { issuer, token } = options;
  checkRealm(issuer);
  const base = `${issuer.replace(/\/$/, '')}/service`;
  return async (path, etag) => {
    const bearer = await token.token();
    const headers = { authorization: `Bearer ${bearer}`, ...(etag === undefined ? {} : { 'if-none-match': etag }) };
    const { status, value, headers: answered } = await fetchJson(base + path, { headers, maxBytes }, options);
    if (status === 401) token.discard?.(bearer);
    if (status !== 200 && !(status === 304 && etag !== undefined)) throw refusal(status);
    return {
      value: status === 304 ? undefined : objectOf(value),
      etag: answered.get('etag') ?? undefined,
      cacheControl: answered.get('cache-control'),
    };
  };
}

export interface ParticipantAnswer extends Omit<RegistryAnswer, 'value'> {
  readonly detail: ParticipantDetail;
}

/** Reads one participant. Returns `known` if it is still the newest version. */
export async function readParticipant(
  read: RegistryReader,
  id: string,
  known?: { readonly detail: ParticipantDetail; readonly etag: string | undefined },
): Promise<ParticipantAnswer> {
  const { value, etag, cacheControl } = await read(`/participant-roles/${segment(id)}`, known?.etag);
  if (value === undefined) {
    if (known === undefined) throw malformed('entry');
    return { detail: known.detail, etag: etag ?? known.etag, cacheControl };
  }
  const detail = participantDetail(value);
  if (detail.id !== id) throw malformed('id');
  return { detail, etag, cacheControl };
}

export async function readNetwork(
  read: RegistryReader,
  id: string,
): Promise<Readonly<Record<string, readonly ParticipantDetail[]>>> {
  const byRole: Record<string, readonly ParticipantDetail[]> = Object.create(null);
  const { value } = await read(`/product-networks/${segment(id)}/participants`);
  for (const [role, entries] of Object.entries(objectOf(value))) {
    if (!Array.isArray(entries)) throw malformed(role);
    byRole[role] = entries.map((entry) => participantDetail(objectOf(entry)));
  }
  return byRole;
}

/** One path segment. Only dots are refused, because they would lead to another path. */
function segment(id: string): string {
  text(id, 'id');
  if (id === '' || id === '.' || id === '..' || !id.isWellFormed()) {
    throw new ClientError('registry.id', 'This cannot be the id of a registry entry.');
  }
  return encodeURIComponent(id);
}

function refusal(status: number): ClientError {
  if (status === 404) return new ClientError('registry.not_found', 'The registry has no such entry.');
  if (status === 401 || status === 403)
    return new ClientError('registry.refused', `The registry refuses the token (${status}).`);
  return new ClientError('registry.unavailable', `The registry answers ${status}.`);
}

function objectOf(value: JsonValue | undefined): JsonObject {
  if (!isJsonObject(value)) throw malformed('entry');
  return value;
}
