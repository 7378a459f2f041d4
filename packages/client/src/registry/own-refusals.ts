import { isJsonObject, type JsonObject, type JsonValue } from '@countersign/proof';
import { type Checks, options as optionsOf } from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import { getFromRealm } from './realm-call.ts';
import { holderChecks, type SecretHolder, shown } from './secrets.ts';

/** What was refused, and why. */
interface RefusedRequest {
  /** What was asked for: `token`, or `own request` for a signed request of the participant. */
  readonly request: string;
  /** The server's code of the reason. */
  readonly reason: string;
  /** The network address, or `(others)` where many are added up. */
  readonly source: string;
  /** The `x-request-id` of the refused answer, of the newest one of a sum. Not of refusals from before it was kept. */
  readonly requestId?: string;
}

/** A refusal whose sender had proved to be the participant. `at` is in milliseconds since the epoch. */
export interface ProvedRefusal extends RefusedRequest {
  readonly at: number;
}

/** Refusals that any sender may have caused: the count of them, and the first and last time in milliseconds since the epoch. */
export interface UnprovedRefusal extends RefusedRequest {
  readonly count: number;
  readonly first: number;
  readonly last: number;
}

/** The refusals of the last seven days, at most 200 of each kind, the newest first. */
export interface OwnRefusals {
  readonly proved: readonly ProvedRefusal[];
  readonly unproved: readonly UnprovedRefusal[];
}

const checks: Checks<SecretHolder> = holderChecks;

/**
 * Reads what the realm refused to the participant, and why: the outside gets one answer for many reasons. It sends a
 * valid secret, or signs with a key that is valid now.
 *
 * @throws {ClientError} `registry.refused` with the server's text, `registry.malformed`, `signing_key.*`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const { proved, unproved } = await ownRefusals({ ...realm, participantId: 'agent', by: secrets.agent });
 * [proved.map(({ reason }) => reason), unproved.map(({ count }) => count)]; // → [['oauth.invalid_scope'], [3]]
 */
export async function ownRefusals(given: SecretHolder): Promise<OwnRefusals> {
  const options = optionsOf(given, 'options', checks);
  const path = `/registry/participants/${encodeURIComponent(options.participantId)}/refusals`;
  const answer = await getFromRealm(options, 'registry', path, shown(options));
  return {
    proved: listIn(answer.proved).map((one) => ({ ...refusedIn(one), at: timeIn(one.at) })),
    unproved: listIn(answer.unproved).map((one) => ({
      ...refusedIn(one),
      count: typeof one.count === 'number' ? one.count : malformed(),
      first: timeIn(one.firstAt),
      last: timeIn(one.lastAt),
    })),
  };
}

function refusedIn({ request, reason, source, requestId }: JsonObject): RefusedRequest {
  const id = typeof requestId === 'string' ? { requestId } : {};
  return { request: textIn(request), reason: textIn(reason), source: textIn(source), ...id };
}

function listIn(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) && value.every(isJsonObject) ? (value as readonly JsonObject[]) : malformed();
}

function textIn(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : malformed();
}

function timeIn(value: JsonValue | undefined): number {
  const at = Date.parse(textIn(value));
  return Number.isNaN(at) ? malformed() : at;
}

function malformed(): never {
  throw new ClientError('registry.malformed', 'The answer does not have its shape.');
}
