import { cryptoPort } from '@countersign/client/node-crypto';
import { encodeBase64url, type PublicJwk, parseExactJson, thumbprintInput } from '@countersign/proof';
import type { z } from 'zod';
import type { Context } from '../../context.ts';
import { adminScope } from '../../subject/administrator.ts';
import { systemRealm } from '../../subject/realm.ts';
import { readOfferedKey } from '../../subject/secrets/offered-key.ts';
import { makeSecret, type StoredSecret, storeSecret } from '../client.ts';
import { invalid, pointerTo } from './refusal.ts';
import { isAbsent, networkFileSchema, type ParticipantFile, type RealmFile, sections } from './schema.ts';

/**
 * A network file after all checks and all computation that need no database. This work is done before the transaction
 * begins.
 */
export interface PreparedRealm {
  readonly entry: RealmFile;
  /** JSON pointer of the realm in the file. */
  readonly at: string;
  readonly participants: readonly PreparedParticipant[];
}

export interface PreparedParticipant {
  readonly entry: ParticipantFile;
  readonly at: string;
  readonly organisationId: string | undefined;
  readonly keys: readonly PreparedKey[];
  /** The secret that the file states. */
  readonly given: StoredSecret | undefined;
  /** A new secret, if the file names a client without one. */
  readonly made: { readonly value: string; readonly stored: StoredSecret } | undefined;
}

export interface PreparedKey {
  readonly jwk: PublicJwk;
  readonly thumbprint: string;
  /** Epoch milliseconds. Undefined if the file says nothing. */
  readonly notBefore: number | undefined;
  readonly notAfter: number | undefined;
  readonly at: string;
}

/** Bytes. Memory holds a file several times over, so larger files must be split by realm. */
export const maxNetworkFile = 512 * 1024 * 1024;

/** Strict JSON of a file on disk. @throws {Problem} `network.invalid` */
export function parseNetworkFile(content: Uint8Array | string): unknown {
  const parsed = parseExactJson(content, { maxBytes: maxNetworkFile, maxDepth: 32 });
  if (parsed.ok) return parsed.value;
  const what =
    parsed.reason === 'duplicate_member' ? 'this member occurs twice' : `not acceptable JSON (${parsed.reason})`;
  throw invalid(parsed.pointer, what);
}

/** @throws {Problem} `network.invalid` with the JSON pointer of the first fault */
export function prepareNetwork(context: Context, file: unknown): readonly PreparedRealm[] {
  const parsed = networkFileSchema.safeParse(file);
  if (!parsed.success) throw schemaRefusal(parsed.error);
  const { realms } = parsed.data;
  requireDistinct(
    realms,
    (realm) => realm.name,
    (index) => pointerTo('realms', index, 'name'),
  );
  return realms.map((entry, index) => {
    const at = pointerTo('realms', index);
    requireEmptySystem(entry, at);
    requireDistinctEntries(entry, at);
    const participants = (entry.participants ?? []).map((one, position) =>
      prepareParticipant(context, one, `${at}/participants/${position}`),
    );
    return { entry, at, participants };
  });
}

/** Reports the first issue in the order of the schema. The text names the rule, never the value. */
function schemaRefusal(error: z.ZodError) {
  const [issue, path] = innermost(error.issues[0] as z.core.$ZodIssue, []);
  if (issue.code === 'unrecognized_keys')
    return invalid(pointerTo(...path, issue.keys[0] ?? ''), 'this member is not known here');
  return invalid(pointerTo(...path), issue.message);
}

/** The issue within the alternative that the value was meant to be: the one whose type it has. */
function innermost(
  issue: z.core.$ZodIssue,
  above: readonly PropertyKey[],
): readonly [z.core.$ZodIssue, readonly PropertyKey[]] {
  const path = [...above, ...issue.path];
  if (issue.code !== 'invalid_union') return [issue, path];
  const meant = issue.errors.flatMap(([first]) =>
    first === undefined || (first.code === 'invalid_type' && first.path.length === 0) ? [] : [first],
  );
  return meant[0] === undefined || meant.length > 1 ? [issue, path] : innermost(meant[0], path);
}

/** Realm `system` administers the others and has no entries. */
function requireEmptySystem(entry: RealmFile, at: string): void {
  if (entry.name !== systemRealm) return;
  const section = sections.find((name) => (entry[name]?.length ?? 0) > 0);
  if (section !== undefined) throw invalid(`${at}/${section}`, `the realm ${systemRealm} holds no ${section}`);
}

