import { discoverOnce, endpoint } from './discovery.ts';
import type { Transport } from './fetch-json.ts';
import { askTokenEndpoint } from './token-endpoint.ts';

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
    const form = clientCredentials(options);
    const { text, expiresIn } = await askTokenEndpoint(url, options, form, ['bearer'], options);
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

function clientCredentials({ scope, resource }: TokenSourceOptions): URLSearchParams {
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.append('scope', scope);
  for (const one of resource === undefined ? [] : [resource].flat()) form.append('resource', one);
  return form;
}
