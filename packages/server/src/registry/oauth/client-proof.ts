import { decodeBase64url, parseJson } from '@countersign/proof';
import { Problem } from '../../kernel/problem.ts';
import { isName } from '../../kernel/text.ts';
import { formDecode, type Parameters } from './parameters.ts';

/** The proof with which a request names its client. Not verified yet. */
export type ClientProof =
  | {
      readonly method: 'client_secret_basic' | 'client_secret_post';
      readonly clientId: string;
      readonly secret: string;
    }
  | { readonly method: 'private_key_jwt'; readonly clientId: string; readonly assertion: string };

/** RFC 7523 §2.2. */
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/**
 * The one proof of a request, from its `Authorization` header and its parameters.
 *
 * RFC 6749 §2.3: "The client MUST NOT use more than one authentication method in each request." `sameTwice` allows both
 * places if they carry the same id and secret: keycloak-connect does so at the introspection endpoint.
 */
export function presentedProof(authorization: string | null, parameters: Parameters, sameTwice = false): ClientProof {
  const clientId = parameters.get('client_id');
  const secret = parameters.get('client_secret');
  const assertion = parameters.get('client_assertion');
  if (authorization !== null) {
    const basic = parseBasic(authorization);
    requireNoAssertion(assertion);
    if (clientId !== undefined && clientId !== basic.clientId) throw disagreement();
    if (secret !== undefined && !(sameTwice && secret === basic.secret)) {
      throw new Problem('request.two_authentication_methods');
    }
    return basic;
  }
  if (secret !== undefined) {
    requireNoAssertion(assertion);
    if (clientId === undefined) throw new Problem('request.invalid', { detail: 'client_secret needs client_id.' });
    return { method: 'client_secret_post', clientId, secret };
  }
  if (assertion !== undefined) return parseAssertion(assertion, parameters.get('client_assertion_type'), clientId);
  // RFC 6749 §5.2: invalid_client, "no client authentication included".
  throw new Problem('oauth.invalid_client');
}

/** The proof of a request without a form: HTTP Basic, or an assertion in the field `Client-Assertion`. */
export function headerProof(authorization: string | null, assertion: string | null): ClientProof {
  if (assertion !== null) return parseAssertion(assertion, assertionType, undefined);
  return parseBasic(authorization ?? '');
}

/** True if a request carries a client's proof. A wrong proof is refused even where none is needed. */
export function presentsClient(authorization: string | null, parameters: Parameters): boolean {
  return (
    authorization !== null ||
    parameters.get('client_secret') !== undefined ||
    parameters.get('client_assertion') !== undefined
  );
}

/** RFC 7617 §2 with RFC 6749 §2.3.1: id and secret are form-encoded before they are joined by a colon. */
function parseBasic(header: string): ClientProof & { readonly secret: string } {
  const space = header.indexOf(' ');
  if (header.slice(0, space === -1 ? undefined : space).toLowerCase() !== 'basic') {
    // RFC 6749 §5.2: invalid_client, "unsupported authentication method".
    throw new Problem('oauth.invalid_client');
  }
  const encoded = header.slice(space + 1).trim();
  const bytes = Buffer.from(encoded, 'base64');
  // Node's lenient decoder skips unknown characters. Encoding the bytes again must give the same text.
  if (space === -1 || encoded === '' || bytes.toString('base64') !== encoded) throw malformedBasic();
  const text = bytes.toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1 || text.includes('\0') || text.includes('\ufffd')) throw malformedBasic();
  return {
    method: 'client_secret_basic',
    clientId: formDecode(text.slice(0, colon)),
    secret: formDecode(text.slice(colon + 1)),
  };
}

/** RFC 7521 §4.2. `client_id` is optional there; "if present, the client_id must identify the same client". */
function parseAssertion(assertion: string, type: string | undefined, clientId: string | undefined): ClientProof {
  if (type === undefined)
    throw new Problem('request.invalid', { detail: 'client_assertion needs client_assertion_type.' });
  if (type !== assertionType) throw new Problem('oauth.invalid_client');
  const named = unverifiedSubject(assertion);
  if (clientId !== undefined && named !== undefined && clientId !== named) throw disagreement();
  return { method: 'private_key_jwt', clientId: named ?? clientId ?? '', assertion };
}

/** Only chooses whose keys to verify with. The verification then requires this client. */
function unverifiedSubject(assertion: string): string | undefined {
  const bytes = decodeBase64url(assertion.split('.', 2)[1] ?? '', 16_384);
  const parsed = bytes === undefined ? undefined : parseJson(bytes);
  const claims = parsed?.ok ? (parsed.value as { readonly sub?: unknown } | null) : undefined;
  return typeof claims?.sub === 'string' && isName(claims.sub) ? claims.sub : undefined;
}

function requireNoAssertion(assertion: string | undefined): void {
  if (assertion !== undefined) throw new Problem('request.two_authentication_methods');
}

function malformedBasic(): Problem {
  return new Problem('request.invalid', {
    detail: 'The Basic credentials are not base64 of a form-encoded id, a colon and a secret.',
  });
}

function disagreement(): Problem {
  return new Problem('request.invalid', { detail: 'client_id is not the client that the credentials name.' });
}

/** The reason goes to the log only. */
export function refused(reason: string): Problem {
  return new Problem('oauth.invalid_client', { reason });
}
