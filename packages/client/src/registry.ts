import { isJsonObject, type JsonObject, type JsonValue } from '@countersign/proof';
import { checkIssuer } from './discovery.ts';
import { ClientError } from './error.ts';
import { fetchJson, type Transport } from './fetch-json.ts';
import { malformed, type ParticipantDetail, participantDetail } from './participant-detail.ts';
import type { TokenSource } from './token.ts';

export interface Registry {
  /** One participant by its participant-role id. */
  participant(id: string): Promise<ParticipantDetail>;
  /** The participants of a product network by their role; a role without participants may be missing. */
  network(id: string): Promise<Readonly<Record<string, readonly ParticipantDetail[]>>>;
}

export interface RegistryOptions extends Transport {
  readonly issuer: string;
  /** Reads of the registry need a token of the realm. */
  readonly token: TokenSource;
}

const maxBytes = 4_194_304;

/**
 * The registry of a realm.
 *
 * Its calls throw {ClientError} `registry.not_found`, `registry.refused` (the token does not do), `registry.unavailable`,
 * `registry.malformed`, `registry.id`, or what obtaining the token threw.
 */
export function createRegistry(options: RegistryOptions): Registry {
  const { issuer, token } = options;
  checkIssuer(issuer);
  const base = `${issuer.replace(/\/$/, '')}/service`;

  async function read(path: string): Promise<JsonObject> {
    const headers = { authorization: `Bearer ${await token.token()}` };
    const { status, value } = await fetchJson(base + path, { headers, maxBytes }, options);
    if (status !== 200) throw refusal(status);
    return objectOf(value);
  }

  return {
    async participant(id) {
      const detail = participantDetail(await read(`/participant-roles/${segment(id)}`));
      if (detail.id !== id) throw malformed('id');
      return detail;
    },
    async network(id) {
      const byRole: Record<string, readonly ParticipantDetail[]> = Object.create(null);
      for (const [role, entries] of Object.entries(await read(`/product-networks/${segment(id)}/participants`))) {
        if (!Array.isArray(entries)) throw malformed(role);
        byRole[role] = entries.map((entry) => participantDetail(objectOf(entry)));
      }
      return byRole;
    },
  };
}

/** One path segment: dots alone would climb to another path. */
function segment(id: string): string {
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
