import { z } from 'zod';
import { mailAddress } from './kernel/mail-address.ts';
import { smtpServerOf } from './mail/smtp-server.ts';
import { postgresUrlFault } from './store/postgres-url.ts';

/** The settings: the table that `config.ts` reads, and that the command line and the reference describe. */
const loopback = new Set(['localhost', '127.0.0.1', '[::1]']);

/** Digits, from the environment or as a JSON number. Other numbers of JavaScript are refused. */
const count = (max: number) =>
  z
    .union(
      [
        z
          .string()
          .regex(/^\d{1,9}$/)
          .transform(Number),
        z.int(),
      ],
      `must be a whole number from 1 to ${max}`,
    )
    .refine((value) => value >= 1 && value <= max, `must be a whole number from 1 to ${max}`);
const list = z.string().transform((text) =>
  text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== ''),
);
const masterKey = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'must be 32 bytes as base64url without padding (43 characters)')
  .transform((text) => Buffer.from(text, 'base64url') as Uint8Array);
const origin = z
  .string()
  .refine(isPublicUrl, 'must be an https URL without path, query or fragment (http only for localhost)')
  .transform((text) => new URL(text).origin);

export const settings = {
  HOST: z.string().min(1).default('127.0.0.1').describe('The address to listen on. `0.0.0.0` or `::` for all.'),
  PORT: count(65_535).default(8080).describe('The port to listen on.'),
  PUBLIC_URL: origin
    .optional()
    .describe(
      'The URL that callers see: every issuer and link begins with it. https, except on loopback. Default `http://localhost:<port>`.',
    ),
  DATA_DIR: z
    .string()
    .min(1)
    .default('./data')
    .describe('The directory of the SQLite database, the master key and the first credentials. Made with mode 0700.'),
  DATABASE_URL: z
    .string()
    .regex(/^(postgres(ql)?:\/\/|sqlite:)/, 'must begin with postgres:// or sqlite:')
    .superRefine((url, issue) => {
      const fault = url.startsWith('postgres') ? postgresUrlFault(url) : undefined;
      if (fault !== undefined) issue.addIssue(fault);
    })
    .optional()
    .describe(
      '`postgres://…`, also with several hosts (`postgres://name:password@a:5432,b:5432/database?target_session_attrs=read-write`), or `sqlite:<path>`. Default: SQLite, `countersign.db` in the data directory.',
    ),
  MASTER_KEY: masterKey
    .optional()
    .describe(
      '32 bytes as base64url (43 characters) that seal private keys. Required with PostgreSQL; with SQLite a file `master.key` in the data directory is made.',
    ),
  APPLY: z.string().min(1).optional().describe('A network file that is applied at every start.'),
  ADMIN_CLIENT_ID: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('An administrator for automation: a client of realm `system` that is never stored.'),
  ADMIN_CLIENT_SECRET: z
    .string()
    .min(16, 'must have at least 16 characters')
    .max(1024)
    .optional()
    .describe('Its secret, 16 to 1024 characters. Another secret kills the tokens that the old one bought.'),
  DEFAULT_REALM: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'must be a realm name')
    .optional()
    .describe(
      'The realm that the first start makes, and that the command line uses without `--realm`. Default `dev`: a realm for development if the public URL is on loopback, or if this variable says `dev`.',
    ),
  SMTP_URL: z
    .string()
    .refine(
      (text) => smtpServerOf(text) !== undefined,
      'must be smtp://host or smtps://host, with name:password@, :port and ?requireTLS=false where needed, and nothing else',
    )
    .optional()
    .describe(
      'The mail server: `smtps://name:password@host:465` for TLS from the start, `smtp://name:password@host:587` for STARTTLS, which is required unless the host is this machine or the URL has `?requireTLS=false`. Unset: mails are files in `mails` in the data directory.',
    ),
  MAIL_FROM: z
    .string()
    .default('countersign@localhost')
    .transform((text, issue) => {
      const address = mailAddress(text);
      if (address !== undefined) return address;
      issue.addIssue('must be an e-mail address, such as countersign@id.example');
      return z.NEVER;
    })
    .describe("The sender's address of mails."),
  MAIL_TEMPLATES: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A directory with your own texts of mails: `<purpose>.txt`, whose first line is `Subject: …`, and `<purpose>.html` if wanted. `{{name}}` stands for a value.',
    ),
  TRUSTED_PROXIES: z
    .string()
    .transform((text) => (text === '' ? [] : text.split(',').map((entry) => entry.trim())))
    .default([])
    .describe('Addresses or CIDR ranges (`10.0.0.0/8`), separated by commas, whose `X-Forwarded-For` is believed.'),
  CORS_ORIGINS: list
    .refine((items) => items.every(isOrigin), 'must be origins such as https://app.example, separated by commas')
    .default([])
    .describe('Origins, separated by commas, whose pages may read the answers.'),
  TLS_CERT: z.string().min(1).optional().describe('The certificate chain: PEM, or the path of a PEM file.'),
  TLS_KEY: z.string().min(1).optional().describe('Its private key: PEM, or the path of a PEM file.'),
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('`trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent`.'),
  WORKERS: count(256).default(1).describe('Processes that share the port.'),
} as const;

