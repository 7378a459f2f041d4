import { z } from 'zod';
import { isoDate, numericDate } from '../../kernel/clock.ts';
import { audienceText, entryId, isPlain, lineOfText } from '../../kernel/text.ts';
import { credentialCode, credentialMail } from '../../subject/credential-code.ts';
import { passwordConfigSchema } from '../../subject/password-config.ts';
import { profileNames, realmName, settingsSchema, signatureForm } from '../../subject/realm.ts';
import { maxKeyText, pemText } from '../../subject/secrets/offered-key.ts';
import { isBaseUrl } from '../base-url.ts';
import { logo, logoContentType, website } from '../organisation-fields.ts';
import { type Role, roleAliases, roles, statuses } from '../participant.ts';
import { lenderNetworkFilter, serverWhitelistingItem } from './documents-schema.ts';

/**
 * The network file declares the contents of a network. Every object is strict: a misspelt member is refused, not
 * ignored. A member that an entry leaves out stays as it is, null clears it, and a list replaces the stored list.
 */

const id = entryId;

/** Text of several lines: whole characters, and no control characters except tab and line ends. */
const text = (max: number) =>
  z.string().max(max).refine(isText, 'must be text without control and invisible characters');

/** ISO 8601 with a zone, or a day, read into epoch milliseconds. */
const date = z
  .union([z.iso.datetime({ offset: true }), z.iso.date()], { error: 'must be an ISO 8601 date with a time zone' })
  .transform((written) => Date.parse(written));

/** As OCEN writes dates: UTC, with a fraction only if there is one. */
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

/** `prepare.ts` checks the JWK itself. Here are only the validity members that the registry adds. */
const key = z.union(
  [
    z.looseObject({ nbf: numericDate.optional(), exp: numericDate.optional() }),
    z.string().max(maxKeyText).regex(pemText),
  ],
  { error: 'must be a JWK, or text: PEM of a public key or of a certificate' },
);

/** RFC 6749 §3.3: visible ASCII without quote and backslash, with one space between scopes. */
const scope = z
  .string()
  .max(1_024)
  .regex(/^([\x21\x23-\x5b\x5d-\x7e]+( [\x21\x23-\x5b\x5d-\x7e]+)*)?$/, 'must be scopes with one space between them');

const client = z.strictObject({
  id: z.string().regex(/^[\x21-\x7e]{1,255}$/, 'must be 1 to 255 visible ASCII characters'),
  /** 128 bits if random. The digests of secrets are not stretched. */
  secret: z
    .string()
    .min(16, 'must have at least 16 characters')
    .max(1_024, 'must have at most 1024 characters')
    .refine(isLineWithoutControls, 'must not contain control characters')
    .optional(),
  scope: scope.optional(),
  audiences: z.array(audienceText).max(100).optional(),
});

const participant = z.strictObject({
  /** The participant-role id, which OCEN's wire calls participantId. */
  id,
  role,
  /** A new participant without a status is APPROVED, because the file comes from the administrator. */
  status: z.enum(statuses).optional(),
  baseUrl: z.string().refine(isBaseUrl, 'must be an absolute https URL without user, query and fragment').nullish(),
  /** The form in which it signs and others sign to it. `strict` refuses its keys in every other form. */
  signatureForm: signatureForm.nullish(),
  createdOn: date.nullish(),
  updatedOn: date.nullish(),
  approvedOn: date.nullish(),
  approvedBy: lineOfText().nullish(),
  participant: organisation.optional(),
  keys: z.array(key).max(100).optional(),
  client: client.optional(),
  resources: z
    .array(z.strictObject({ resource: audienceText, roles: z.array(lineOfText()).max(100) }))
    .max(1_000)
    .optional(),
});

/** An entry that a file may also delete, by saying so: leaving it out deletes nothing. */
const absent = z.strictObject({ id, state: z.literal('absent') });
export type Absent = z.output<typeof absent>;

function removable<Shape extends z.ZodRawShape>(present: z.ZodObject<Shape>) {
  const entry = present.extend({ state: z.literal('present').optional() }).strict();
  return z.discriminatedUnion('state', [absent, entry], { error: 'must be "present" or "absent"' });
}

const product = z.strictObject({ id, name: lineOfText(), description: text(4_000).nullish() });

const productNetwork = z.strictObject({
  id,
  name: lineOfText(),
  description: text(4_000).nullish(),
  productId: id.nullish(),
  participants: z.array(id).optional(),
});

const identityProfile = z.strictObject({ id, name: lineOfText() });

const passwordProfile = z.strictObject({
  /** The id of the identity profile that this one extends. */
  id,
  configPerCredentialType: passwordConfigSchema,
});

const identity = z.strictObject({ id, profileId: id, name: lineOfText() });

const credential = z.strictObject({
  id,
  identityId: id,
  type: z.enum(['ROOT', 'USER']),
  code: credentialCode,
  /** The address for mail. Without it mail goes to the code, if that is an address. */
  email: credentialMail.nullish(),
  /** Says that its holder reads mail to the address. Left out: what is known of it stays. */
  emailVerified: z.literal(true).optional(),
});

const realm = z.strictObject({
  name: realmName,
  profile: z.enum(profileNames).optional(),
  settings: settingsSchema.partial().optional(),
  participants: z.array(participant).optional(),
  products: z.array(removable(product)).optional(),
  productNetworks: z.array(removable(productNetwork)).optional(),
  lenderNetworkFilters: z.array(removable(lenderNetworkFilter)).optional(),
  serverWhitelistingItems: z.array(removable(serverWhitelistingItem)).optional(),
  identityProfiles: z.array(identityProfile).optional(),
  passwordProfiles: z.array(passwordProfile).optional(),
  identities: z.array(identity).optional(),
  credentials: z.array(credential).optional(),
});

export const networkFileSchema = z.strictObject({ realms: z.array(realm) });

export type NetworkFile = z.output<typeof networkFileSchema>;
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

export function isAbsent(entry: object): entry is Absent {
  return (entry as { readonly state?: unknown }).state === 'absent';
}

function isText(value: string): boolean {
  return value.isWellFormed() && !/[^\P{Cc}\t\n\r]/u.test(value) && isPlain(value);
}

function isLineWithoutControls(value: string): boolean {
  return value.isWellFormed() && !/\p{Cc}/u.test(value);
}
