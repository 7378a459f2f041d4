/**
 * A failed call to the issuer; a fault of a token itself is a `ProofError`. `code` is stable: `http.*` (the transport),
 * `discovery.*`, `jwks.*`, `registry.*`, `token.*`, `signature.*` and `oauth.<error>`, the RFC 6749 §5.2 error of the
 * token endpoint. Neither the message nor the cause contains a secret or a token.
 *
 * @example
 * const error = new ClientError('http.timeout', 'The issuer did not answer in time.');
 * [error.code, error.name]; // → ['http.timeout', 'ClientError']
 */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: string;

  constructor(code: string, text: string, options: { cause?: unknown } = {}) {
    super(text, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
