import { join } from 'node:path';
import { readProxies } from './http/source.ts';
import { readJsonFile } from './json-file.ts';
import type { MailAddress } from './kernel/mail-address.ts';
import { Problem } from './kernel/problem.ts';
import { readTextFile } from './kernel/text-file.ts';
import { readTemplates, type Templates } from './mail/templates.ts';
import { isLoopback, type Parsed, prefix, type SettingName, secrets, settingOf, settings } from './settings.ts';

export interface Config {
  readonly host: string;
  readonly port: number;
  /** The beginning of issuers and links, without a trailing slash. */
  readonly publicUrl: string;
  readonly dataDir: string;
  readonly databaseUrl: string | undefined;
  readonly masterKey: Uint8Array | undefined;
  readonly apply: string | undefined;
  readonly admin: { readonly clientId: string; readonly clientSecret: string } | undefined;
  readonly defaultRealm: string;
  /**
   * The realm where plain http is allowed and wallets are open to all, unless its settings say otherwise. Undefined:
   * none.
   */
  readonly developmentRealm: string | undefined;
  readonly smtpUrl: string | undefined;
  readonly mailFrom: MailAddress;
  /** The operator's own texts of mails. */
  readonly mailTemplates: Templates;
  readonly trustedProxies: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly logLevel: string;
  readonly workers: number;
}

export interface LoadedConfig {
  readonly config: Config;
  /** One line each: what was ignored, and why. */
  readonly warnings: readonly string[];
  /** The files that secrets were read from. */
  readonly secretFiles: readonly SecretFile[];
}

export interface SecretFile {
  readonly variable: string;
  readonly path: string;
}

