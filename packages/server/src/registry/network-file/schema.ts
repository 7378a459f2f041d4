import { z } from 'zod';
import { isoDate, numericDate } from '../../kernel/clock.ts';
import { entryId, isPlain, lineOfText } from '../../kernel/text.ts';
import { credentialCode, credentialMail } from '../../subject/credential-code.ts';
import { passwordConfigSchema } from '../../subject/password-config.ts';
import { profileNames, realmName, settingsSchema, signatureForm } from '../../subject/realm.ts';
import { isBaseUrl } from '../base-url.ts';
import { logo, logoContentType, website } from '../organisation-fields.ts';
import { type Role, roleAliases, roles, statuses } from '../participant.ts';

/**
 * The network file: what a network consists of, declared. Every object is strict, so that a misspelt member is refused and
 * not ignored. What a file leaves out of an entry stays as it is; null clears; a list that is given replaces the list.
 */

const id = entryId;

/** Several lines of text: no control characters but tab and line ends, whole characters only. */
const text = (max: number) =>
  z.string().max(max).refine(isText, 'must be text without control and invisible characters');

/** ISO 8601 with a zone, or a day: epoch milliseconds. */
const date = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], { error: 'must be an ISO 8601 date with a time zone' })
  .transform((written) => Date.parse(written));

/** As OCEN writes dates: UTC, no fraction where there is none. */
const normalDate = date.transform((milliseconds) => isoDate(milliseconds));

const role = z
  .enum([...roles, ...(Object.keys(roleAliases) as ['DERIVED_DATA_PROVIDER'])])
  .transform((written): Role => roleAliases[written] ?? (written as Role));

const organisation = z.strictObject({
  id: id.optional(),
  participantName: lineOfText().nullish(),
  participantDescription: text(4_000).nullish(),
  participantLogo: logo(65_536).nullish(),
  participantLogoContentType: logoContentType.nullish(),
  participantWebsite: website.nullish(),
  participantEmail: lineOfText(320).nullish(),
  participantPhone: lineOfText(64).nullish(),
  createdOn: normalDate.nullish(),
  updatedOn: normalDate.nullish(),
});

/** The JWK itself is parsed by `parsePublicJwk`; here only what the registry adds: from when until when it is valid. */
const key = z.looseObject({ nbf: numericDate.optional(), exp: numericDate.optional() });

/** RFC 6749 §3.3: visible ASCII without quote and backslash, one space between. */
const scope = z
  .string()
  .max(1_024)
  .regex(/^([\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*)?$/, 'must be scopes with one space between them');

const resourceName = lineOfText(2_048).regex(/^\S+$/, 'must not contain spaces');

const client = z.strictObject({
  id: z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters'),
  /** 128 bits, if it is random: digests of secrets are not stretched. */
  secret: z
    .string()
    .min(16, 'must have at least 16 characters')
    .max(1_024, 'must have at most 1024 characters')
    .refine(isLineWithoutControls, 'must not contain control characters')
    .optional(),
  scope: scope.optional(),
  audiences: z.array(resourceName).max(100).optional(),
});

const participant = z.strictObject({
  /** The participant-role id: what OCEN calls participantId on the wire. */
  id,
  role,
  /** A new participant that says nothing is APPROVED: whoever applies the file is the administrator. */
  status: z.enum(statuses).optional(),
  baseUrl: z.string().refine(isBaseUrl, 'must be an absolute https URL without user, query and fragment').nullish(),
  /** What it signs in, and what others shall sign to it in. `strict` refuses its keys in every other form. */
  signatureForm: signatureForm.nullish(),
  createdOn: date.nullish(),
  updatedOn: date.nullish(),
  approvedOn: date.nullish(),
  approvedBy: lineOfText().nullish(),
  participant: organisation.optional(),
  keys: z.array(key).max(100).optional(),
  client: client.optional(),
  resources: z
    .array(z.strictObject({ resource: resourceName, roles: z.array(lineOfText()).max(100) }))
    .max(1_000)
    .optional(),
});

const product = z.strictObject({ id, name: lineOfText(), description: text(4_000).nullish() });

const productNetwork = z.strictObject({
  id,
  name: lineOfText(),
  description: text(4_000).nullish(),
  productId: id.nullish(),
  participants: z.array(id).optional(),
});

/** OCEN's operators include the literal `EQUALS,`, comma and all: what came in is what is given out. */
const lenderNetworkFilter = z.looseObject({
  id,
  requirementName: lineOfText().optional(),
  operator: lineOfText().optional(),
});

/** OCEN's documents do not say all of its members: what came in is what is given out. */
const serverWhitelistingItem = z.looseObject({
  id,
  ipAddress: lineOfText(64),
  portNumber: lineOfText(32),
  /** The participant-role id, or the participant role as an object that has it. */
  participantRole: z.union([id, z.looseObject({ id })], { error: 'must be the id of a participant' }).nullish(),
});

const identityProfile = z.strictObject({ id, name: lineOfText() });

const passwordProfile = z.strictObject({
  /** The id of the identity profile that it extends. */
  id,
  configPerCredentialType: passwordConfigSchema,
});

const identity = z.strictObject({ id, profileId: id, name: lineOfText() });

const credential = z.strictObject({
  id,
  identityId: id,
  type: z.enum(['ROOT', 'USER']),
  code: credentialCode,
  /** Where mail goes; without it to the code, if that is an address. */
  email: credentialMail.nullish(),
});

const realm = z.strictObject({
  name: realmName,
  profile: z.enum(profileNames).optional(),
  settings: settingsSchema.partial().optional(),
  participants: z.array(participant).optional(),
  products: z.array(product).optional(),
  productNetworks: z.array(productNetwork).optional(),
  lenderNetworkFilters: z.array(lenderNetworkFilter).optional(),
  serverWhitelistingItems: z.array(serverWhitelistingItem).optional(),
  identityProfiles: z.array(identityProfile).optional(),
  passwordProfiles: z.array(passwordProfile).optional(),
  identities: z.array(identity).optional(),
  credentials: z.array(credential).optional(),
});

export const networkFileSchema = z.strictObject({ realms: z.array(realm) });

export type NetworkFile = z.output<typeof networkFileSchema>;
type WhitelistingItemFile = z.output<typeof serverWhitelistingItem>;
export type RealmFile = NetworkFile['realms'][number];
export type ParticipantFile = NonNullable<RealmFile['participants']>[number];

/** The lists of a realm, in the order in which they may refer to one another. */
export const sections = [
  'participants',
  'products',
  'productNetworks',
  'lenderNetworkFilters',
  'serverWhitelistingItems',
  'identityProfiles',
  'passwordProfiles',
  'identities',
  'credentials',
] as const;
export type Section = (typeof sections)[number];

/** Which participant an item is of. */
export function participantOf({ participantRole }: WhitelistingItemFile): string | null {
  return (typeof participantRole === 'object' ? participantRole?.id : participantRole) ?? null;
}

function isText(value: string): boolean {
  return value.isWellFormed() && !/[^\P{Cc}\t\n\r]/u.test(value) && isPlain(value);
}

function isLineWithoutControls(value: string): boolean {
  return value.isWellFormed() && !/\p{Cc}/u.test(value);
}
