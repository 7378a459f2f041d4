import type { MessageForm } from '@countersign/proof';
import { z } from 'zod';
import type { Config } from '../config.ts';
import type { Context } from '../context.ts';
import { type Contact, contactSchema } from '../kernel/contact.ts';
import { Problem } from '../kernel/problem.ts';
import { audienceText } from '../kernel/text.ts';
import type { Writing } from '../store/write.ts';
import { findRealm, insertRealm, listRealmNames, touchRealm, updateRealm } from './realm.store.ts';

/** A tenant, with its own issuer, signing keys, participants, wallets and identities. */
export interface Realm {
  readonly name: string;
  readonly profile: ProfileName;
  readonly issuer: string;
  readonly settings: Settings;
  readonly createdAt: number;
}

export const signingAlgs = ['RS256', 'PS256', 'ES256', 'Ed25519'] as const;
export type SigningAlg = (typeof signingAlgs)[number];

export const signatureForm = z.enum(['ocen', 'rfc7797', 'strict'] satisfies MessageForm[]);
export type SignatureForm = z.output<typeof signatureForm>;

/** Seconds. Longest life of an access token, whatever the settings are or were. */
export const longestToken = 86_400;

/** Every setting of a realm. A profile gives the defaults. The network file's `settings` override each by name. */
export const settingsSchema = z.strictObject({
  accessTokenAlg: z.enum(signingAlgs),
  accessTokenTyp: z.enum(['JWT', 'at+jwt']),
  /** Whole seconds. */
  accessTokenSeconds: z.int().min(30).max(longestToken),
  /** If true, this server accepts only tokens that name the realm's issuer in `aud`. */
  audienceRequired: z.boolean(),
  /** `aud` of a token for which no resource was requested. Null means the issuer. */
  defaultAudience: audienceText.nullable(),
  signatureForms: z.array(signatureForm).min(1),
  signatureFormSent: signatureForm,
  /** If true, the token endpoint takes a JSON body as well as a form. */
  tokenRequestJson: z.boolean(),
  walletTokens: z.enum(['bearer', 'dpop']),
  /** `invited`: only invited callers may make a wallet. `open`: every caller may. */
  walletCreation: z.enum(['invited', 'open']),
  /** RPC methods that are taken only packed: `countersign.v1.WalletService/GrantAccess`, or `…/*` for a whole service. */
  packedMethods: z
    .array(
      z
        .string()
        .max(200)
        .regex(/^\w+(?:\.\w+)*\/(?:\w+|\*)$/, 'must be package.Service/Method or package.Service/*'),
    )
    .max(64),
  /** Hours between the start of a wallet's recovery by mail and its end, 24 to 720. Null: wallets cannot be recovered. */
  walletRecoveryHours: z.int().min(24).max(720).nullable(),
  sessionIdleSeconds: z.int().min(30).max(86_400),
  sessionMaxSeconds: z
    .int()
    .min(60)
    .max(30 * 86_400),
  /** Days for which a deleted identity or credential can be restored. After them it is removed. */
  deletionGraceDays: z.int().min(0).max(3_650),
  /** Allows http base URLs and certification runs. Never in production. */
  development: z.boolean(),
  /** The administrators, for people who have questions. Null: none. */
  contact: contactSchema.nullable(),
});

export type Settings = Readonly<z.output<typeof settingsSchema>>;

const ocen4: Settings = {
  accessTokenAlg: 'RS256',
  accessTokenTyp: 'JWT',
  accessTokenSeconds: 86_400,
  audienceRequired: false,
  defaultAudience: null,
  signatureForms: ['ocen', 'rfc7797', 'strict'],
  signatureFormSent: 'rfc7797',
  tokenRequestJson: true,
  walletTokens: 'bearer',
  walletCreation: 'invited',
  packedMethods: [],
  walletRecoveryHours: 72,
  sessionIdleSeconds: 300,
  sessionMaxSeconds: 43_200,
  deletionGraceDays: 30,
  development: false,
  contact: null,
};

