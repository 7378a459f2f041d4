import { parsePublicJwk } from '@countersign/proof';
import type { Context } from '../../context.ts';
import { organisationOwner } from '../../kernel/audience-name.ts';
import type { Caller } from '../../kernel/caller.ts';
import { instantOfDate } from '../../kernel/clock.ts';
import { realmKey } from '../../kernel/id.ts';
import { Problem } from '../../kernel/problem.ts';
import { type Writing, write } from '../../store/write.ts';
import { claimAudienceNames } from '../audience-owner.ts';
import { createClient } from '../client.ts';
import { findKeyOwner } from '../keys/participant-key.store.ts';
import { registerKey } from '../keys/participant-key.ts';
import { type DatedKey, requireSecretHalf, requireValidity } from '../keys/public-key.ts';
import { insertParticipants } from '../participant.store.ts';
import { type ApplicationRow, organisationExists } from './application.store.ts';
import {
  type ApplicationStatus,
  type ApplicationView,
  applicationView,
  changeApplication,
  organisationOf,
  requireApplication,
} from './application.ts';
import { tellApplicant } from './application-mail.ts';

export type Decision = 'review' | 'approve' | 'reject';

/** The statuses that each decision starts from. A review may be skipped. Repeating a decision changes nothing. */
const decisions: Record<
  Decision,
  { readonly from: readonly ApplicationStatus[]; readonly to: ApplicationStatus; readonly event: string }
> = {
  review: { from: ['APPLIED'], to: 'UNDER_REVIEW', event: 'application.review_started' },
  approve: { from: ['APPLIED', 'UNDER_REVIEW'], to: 'APPROVED', event: 'application.approved' },
  reject: { from: ['APPLIED', 'UNDER_REVIEW'], to: 'REJECTED', event: 'application.rejected' },
};

export interface DecisionDetails {
  /** For the event log. */
  readonly reason?: string | undefined;
  /** On approval: an organisation of the registry that gets another role. Undefined: a new organisation. */
  readonly organisationId?: string | undefined;
}

/**
 * Takes one step of onboarding.
 *
 * @throws {Problem} `application.unknown`, `registry.transition`, and on approval `registry.key_taken`, `registry.key`
 */
export async function decideApplication(
  context: Context,
  realm: string,
  id: string,
  decision: Decision,
  details: DecisionDetails,
  caller: Caller,
): Promise<ApplicationView> {
  const { from, to, event } = decisions[decision];
  // Made outside the transaction, which may run twice.
  const made = {
    participantId: context.random.uuid(),
    clientId: context.random.uuid(),
    organisationId: context.random.uuid(),
  };
  const { jwk } = await requireApplication(context.store.db, realm, id);
  // Applications from before this check existed were not checked on arrival.
  if (decision === 'approve') await requireSecretHalf(storedKey(jwk).jwk, '/publicKey');
  await write(context, caller, async (tx) => {
    const row = await requireApplication(tx.db, realm, id);
    if (row.status === to) return;
    if (!from.includes(row.status as ApplicationStatus)) {
      throw new Problem('registry.transition', { detail: `The application is ${row.status}.` });
    }
    const ids = decision === 'approve' ? { participant_id: made.participantId, client_id: made.clientId } : {};
    // First, because the version of this row decides between two decisions at once.
    await changeApplication(tx, row, {
      status: to,
      decided_by: caller.actor,
      ...ids,
      ...(to === 'REJECTED' ? { code_digest: null, reason: details.reason ?? null } : {}),
    });
    if (decision === 'approve')
      await register(context, tx, row, { ...made, ...(await organisationFor(tx, row, details)) }, caller);
    const change = {
      before: { status: row.status },
      after: { status: to, ...ids, ...(details.reason === undefined ? {} : { reason: details.reason }) },
    };
    await tx.record({ realm, type: event, object: `application:${id}`, ...change });
    const told = { applicationId: id, role: row.role, participantId: made.participantId, reason: details.reason ?? '' };
    await tellApplicant(context, tx, row, `application-${mailOf[decision]}`, told);
  });
  return applicationView(await requireApplication(context.store.db, realm, id));
}

