import { isJsonObject, type JsonValue } from '@countersign/proof';
import { discoverOnce, endpoint } from './discovery.ts';
import { ClientError } from './error.ts';
import { fetchJson, type JsonAnswer, type Transport } from './fetch-json.ts';

/** Something that has an access token at hand. */
export interface TokenSource {
  token(): Promise<string>;
  /** This one was refused where it should have been good: the next one asked for is another. */
  discard?(token: string): void;
}

export interface TokenSourceOptions extends Transport {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Scopes, separated by spaces. */
  readonly scope?: string;
  /** RFC 8707: whom the token is for. */
  readonly resource?: string | readonly string[];
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** From 0 to 1; spreads the renewals of many processes. Default `Math.random`. */
  readonly random?: () => number;
}

interface IssuedToken {
  readonly text: string;
  readonly obtainedAt: number;
  /** Milliseconds from `obtainedAt` after which a new one is fetched. */
  readonly usableFor: number;
}

const maxBytes = 65_536;
/** Milliseconds for which a token is kept, however it is received. */
const minUse = 1_000;

/**
 * Tokens of the client credentials grant (RFC 6749 §4.4), fetched when needed, shared until shortly before they expire: 30 s,
 * or a tenth of a shorter life, and up to half of that again by chance. Whoever asks during a fetch waits for the same one.
 *
 * `token()` throws {ClientError} `oauth.<error>` with the error of the issuer, `token.malformed`, `discovery.*` or `http.*`.
 */
export function createTokenSource(options: TokenSourceOptions): TokenSource {
  const { issuer, now = Date.now, random = Math.random } = options;
  const discovery = discoverOnce(issuer, options);
  let held: IssuedToken | undefined;
  let flight: Promise<string> | undefined;

  async function obtain(): Promise<string> {
    const url = endpoint(await discovery(), 'token_endpoint');
    // The life of a token counts from before it was asked for.
    const obtainedAt = now();
    const { text, expiresIn } = tokenOf(await fetchJson(url, tokenRequest(options), options));
    const margin = Math.min(30_000, expiresIn / 10) * (1 + random() / 2);
    held = { text, obtainedAt, usableFor: expiresIn - margin };
    return text;
  }

  return {
    async token() {
      const passed = held === undefined ? 0 : now() - held.obtainedAt;
      if (held !== undefined && passed >= 0 && passed < held.usableFor) return held.text;
      flight ??= obtain().finally(() => {
        flight = undefined;
      });
      return flight;
    },
    discard(token) {
      // A caller who refuses every token must not make us ask for a new one each time.
      const passed = held === undefined ? 0 : now() - held.obtainedAt;
      if (held?.text === token && (passed < 0 || passed >= minUse)) held = undefined;
    },
  };
}

function tokenRequest({ clientId, clientSecret, scope, resource }: TokenSourceOptions) {
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.append('scope', scope);
  for (const one of resource === undefined ? [] : [resource].flat()) form.append('resource', one);
  // RFC 6749 §2.3.1: both are form-encoded before they are joined, so that a colon in either is no separator.
  const credentials = btoa(`${formEncode(clientId)}:${formEncode(clientSecret)}`);
  return {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded', authorization: `Basic ${credentials}` },
    body: form.toString(),
    maxBytes,
  } as const;
}

/** RFC 6749 §5.1 and §5.2. */
function tokenOf({ status, value }: JsonAnswer): { readonly text: string; readonly expiresIn: number } {
  const answer = isJsonObject(value) ? value : {};
  if (status !== 200) {
    // The description is the issuer's and might repeat what we sent: only the code is passed on.
    const error = typeof answer.error === 'string' && /^[a-z_]{1,64}$/.test(answer.error) ? answer.error : 'unknown';
    throw new ClientError(`oauth.${error}`, `The token endpoint refused with ${status} ${error}.`);
  }
  const { access_token: text, token_type: type } = answer;
  if (typeof text !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(text)) throw malformed('an access token');
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') throw malformed('the token type Bearer');
  return { text, expiresIn: milliseconds(answer.expires_in) };
}

/** Without a stated life a token is used once. */
function milliseconds(expiresIn: JsonValue | undefined): number {
  if (expiresIn === undefined) return 0;
  if (typeof expiresIn !== 'number' || !(expiresIn >= 0)) throw malformed('a lifetime');
  return expiresIn * 1000;
}

function formEncode(text: string): string {
  return new URLSearchParams([['', text]]).toString().slice(1);
}

function malformed(missing: string): ClientError {
  return new ClientError('token.malformed', `The answer of the token endpoint lacks ${missing}.`);
}
