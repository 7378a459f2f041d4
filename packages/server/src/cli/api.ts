import { createTokenSource } from '@countersign/client';
import type { Command } from 'commander';
import { loadConfig } from '../config.ts';
import { administratorFile } from '../credentials.ts';
import { Problem } from '../kernel/problem.ts';
import { isMissing, readTextFile } from '../kernel/text-file.ts';

/** The administration API as the command line sees it. Paths begin after the server's URL. */
export interface Api {
  /** `/realms/{realm}` of the `--realm` option. */
  readonly realm: string;
  get(path: string): Promise<unknown>;
  post(path: string, body?: unknown): Promise<unknown>;
  patch(path: string, body: unknown): Promise<unknown>;
}

interface Profile {
  readonly url: string;
  /** Where the administrator's client is: `system`, who administers every realm, or the one realm that it administers. */
  readonly realm?: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

interface Options {
  readonly realm?: string;
  readonly profile?: string;
}

/** The options that every command against a running server has. */
export function online(command: Command): Command {
  return command
    .option('--realm <name>', 'the realm to work in (default: COUNTERSIGN_DEFAULT_REALM)')
    .option(
      '--profile <file>',
      'JSON with url, clientId and clientSecret of an administrator (default: the data directory)',
    );
}

/** Signs in with the profile, the configured administrator, or the one in the data directory, in this order. */
export function connect(options: Options): Api {
  const { config } = loadConfig(process.env);
  const profile = readProfile(options.profile) ?? configured(config) ?? readProfile(administratorFile(config));
  if (profile === undefined) {
    throw new Problem(
      'config.invalid',
      `No administrator: start the server once, or name one with --profile or COUNTERSIGN_ADMIN_CLIENT_ID.`,
    );
  }
  const issuer = `${profile.url}/realms/${profile.realm ?? 'system'}`;
  const tokens = createTokenSource({
    issuer,
    // Whatever audience the realm gives by default: administration takes no other.
    resource: issuer,
    clientId: profile.clientId,
    clientSecret: profile.clientSecret,
  });
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await fetch(profile.url + path, {
      method,
      headers: {
        authorization: `Bearer ${await tokens.token()}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return answer(response);
  };
  return {
    realm: `/realms/${options.realm ?? config.defaultRealm}`,
    get: (path) => call('GET', path),
    post: (path, body = {}) => call('POST', path, body),
    patch: (path, body) => call('PATCH', path, body),
  };
}

/** What the server answered, or a refusal in a line. */
export async function answer(response: Response): Promise<unknown> {
  const text = await response.text();
  if (response.ok) return text === '' ? undefined : JSON.parse(text);
  const { title, detail, message, requestId, validation } = parse(text) as Refusal;
  const field = validation?.fields[0];
  const said =
    field === undefined
      ? (detail ?? title ?? message ?? `HTTP ${response.status}`)
      : `${field.name}: ${field.errors[0]}`;
  throw new Error(`${said} (${response.status}, request ${requestId ?? 'unknown'})`);
}

/** Of a native path, or of a documented one of corporate identities. */
interface Refusal {
  readonly title?: string;
  readonly detail?: string;
  readonly message?: string;
  readonly validation?: { readonly fields: readonly { readonly name: string; readonly errors: readonly string[] }[] };
  readonly requestId?: string;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

function configured({ admin, publicUrl: url }: ReturnType<typeof loadConfig>['config']): Profile | undefined {
  return admin && { url, ...admin };
}

function readProfile(path: string | undefined): Profile | undefined {
  if (path === undefined) return undefined;
  try {
    return JSON.parse(readTextFile(path)) as Profile;
  } catch (cause) {
    if (isMissing(cause)) return undefined;
    if (cause instanceof Problem) throw cause;
    throw new Problem('config.invalid', `${path} cannot be read as a profile.`, { cause });
  }
}

/** Results go to standard output as JSON, for people and for scripts. */
export function print(value: unknown): void {
  if (value !== undefined) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
