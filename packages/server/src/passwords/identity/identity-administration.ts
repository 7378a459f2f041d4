import { z } from 'zod';
import type { Context } from '../../context.ts';
import { isoDate } from '../../kernel/clock.ts';
import { type Page, type PageRequest, toPage } from '../../kernel/page.ts';
import { entryId, lineOfText } from '../../kernel/text.ts';
import { verifiedAddressOf } from '../../mail/owner.ts';
import { credentialCode, credentialMail } from '../../subject/credential-code.ts';
import { type Credential, lookUpCredentialByCode, pageOfCredentials } from './credential.ts';
import { listIdentities, listIdentityProfiles } from './identity.store.ts';
import { type Identity, type IdentityProfile, requireIdentity } from './identity.ts';

/** Identity profiles, identities and credentials as administrators see them. */
export const newIdentityProfileSchema = z.strictObject({ id: entryId.optional(), name: lineOfText() });
export const newIdentitySchema = z.strictObject({ id: entryId.optional(), profileId: entryId, name: lineOfText() });
export const credentialType = z.enum(['ROOT', 'USER']);
export const newCredentialSchema = z.strictObject({
  id: entryId.optional(),
  identityId: entryId,
  type: credentialType,
  code: credentialCode,
  /** The address for mail. Without it mail goes to the code, if that is an address. */
  email: credentialMail.nullish(),
  /** The administrator says that its holder reads mail to this address. Else using the invitation proves it. */
  emailVerified: z.boolean().optional(),
});
export const credentialChangeSchema = z.strictObject({
  code: credentialCode.optional(),
  email: credentialMail.nullish(),
  emailVerified: z.boolean().optional(),
});

const status = z.enum(['ENABLED', 'DISABLED', 'DELETED']);
/** Only of a deleted one: until then it can be restored. */
const removedAfter = z.string().optional();
const times = { createdAt: z.string(), updatedAt: z.string() };

export const identityProfileViewSchema = z.object({ id: z.string(), name: z.string(), ...times });
export const identityViewSchema = z.object({
  id: z.string(),
  profileId: z.string(),
  name: z.string(),
  status,
  removedAfter,
  ...times,
});
export const credentialViewSchema = z.object({
  id: z.string(),
  identityId: z.string(),
  type: credentialType,
  code: z.string(),
  email: z.string().nullable(),
  /** Whether mails other than invitations and codes that verify it go to its address. */
  emailVerified: z.boolean(),
  /** Its own status. An enabled credential cannot log in while its identity is disabled. */
  status,
  identityStatus: status,
  removedAfter,
  ...times,
});

export async function pageOfIdentityProfiles(
  context: Context,
  realm: string,
  { after, limit }: PageRequest,
): Promise<Page<z.output<typeof identityProfileViewSchema>>> {
  const rows = await listIdentityProfiles(context.store.db, realm, after, limit + 1);
  return toPage(rows.map(identityProfileView), limit, ({ id }) => id);
}

/** Of one profile, or of all. */
export async function pageOfIdentities(
  context: Context,
  realm: string,
  profileId: string | undefined,
  { after, limit }: PageRequest,
): Promise<Page<z.output<typeof identityViewSchema>>> {
  const rows = await listIdentities(context.store.db, realm, profileId, after, limit + 1);
  return toPage(rows.map(identityView), limit, ({ id }) => id);
}

export interface CredentialFilter {
  readonly identityId?: string | undefined;
  /** Matches at most one credential. */
  readonly code?: string | undefined;
}

/** Of one identity, with one code, or all. @throws {Problem} `identity.unknown` */
export async function pageOfCredentialViews(
  context: Context,
  realm: string,
  { identityId, code }: CredentialFilter,
  page: PageRequest,
): Promise<Page<z.output<typeof credentialViewSchema>>> {
  if (identityId !== undefined) await requireIdentity(context, realm, identityId);
  if (code === undefined) {
    const { items, ...rest } = await pageOfCredentials(context, realm, identityId, page);
    return { items: items.map(credentialView), ...rest };
  }
  const found = await lookUpCredentialByCode(context, realm, code);
  const wanted = found !== undefined && (identityId ?? found.identity.id) === found.identity.id;
  return { items: wanted ? [credentialView(found)] : [] };
}

export function identityProfileView(row: IdentityProfile): z.output<typeof identityProfileViewSchema> {
  return { id: row.id, name: row.name, createdAt: isoDate(row.created_at), updatedAt: isoDate(row.updated_at) };
}

export function identityView(row: Identity): z.output<typeof identityViewSchema> {
  return {
    id: row.id,
    profileId: row.profile_id,
    name: row.name,
    status: statusOf(row.disabled_at, row.remove_at),
    ...removal(row.remove_at),
    createdAt: isoDate(row.created_at),
    updatedAt: isoDate(row.updated_at),
  };
}

export function credentialView(credential: Credential): z.output<typeof credentialViewSchema> {
  return {
    id: credential.id,
    identityId: credential.identity.id,
    type: credential.type,
    code: credential.code,
    email: credential.email,
    emailVerified: verifiedAddressOf(credential) !== undefined,
    status: statusOf(credential.disabledAt, credential.removeAt),
    identityStatus: statusOf(credential.identity.disabledAt, credential.identity.removeAt),
    ...removal(credential.removeAt ?? credential.identity.removeAt),
    createdAt: isoDate(credential.createdAt),
    updatedAt: isoDate(credential.updatedAt),
  };
}

function statusOf(disabledAt: number | null, removeAt: number | null): z.output<typeof status> {
  if (removeAt !== null) return 'DELETED';
  return disabledAt === null ? 'ENABLED' : 'DISABLED';
}

function removal(removeAt: number | null): { readonly removedAfter?: string } {
  return removeAt === null ? {} : { removedAfter: isoDate(removeAt) };
}
