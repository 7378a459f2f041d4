import { z } from 'zod';
import { Problem } from '../../kernel/problem.ts';
import { importHash, importParts } from '../../subject/secrets/foreign-hash.ts';
import type { Argon2Hash, Pbkdf2Hash } from '../../subject/secrets/stored-hash.ts';

/**
 * Reads the users of a realm that Keycloak exported (`kc.sh export`, with users in the realm's file or in separate
 * files).
 *
 * 1. A file is a realm, `{realm, users}`, or a list of realms.
 * 2. A user's password is a credential of type `password`: its `credentialData` and `secretData` are JSON within JSON.
 *    Before Keycloak 10 the same parts were members of the credential itself.
 * 3. The algorithms are those of Keycloak itself (`argon2`, `pbkdf2`, which is SHA-1, `pbkdf2-sha256`, `pbkdf2-sha512`)
 *    and the `bcrypt` of a popular extension, which keeps the whole hash as its value.
 * 4. A user that cannot be imported is reported with the reason and does not stop the others.
 */
export interface KeycloakUser {
  readonly id: string | undefined;
  readonly username: string;
  readonly email: string | undefined;
  /** True if Keycloak has verified the address. */
  readonly emailVerified: boolean;
  /** First and last name, as far as given. */
  readonly name: string | undefined;
  readonly enabled: boolean;
  /** In our own spelling. Undefined for a user without a password. */
  readonly hash: string | undefined;
  /** True if Keycloak would ask for a new password at the next login. */
  readonly mustChange: boolean;
  /** Types of further credentials (`otp`, `webauthn`), which are not imported: these users had a second factor. */
  readonly otherFactors: readonly string[];
}

export interface KeycloakExport {
  readonly realm: string;
  readonly users: readonly KeycloakUser[];
  /** Names and reasons, without secrets. */
  readonly refused: readonly { readonly username: string; readonly reason: string }[];
}

const credentialSchema = z.object({
  type: z.string(),
  credentialData: z.string().nullish(),
  secretData: z.string().nullish(),
  temporary: z.boolean().nullish(),
  value: z.string().nullish(),
  algorithm: z.string().nullish(),
  hashIterations: z.number().nullish(),
  hashedSaltedValue: z.string().nullish(),
  salt: z.string().nullish(),
});

const userSchema = z.object({
  id: z.string().nullish(),
  username: z.string().min(1),
  email: z.string().nullish(),
  emailVerified: z.boolean().nullish(),
  firstName: z.string().nullish(),
  lastName: z.string().nullish(),
  enabled: z.boolean().default(false),
  serviceAccountClientId: z.string().nullish(),
  requiredActions: z.array(z.string()).nullish(),
  credentials: z.array(credentialSchema).nullish(),
});

const realmSchema = z.object({ realm: z.string(), users: z.array(z.unknown()).nullish() });
const fileSchema = z.union([realmSchema.transform((realm) => [realm]), z.array(realmSchema)]);

const parametersSchema = z.record(z.string(), z.array(z.string()).nullable()).nullish();
const dataSchema = z.object({
  algorithm: z.string(),
  hashIterations: z.number().int().default(0),
  additionalParameters: parametersSchema,
  algorithmData: parametersSchema,
});
const secretSchema = z.object({ value: z.string(), salt: z.string().nullish() });

type Credential = z.infer<typeof credentialSchema>;
type User = z.infer<typeof userSchema>;

/** The parts of a hash, wherever this version of Keycloak stores them. */
interface Parts {
  readonly algorithm: string;
  readonly iterations: number;
  readonly parameter: (name: string) => string;
  readonly salt: string;
  readonly value: string;
}

/** `realm` chooses one if the file has several. */
export function readKeycloakExport(text: string, realm?: string): KeycloakExport {
  const chosen = chooseRealm(text, realm);
  const users: KeycloakUser[] = [];
  const refused: { username: string; reason: string }[] = [];
  for (const [index, entry] of (chosen.users ?? []).entries()) {
    const user = userSchema.safeParse(entry);
    if (!user.success) {
      refused.push({ username: nameOf(entry, index), reason: `${pathOf(user.error)} is not in the form of Keycloak` });
      continue;
    }
    // The service account of a client, which logs in with the client's secret.
    if (typeof user.data.serviceAccountClientId === 'string') continue;
    try {
      users.push(readUser(user.data));
    } catch (thrown) {
      if (!(thrown instanceof Problem)) throw thrown;
      refused.push({ username: user.data.username, reason: thrown.message });
    }
  }
  return { realm: chosen.realm, users, refused };
}

