/** Marks a code that the realm sent, so that no other text passes for one. */
declare const fromRealm: unique symbol;

/** A code from the realm's own list (docs/reference/problems.md): newer realms may send codes that this SDK does not know. */
export type RealmCode = string & { readonly [fromRealm]: true };

/** The codes of this SDK; `oauth.<error>` is the error of RFC 6749 §5.2, `rpc.<status>` a refusal without a reason. */
export type ClientErrorCode =
  | 'adapter.public_url'
  | 'capability.expired'
  | 'challenge.audience'
  | 'discovery.endpoint'
  | 'discovery.issuer'
  | 'discovery.issuer_url'
  | 'discovery.malformed'
  | 'discovery.unavailable'
  | 'edge.session_id'
  | 'gateway_subject.digest'
  | 'gateway_subject.malformed'
  | 'gateway_subject.method'
  | 'gateway_subject.missing'
  | 'gateway_subject.path'
  | 'gateway_subject.repeated'
  | 'http.json'
  | 'http.redirect'
  | 'http.timeout'
  | 'http.too_large'
  | 'http.unreachable'
  | 'invocation.codec'
  | 'jwks.malformed'
  | 'jwks.unavailable'
  | 'keys.malformed'
  | 'keys.refused'
  | 'keys.unproved'
  | 'message.url'
  | 'onboarding.malformed'
  | 'onboarding.refused'
  | 'packed.required'
  | 'profile.exists'
  | 'profile.issuer'
  | 'profile.key_missing'
  | 'profile.key_store'
  | 'profile.malformed'
  | 'profile.passphrase'
  | 'profile.unreadable'
  | 'profile.version'
  | 'profile.waiting'
  | 'realm.did'
  | 'receipt.malformed'
  | 'receipt.refused'
  | 'receipt.unavailable'
  | 'registry.busy'
  | 'registry.id'
  | 'registry.malformed'
  | 'registry.not_found'
  | 'registry.refused'
  | 'registry.unavailable'
  | 'replay.full'
  | 'rpc.malformed'
  | 'secrets.malformed'
  | 'secrets.refused'
  | 'signature.malformed'
  | 'signing_key.certificate'
  | 'signing_key.private'
  | 'signing_key.public'
  | 'status.malformed'
  | 'status.rolled_back'
  | 'status.stale'
  | 'status.unavailable'
  | 'token.invalid'
  | 'token.malformed'
  | 'token.own'
  | 'verifier.accept'
  | 'verifier.audience'
  | 'wallet.denied'
  | 'wallet.exists'
  | 'wallet.no_agreement_key'
  | 'wallet.no_realm_capability'
  | 'wallet.no_wallet_capability'
  | `oauth.${string}`
  | `rpc.${string}`
  | RealmCode;

/**
 * A failed call to the issuer; a fault of a token itself is a `ProofError`. `code` is stable (`ClientErrorCode`).
 * Neither the message nor the cause contains a secret or a token.
 *
 * @example
 * const error = new ClientError('http.timeout', 'The issuer did not answer in time.');
 * [error.code, error.name]; // → ['http.timeout', 'ClientError']
 */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: ClientErrorCode;

  constructor(code: ClientErrorCode, text: string, options: { cause?: unknown } = {}) {
    super(text, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
