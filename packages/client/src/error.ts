/**
 * Something between us and the issuer went wrong; what is wrong with a token itself is a `ProofError`. `code` is stable:
 * `http.*` (the way there), `discovery.*`, `jwks.*`, `registry.*`, `token.*`, `signature.*` and `oauth.<error>`, the RFC 6749
 * §5.2 error that the token endpoint gave. Neither the message nor the cause holds a secret or a token.
 */
export class ClientError extends Error {
  override readonly name = 'ClientError';
  readonly code: string;

  constructor(code: string, text: string, options: { cause?: unknown } = {}) {
    super(text, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
  }
}
