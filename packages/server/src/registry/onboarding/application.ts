import { cryptoPort } from '@countersign/client/node-crypto';
import { encodeBase64url, type PublicJwk, thumbprint } from '@countersign/proof';
import { z } from 'zod';
import type { Context } from '../../context.ts';
import { organisationOwner } from '../../kernel/audience-name.ts';
import type { Caller } from '../../kernel/caller.ts';
import { isoDate, seconds } from '../../kernel/clock.ts';
import { timeOrderedId } from '../../kernel/id.ts';
import { type Page, type PageRequest, toPage } from '../../kernel/page.ts';
import { Problem } from '../../kernel/problem.ts';
import { unknownSource } from '../../kernel/source.ts';
import { entryId, lineOfText } from '../../kernel/text.ts';
import { updateVersioned } from '../../store/versioned.ts';
import { type Writing, write } from '../../store/write.ts';
import { attempts, isFailedProof } from '../../subject/attempt.ts';
import { type Realm, systemRealm } from '../../subject/realm.ts';
import { sharedRate } from '../../subject/throttle/shared-rate.ts';
import { isNameTaken } from '../audience-owner.ts';
import { requireBaseUrl } from '../base-url.ts';
import { findKeyOwner } from '../keys/participant-key.store.ts';
import { requirePossession } from '../keys/proof-of-possession.ts';
import {
  type DatedKey,
  offeredKeySchema,
  requirePublicKey,
  requireSecretHalf,
  requireValidity,
} from '../keys/public-key.ts';
import { logo, logoContentType, website } from '../organisation-fields.ts';
import { type Organisation, type Role, roleAliases, roles } from '../participant.ts';
import {
  type ApplicationRow,
  countApplications,
  findApplication,
  insertApplication,
  listApplications,
} from './application.store.ts';
import { tellOfApplication } from './application-mail.ts';

const optionalLine = lineOfText().nullable().default(null);

/** What an organisation says about itself in its application. A logo is a URL or, if small, base64. */
const organisationSchema = z.strictObject({
  participantName: lineOfText(),
  participantDescription: lineOfText(2_048).nullable().default(null),
  participantLogo: logo(16_384).nullable().default(null),
  participantLogoContentType: logoContentType.nullable().default(null),
  participantWebsite: website.nullable().default(null),
  participantEmail: optionalLine,
  participantPhone: optionalLine,
});

export const applicationSchema = z.strictObject({
  role: z.enum([...roles, ...Object.keys(roleAliases)]),
  baseUrl: z.string().max(2_048).optional(),
  participant: organisationSchema,
  /** Address of the applicant. Never shown to other participants. */
  contact: z.email().max(254),
  publicKey: offeredKeySchema,
  /** An organisation of the registry that applies for another role, with one of its keys. */
  organisationId: entryId.optional(),
  proof: z.string().min(1).max(8_192),
});
type Wanted = z.output<typeof applicationSchema>;

export const applicationStatuses = ['APPLIED', 'UNDER_REVIEW', 'APPROVED', 'REJECTED'] as const;
export type ApplicationStatus = (typeof applicationStatuses)[number];

export const applicationViewSchema = z.object({
  id: z.string(),
  status: z.enum(applicationStatuses),
  role: z.enum(roles),
  baseUrl: z.string().nullable(),
  participant: organisationSchema,
  contact: z.string(),
  publicKey: z.record(z.string(), z.unknown()),
  thumbprint: z.string(),
  organisationId: z.string().nullable(),
  participantId: z.string().nullable(),
  clientId: z.string().nullable(),
  reason: z.string().nullable(),
  pickedUp: z.boolean(),
  decidedBy: z.string().nullable(),
  createdAt: z.string(),
  updatedAt: z.string(),
});
export type ApplicationView = z.output<typeof applicationViewSchema>;

/** Purpose under which the vault digests the one-time code. */
export const pickUpPurpose = 'pick-up';

