import { Problem } from '../kernel/problem.ts';

/**
 * A PostgreSQL URL with one or several hosts, as libpq writes them:
 * `postgres://user:password@a:5432,b:5433/database?target_session_attrs=read-write`. The driver takes one host, so each
 * host gets a URL of its own.
 */
export interface PostgresServers {
  /** One URL per host, in the order given. They hold the password. */
  readonly urls: readonly string[];
  /** The database and its hosts, without user and password, for messages. */
  readonly name: string;
  /** True if only a host that takes writes may be used. */
  readonly mustWrite: boolean;
}

const parts = /^postgres(?:ql)?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(\/[^?#]*)?(?:\?([^#]*))?$/;
const host = /^(\[[0-9A-Fa-f:.]+\]|[\w.%-]*)(?::([^:]*))?$/;
const reserved =
  'percent-encode the characters `/ ? # @ : %` in the user and the password (`@` is %40, `/` is %2F, `%` is %25)';
/** All of these mean the same here, because a server always writes. */
const writable = new Set(['any', 'read-write', 'primary']);

/** What is wrong with the URL, if anything. The text never holds a part of the URL: any part may be of the password. */
export function postgresUrlFault(url: string): string | undefined {
  const read = readPostgresUrl(url);
  return typeof read === 'string' ? read : undefined;
}

/** @throws {Problem} `config.invalid` */
export function serversOf(url: string): PostgresServers {
  const servers = readPostgresUrl(url);
  if (typeof servers !== 'string') return servers;
  throw new Problem('config.invalid', { detail: `The URL of the database ${servers}.` });
}

/** The servers, or a text that says what is wrong. */
export function readPostgresUrl(url: string): PostgresServers | string {
  const found = parts.exec(url);
  if (found === null) return `must be postgres://user:password@host:port/database; ${reserved}`;
  const [, login, authority = '', path = '', query = ''] = found;
  if (login !== undefined && !isEncoded(login))
    return `has a % that encodes nothing in its user or password; ${reserved}`;
  if (path.includes('@') || (login === undefined && query.includes('@'))) return `has an @ after its host; ${reserved}`;
  if (!isEncoded(path)) return 'has a % that encodes nothing in the name of its database';
  const parameters = new URLSearchParams(query);
  const fault = parameterFault(parameters);
  if (fault !== undefined) return fault;

  const hosts = authority.split(',');
  for (const [index, text] of hosts.entries()) {
    const wrong = hostFault(text, hosts.length > 1);
    if (wrong !== undefined) return `${hosts.length > 1 ? `host ${index + 1}` : 'its host'} ${wrong}; ${reserved}`;
  }
  const target = parameters.get('target_session_attrs');
  parameters.delete('target_session_attrs');
  const rest = `${path}${parameters.size > 0 ? `?${parameters}` : ''}`;
  return {
    urls: hosts.map((text) => `postgres://${login === undefined ? '' : `${login}@`}${text}${rest}`),
    name: `${path.slice(1) || 'of the user'} at ${hosts.join(', ') || 'a local socket'}`,
    mustWrite: hosts.length > 1 || (target !== null && target !== 'any'),
  };
}

function parameterFault(parameters: URLSearchParams): string | undefined {
  const targets = parameters.getAll('target_session_attrs');
  if (targets.length > 1) return 'names target_session_attrs twice';
  if (targets.some((target) => !writable.has(target)))
    return 'has a target_session_attrs that a server cannot use: it must be read-write, primary or any, because a server writes';
  const several = ['host', 'port'].find((name) => parameters.get(name)?.includes(','));
  return several && `names several hosts in its parameter ${several}: write them before the path, as a:5432,b:5432`;
}

function hostFault(text: string, isOneOfMany: boolean): string | undefined {
  const found = host.exec(text);
  if (found === null || !isEncoded(found[1] ?? '') || !URL.canParse(`postgres://${found[1]}/`))
    return 'is not a name or an address (an IPv6 address stands in brackets: [::1]:5432)';
  const [, name, port] = found;
  if (name === '' && (isOneOfMany || port !== undefined)) return 'has no name';
  if (port !== undefined && !(/^\d{1,5}$/.test(port) && Number(port) >= 1 && Number(port) <= 65_535))
    return 'has a port that is not a whole number from 1 to 65535';
  return undefined;
}

function isEncoded(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}
