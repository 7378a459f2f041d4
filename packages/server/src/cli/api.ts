import { existsSync } from 'node:fs';
import { createTokenSource } from '@countersign/client';
import type { Command } from 'commander';
import { type Config, loadConfig } from '../config.ts';
import { administratorFile } from '../credentials.ts';
import { readJsonFile } from '../json-file.ts';
import { Problem } from '../kernel/problem.ts';
import type { ReadPage } from './list.ts';
import { reach } from './reach.ts';
import { serverUrl } from './server-url.ts';

/** The administration API for the command line. Paths begin after the server's URL. */
export interface Api {
  /** `/realms/{realm}` of the `--realm` option. */
  readonly realm: string;
  get(path: string): Promise<unknown>;
  post(path: string, body?: unknown): Promise<unknown>;
  patch(path: string, body: unknown): Promise<unknown>;
  delete(path: string): Promise<unknown>;
}

interface Profile {
  readonly url: string;
  /**
   * The realm of the administrator's client: `system`, whose administrators administer every realm, or the one realm
   * that it administers.
   */
  readonly realm?: string;
  readonly clientId: string;
  readonly clientSecret: string;
}

interface Options {
  readonly realm?: string;
  readonly profile?: string;
}

/** Adds the options of every command against a running server. */
export function online(command: Command): Command {
  return command
    .option('--realm <name>', 'the realm to work in (default: COUNTERSIGN_DEFAULT_REALM)')
    .option(
      '--profile <file>',
      'JSON with url, clientId and clientSecret of an administrator (default: the one in the data directory)',
    );
}

/** Signs in with the profile, else the configured administrator, else the one in the data directory. */
export function connect(options: Options): Api {
  const { config } = loadConfig(process.env);
  const profile = administratorOf(config, options.profile);
  if (profile === undefined) {
    throw new Problem('config.invalid', {
      detail: `No administrator: start the server once, or name one with --profile or COUNTERSIGN_ADMIN_CLIENT_ID.`,
    });
  }
  const issuer = `${profile.url}/realms/${profile.realm ?? 'system'}`;
  const tokens = createTokenSource({
    issuer,
    // Named whatever the realm's default audience is, because administration takes no other.
    resource: issuer,
    clientId: profile.clientId,
    clientSecret: profile.clientSecret,
  });
  const call = async (method: string, path: string, body?: unknown) => {
    const response = await reach(profile.url + path, {
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
    delete: (path) => call('DELETE', path),
  };
}

/** The administrator of the named file, else the configured one, else the one in the data directory. */
export function administratorOf(config: Config, file?: string): Profile | undefined {
  if (file !== undefined) return readProfile(file);
  const ownFile = administratorFile(config);
  return configured(config) ?? (existsSync(ownFile) ? readProfile(ownFile) : undefined);
}

/** The pages of a list of the administration API. */
export function pagesAt(api: Api, path: string, filter: Readonly<Record<string, string | undefined>> = {}): ReadPage {
  return async (limit, after) => {
    const wanted = Object.entries({ ...filter, limit: String(limit), after }).filter(
      ([, value]) => value !== undefined,
    );
    return (await api.get(`${path}?${new URLSearchParams(wanted as [string, string][])}`)) as Awaited<
      ReturnType<ReadPage>
    >;
  };
}

/** The answer of the server. Throws a refusal as an error of one line. */
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

/** The refusal of a native path, or of a documented corporate call. */
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

function configured({ admin, publicUrl: url }: Config): Profile | undefined {
  return admin && { url, ...admin };
}

function readProfile(path: string): Profile {
  const { url, realm, clientId, clientSecret } = readJsonFile(path, '--profile');
  if (typeof clientId !== 'string' || typeof clientSecret !== 'string' || !/^(string|undefined)$/.test(typeof realm)) {
    throw new Problem('config.invalid', {
      detail: `${path} is not a profile: it needs url, clientId and clientSecret as text.`,
    });
  }
  const said = typeof realm === 'string' ? { realm } : {};
  return { url: serverUrl(url, `url of ${path}`), clientId, clientSecret, ...said };
}