/** Applications from one source in an hour. Failed proofs are counted as attempts instead. */
const perSource = { budget: 10, window: 3_600_000, bound: 50_000 };
/** Statuses of undecided applications. Everyone may apply, so their number in a realm needs a bound. */
const openStatuses: readonly ApplicationStatus[] = ['APPLIED', 'UNDER_REVIEW'];
const maxOpen = 1_000;

const sourceRate = sharedRate('application', perSource);

/** Stores an application and returns the one-time code for the pick-up. The code is shown only now. */
export async function submitApplication(
  context: Context,
  realm: Realm,
  wanted: Wanted,
  caller: Caller,
): Promise<{ readonly id: string; readonly status: ApplicationStatus; readonly pickUpCode: string }> {
  // Realm `system` administers the others and has no participants.
  if (realm.name === systemRealm) throw new Problem('request.not_found');
  const baseUrl = wanted.baseUrl === undefined ? undefined : requireBaseUrl(wanted.baseUrl, realm, '/baseUrl');
  const key = requirePublicKey(wanted.publicKey, '/publicKey');
  const { jwk } = key;
  requireValidity(key, { from: context.clock.now() }, '/publicKey');
  const keyId = await thumbprint(jwk, cryptoPort);
  await requireOwnKey(context, realm, wanted, { jwk, thumbprint: keyId, baseUrl }, caller);
  await requireSecretHalf(jwk, '/publicKey');
  const code = context.random.token(32);
  const row = toRow(context, realm.name, wanted, { jwk, key, thumbprint: keyId, baseUrl, code });
  await write(context, caller, async (tx) => {
    await requireCapacity(tx, realm.name);
    await requireOwnOrganisation(tx, realm.name, wanted.organisationId, keyId);
    await requireOwnBaseUrl(tx, realm.name, baseUrl, keyId);
    await insertApplication(tx.db, { ...row, created_at: tx.now, updated_at: tx.now });
    const after = { status: row.status, role: row.role, baseUrl: row.base_url, thumbprint: keyId };
    await tx.record({ realm: realm.name, type: 'application.submitted', object: `application:${row.id}`, after });
    await tellOfApplication(context, tx, realm, row);
  });
  return { id: row.id, status: 'APPLIED', pickUpCode: code };
}

export async function pageOfApplications(
  context: Context,
  realm: string,
  status: ApplicationStatus | undefined,
  { after, limit }: PageRequest,
): Promise<Page<ApplicationView>> {
  const rows = await listApplications(context.store.db, realm, status, after, limit + 1);
  return toPage(rows.map(applicationView), limit, (application) => application.id);
}

export async function requireApplication(db: Writing['db'] | Context['store']['db'], realm: string, id: string) {
  const row = await findApplication(db, realm, id);
  if (row === undefined) throw new Problem('application.unknown');
  return row;
}

/** Changes the application. @throws {Problem} `write.conflict` if another change came first */
export async function changeApplication(
  tx: Writing,
  row: ApplicationRow,
  change: Partial<ApplicationRow>,
): Promise<void> {
  if (!(await updateVersioned(tx.db, 'application', row, { ...change, updated_at: tx.now })))
    throw new Problem('write.conflict');
}

export function applicationView(row: ApplicationRow): ApplicationView {
  return {
    id: row.id,
    status: row.status as ApplicationStatus,
    role: row.role as Role,
    baseUrl: row.base_url,
    participant: JSON.parse(row.organisation) as ApplicationView['participant'],
    contact: row.contact,
    publicKey: JSON.parse(row.jwk) as Record<string, unknown>,
    thumbprint: row.thumbprint,
    organisationId: row.organisation_id,
    participantId: row.participant_id,
    clientId: row.client_id,
    reason: row.reason,
    pickedUp: row.status === 'APPROVED' && row.code_digest === null,
    decidedBy: row.decided_by,
    createdAt: isoDate(row.created_at),
    updatedAt: isoDate(row.updated_at),
  };
}

/** The organisation that an approval registers. */
export function organisationOf(row: ApplicationRow, now: number): Organisation {
  const said = JSON.parse(row.organisation) as z.output<typeof organisationSchema>;
  return { ...said, createdOn: isoDate(now), updatedOn: isoDate(now) };
}