function chooseRealm(text: string, name: string | undefined): z.infer<typeof realmSchema> {
  const file = fileSchema.safeParse(parseJson(text));
  if (!file.success || file.data.length === 0)
    throw new Problem('request.invalid', { detail: 'This is no realm that Keycloak exported.' });
  const found = name === undefined ? file.data : file.data.filter(({ realm }) => realm === name);
  if (found.length === 1) return found[0] as z.infer<typeof realmSchema>;
  const names = file.data.map(({ realm }) => realm).join(', ');
  throw new Problem('request.invalid', { detail: `Name one realm of the file: ${names}.` });
}

function readUser(user: User): KeycloakUser {
  const credentials = user.credentials ?? [];
  const passwords = credentials.filter(({ type }) => type === 'password');
  if (passwords.length > 1) throw fault('there are two passwords');
  const [password] = passwords;
  const name = [user.firstName, user.lastName].filter(Boolean).join(' ');
  const types = new Set(credentials.map(({ type }) => type));
  return {
    id: user.id ?? undefined,
    username: user.username,
    email: user.email || undefined,
    emailVerified: user.emailVerified === true,
    name: name || undefined,
    enabled: user.enabled,
    hash: password === undefined ? undefined : spelledHash(partsOf(password)),
    mustChange: password?.temporary === true || (user.requiredActions ?? []).includes('UPDATE_PASSWORD'),
    otherFactors: [...types].filter((type) => type !== 'password' && type !== 'password-history'),
  };
}

function partsOf(credential: Credential): Parts {
  const { credentialData, secretData, hashedSaltedValue } = credential;
  if (typeof credentialData === 'string' && typeof secretData === 'string') return embedded(credentialData, secretData);
  if (typeof hashedSaltedValue !== 'string')
    throw fault(typeof credential.value === 'string' ? 'the password is there in clear' : 'the hash is not there');
  return {
    algorithm: credential.algorithm ?? 'pbkdf2',
    iterations: credential.hashIterations ?? 0,
    parameter: () => '',
    salt: credential.salt ?? '',
    value: hashedSaltedValue,
  };
}

function embedded(credentialData: string, secretData: string): Parts {
  const data = dataSchema.safeParse(parseJson(credentialData));
  const secret = secretSchema.safeParse(parseJson(secretData));
  if (!data.success || !secret.success) throw fault('its parts are not as Keycloak writes them');
  const more = data.data.additionalParameters ?? data.data.algorithmData ?? {};
  return {
    algorithm: data.data.algorithm,
    iterations: data.data.hashIterations,
    parameter: (name) => more[name]?.[0] ?? '',
    salt: secret.data.salt ?? '',
    value: secret.data.value,
  };
}

const algorithms: ReadonlyMap<string, (parts: Parts) => string> = new Map([
  ['argon2', spellArgon2],
  ['pbkdf2', (parts) => spellPbkdf2('sha1', parts)],
  ['pbkdf2-sha256', (parts) => spellPbkdf2('sha256', parts)],
  ['pbkdf2-sha512', (parts) => spellPbkdf2('sha512', parts)],
  ['bcrypt', ({ value }) => importHash(value)],
]);

function spelledHash(parts: Parts): string {
  const spell = algorithms.get(parts.algorithm);
  if (spell === undefined) throw fault('its algorithm is not known');
  return spell(parts);
}

/** Keycloak's spelling of the Argon2 versions, and ours. */
const argon2Versions: ReadonlyMap<string, Argon2Hash['version']> = new Map([
  ['1.3', 19],
  ['1.0', 16],
]);
const argon2Types: readonly string[] = ['d', 'i', 'id'] satisfies readonly Argon2Hash['type'][];

function spellArgon2({ parameter, iterations, salt, value }: Parts): string {
  const version = argon2Versions.get(parameter('version'));
  const type = parameter('type');
  if (version === undefined || !argon2Types.includes(type)) throw fault('its kind of argon2 is not known');
  return importParts({
    scheme: 'argon2',
    type: type as Argon2Hash['type'],
    version,
    memory: wholeNumber(parameter('memory')),
    passes: iterations,
    lanes: wholeNumber(parameter('parallelism')),
    salt: bytesOf(salt),
    tag: bytesOf(value),
  });
}

function spellPbkdf2(digest: Pbkdf2Hash['digest'], { iterations, salt, value }: Parts): string {
  return importParts({ scheme: 'pbkdf2', digest, iterations, salt: bytesOf(salt), tag: bytesOf(value) });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw fault('a parameter of its hash is not a number');
  return Number(text);
}

function bytesOf(text: string): Uint8Array {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text) throw fault('its salt or its hash is not base64');
  return bytes;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's error would show a piece of the text.
    return undefined;
  }
}

function nameOf(entry: unknown, index: number): string {
  const name = (entry as { username?: unknown } | null)?.username;
  return typeof name === 'string' ? name.slice(0, 255) : `users[${index}]`;
}

function pathOf(error: z.ZodError): string {
  return error.issues[0]?.path.join('.') || 'the entry';
}

function fault(reason: string): Problem {
  return new Problem('request.invalid', { detail: `The password cannot be taken: ${reason}.` });
}
