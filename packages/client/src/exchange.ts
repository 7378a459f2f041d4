import { decodeBase64url, isJsonObject, parseJson } from '@countersign/proof';
import { type Checks, callable, optional, options as optionsOf, someText, text } from '@countersign/proof/argument';
import { discoverOnce, endpoint } from './discovery.ts';
import { ClientError } from './error.ts';
import { type Transport, transportChecks } from './fetch-json.ts';
import { problem } from './message-problem.ts';
import { askTokenEndpoint, type ClientCredentials, clientChecks } from './token-endpoint.ts';

export interface ExchangeOptions extends Transport, ClientCredentials {
  readonly issuer: string;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

/** Gives a token for `audience` that stands for the subject of `token`. */
export type Exchange = (token: string, audience: string) => Promise<string>;

interface Held {
  readonly token: Promise<string>;
  /** Milliseconds since the epoch. */
  until: number;
}

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const types = {
  access: 'urn:ietf:params:oauth:token-type:access_token',
  session: 'urn:countersign:params:oauth:token-type:session',
  transaction: 'urn:ietf:params:oauth:token-type:txn_token',
  wallet: 'urn:countersign:params:oauth:token-type:wallet',
} as const;
/** Chains that one service passes on within a minute. The oldest is asked for again. */
const maxHeld = 10_000;

/**
 * RFC 8693 for a service that calls the next one: the token that it was called with, for one that the next will accept. Whoever asks
 * for the same again, while it lives, gets the same: one exchange for all calls of a request. A refusal is not kept.
 *
 * It throws {MessageProblem} `token.ended`, with status 401, where the token cannot be exchanged: it has expired, its session has
 * ended meanwhile, it is for somebody else. That is an answer for whoever called us, and no fault of ours. {ClientError}
 * `oauth.<error>`, such as `oauth.invalid_target` where the audience is not on our list; `token.malformed`, `discovery.*` or `http.*`.
 */
export function createExchange(options: ExchangeOptions): Exchange {
  return exchangeOf(optionsOf(options, 'options', exchangeChecks));
}

const exchangeChecks: Checks<ExchangeOptions> = {
  ...transportChecks,
  ...clientChecks,
  issuer: text,
  now: optional(callable),
};

/** The same for options that are checked. */
export function exchangeOf(options: ExchangeOptions): Exchange {
  const { issuer, now = Date.now } = options;
  const discovery = discoverOnce(issuer, options);
  const held = new Map<string, Held>();

  async function ask(token: string, audience: string): Promise<{ readonly text: string; readonly until: number }> {
    const from = subjectTokenType(token);
    const wanted = from === types.session ? types.transaction : from;
    const form = new URLSearchParams({
      grant_type: grantType,
      subject_token: token,
      subject_token_type: from,
      requested_token_type: wanted,
      audience,
    });
    const url = endpoint(await discovery(), 'token_endpoint');
    // The life of a token counts from before it was asked for.
    const askedAt = now();
    const type = wanted === types.transaction ? 'n_a' : 'bearer';
    const asking = askTokenEndpoint(url, options, form, [type], options);
    const { text, expiresIn, members } = await asking.catch(refuse);
    if (members.issued_token_type !== wanted) {
      throw new ClientError('token.malformed', 'The token endpoint gave a token of another type.');
    }
    return { text, until: askedAt + expiresIn };
  }

  function hold(key: string, entry: Held): void {
    const oldest = held.size < maxHeld ? undefined : held.keys().next().value;
    if (oldest !== undefined) held.delete(oldest);
    held.set(key, entry);
  }

  return async (token, audience) => {
    someText(token, 'token');
    someText(audience, 'audience');
    const key = JSON.stringify([audience, token]);
    const known = held.get(key);
    if (known !== undefined && now() < known.until) return known.token;
    held.delete(key);
    const asking = ask(token, audience);
    const entry: Held = { token: asking.then(({ text }) => text), until: Number.POSITIVE_INFINITY };
    hold(key, entry);
    asking.then(
      ({ until }) => {
        entry.until = until;
      },
      () => {
        if (held.get(key) === entry) held.delete(key);
      },
    );
    return entry.token;
  };
}

/** RFC 8693 §2.2.2: all that is wrong with the subject token is `invalid_request`, and the rest of the request is always the same. */
function refuse(error: unknown): never {
  const isOfToken = error instanceof ClientError && error.code === 'oauth.invalid_request';
  throw isOfToken ? problem('token.ended', { cause: error }) : error;
}

/** Only says what we send: the issuer looks at the token itself. */
function subjectTokenType(token: string): string {
  if (token.startsWith('css_')) return types.session;
  const bytes = decodeBase64url(token.split('.', 1)[0] ?? '', 1_024);
  const header = bytes === undefined ? undefined : parseJson(bytes);
  const typ = header?.ok && isJsonObject(header.value) ? header.value.typ : undefined;
  if (typ === 'wallet+jwt') return types.wallet;
  return typ === 'txntoken+jwt' ? types.transaction : types.access;
}
