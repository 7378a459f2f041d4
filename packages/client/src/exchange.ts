import { decodeBase64url, isJsonObject, type JsonObject, parseJson, subjectFromToken } from '@countersign/proof';
import { type Checks, callable, optional, options as optionsOf, someText, text } from '@countersign/proof/argument';
import { discoverOnce, endpoint } from './discovery.ts';
import { ClientError } from './error.ts';
import { type Transport, transportChecks } from './fetch-json.ts';
import { problem } from './message-problem.ts';
import type { StatusFollower, TokenState } from './status.ts';
import { askTokenEndpoint, type ClientCredentials, clientChecks, SubjectTokenRefused } from './token-endpoint.ts';

export interface ExchangeOptions extends Transport, ClientCredentials {
  readonly issuer: string;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

/** Gives a token for `audience` that stands for the subject of `token`. */
export type Exchange = (token: string, audience: string) => Promise<string>;

interface Held {
  readonly token: Promise<string>;
  /** Undefined while it is on its way. */
  issued: Issued | undefined;
}

interface Issued {
  readonly text: string;
  /** Milliseconds since the epoch: when it was asked for, and from when on it is not given to anybody else. */
  readonly from: number;
  readonly until: number;
  /** What it says it was made from; undefined where it does not say so in a way that we know. */
  readonly state: TokenState | undefined;
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
/** Characters. */
const maxPart = 16_384;

/**
 * RFC 8693 for a service that calls the next one: the token that it was called with, for one that the next will accept. Whoever asks
 * for the same again gets the same, while it and `token` live: one exchange for all calls of a request. A refusal is not kept.
 *
 * It throws {MessageProblem} `token.ended`, with status 401, where the token cannot be exchanged: it has expired, its session has
 * ended meanwhile, it is for somebody else. That is an answer for whoever called us, and no fault of ours. {ClientError}
 * `oauth.<error>`, such as `oauth.invalid_target` where the audience is not on our list, or `oauth.invalid_request` where the request itself
 * is refused; `token.malformed`, `discovery.*` or `http.*`.
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

/** The same for options that are checked. What the status feed says has ended is not given to anybody: the issuer is asked again. */
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
    // The life of a token counts from before it was asked for.
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

  /** Without news of the feed nobody knows but the issuer. */
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
    // Somebody else may have asked again meanwhile.
    const newer = held.get(key);
    if (newer !== undefined && newer !== known) return newer.token;
    held.delete(key);
    return hold(key, token, audience);
  };
}

function refuse(error: unknown): never {
  throw error instanceof SubjectTokenRefused ? problem('token.ended', { cause: error }) : error;
}

/** Only says what we send: the issuer looks at the token itself. */
function subjectTokenType(token: string): string {
  if (token.startsWith('css_')) return types.session;
  const typ = partOf(token, 0)?.typ;
  if (typ === 'wallet+jwt') return types.wallet;
  return typ === 'txntoken+jwt' ? types.transaction : types.access;
}

/** Milliseconds since the epoch. Only the issuer knows it of a session, and gives what is made from one a minute. */
function endOf(token: string): number {
  const exp = partOf(token, 1)?.exp;
  return typeof exp === 'number' ? exp * 1000 : Number.POSITIVE_INFINITY;
}

/** Of a token that the issuer gave us a moment ago, and that is for somebody else to verify. */
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
