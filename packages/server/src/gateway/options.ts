import type { EdgeOptions, ParticipantOptions, PrivateJwk } from '@countersign/client';
import type { MessageForm } from '@countersign/proof';
import { z } from 'zod';
import { readJsonFile } from '../json-file.ts';
import { Problem } from '../kernel/problem.ts';
import { readTextFile } from '../kernel/text-file.ts';
import { requireTls } from '../pem.ts';
import type { Address } from './listener.ts';

/** All options of a gateway, read and checked. */
export interface GatewayOptions {
  readonly upstream: URL;
  readonly listen: Address;
  readonly adminListen: Address;
  readonly forwardListen: Address | undefined;
  /** The kinds of callers: participants who sign, and callers who log in. */
  readonly accept: readonly Accepted[];
  readonly client: Pick<EdgeOptions, 'issuer' | 'clientId' | 'clientSecret' | 'status'>;
  /** Undefined if nothing is signed. */
  readonly participant:
    | (ParticipantOptions & { readonly privateKey: PrivateJwk; readonly form: MessageForm })
    | undefined;
  /** The audience of the signed subjects of logins. Undefined: the origin of the application. */
  readonly subjectAudience: string | undefined;
  /** Addresses and ranges of proxies whose word about the source of a call is believed. */
  readonly trustedProxies: readonly string[];
  /** Without a slash at its end. Undefined: the address that the gateway listens on. */
  readonly publicUrl: string | undefined;
  readonly unsigned: readonly string[];
  /** Bytes. */
  readonly maxBody: number;
  /** Bytes. Undefined: as much as the key can sign. */
  readonly maxResponse: number | undefined;
  readonly spoolDir: string | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  readonly subjectKey: PrivateJwk | undefined;
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  readonly logLevel: string;
  readonly unsafe: Unsafe;
}

export type Accepted = (typeof acceptable)[number];

/** A signed message of a participant; a name and a password by HTTP Basic; a session token of the realm. */
const acceptable = ['message', 'basic', 'session'] as const;

/** Only the command line sets these, so that no file can switch them on unseen. */
export interface Unsafe {
  readonly listenForOtherMachines: boolean;
  readonly allowPlainHttp: boolean;
}

const units = { '': 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 } as const;
const size = (max: number, shown: string) =>
  z
    .string()
    .regex(/^[1-9]\d{0,9}(KiB|MiB|GiB)?$/, 'must be a number of bytes, or of KiB, MiB or GiB')
    .transform((text) => Number.parseInt(text, 10) * units[text.replace(/^\d+/, '') as keyof typeof units])
    .refine((bytes) => bytes <= max, `must be at most ${shown}`);
const address = z
  .string()
  .regex(/^(\[[0-9a-f:.]+\]|[a-z0-9.-]+):\d{1,5}$/i, 'must be host:port')
  .transform((text): Address => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).toLowerCase(), port: Number(text.slice(colon + 1)) };
  })
  .refine(({ port }) => port <= 65_535, 'must have a port up to 65535');
const route = z
  .string()
  .regex(/^\/[A-Za-z0-9_~./-]*\*?$/, 'must be a path; a * may stand at its end for everything below');
const list = z.union([z.string().transform((text) => text.split(',').map((one) => one.trim())), z.array(z.string())]);
const file = z.string().min(1);

/** The options, under the names of the command line and of the configuration file. */
export const optionsSchema = z.strictObject({
  upstream: z
    .string()
    .refine(isOrigin, 'must be an http or https URL without path, query and user')
    .describe('the application that gets the verified requests'),
  listen: address
    .default({ host: '127.0.0.1', port: 8443 })
    .describe('the address for callers (default: 127.0.0.1:8443)'),
  issuer: z
    .string()
    .min(1)
    .refine((text) => !text.endsWith('/'), 'must end without a slash, as https://id.example/realms/dev does')
    .describe('the realm'),
  clientId: z.string().min(1).describe('the client of the participant'),
  clientSecretFile: file.describe('a file with its secret'),
  key: file.optional().describe('the registered private key as a JWK; needed to accept or forward messages'),
  participantId: z.string().min(1).optional().describe('the id of the participant (default: the one in its token)'),
  publicUrl: z
    .string()
    .refine(isPublicUrl, 'must be an absolute URL without query, fragment and user')
    .transform((text) => text.replace(/\/$/, ''))
    .optional()
    .describe('the URL that callers use; strict signatures are bound to it (default: the address listened on)'),
  form: z
    .enum(['ocen', 'rfc7797', 'strict'])
    .default('rfc7797')
    .describe('the form of signatures: ocen, rfc7797 or strict (default: rfc7797)'),
  audience: z.string().min(1).optional().describe('the tokens of callers must be for this audience (default: any)'),
  accept: list
    .pipe(z.array(z.enum(acceptable, `must be of ${acceptable.join(', ')}`)).min(1, 'must name at least one kind'))
    .default(['message'])
    .describe(
      'accepted kinds of callers, separated by commas: message (signed by a participant), basic (name and password), session (a session token) (default: message)',
    ),
  subjectAudience: z
    .string()
    .regex(/^\S{1,2048}$/, 'must not contain spaces')
    .optional()
    .describe('the audience of the signed subject of a login (default: the origin of the upstream)'),
  trustedProxies: list
    .default([])
    .describe('addresses or CIDR ranges, separated by commas, whose X-Forwarded-For is believed (default: none)'),
  unsigned: list
    .pipe(z.array(route))
    .default([])
    .describe(
      'paths, separated by commas, whose responses are streamed unsigned; a * at the end stands for everything below',
    ),
  forwardListen: address
    .optional()
    .describe("the address for the application's calls to other participants (default: none)"),
  adminListen: address
    .default({ host: '127.0.0.1', port: 8445 })
    .describe('the address for the key set, health and metrics (default: 127.0.0.1:8445)'),
  maxBody: size(67_108_864, '64MiB').default(1_048_576).describe('largest request body (default: 1MiB)'),
  maxResponse: size(4_294_967_296, '4GiB')
    .optional()
    .describe('largest response that is signed (default: 64MiB; 8MiB with an Ed25519 key)'),
  spoolDir: file.optional().describe('the directory for bodies over 64 KiB (default: the temporary directory)'),
  timeoutSeconds: z.coerce
    .number()
    .positive()
    .max(150)
    .default(30)
    .describe('how long the application, or another participant, may be silent (default: 30)'),
  subjectKey: file
    .optional()
    .describe('the private key, as a JWK, that signs x-countersign-subject (default: a new one at every start)'),
  tlsCert: file
    .optional()
    .describe('a PEM file with the certificate chain (default: plain HTTP, for a proxy that ends TLS)'),
  tlsKey: file.optional().describe('a PEM file with its private key'),
  logLevel: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .describe('default: info'),
});

