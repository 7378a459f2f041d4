import {
  type AlgorithmName,
  encodeBase64url,
  isJsonObject,
  type JsonValue,
  type MessageForm,
  verifyJwt,
} from '@countersign/proof';
import {
  bytes,
  type Checks,
  callable,
  having,
  object,
  optional,
  options as optionsOf,
  someText,
  text,
} from '@countersign/proof/argument';
import { cryptoPort } from '#platform-crypto';
import { ClientError } from '../error.ts';
import type { KeySource } from './jwks.ts';

/** The sender of a request, which `countersign gateway` proved before it passed the request on. */
export interface GatewaySubject {
  /** `sub` of the token: stable, never reused. */
  readonly id: string;
  readonly realm: string;
  readonly participantId: string;
  readonly clientId: string;
  readonly roles: readonly string[];
  /** Resource → roles there. The object has no prototype. */
  readonly resourceAccess: Readonly<Record<string, readonly string[]>>;
  readonly verdict: {
    readonly form: MessageForm;
    /** `bytes`: the same bytes may have been sent to any recipient, at any time. */
    readonly binding: 'bytes' | 'message';
    /** `seen`: these bytes were received from this participant before. Handle them only once. */
    readonly replay: 'first' | 'seen' | 'unchecked';
  };
}

/** The request as the application received it. */
export interface GatewayRequest {
  /** All values of `x-countersign-subject`. */
  readonly subject: string | readonly string[] | undefined;
  readonly method: string;
  /** The request target as it was sent, query included. */
  readonly requestTarget: string;
  /** The exact bytes. */
  readonly body: Uint8Array;
}

/** The gateway and the application. */
export interface GatewaySubjectOptions {
  /** The gateway's keys: `createRemoteJwks({ uri: '…/.well-known/countersign-gateway/jwks.json' })`, or `fixedKeys`. */
  readonly keys: KeySource;
  /** The origin of the application, as in the gateway's `--upstream`. */
  readonly audience: string;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

const optionChecks: Checks<GatewaySubjectOptions> = {
  keys: having('keys', 'refresh'),
  audience: someText,
  now: optional(callable),
};

const algorithms: readonly AlgorithmName[] = ['ES256', 'Ed25519', 'EdDSA', 'RS256', 'PS256'];
/** Seconds. */
const maxLifetime = 60;
const clockTolerance = 5;

/**
 * Verifies the field in which a gateway names the sender of a request to the application. `now` is in milliseconds
 * since the epoch. The field must be for this application, this method, this target and these bytes, and at most 60
 * seconds old.
 *
 * It does not check whether the field came before: the caller must check `verdict.replay`, and must let requests reach
 * it only through the gateway.
 *
 * @throws {ClientError} `gateway_subject.*` (`missing`, `repeated`, `method`, `path`, `digest`, `malformed`), or the
 * error of fetching the keys
 * @throws {ProofError} `jws.*`, `jwt.*`
 * @throws {TypeError} naming the argument of a wrong type
 * @example
 * const request = { method: 'POST', requestTarget: '/v4/loans', body: message.body };
 * const subject = await gateway.subject(request);
 * const options = { keys: fixedKeys([gateway.jwk]), audience: 'https://app.example', now: clock };
 * (await verifyGatewaySubject({ ...request, subject }, options)).participantId; // → 'agent'
 */
export async function verifyGatewaySubject(
  request: GatewayRequest,
  options: GatewaySubjectOptions,
): Promise<GatewaySubject> {
  const { keys, audience, now = Date.now } = optionsOf(options, 'options', optionChecks);
  const { subject, method: actualMethod, requestTarget, body: given } = object(request, 'request') as GatewayRequest;
  const body = bytes(given, 'request.body');
  text(actualMethod, 'request.method');
  text(requestTarget, 'request.requestTarget');
  const jwt = oneOf(subject);
  const { claims } = await verifyJwt(jwt, {
    keys: await keys.keys(),
    algorithms,
    crypto: cryptoPort,
    typ: ['gateway-subject+jwt'],
    issuer: 'countersign-gateway',
    audience,
    subjectRequired: true,
    now: now() / 1000,
    clockTolerance,
    maxLifetime,
  });
  const { method, path, digest } = claims;
  if (method !== actualMethod) throw refusal('method', 'was signed for another method');
  if (path !== requestTarget) throw refusal('path', 'was signed for another request target');
  const actual = encodeBase64url(await cryptoPort.sha256(body));
  if (digest !== actual) throw refusal('digest', 'was signed for another body');
  return shaped(claims);
}

function oneOf(values: GatewayRequest['subject']): string {
  const [value, another] = [values ?? []].flat();
  if (another !== undefined) throw refusal('repeated', 'is there more than once');
  if (value === undefined) throw refusal('missing', 'is not there');
  return value;
}

function shaped(claims: Readonly<Record<string, JsonValue | undefined>>): GatewaySubject {
  const { sub, realm, participantId, clientId, roles, resource_access: access, verdict } = claims;
  if (!isText(sub) || !isText(realm) || !isText(participantId) || !isText(clientId) || !isTexts(roles))
    throw malformed();
  if (!isJsonObject(access) || !isJsonObject(verdict)) throw malformed();
  const { form, binding, replay } = verdict;
  if (form !== 'ocen' && form !== 'rfc7797' && form !== 'strict') throw malformed();
  if (binding !== 'bytes' && binding !== 'message') throw malformed();
  if (replay !== 'first' && replay !== 'seen' && replay !== 'unchecked') throw malformed();
  const resourceAccess: Record<string, readonly string[]> = Object.create(null);
  for (const [resource, granted] of Object.entries(access)) {
    if (!isTexts(granted)) throw malformed();
    resourceAccess[resource] = granted;
  }
  return { id: sub, realm, participantId, clientId, roles, resourceAccess, verdict: { form, binding, replay } };
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value !== '';
}

function isTexts(value: JsonValue | undefined): value is readonly string[] & JsonValue[] {
  return Array.isArray(value) && value.every(isText);
}

function malformed(): ClientError {
  return refusal('malformed', 'does not have its shape');
}

type GatewaySubjectFault = 'missing' | 'repeated' | 'method' | 'path' | 'digest' | 'malformed';

function refusal(fault: GatewaySubjectFault, text: string): ClientError {
  return new ClientError(`gateway_subject.${fault}`, `x-countersign-subject ${text}.`);
}