export type SettingName = keyof typeof settings;
export const prefix = 'COUNTERSIGN_';
/** Only these may come as `…_FILE`. */
export const secrets: readonly SettingName[] = [
  'MASTER_KEY',
  'ADMIN_CLIENT_SECRET',
  'DATABASE_URL',
  'SMTP_URL',
  'TLS_KEY',
];

/** For the reference in `docs/`: every setting with its meaning and its default. */
export function describeSettings() {
  return (Object.entries(settings) as [SettingName, z.ZodType][]).map(([name, schema]) => ({
    name: prefix + name,
    text: schema.description ?? '',
    unset: schema.safeParse(undefined).data,
    asFile: secrets.includes(name),
  }));
}

/**
 * The settings as options of a command: `--port` for `COUNTERSIGN_PORT`. A secret has no option of its own, because
 * others can see the command line of a process. Only the path of its file has one.
 */
export function settingOptions() {
  const config = {
    variable: `${prefix}CONFIG`,
    flag: '--config',
    value: 'file',
    text: 'JSON with settings by the names of their variables.',
  };
  const others = (Object.keys(settings) as SettingName[]).map((name) => {
    const isSecret = secrets.includes(name);
    const bare = isSecret ? `${name}_FILE` : name;
    const text = isSecret ? `A file that holds: ${settings[name].description}` : settings[name].description;
    const value = isSecret ? 'file' : 'value';
    return { variable: prefix + bare, flag: `--${bare.toLowerCase().replaceAll('_', '-')}`, value, text: text ?? '' };
  });
  return [config, ...others];
}

/** The setting that a variable gives, itself or as `…_FILE`. */
export function settingOf(variable: string): SettingName | undefined {
  const bare = variable.slice(prefix.length);
  if (Object.hasOwn(settings, bare)) return bare as SettingName;
  return secrets.find((secret) => bare === `${secret}_FILE`);
}

/** What the settings say, each by its own schema. */
export type Parsed = { readonly [N in SettingName]: z.output<(typeof settings)[N]> };

/** True if the host of an absolute URL is this machine. */
export function isLoopback(url: string): boolean {
  return loopback.has(new URL(url).hostname);
}

function isPublicUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const url = new URL(text);
  // Checks the text for a user part and an empty query or fragment too, which `URL` does not show.
  const bare = url.href === `${url.origin}/` && !/[?#@]/.test(text);
  return bare && (url.protocol === 'https:' || (url.protocol === 'http:' && loopback.has(url.hostname)));
}

function isOrigin(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text && text !== 'null';
}