export type OptionName = keyof typeof optionsSchema.shape;

/**
 * The command line wins over the file.
 *
 * @throws {Problem} `config.invalid`, naming the option
 */
export function readOptions(
  given: Readonly<Record<string, unknown>>,
  configFile: string | undefined,
  unsafe: Unsafe,
): GatewayOptions {
  const written = configFile === undefined ? {} : readJsonFile(configFile, 'config');
  const parsed = optionsSchema.safeParse({ ...written, ...given });
  if (!parsed.success) throw invalid(parsed.error);
  const options = parsed.data;
  if ((options.tlsCert === undefined) !== (options.tlsKey === undefined)) {
    throw new Problem('config.invalid', { detail: 'tlsCert and tlsKey: each needs the other.' });
  }
  const { issuer, clientId } = options;
  const client = { issuer, clientId, clientSecret: readTextFile(options.clientSecretFile, 'clientSecretFile').trim() };
  return {
    ...pick(options),
    client,
    participant: participantOf(options, client),
    upstream: new URL(options.upstream),
    timeout: options.timeoutSeconds * 1000,
    subjectKey:
      options.subjectKey === undefined
        ? undefined
        : (readJsonFile(options.subjectKey, 'subjectKey') as unknown as PrivateJwk),
    tls: tlsOf(options),
    unsafe,
  };
}

function tlsOf({ tlsCert, tlsKey }: z.output<typeof optionsSchema>): GatewayOptions['tls'] {
  if (tlsCert === undefined || tlsKey === undefined) return undefined;
  const tls = { cert: readTextFile(tlsCert, 'tlsCert'), key: readTextFile(tlsKey, 'tlsKey') };
  requireTls(tls, { cert: 'tlsCert', key: 'tlsKey' });
  return tls;
}

/** A gateway that only logs callers in signs nothing and needs no key. */
function participantOf(
  { key, accept, forwardListen, form, participantId, audience }: z.output<typeof optionsSchema>,
  client: Pick<ParticipantOptions, 'issuer' | 'clientId' | 'clientSecret'>,
): GatewayOptions['participant'] {
  if (key === undefined) {
    if (!accept.includes('message') && forwardListen === undefined) return undefined;
    throw new Problem('config.invalid', { detail: 'key: needed to accept messages and to forward them.' });
  }
  return {
    ...{ ...client, form },
    privateKey: readJsonFile(key, 'key') as unknown as PrivateJwk,
    ...(participantId === undefined ? {} : { participantId }),
    ...(audience === undefined ? {} : { audience }),
  };
}

function pick({
  listen,
  adminListen,
  forwardListen,
  accept,
  subjectAudience,
  trustedProxies,
  publicUrl,
  unsigned,
  maxBody,
  maxResponse,
  spoolDir,
  logLevel,
}: z.output<typeof optionsSchema>) {
  const addresses = { listen, adminListen, forwardListen, publicUrl, trustedProxies };
  return { ...addresses, accept, subjectAudience, unsigned, maxBody, maxResponse, spoolDir, logLevel };
}

function invalid({ issues }: z.ZodError): Problem {
  const [issue] = issues;
  const name = issue?.code === 'unrecognized_keys' ? issue.keys[0] : issue?.path[0];
  const fault = issue?.code === 'unrecognized_keys' ? 'is not an option' : (issue?.message ?? 'is not valid');
  return new Problem('config.invalid', { detail: `${String(name)}: ${fault}.` });
}

function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, origin } = new URL(text);
  return /^https?:$/.test(protocol) && (text === origin || text === `${origin}/`);
}

function isPublicUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return /^https?:$/.test(protocol) && username === '' && password === '' && !/[?#]/.test(text);
}
