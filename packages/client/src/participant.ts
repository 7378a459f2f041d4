import {
  type AlgorithmName,
  algorithms,
  type CryptoPort,
  createMessageHeaderCache,
  type Message,
  type MessageForm,
  messageFormNames,
} from '@countersign/proof';
import {
  type Checks,
  having,
  leftOut,
  listOf,
  names,
  object,
  oneOf,
  optional,
  options as optionsOf,
  text,
} from '@countersign/proof/argument';
import { cryptoPort } from '#platform-crypto';
import type { Transport } from './fetch-json.ts';
import { separateKeys } from './message/key-purpose.ts';
import { createMessageSigner, type SignatureFields } from './message/message-signing.ts';
import type { PrivateJwk } from './message/private-jwk.ts';
import { createMemoryReplayStore, type ReplayStore } from './message/replay.ts';
import { type SignedInit, signedFetch, type VerifiedResponse } from './message/signed-fetch.ts';
import { importSigningKey, type SigningKey } from './message/signing-key.ts';
import {
  type IncomingRequest,
  participantIdOf,
  type Verified,
  verifyHeaders,
  verifyRequest,
} from './message/verify-request.ts';
import { once } from './once.ts';
import type { Registry } from './registry/registry.ts';
import { cacheChecks, type RegistryCacheOptions, registryCache } from './registry/registry-cache.ts';
import { statusCheck } from './status/policy-check.ts';
import { createStatusFollower, type StatusPolicy } from './status/status.ts';
import { accessTokenVerifier } from './token/access-token.ts';
import { issuerKeys } from './token/issuer-keys.ts';
import type { KeySource } from './token/jwks.ts';
import { type TokenSource, tokenSource, tokenSourceChecks } from './token/token.ts';

/** The realm, the credentials and the rules of a participant. */
export interface ParticipantOptions extends Transport {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  /** The registered key of the participant. Its `kid`, if it has one, is sent along. */
  readonly privateKey: PrivateJwk | SigningKey;
  /** Default: the id in this participant's own token. */
  readonly participantId?: string;
  /** The form of this participant's signatures, unless the registry entry of a recipient names another. Default `rfc7797`. */
  readonly form?: MessageForm;
  /** The accepted forms. Default: all; only `strict` if `form` is `strict`. */
  readonly accepts?: readonly MessageForm[];
  /** Scopes of this participant's own token, separated by spaces. */
  readonly scope?: string;
  /**
   * RFC 8707: the receivers of this participant's own token. Name the issuer too, because the registry is read with the same
   * token.
   */
  readonly resource?: string | readonly string[];
  /** The access tokens of callers must be for one of these. Default: any; name yours if the realm sets audiences. */
  readonly audience?: string | readonly string[];
  /** Default: all supported algorithms. */
  readonly tokenAlgorithms?: readonly AlgorithmName[];
  /**
   * Remembers received messages. Default: in the memory of this process. Several processes behind one address must share one
   * store.
   */
  readonly replay?: ReplayStore;
  /** How the status feed is followed. `none` is for issuers without a feed: revoked tokens then live until they expire. */
  readonly status?: StatusPolicy | 'none';
  readonly cache?: Pick<RegistryCacheOptions, 'maxEntries' | 'maxFreshSeconds' | 'staleSeconds' | 'missesPerSecond'>;
  /** Default: the registry of the issuer, cached. */
  readonly registry?: Registry;
  /** Default: the JWKS that the issuer's discovery document names. */
  readonly jwks?: KeySource;
  /** Default: `node:crypto` under Node, else WebCrypto. */
  readonly crypto?: CryptoPort;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** From 0 to 1. Default `Math.random`. */
  readonly random?: () => number;
}

const formCheck = oneOf(...messageFormNames);

const participantChecks: Checks<ParticipantOptions> = {
  ...tokenSourceChecks,
  privateKey: object,
  participantId: optional(text),
  form: optional(formCheck),
  accepts: leftOut(listOf(formCheck)),
  audience: leftOut(names),
  tokenAlgorithms: optional(listOf(oneOf(...Object.keys(algorithms)))),
  replay: optional(having('seen')),
  status: statusCheck,
  cache: optional((value, name) => optionsOf(value as NonNullable<ParticipantOptions['cache']>, name, cacheChecks)),
  registry: optional(having('participant', 'network')),
  jwks: optional(having('keys', 'refresh')),
  crypto: optional(having('verify', 'sha256')),
};

const signChecks: Checks<SignOptions> = { to: optional(text), form: optional(formCheck) };

/** Options for signing a message. The recipient `to` matters only in the strict form. */
export interface SignOptions {
  readonly to?: string;
  readonly form?: MessageForm;
}