/**
 * Reads environment variables `COUNTERSIGN_*`, and the JSON file that `COUNTERSIGN_CONFIG` names, with the same names. The
 * environment wins over the file. A secret may be given as `…_FILE`, the path of a file with the secret.
 *
 * @throws {Problem} `config.invalid` in one line that names the variable
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): LoadedConfig {
  const warnings: string[] = [];
  const path = env[`${prefix}CONFIG`];
  const fromFile = path ? readConfigFile(path) : {};
  const fromEnv: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(env)) {
    // An empty variable counts as unset, because shells and compose files clear a variable so.
    if (!name.startsWith(prefix) || !value || name === `${prefix}CONFIG`) continue;
    if (settingOf(name) !== undefined) fromEnv[name] = value;
    else warnings.push(`${name} is not a setting of Countersign and was ignored.`);
  }
  const overridden = new Set(Object.keys(fromEnv).map(settingOf));
  const kept = Object.entries(fromFile).filter(([name]) => !overridden.has(settingOf(name)));
  const given = { ...Object.fromEntries(kept), ...fromEnv };
  const secretFiles = secretFilesOf(given);
  return { config: toConfig(parseAll(resolveFiles(given))), warnings, secretFiles };
}

function secretFilesOf(given: Readonly<Record<string, unknown>>): readonly SecretFile[] {
  const variables = [...secrets.map((name) => `${prefix}${name}_FILE`), `${prefix}TLS_KEY`];
  return variables.flatMap((variable) => {
    const path = given[variable];
    return typeof path !== 'string' || path.startsWith('-----BEGIN') ? [] : [{ variable, path }];
  });
}

function readConfigFile(path: string): Record<string, unknown> {
  const parsed = readJsonFile(path, 'COUNTERSIGN_CONFIG');
  for (const name of Object.keys(parsed)) {
    if (!name.startsWith(prefix) || settingOf(name) === undefined) {
      throw new Problem('config.invalid', { detail: `COUNTERSIGN_CONFIG: ${path} has the unknown key ${name}.` });
    }
  }
  return parsed;
}

function resolveFiles(given: Record<string, unknown>): Record<string, unknown> {
  for (const name of secrets) {
    const file = given[`${prefix}${name}_FILE`];
    if (file === undefined) continue;
    if (given[prefix + name] !== undefined) {
      throw new Problem('config.invalid', {
        detail: `${prefix}${name} and ${prefix}${name}_FILE are both set: use one.`,
      });
    }
    const text = readTextFile(String(file), `${prefix}${name}_FILE`).trim();
    // Otherwise an unmounted secret would count as an absent one.
    if (text === '')
      throw new Problem('config.invalid', { detail: `${prefix}${name}_FILE: ${String(file)} is empty.` });
    given[prefix + name] = text;
  }
  return given;
}

function parseAll(given: Record<string, unknown>): Parsed {
  const entries = (Object.keys(settings) as SettingName[]).map((name) => {
    const value = given[prefix + name];
    const result = settings[name].safeParse(value);
    if (!result.success) {
      // The value may be a secret, so the message has only the rule.
      throw new Problem('config.invalid', {
        detail: `${prefix}${name}: ${result.error.issues[0]?.message ?? 'is not valid'}.`,
      });
    }
    return [name, result.data];
  });
  return Object.fromEntries(entries) as Parsed;
}

function toConfig(parsed: Parsed): Config {
  const publicUrl = parsed.PUBLIC_URL ?? `http://localhost:${parsed.PORT}`;
  if (parsed.DATABASE_URL?.startsWith('postgres') === true && parsed.MASTER_KEY === undefined) {
    throw new Problem('config.invalid', {
      detail: 'COUNTERSIGN_MASTER_KEY is required with PostgreSQL: every node needs the same one.',
    });
  }
  return {
    host: parsed.HOST,
    port: parsed.PORT,
    publicUrl,
    dataDir: parsed.DATA_DIR,
    databaseUrl: parsed.DATABASE_URL,
    masterKey: parsed.MASTER_KEY,
    apply: parsed.APPLY,
    admin: both(
      'ADMIN_CLIENT_ID',
      parsed.ADMIN_CLIENT_ID,
      'ADMIN_CLIENT_SECRET',
      parsed.ADMIN_CLIENT_SECRET,
      (clientId, clientSecret) => ({
        clientId,
        clientSecret,
      }),
    ),
    defaultRealm: parsed.DEFAULT_REALM ?? devRealm,
    // A realm that strangers can reach is for development only if the configuration says so.
    developmentRealm: isLoopback(publicUrl) || parsed.DEFAULT_REALM === devRealm ? devRealm : undefined,
    smtpUrl: parsed.SMTP_URL,
    mailFrom: parsed.MAIL_FROM,
    mailTemplates: parsed.MAIL_TEMPLATES === undefined ? {} : readTemplates(parsed.MAIL_TEMPLATES),
    trustedProxies: checkedProxies(parsed.TRUSTED_PROXIES),
    corsOrigins: parsed.CORS_ORIGINS,
    tls: both('TLS_CERT', parsed.TLS_CERT, 'TLS_KEY', parsed.TLS_KEY, (cert, key) => ({ cert, key })),
    logLevel: parsed.LOG_LEVEL,
    workers: parsed.WORKERS,
  };
}

/** The configured database, else a file in the data directory. */
export function databaseUrlOf({ databaseUrl, dataDir }: Config): string {
  return databaseUrl ?? `sqlite:${join(dataDir, 'countersign.db')}`;
}

/** Checked before the store is opened, so that a refused first start leaves nothing behind. */
function checkedProxies(entries: readonly string[]): readonly string[] {
  readProxies(entries, `${prefix}TRUSTED_PROXIES`);
  return entries;
}

/** Two settings that make sense only together. */
function both<T>(
  firstName: SettingName,
  first: string | undefined,
  secondName: SettingName,
  second: string | undefined,
  make: (a: string, b: string) => T,
) {
  if (first !== undefined && second !== undefined) return make(first, second);
  if (first === undefined && second === undefined) return undefined;
  const [set, unset] = first === undefined ? [secondName, firstName] : [firstName, secondName];
  throw new Problem('config.invalid', { detail: `${prefix}${set} is set but ${prefix}${unset} is not.` });
}

const devRealm = 'dev';
