import type { Context } from '../context.ts';
import { realmKey } from '../kernel/id.ts';
import { Problem } from '../kernel/problem.ts';
import { updateVersioned } from '../store/versioned.ts';
import type { Writing } from '../store/write.ts';
import type { SignatureForm } from '../subject/realm.ts';
import { listKeys, type ParticipantKeyRow } from './keys/participant-key.store.ts';
import { type RegisteredKey, toRegisteredKey } from './keys/registered-key.ts';
import { listParticipantsById, type ParticipantRow, type ParticipantWithClient } from './participant.store.ts';

/** OCEN's roles in a network. */
export const roles = [
  'LENDER',
  'LOAN_AGENT',
  'DISBURSEMENT_PARTNER',
  'COLLECTIONS_PARTNER',
  'DERIVED_DATA_PARTNER',
  'KYC_PARTNER',
  'ADMIN',
  'REGULATOR',
] as const;
export type Role = (typeof roles)[number];

/** The spelling of OCEN's starter and of its older documents. Accepted on input, never written. */
export const roleAliases: Readonly<Record<string, Role>> = { DERIVED_DATA_PROVIDER: 'DERIVED_DATA_PARTNER' };

export const statuses = ['APPLIED', 'UNDER_REVIEW', 'APPROVED', 'REJECTED', 'SUSPENDED', 'OFFBOARDED'] as const;
export type Status = (typeof statuses)[number];

/** The organisation behind a participant, in OCEN's words. Dates are ISO 8601 in UTC. */
export interface Organisation {
  readonly participantName: string | null;
  readonly participantDescription: string | null;
  readonly participantLogo: string | null;
  readonly participantLogoContentType: string | null;
  readonly participantWebsite: string | null;
  readonly participantEmail: string | null;
  readonly participantPhone: string | null;
  readonly createdOn: string | null;
  readonly updatedOn: string | null;
}

/** A resource of the realm that the participant may reach, with its roles there. */
export interface ResourceMapping {
  readonly resource: string;
  readonly roles: readonly string[];
}

/**
 * One role of an organisation in the network: OCEN's "participant role". An organisation with two roles has two of
 * these.
 */
export interface Participant {
  readonly realm: string;
  readonly id: string;
  readonly organisationId: string;
  readonly role: Role;
  readonly status: Status;
  readonly baseUrl: string | null;
  /**
   * The form in which it signs and others sign to it. Null: the realm decides. `strict` refuses its keys in other
   * forms.
   */
  readonly signatureForm: SignatureForm | null;
  readonly organisation: Organisation;
  readonly resources: readonly ResourceMapping[];
  readonly approvedBy: string | null;
  readonly approvedAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly clientId: string | null;
  /** Includes retired keys, oldest first. */
  readonly keys: readonly RegisteredKey[];
}

/** From the cache, with all keys. Undefined if unknown. */
export async function lookUpParticipant(context: Context, realm: string, id: string): Promise<Participant | undefined> {
  return context.cache.get(
    'participant',
    realmKey(realm, id),
    async () => (await readParticipants(context, realm, [id]))[0],
  );
}

export async function requireParticipant(context: Context, realm: string, id: string): Promise<Participant> {
  const participant = await lookUpParticipant(context, realm, id);
  if (participant === undefined) throw new Problem('participant.unknown');
  return participant;
}

/** The existing ones of these ids, ordered by id, in a handful of queries. */
export async function readParticipants(
  context: Context,
  realm: string,
  ids: readonly string[],
): Promise<readonly Participant[]> {
  const { db } = context.store;
  const rows = await listParticipantsById(db, realm, ids);
  const keys = Map.groupBy(
    await listKeys(
      db,
      realm,
      rows.map((row) => row.id),
    ),
    (key) => key.participant_id,
  );
  // Sorted here, because PostgreSQL and SQLite sort by different collations.
  return rows.map((row) => toParticipant(row, keys.get(row.id) ?? [])).sort((a, b) => (a.id < b.id ? -1 : 1));
}

/**
 * Changes the row and removes it and its client from the caches.
 *
 * @throws {Problem} `write.conflict` if another change came first
 */
export async function changeParticipant(
  tx: Writing,
  row: ParticipantRow,
  clientId: string | null,
  change: Partial<ParticipantRow>,
): Promise<void> {
  if (!(await updateVersioned(tx.db, 'participant', row, { updated_at: tx.now, ...change })))
    throw new Problem('write.conflict');
  tx.changed('participant', realmKey(row.realm, row.id));
  // The cached client holds its participant's status, role and resources.
  if (clientId !== null) tx.changed('client', realmKey(row.realm, clientId));
}

export function toParticipant(row: ParticipantWithClient, keys: readonly ParticipantKeyRow[]): Participant {
  return {
    realm: row.realm,
    id: row.id,
    organisationId: row.organisation_id,
    role: row.role as Role,
    status: row.status as Status,
    baseUrl: row.base_url,
    signatureForm: row.signature_form as SignatureForm | null,
    organisation: JSON.parse(row.organisation) as Organisation,
    resources: JSON.parse(row.resources) as ResourceMapping[],
    approvedBy: row.approved_by,
    approvedAt: row.approved_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
    clientId: row.client_id,
    keys: keys.map(toRegisteredKey),
  };
}