function storedKey(jwk: string): DatedKey {
  const stored = JSON.parse(jwk) as { readonly nbf?: number; readonly exp?: number };
  const parsed = parsePublicJwk(stored);
  const instant = (date: number | undefined) => (date === undefined ? undefined : instantOfDate(date));
  if (parsed.ok) return { jwk: parsed.key, notBefore: instant(stored.nbf), notAfter: instant(stored.exp) };
  throw new Problem('internal', { reason: `the stored key is damaged: ${parsed.reason}` });
}

const mailOf = { review: 'review', approve: 'approved', reject: 'rejected' } as const;

/**
 * The organisation of the decision, else the one that the applicant proved to be. A key belongs to one organisation, so
 * the refusal of a known key says what to do.
 */
async function organisationFor(
  tx: Writing,
  { realm, thumbprint, organisation_id: applied }: ApplicationRow,
  details: DecisionDetails,
) {
  const organisationId = details.organisationId ?? applied ?? undefined;
  if (organisationId === undefined) {
    const owner = await findKeyOwner(tx.db, realm, thumbprint);
    if (owner === undefined) return {};
    const detail = `The key belongs to the organisation ${owner}. If this is another role of it, approve with organisationId (countersign participant approve … --organisation ${owner}).`;
    throw new Problem('registry.key_taken', { detail, pointer: '/organisationId' });
  }
  if (await organisationExists(tx.db, realm, organisationId)) return { organisationId };
  throw new Problem('request.invalid', {
    detail: 'There is no such organisation in this realm.',
    pointer: '/organisationId',
  });
}

/** The base URL may have been registered for another organisation since the application. */
async function requireFreeNames(tx: Writing, realm: string, organisationId: string, names: readonly string[]) {
  const owner = organisationOwner(organisationId);
  const claims = names.map((name) => ({ name, owner }));
  if ((await claimAudienceNames(tx, realm, claims)) === undefined) return;
  throw new Problem('registry.conflict', {
    detail: 'The base URL belongs to another organisation.',
    pointer: '/baseUrl',
  });
}

interface Made {
  readonly participantId: string;
  readonly clientId: string;
  readonly organisationId: string;
}

/** Registers the participant with its key, and its client without a secret. The pick-up makes the secret. */
async function register(context: Context, tx: Writing, row: ApplicationRow, made: Made, caller: Caller): Promise<void> {
  const { realm } = row;
  const { participantId, clientId, organisationId } = made;
  const organisation = organisationOf(row, tx.now);
  await insertParticipants(tx.db, [
    {
      realm,
      id: participantId,
      organisation_id: organisationId,
      role: row.role,
      status: 'APPROVED',
      base_url: row.base_url,
      signature_form: null,
      organisation: JSON.stringify(organisation),
      resources: '[]',
      contact: row.contact,
      approved_by: caller.actor,
      approved_at: tx.now,
      created_at: tx.now,
      updated_at: tx.now,
    },
  ]);
  const { thumbprint } = row;
  const key = storedKey(row.jwk);
  const validity = requireValidity(key, { from: tx.now }, '/publicKey');
  await registerKey(tx, { realm, participantId, organisationId, jwk: key.jwk, thumbprint, ...validity });
  const name = organisation.participantName ?? participantId;
  await requireFreeNames(tx, realm, organisationId, [participantId, ...(row.base_url === null ? [] : [row.base_url])]);
  const client = { realm, id: clientId, name, participantId, organisationId };
  await createClient(context, tx, { ...client, secrets: [], suspended: false });
  tx.changed('participant', realmKey(realm, participantId));
  const after = { role: row.role, status: 'APPROVED', baseUrl: row.base_url, organisationId, thumbprint, clientId };
  await tx.record({ realm, type: 'participant.registered', object: `participant:${participantId}`, after });
}
