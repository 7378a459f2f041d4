import { isJsonObject, type JsonObject } from '@countersign/proof';
import { options } from '@countersign/proof/argument';
import { ClientError } from './error.ts';
import { fetchJson, type Transport, transportChecks } from './fetch-json.ts';
import { once } from './once.ts';

/** The metadata of an issuer. The URL that it was fetched from proves the issuer. */
export interface Discovery {
  readonly issuer: string;
  /** The document as published. */
  readonly metadata: JsonObject;
}

const maxBytes = 65_536;

/**
 * Fetches the metadata of an issuer from `{issuer}/.well-known/openid-configuration` (OpenID Connect Discovery §4), and
 * checks that the document names this issuer (§4.3).
 *
 * It does not check the endpoints in the document. The caller must check that it trusts the issuer.
 *
 * @throws {ClientError} `discovery.issuer_url`, `discovery.unavailable`, `discovery.malformed`, `discovery.issuer`,
 * `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const { metadata } = await discover(issuer.url, { fetch: realm.fetch });
 * metadata.token_endpoint; // → `${issuer.url}/token`
 */
export async function discover(issuer: string, transport: Transport = {}): Promise<Discovery> {
  return discovered(issuer, options(transport, 'transport', transportChecks));
}

async function discovered(issuer: string, transport: Transport): Promise<Discovery> {
  checkIssuer(issuer);
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { status, value } = await fetchJson(url, { maxBytes }, transport);
  if (status !== 200) throw new ClientError('discovery.unavailable', `Discovery answers ${status}.`);
  if (!isJsonObject(value)) throw new ClientError('discovery.malformed', 'The discovery document is not an object.');
  if (value.issuer !== issuer)
    throw new ClientError(
      'discovery.issuer',
      value.issuer === issuer.replace(/\/$/, '')
        ? 'The discovery document names this issuer without the slash at its end: leave it out.'
        : 'The discovery document names another issuer.',
    );
  return { issuer, metadata: value };
}

/** Discovers at the first call. Later calls share the answer; a failure is not kept. */
export function discoverOnce(issuer: string, transport: Transport): () => Promise<Discovery> {
  checkIssuer(issuer);
  return once(() => discovered(issuer, transport));
}

/**
 * An endpoint of the issuer: https, or http if both the endpoint and the issuer are on this machine.
 *
 * @throws {ClientError} `discovery.endpoint`
 */
export function endpoint({ issuer, metadata }: Discovery, member: 'jwks_uri' | 'token_endpoint'): string {
  const url = metadata[member];
  if (typeof url !== 'string' || !isSafe(url) || (isLoopback(url) && !isLoopback(issuer))) {
    throw new ClientError('discovery.endpoint', `The discovery document has no usable ${member}.`);
  }
  return url;
}

/** OpenID Connect Discovery §3: no query, no fragment. */
function checkIssuer(issuer: string): void {
  if (!isSafe(issuer) || /[?#]/.test(issuer)) {
    throw new ClientError(
      'discovery.issuer_url',
      'The issuer must be an https URL without query (http only on loopback).',
    );
  }
}

/**
 * Checks the URL of a realm of Countersign. It ends with the realm's name, without a slash: issuers are compared as text
 * everywhere.
 *
 * @throws {ClientError} `discovery.issuer_url`
 */
export function checkRealm(issuer: string): void {
  checkIssuer(issuer);
  if (!issuer.endsWith('/')) return;
  throw new ClientError(
    'discovery.issuer_url',
    'The issuer must end without a slash, as https://id.example/realms/dev does.',
  );
}

function isSafe(text: string): boolean {
  if (typeof text !== 'string' || !URL.canParse(text)) return false;
  const { protocol, username, password } = new URL(text);
  return username === '' && password === '' && (protocol === 'https:' || (protocol === 'http:' && isLoopback(text)));
}

function isLoopback(url: string): boolean {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