/** One participant of a network: it signs, verifies, and looks up others. */
export interface Participant extends TokenSource {
  readonly registry: Registry;
  /**
   * Makes the header fields that sign a message.
   *
   * @throws {ProofError} `signing.*`
   * @throws {MessageProblem} `message.recipient_missing`
   * @throws {ClientError} `signing_key.*`
   * @throws {TypeError} if the body is not a Uint8Array or another member has a wrong type
   */
  sign(message: Message, options?: SignOptions): Promise<SignatureFields>;
  /**
   * Calls another participant, and accepts only a response that it has signed. A refusal of the response has status 502. It does
   * not check what the response says.
   *
   * @throws {MessageProblem} `message.*`, `participant.*`, `response.unsigned`, `response.too_large`, `registry.unavailable`,
   *   `status.unavailable`
   * @throws {ProofError} `signing.*`
   * @throws {ClientError} `http.*`, `oauth.*`, `message.url`
   * @throws {TypeError} naming the option that is of another type
   */
  fetch(url: string | URL, init?: SignedInit): Promise<VerifiedResponse>;
  /**
   * Checks the token and that there is one signature, before the body is read. It proves no sender: only `verifyRequest` does.
   *
   * @throws {MessageProblem} if no body can make the request good
   */
  verifyHeaders(headers: IncomingRequest['headers']): Promise<void>;
  /**
   * Verifies the token and the signature of a request. The caller must check `signature.replay`, and that the sender may do what
   * it asks.
   *
   * @throws {MessageProblem} for every request that must be refused, with the HTTP status of the answer
   * @throws {TypeError} naming the member of a wrong type: a body is a Uint8Array
   */
  verifyRequest(request: IncomingRequest): Promise<Verified>;
  /**
   * Makes the header fields that sign the response to a verified request; strict if the request was strict.
   *
   * @throws {ProofError} `signing.*`
   * @throws {ClientError} `signing_key.*`
   */
  signResponse(
    request: Verified,
    response: { readonly status: number; readonly body: Uint8Array },
  ): Promise<SignatureFields>;
  /** Stops following the status feed. */
  close(): void;
}

/**
 * Makes one participant of a network, in one object: its token, the registry, its signatures on sent messages, and the
 * verification of received ones. `now` is in milliseconds since the epoch. It makes no network call before the first
 * request needs one, and caches the results, so that a warm verification makes no network call.
 *
 * It does not check that the participant may do what a message asks: that is for the application. In the forms `ocen`
 * and `rfc7797` a replay cannot be refused: the caller must check `signature.replay`. Without `audience` a token for
 * any service is accepted.
 *
 * @throws {ClientError} `discovery.issuer_url`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const own = { ...realm, ...secrets.lender, privateKey: lender.privateJwk, status: 'none', now: clock } as const;
 * const line = { method: 'GET', target: 'https://lender.example/', requestTarget: '/', body: new Uint8Array() };
 * const verified = await createParticipant(own).verifyRequest({ ...line, headers: headers.signed });
 * verified.participant.id; // → 'agent'
 */
export function createParticipant(given: ParticipantOptions): Participant {
  const checked = optionsOf(given, 'options', participantChecks);
  const options = { now: Date.now, random: Math.random, crypto: cryptoPort, form: 'rfc7797', ...checked } as const;
  const { issuer, now, random, crypto, form } = options;
  const forms = options.accepts ?? (form === 'strict' ? (['strict'] as const) : messageFormNames);
  const purposes = separateKeys(options.jwks ?? issuerKeys(options));
  const token = tokenSource(options);
  const { keys: jwks, signedBy } = purposes.tokens;
  const { audience, tokenAlgorithms: algorithms, ...rest } = options;
  const tokenRules = { ...rest, jwks, signedBy, ...(algorithms && { algorithms }) };
  const tokens = accessTokenVerifier({ ...tokenRules, ...(audience === undefined ? {} : { audience }) });
  // The participant's own token is for other audiences.
  const ownTokens = accessTokenVerifier(tokenRules);
  const cached = options.registry ? undefined : registryCache({ ...options.cache, ...options, token });
  const registry = options.registry ?? (cached as Registry);
  const status =
    options.status === 'none'
      ? undefined
      : createStatusFollower({
          ...transportOf(options),
          ...options.status,
          ...{ issuer, token, crypto, now, random, keys: purposes.status },
          ...(cached && { onRevoked: cached.invalidate }),
        });
  const recipient = once(async () => options.participantId ?? participantIdOf(await token.token(), ownTokens));
  const signer = createMessageSigner({ key: once(async () => signingKeyOf(options.privateKey)), crypto, now });
  const common = { registry, status, crypto, now, forms, recipient, headers: createMessageHeaderCache() };
  const stores = {
    replay: options.replay ?? createMemoryReplayStore({ now }),
    seenBytes: options.replay ?? createMemoryReplayStore({ now, whenFull: 'forget' }),
  };
  return {
    token: token.token,
    ...(token.discard && { discard: token.discard }),
    registry,
    async sign(message, signing = {}) {
      const { to, form: wanted = form } = optionsOf(signing, 'options', signChecks);
      return signer.sign(message, wanted, to);
    },
    fetch: async (url, init = {}) =>
      signedFetch(url, init, { ...common, token, signer, form, fetch: options.fetch ?? globalThis.fetch }),
    verifyHeaders: (headers) => verifyHeaders(headers, { ...common, tokens }),
    verifyRequest: (request) => verifyRequest(request, { ...common, ...stores, tokens }),
    async signResponse({ signature, participant }, { status: code, body }) {
      const message = { kind: 'response', status: code, requestSignature: signature.value, body } as const;
      return signer.sign(message, signature.form === 'strict' ? 'strict' : form, participant.id);
    },
    close: () => status?.close(),
  };
}

function transportOf({ fetch, timeoutMilliseconds }: Transport): Transport {
  return {
    ...(fetch && { fetch }),
    ...(timeoutMilliseconds !== undefined && { timeoutMilliseconds }),
  };
}

async function signingKeyOf(key: PrivateJwk | SigningKey): Promise<SigningKey> {
  return typeof key.sign === 'function' ? (key as SigningKey) : importSigningKey(key as PrivateJwk);
}
