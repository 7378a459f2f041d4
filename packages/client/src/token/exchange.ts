import { decodeBase64url, isJsonObject, type JsonObject, parseJson, subjectFromToken } from '@countersign/proof';
import { type Checks, callable, optional, options as optionsOf, someText, text } from '@countersign/proof/argument';
import { discoverOnce, endpoint } from '../discovery.ts';
import { ClientError } from '../error.ts';
import { type Transport, transportChecks } from '../fetch-json.ts';
import { problem } from '../message/message-problem.ts';
import type { StatusFollower, TokenState } from '../status/status.ts';
import { askTokenEndpoint, type ClientCredentials, clientChecks, SubjectTokenRefused } from './token-endpoint.ts';
import './caller-refusal.ts';

/** The issuer and the client of a service that exchanges tokens. */
export interface ExchangeOptions extends Transport, ClientCredentials {
  readonly issuer: string;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

/** Gets a token for `audience` with the subject of `token`. */
export type Exchange = (token: string, audience: string) => Promise<string>;

interface Held {
  readonly token: Promise<string>;
  /** Undefined until the issuer has answered. */
  issued: Issued | undefined;
}

interface Issued {
  readonly text: string;
  /** Milliseconds since the epoch: the time of the request, and the time after which the token is not reused. */
  readonly from: number;
  readonly until: number;
  /** The ids and ancestors that the token names; undefined if it cannot be read. */
  readonly state: TokenState | undefined;
}

const grantType = 'urn:ietf:params:oauth:grant-type:token-exchange';
const types = {
  access: 'urn:ietf:params:oauth:token-type:access_token',
  session: 'urn:countersign:params:oauth:token-type:session',
  transaction: 'urn:ietf:params:oauth:token-type:txn_token',
  wallet: 'urn:countersign:params:oauth:token-type:wallet',
} as const;
/** The number of chains that one service passes on within a minute. The oldest is exchanged again. */
const maxHeld = 10_000;
/** Characters. */
const maxPart = 16_384;

/**
 * Makes the exchange of RFC 8693 for a service that calls the next one: it exchanges the token of its caller for one
 * that the next service accepts. `now` is in milliseconds since the epoch. The same request returns the same token
 * while both tokens live: one exchange is enough for all calls of a request. A refusal is not kept.
 *
 * It verifies neither token: the issuer does, and the next service. Pass `token.ended` on to the caller: this service
 * is not at fault.
 *
 * @throws {MessageProblem} by its calls: `token.ended` (401) if the token has expired, its session has ended, or it is
 * for another service
 * @throws {ClientError} `discovery.issuer_url`; by its calls `oauth.*` (`invalid_target` if the audience is not on this
 * client's list), `token.malformed`, `discovery.*`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const exchange = createExchange({ ...realm, ...secrets.lender, now: clock });
 * const next = await exchange(await issuer.accessToken(), 'https://next.example');
 * next.split('.').length; // → 3
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

/**
 * `createExchange` for checked options. A cached token that has ended by the status feed is not returned: the issuer is asked
 * again.
 */
export function exchangeOf(options: ExchangeOptions, status?: StatusFollower): Exchange {
  const { issuer, now = Date.now } = options;
  const discovery = discoverOnce(issuer, options);
  const held = new Map<string, Held>();

  async function ask(token: string, audience: string): Promise<Issued> {
    const presented = subjectTokenType(token);
    const wanted = presented === types.session ? types.transaction : presented;
    const form = new URLSearchParams({
      grant_type: grantType,
      subject_token: token,
      subject_token_type: presented,
      requested_token_type: wanted,
      audience,
    });
    const url = endpoint(await discovery(), 'token_endpoint');
    // The life of a token counts from before the request.
    const from = now();
    const type = wanted === types.transaction ? 'n_a' : 'bearer';
    const asking = askTokenEndpoint(url, options, form, [type], options);
    const { text, expiresIn, members } = await asking.catch(refuse);
    if (members.issued_token_type !== wanted) {
      throw new ClientError('token.malformed', 'The token endpoint gave a token of another type.');
    }
    return { text, from, until: Math.min(from + expiresIn, endOf(token)), state: stateOf(text) };
  }

  function hold(key: string, token: string, audience: string): Promise<string> {
    const oldest = held.size < maxHeld ? undefined : held.keys().next().value;
    if (oldest !== undefined) held.delete(oldest);
    const asking = ask(token, audience);
    const entry: Held = { token: asking.then(({ text }) => text), issued: undefined };
    held.set(key, entry);
    asking.then(
      (issued) => {
        entry.issued = issued;
      },
      () => {
        if (held.get(key) === entry) held.delete(key);
      },
    );
    return entry.token;
  }

  /** Without news of the feed only the issuer knows, so the answer is false. */
  async function isAlive({ issued }: Held): Promise<boolean> {
    if (issued === undefined) return true;
    if (now() < issued.from || now() >= issued.until) return false;
    if (status === undefined) return true;
    try {
      await status.ready();
    } catch {
      return false;
    }
    return issued.state !== undefined && status.fate(issued.state) === undefined;
  }

  return async (token, audience) => {
    someText(token, 'token');
    someText(audience, 'audience');
    const key = JSON.stringify([audience, token]);
    const known = held.get(key);
    if (known !== undefined && (await isAlive(known))) return known.token;
    // Another caller may have asked again meanwhile.
    const newer = held.get(key);
    if (newer !== undefined && newer !== known) return newer.token;
    held.delete(key);
    return hold(key, token, audience);
  };
}

function refuse(error: unknown): never {
  throw error instanceof SubjectTokenRefused ? problem('token.ended', { cause: error }) : error;
}

/** Only names the kind of token for the request: the issuer checks the token itself. */
function subjectTokenType(token: string): string {
  if (token.startsWith('css_')) return types.session;
  const typ = partOf(token, 0)?.typ;
  if (typ === 'wallet+jwt') return types.wallet;
  return typ === 'txntoken+jwt' ? types.transaction : types.access;
}

/** Milliseconds since the epoch. Only the issuer knows the end of a session; its tokens live for a minute. */
function endOf(token: string): number {
  const exp = partOf(token, 1)?.exp;
  return typeof exp === 'number' ? exp * 1000 : Number.POSITIVE_INFINITY;
}

/** The state of a token that the issuer has just given. It is not verified here, but by the next service. */
function stateOf(token: string): TokenState | undefined {
  const [header, claims] = [partOf(token, 0), partOf(token, 1)];
  try {
    return header && claims && subjectFromToken({ header, claims } as Parameters<typeof subjectFromToken>[0]);
  } catch {
    return undefined;
  }
}

/** The header or the claims of a JWT, unverified. */
function partOf(token: string, at: 0 | 1): JsonObject | undefined {
  const bytes = decodeBase64url(token.split('.', 2)[at] ?? '', maxPart);
  const part = bytes && parseJson(bytes);
  return part?.ok && isJsonObject(part.value) ? part.value : undefined;
}