function requireDistinctEntries(entry: RealmFile, at: string): void {
  for (const section of sections) {
    requireDistinct<{ id: string }>(
      entry[section] ?? [],
      ({ id }) => id,
      (index) => `${at}/${section}/${index}/id`,
    );
  }
  const participants = entry.participants ?? [];
  requireDistinct(
    participants,
    ({ client }) => client?.id,
    (index) => `${at}/participants/${index}/client/id`,
  );
  requireDistinct(
    entry.credentials ?? [],
    ({ code }) => code,
    (index) => `${at}/credentials/${index}/code`,
  );
  for (const [index, network] of (entry.productNetworks ?? []).entries()) {
    const members = isAbsent(network) ? [] : (network.participants ?? []);
    requireDistinct(
      members,
      (id) => id,
      (position) => `${at}/productNetworks/${index}/participants/${position}`,
    );
  }
  for (const [index, participant] of participants.entries()) {
    const resources = participant.resources ?? [];
    requireDistinct(
      resources,
      ({ resource }) => resource,
      (position) => `${at}/participants/${index}/resources/${position}/resource`,
    );
  }
}

/** The refusal points at the second of two equal entries. */
function requireDistinct<T>(
  entries: readonly T[],
  name: (entry: T) => string | undefined,
  at: (index: number) => string,
): void {
  const seen = new Set<string>();
  for (const [index, entry] of entries.entries()) {
    const value = name(entry);
    if (value === undefined) continue;
    if (seen.has(value)) throw invalid(at(index), 'occurs twice');
    seen.add(value);
  }
}

function prepareParticipant(context: Context, entry: ParticipantFile, at: string): PreparedParticipant {
  const keys = (entry.keys ?? []).map((key, index) => prepareKey(key, `${at}/keys/${index}`));
  requireDistinct(
    keys,
    (key) => key.thumbprint,
    (index) => `${at}/keys/${index}`,
  );
  const { client } = entry;
  if (client?.scope?.split(' ').includes(adminScope) === true) {
    // A participant administers nothing, because a thief of its one secret would then own the realm.
    throw invalid(`${at}/client/scope`, `a participant's client cannot have the scope ${adminScope}`);
  }
  return {
    entry,
    at,
    organisationId: entry.participant?.id,
    keys,
    given: client?.secret === undefined ? undefined : storeSecret(context, client.secret),
    made: client === undefined || client.secret !== undefined ? undefined : makeSecret(context),
  };
}

/** The registered members of a JWK (RFC 7517, RFC 7518, IANA), and the private ones, which are refused by name. */
const keyMembers: ReadonlySet<string> = new Set([
  ...['kty', 'use', 'key_ops', 'alg', 'kid', 'x5u', 'x5c', 'x5t', 'x5t#S256', 'n', 'e', 'crv', 'x', 'y', 'ext', 'iat'],
  ...['nbf', 'exp', 'd', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'],
]);

function prepareKey(key: NonNullable<ParticipantFile['keys']>[number], at: string): PreparedKey {
  const { nbf, exp, ...jwk } = typeof key === 'string' ? {} : key;
  const unknown = Object.keys(jwk).find((member) => !keyMembers.has(member));
  if (unknown !== undefined) throw invalid(`${at}${pointerTo(unknown)}`, 'this member is not known here');
  const read = readOfferedKey(typeof key === 'string' ? key : jwk);
  if (!read.ok) {
    throw invalid(
      read.member === '' ? at : `${at}${pointerTo(read.member)}`,
      `the public key is refused: ${read.reason}`,
    );
  }
  if (nbf !== undefined && exp !== undefined && exp < nbf) throw invalid(`${at}/exp`, 'must not be earlier than nbf');
  const digest = cryptoPort.sha256(new TextEncoder().encode(thumbprintInput(read.jwk)));
  return {
    jwk: read.jwk,
    thumbprint: encodeBase64url(digest),
    notBefore: within(Math.max, nbf, read.notBefore),
    notAfter: within(Math.min, exp, read.notAfter),
    at,
  };
}

/** The date of the file (seconds), but within the dates of the certificate (milliseconds). */
function within(
  closer: (...dates: number[]) => number,
  date: number | undefined,
  ofCertificate: number | undefined,
): number | undefined {
  const dates = [date === undefined ? undefined : date * 1000, ofCertificate].filter((one) => one !== undefined);
  return dates.length === 0 ? undefined : closer(...dates);
}
