import { type Checks, callable, names, optional, options as optionsOf, text } from '@countersign/proof/argument';
import { discoverOnce, endpoint } from '../discovery.ts';
import { type Transport, transportChecks } from '../fetch-json.ts';
import { holdToken } from './held-token.ts';
import { askTokenEndpoint, clientChecks } from './token-endpoint.ts';

/** A source of access tokens. */
export interface TokenSource {
  token(): Promise<string>;
  /** Says that this token was refused although it should be good: the next call gets a new one. */
  discard?(token: string): void;
}

/** The issuer and the client of a source of tokens. */
export interface TokenSourceOptions extends Transport {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** Scopes, separated by spaces. */
  readonly scope?: string;
  /** RFC 8707: the receivers of the token. */
  readonly resource?: string | readonly string[];
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** From 0 to 1; spreads the renewals of many processes. Default `Math.random`. */
  readonly random?: () => number;
}

/**
 * Makes a source of tokens of the client credentials grant (RFC 6749 §4.4), fetched when needed and kept until shortly
 * before they expire. `now` is in milliseconds since the epoch. A byte order mark before `clientSecret` and line ends
 * after it, as in files, are removed.
 *
 * It does not verify the tokens: their receivers do.
 *
 * @throws {ClientError} `discovery.issuer_url`; by `token` `oauth.*` with the error of the issuer, `token.malformed`,
 * `discovery.*`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const source = createTokenSource({ ...realm, ...secrets.agent, now: clock });
 * const token = await source.token();
 * (await source.token()) === token; // → true
 */
export function createTokenSource(options: TokenSourceOptions): TokenSource {
  return tokenSource(optionsOf(options, 'options', tokenSourceChecks));
}

export const tokenSourceChecks: Checks<TokenSourceOptions> = {
  ...transportChecks,
  ...clientChecks,
  issuer: text,
  scope: optional(text),
  resource: optional(names),
  now: optional(callable),
  random: optional(callable),
};

/** `createTokenSource` for checked options. */
export function tokenSource(options: TokenSourceOptions): TokenSource {
  const { issuer, now = Date.now, random = Math.random } = options;
  const discovery = discoverOnce(issuer, options);
  return holdToken(
    async () => {
      const url = endpoint(await discovery(), 'token_endpoint');
      const obtainedAt = now();
      const form = clientCredentials(options);
      const { text, expiresIn } = await askTokenEndpoint(url, options, form, ['bearer'], options);
      return { text, obtainedAt, expiresIn };
    },
    { now, random },
  );
}

export function clientCredentials({ scope, resource }: TokenSourceOptions): URLSearchParams {
  const form = new URLSearchParams({ grant_type: 'client_credentials' });
  if (scope !== undefined) form.append('scope', scope);
  for (const one of resource === undefined ? [] : [resource].flat()) form.append('resource', one);
  return form;
}
