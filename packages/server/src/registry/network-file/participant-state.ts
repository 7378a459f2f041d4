import { isoDate } from '../../kernel/clock.ts';
import type { SignatureForm } from '../../subject/realm.ts';
import type { Organisation, ResourceMapping, Status } from '../participant.ts';
import type { ParticipantFile } from './schema.ts';

/** The part of a participant that a file can set, apart from its keys and its client. Times are epoch milliseconds. */
export interface ParticipantState {
  readonly organisationId: string;
  readonly role: string;
  readonly status: Status;
  readonly baseUrl: string | null;
  readonly signatureForm: SignatureForm | null;
  readonly organisation: Organisation;
  readonly resources: readonly ResourceMapping[];
  readonly approvedBy: string | null;
  readonly approvedAt: number | null;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** The columns of `participant` that hold the state. */
interface StateColumns {
  readonly organisation_id: string;
  readonly role: string;
  readonly status: string;
  readonly base_url: string | null;
  readonly signature_form: string | null;
  readonly organisation: string;
  readonly resources: string;
  readonly approved_by: string | null;
  readonly approved_at: number | null;
  readonly created_at: number;
  readonly updated_at: number;
}

export function fromColumns(row: StateColumns): ParticipantState {
  return {
    organisationId: row.organisation_id,
    role: row.role,
    status: row.status as Status,
    baseUrl: row.base_url,
    signatureForm: row.signature_form as SignatureForm | null,
    organisation: JSON.parse(row.organisation) as Organisation,
    resources: JSON.parse(row.resources) as ResourceMapping[],
    approvedBy: row.approved_by,
    approvedAt: row.approved_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}

export function toColumns(state: ParticipantState): StateColumns {
  return {
    organisation_id: state.organisationId,
    role: state.role,
    status: state.status,
    base_url: state.baseUrl,
    signature_form: state.signatureForm,
    organisation: JSON.stringify(state.organisation),
    resources: JSON.stringify(state.resources),
    approved_by: state.approvedBy,
    approved_at: state.approvedAt,
    created_at: state.createdAt,
    updated_at: state.updatedAt,
  };
}

/**
 * The state after the file has been applied. Members that the file leaves out stay. `updatedAt` does not follow the
 * file alone, so an old `updatedOn` in the file does not count as a change: see `changedState`.
 */
export function mergeState(
  entry: ParticipantFile,
  before: ParticipantState | undefined,
  now: number,
  approver: string,
): ParticipantState {
  const createdAt = entry.createdOn ?? before?.createdAt ?? now;
  const status = nextStatus(before?.status, entry.status);
  const newlyApproved = status === 'APPROVED' && before?.status !== 'APPROVED';
  return {
    organisationId: entry.participant?.id ?? before?.organisationId ?? entry.id,
    role: entry.role,
    status,
    baseUrl: given(entry.baseUrl, before?.baseUrl ?? null),
    signatureForm: given(entry.signatureForm, before?.signatureForm ?? null),
    organisation: mergeOrganisation(entry.participant, before?.organisation, createdAt),
    resources: status === 'OFFBOARDED' ? [] : (entry.resources ?? before?.resources ?? []),
    approvedBy: given(entry.approvedBy, newlyApproved ? approver : (before?.approvedBy ?? null)),
    approvedAt: given(entry.approvedOn, newlyApproved ? now : (before?.approvedAt ?? null)),
    createdAt,
    updatedAt: before?.updatedAt ?? entry.updatedOn ?? now,
  };
}

/** The time of the change: that of the file if later than the last change, else now. */
export function changedAt(entry: ParticipantFile, before: ParticipantState, now: number): number {
  const { updatedOn } = entry;
  return updatedOn != null && updatedOn > before.updatedAt ? updatedOn : now;
}

/** A file does not lift a suspension, because it may be old: the administrator does that. OFFBOARDED is final. */
function nextStatus(before: Status | undefined, wanted: Status | undefined): Status {
  if (before === 'OFFBOARDED') return before;
  if (before === 'SUSPENDED') return wanted === 'OFFBOARDED' ? wanted : before;
  return wanted ?? before ?? 'APPROVED';
}

function mergeOrganisation(
  entry: ParticipantFile['participant'],
  before: Organisation | undefined,
  createdAt: number,
): Organisation {
  const created = isoDate(createdAt);
  return {
    participantName: given(entry?.participantName, before?.participantName ?? null),
    participantDescription: given(entry?.participantDescription, before?.participantDescription ?? null),
    participantLogo: given(entry?.participantLogo, before?.participantLogo ?? null),
    participantLogoContentType: given(entry?.participantLogoContentType, before?.participantLogoContentType ?? null),
    participantWebsite: given(entry?.participantWebsite, before?.participantWebsite ?? null),
    participantEmail: given(entry?.participantEmail, before?.participantEmail ?? null),
    participantPhone: given(entry?.participantPhone, before?.participantPhone ?? null),
    createdOn: given(entry?.createdOn, before === undefined ? created : before.createdOn),
    updatedOn: given(entry?.updatedOn, before === undefined ? created : before.updatedOn),
  };
}

/** Null is a value, undefined is not. */
function given<T>(said: T | null | undefined, otherwise: T | null): T | null {
  return said === undefined ? otherwise : said;
}