const strict: Settings = {
  ...ocen4,
  accessTokenAlg: 'ES256',
  accessTokenTyp: 'at+jwt',
  accessTokenSeconds: 600,
  audienceRequired: true,
  signatureForms: ['strict'],
  signatureFormSent: 'strict',
  tokenRequestJson: false,
  walletTokens: 'dpop',
};

const inDev = { development: true, walletCreation: 'open' } as const satisfies SettingsOverrides;

export const profiles = { ocen4, strict } as const satisfies Record<string, Settings>;
export type ProfileName = keyof typeof profiles;
export const profileNames = Object.keys(profiles) as [ProfileName, ...ProfileName[]];

/** The realm that administers the others. It has no participants. */
export const systemRealm = 'system';

/** A realm name stands in URLs and in issuers, so it must have one spelling. */
export const realmName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be 1 to 63 of a-z, 0-9 and -, not beginning with -');

export type SettingsOverrides = { readonly [S in keyof Settings]?: Settings[S] | undefined };

/** The realm of that name, from the cache. @throws {Problem} `realm.unknown` */
export async function requireRealm(context: Context, name: string): Promise<Realm> {
  const realm = await lookUpRealm(context, name);
  if (realm === undefined) throw new Problem('realm.unknown');
  return realm;
}

export function lookUpRealm(context: Context, name: string): Promise<Realm | undefined> {
  return context.cache.get('realm', name, async () => {
    // Only possible names are looked up: PostgreSQL fails on a NUL.
    if (!realmName.safeParse(name).success) return undefined;
    const row = await findRealm(context.store.db, name);
    if (row === undefined) return undefined;
    const profile = row.profile as ProfileName;
    return {
      name,
      profile,
      issuer: issuerOf(context, name),
      settings: effectiveSettings(context.config, name, profile, JSON.parse(row.settings) as SettingsOverrides),
      createdAt: row.created_at,
    };
  });
}

/** The administrators' contact, read in a transaction. */
export async function readContact({ config }: Context, tx: Writing, name: string): Promise<Contact | null> {
  const row = await findRealm(tx.db, name);
  if (row === undefined) return null;
  const overrides = JSON.parse(row.settings) as SettingsOverrides;
  return effectiveSettings(config, name, row.profile as ProfileName, overrides).contact;
}

/**
 * Locks the realm until the transaction ends, so that concurrent changes of its keys or settings wait for each other.
 */
export async function lockRealm(tx: Writing, name: string): Promise<void> {
  if (!(await touchRealm(tx.db, name))) throw new Problem('realm.unknown');
}

export async function realmNames(context: Context): Promise<readonly string[]> {
  return listRealmNames(context.store.db);
}

export function issuerOf(context: Context, realm: string): string {
  return `${context.config.publicUrl}/realms/${realm}`;
}

/** In the development realm, and only there, `development` is the default and every caller may make a wallet. */
export function effectiveSettings(
  { developmentRealm }: Pick<Config, 'developmentRealm'>,
  name: string,
  profile: ProfileName,
  overrides: SettingsOverrides,
): Settings {
  const given = Object.fromEntries(Object.entries(overrides).filter(([, value]) => value !== undefined));
  return { ...profiles[profile], ...(name === developmentRealm ? inDev : {}), ...given };
}

/**
 * Makes the realm, or changes its profile and overrides unless `existing` is `keep`. Returns what happened. Two nodes
 * of the same first start may both call this: one makes the realm.
 */
export async function saveRealm(
  tx: Writing,
  name: string,
  profile: ProfileName,
  overrides: SettingsOverrides,
  existing: 'change' | 'keep' = 'change',
): Promise<'created' | 'changed' | 'unchanged'> {
  const settings = JSON.stringify(Object.fromEntries(Object.entries(overrides).sort(([a], [b]) => (a < b ? -1 : 1))));
  if (await insertRealm(tx.db, { name, profile, settings, created_at: tx.now, updated_at: tx.now })) {
    tx.changed('realm', name);
    return 'created';
  }
  const before = await findRealm(tx.db, name);
  if (existing === 'keep' || (before?.profile === profile && before.settings === settings)) return 'unchanged';
  await updateRealm(tx.db, name, { profile, settings, updated_at: tx.now });
  tx.changed('realm', name);
  return 'changed';
}