interface Offered {
  readonly jwk: PublicJwk;
  readonly thumbprint: string;
  readonly baseUrl: string | undefined;
}

/** The proof covers the application's contents, so a signature cannot be reused with another role, address or name. */
async function requireOwnKey(
  context: Context,
  realm: Realm,
  wanted: Wanted,
  offered: Offered,
  caller: Caller,
): Promise<void> {
  const source = caller.source ?? unknownSource;
  attempts(context).require(realm.name, 'application', source);
  const bound = {
    role: wanted.role,
    baseUrl: wanted.baseUrl,
    thumbprint: offered.thumbprint,
    participantName: wanted.participant.participantName,
    organisationId: wanted.organisationId,
  };
  try {
    const { jwk, thumbprint: keyId } = offered;
    await requirePossession(context, realm, {
      proof: wanted.proof,
      keys: [{ jwk, thumbprint: keyId }],
      typ: 'countersign-application+jwt',
      bound,
    });
  } catch (thrown) {
    if (isFailedProof(thrown, 'registry.proof')) attempts(context).failed(realm.name, 'application', source);
    throw thrown;
  }
  const rate = sourceRate(context);
  rate.require(source.network);
  rate.spend(source.network);
}

async function requireCapacity(tx: Writing, realm: string): Promise<void> {
  if ((await countApplications(tx.db, realm, openStatuses, maxOpen)) < maxOpen) return;
  throw new Problem('attempt.throttled', {
    detail: 'Too many applications wait for a decision. Come back later.',
    retryAfter: 3_600,
  });
}

/** Only a key of the organisation may apply for another role of it. An unknown organisation looks the same as another's. */
async function requireOwnOrganisation(tx: Writing, realm: string, organisationId: string | undefined, keyId: string) {
  if (organisationId === undefined || (await findKeyOwner(tx.db, realm, keyId)) === organisationId) return;
  const detail = 'Apply for another role of an organisation with a key that is registered for it.';
  throw new Problem('registry.conflict', { detail, pointer: '/organisationId' });
}

/** Only an application signed by a key of an organisation may use the base URL of that organisation. */
async function requireOwnBaseUrl(tx: Writing, realm: string, baseUrl: string | undefined, keyId: string) {
  if (baseUrl === undefined) return;
  const organisationId = await findKeyOwner(tx.db, realm, keyId);
  const owner = organisationId === undefined ? '' : organisationOwner(organisationId);
  if (!(await isNameTaken(tx, realm, { name: baseUrl, owner }))) return;
  const detail = 'The base URL belongs to another organisation. If it is yours, apply with one of its keys.';
  throw new Problem('registry.conflict', { detail, pointer: '/baseUrl' });
}

interface Accepted extends Offered {
  readonly key: DatedKey;
  readonly code: string;
}

function toRow(context: Context, realm: string, wanted: Wanted, offered: Accepted) {
  const { notBefore, notAfter } = offered.key;
  // The dates of the certificate, as the network file writes them.
  const dates = {
    ...(notBefore === undefined ? {} : { nbf: seconds(notBefore) }),
    ...(notAfter === undefined ? {} : { exp: seconds(notAfter) }),
  };
  return {
    realm,
    id: timeOrderedId(context.clock.now(), context.random),
    status: 'APPLIED' satisfies ApplicationStatus,
    role: roleAliases[wanted.role] ?? wanted.role,
    base_url: offered.baseUrl ?? null,
    organisation: JSON.stringify(wanted.participant),
    contact: wanted.contact,
    jwk: JSON.stringify({ ...offered.jwk, ...dates }),
    thumbprint: offered.thumbprint,
    code_digest: context.vault.digest(pickUpPurpose, offered.code),
    participant_id: null,
    client_id: null,
    decided_by: null,
    organisation_id: wanted.organisationId ?? null,
    reason: null,
  };
}

/** SHA-256 as base64url. A proof names the code by this hash, without telling it. */
export function codeHash(code: string): string {
  return encodeBase64url(cryptoPort.sha256(new TextEncoder().encode(code)));
}
