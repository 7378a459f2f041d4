import { options as optionsOf, text } from '@countersign/proof/argument';
import { discoverOnce, endpoint } from '../discovery.ts';
import { dpopProof, type ProofKey } from './dpop-proof.ts';
import { holdToken } from './held-token.ts';
import { clientCredentials, type TokenSourceOptions, tokenSourceChecks } from './token.ts';
import { askTokenEndpoint } from './token-endpoint.ts';

/** A source of tokens that are good only together with a key which this process has made, and which cannot be read. */
export interface BoundTokenSource {
  /**
   * The fields of one request to this address: `authorization` and `dpop`. Make them anew for each request, because a proof is good
   * once, and for a minute.
   */
  fieldsFor(method: string, url: string | URL): Promise<Readonly<{ authorization: string; dpop: string }>>;
  /** Says that the token of these fields was refused although it should be good: the next call gets a new one. */
  discard(fields: { readonly authorization: string }): void;
}

/**
 * Makes a source of tokens of the client credentials grant (RFC 6749 §4.4) that are bound to a new key (RFC 9449): a thief of the
 * token cannot use it. A token is fetched when needed and kept until shortly before it expires. `now` is in milliseconds since the
 * epoch.
 *
 * It does not verify the tokens: their receivers do.
 *
 * @throws {ClientError} `discovery.issuer_url`; by `fieldsFor` `oauth.*` with the error of the issuer, `token.malformed` (also if the
 * issuer binds no tokens), `discovery.*`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const source = createBoundTokenSource({ ...realm, ...secrets.agent, now: clock });
 * const { authorization, dpop } = await source.fieldsFor('GET', 'https://api.example/loans');
 * [authorization.split(' ')[0], dpop.split('.').length]; // → ['DPoP', 3]
 */
export function createBoundTokenSource(given: TokenSourceOptions): BoundTokenSource {
  const options = optionsOf(given, 'options', tokenSourceChecks);
  const { now = Date.now, random = Math.random } = options;
  const discovery = discoverOnce(options.issuer, options);
  let key: Promise<ProofKey> | undefined;
  const proofFor = async (method: string, uri: string, token?: string) => {
    key ??= makeProofKey();
    return dpopProof(await key, { method, uri, now, ...(token === undefined ? {} : { token }) });
  };
  const held = holdToken(
    async () => {
      const url = endpoint(await discovery(), 'token_endpoint');
      const obtainedAt = now();
      const fields = { dpop: await proofFor('POST', url) };
      const { text, expiresIn } = await askTokenEndpoint(
        ...([url, options, clientCredentials(options), ['dpop'], options, fields] as const),
      );
      return { text, obtainedAt, expiresIn };
    },
    { now, random },
  );
  return {
    async fieldsFor(method, url) {
      const { origin, pathname } = new URL(url);
      const token = await held.token();
      return { authorization: `DPoP ${token}`, dpop: await proofFor(text(method, 'method'), origin + pathname, token) };
    },
    discard: ({ authorization }) => held.discard(authorization.replace(/^DPoP /, '')),
  };
}

async function makeProofKey(): Promise<ProofKey> {
  const curve = { name: 'ECDSA', namedCurve: 'P-256' } as const;
  const { privateKey, publicKey } = await crypto.subtle.generateKey(curve, false, ['sign', 'verify']);
  const { kty, crv, x, y } = (await crypto.subtle.exportKey('jwk', publicKey)) as Record<string, string>;
  const sign = async (bytes: Uint8Array) =>
    new Uint8Array(
      await crypto.subtle.sign({ name: 'ECDSA', hash: 'SHA-256' }, privateKey, bytes as Uint8Array<ArrayBuffer>),
    );
  return { alg: 'ES256', jwk: { kty, crv, x, y } as Record<string, string>, sign };
}
