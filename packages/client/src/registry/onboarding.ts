import { isJsonObject, type JsonObject, thumbprint } from '@countersign/proof';
import {
  type Checks,
  text as checkText,
  object,
  optional,
  options as optionsOf,
  someText,
} from '@countersign/proof/argument';
import { cryptoPort } from '#platform-crypto';
import { checkRealm } from '../discovery.ts';
import { ClientError } from '../error.ts';
import { fetchJson, type Transport, transportChecks } from '../fetch-json.ts';
import type { PrivateJwk } from '../message/private-jwk.ts';
import { digest, importNewKey, importSigningKey, type SigningKey, signJwt } from '../message/signing-key.ts';
import { chainOf } from './certificate.ts';

/** The realm, the key and the organisation of an application. */
export interface ApplicationOptions extends Transport {
  readonly issuer: string;
  /** The key to register. Only its public part and a proof of possession are sent. */
  readonly privateJwk: PrivateJwk;
  /** The PEM certificate of the key, perhaps with its chain: its dates become those of the key. */
  readonly certificate?: string;
  /** The organisation that applies for another role, with one of its keys. Default: a new organisation. */
  readonly organisationId?: string;
  /** LENDER, LOAN_AGENT … */
  readonly role: string;
  /** The URL for calls by other participants; not needed by a participant that only calls others. */
  readonly baseUrl?: string;
  /** The organisation's name. */
  readonly name: string;
  /** An e-mail address; other participants do not see it. */
  readonly contact: string;
}

/** An application that waits for approval. */
export interface SubmittedApplication {
  readonly id: string;
  readonly status: string;
  /** Shown only this once. Pick up the credentials with it and the same key after the approval. */
  readonly pickUpCode: string;
}

/** The credentials of an approved participant. */
export interface Credentials {
  readonly clientId: string;
  /** Shown only this once. */
  readonly clientSecret: string;
  readonly participantId: string;
  readonly tokenEndpoint: string;
}

/** The realm, the key and the code of an approved application. */
export interface PickUpOptions extends Transport {
  readonly issuer: string;
  /** The key of the application. */
  readonly privateJwk: PrivateJwk;
  readonly applicationId: string;
  readonly code: string;
}

const applicationChecks: Checks<ApplicationOptions> = {
  ...transportChecks,
  issuer: checkText,
  privateJwk: object,
  certificate: optional(someText),
  organisationId: optional(someText),
  role: someText,
  baseUrl: optional(checkText),
  name: someText,
  contact: someText,
};

const pickUpChecks: Checks<PickUpOptions> = {
  ...transportChecks,
  issuer: checkText,
  privateJwk: object,
  applicationId: someText,
  code: someText,
};

const maxBytes = 65_536;

/**
 * Applies for a role in the network, with a proof of possession of the key. An RSA key that can be factored is refused
 * here. The caller must keep `pickUpCode`: it is shown only this once.
 *
 * @throws {ClientError} `onboarding.refused` with the server's text, `onboarding.malformed`, `signing_key.*`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const organisation = { role: 'LOAN_AGENT', name: 'Agent Ltd', contact: 'ops@agent.example' };
 * const { status } = await applyForParticipation({ ...realm, privateJwk: agent.privateJwk, ...organisation });
 * status; // → 'APPLIED'
 */
export async function applyForParticipation(given: ApplicationOptions): Promise<SubmittedApplication> {
  const options = optionsOf(given, 'options', applicationChecks);
  const { issuer, role, baseUrl, name, contact, certificate, organisationId } = options;
  const key = await importNewKey(options.privateJwk);
  const said = {
    role,
    ...(baseUrl === undefined ? {} : { baseUrl }),
    ...(organisationId === undefined ? {} : { organisationId }),
  };
  const bound = {
    ...said,
    participantName: name,
    thumbprint: await thumbprint(key.publicJwk, cryptoPort),
  };
  const answer = await post(options, `${issuer}/registry/applications`, {
    ...said,
    participant: { participantName: name },
    contact,
    publicKey: { ...key.publicJwk, ...(certificate === undefined ? {} : chainOf(certificate)) },
    proof: await possession(key, 'countersign-application+jwt', issuer, bound),
  });
  return { id: text(answer, 'id'), status: text(answer, 'status'), pickUpCode: text(answer, 'pickUpCode') };
}

/** The realm, the key and the id of an application. */
export interface ApplicationStatusOptions extends Transport {
  readonly issuer: string;
  /** The key of the application. */
  readonly privateJwk: PrivateJwk;
  readonly applicationId: string;
}

/** The state of an application, as its applicant sees it. */
export interface OwnApplication {
  readonly id: string;
  /** APPLIED, UNDER_REVIEW, APPROVED or REJECTED. */
  readonly status: string;
  readonly participantId: string | null;
  /** Why it was rejected. */
  readonly reason: string | null;
  readonly pickedUp: boolean;
}

const statusChecks: Checks<ApplicationStatusOptions> = {
  ...transportChecks,
  issuer: checkText,
  privateJwk: object,
  applicationId: someText,
};

/**
 * Asks for the state of an application, with a proof by its key.
 *
 * @throws {ClientError} `onboarding.refused` with the server's text, `onboarding.malformed`, `signing_key.*`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const application = { privateJwk: agent.privateJwk, applicationId: 'application-1' };
 * const { status } = await applicationStatus({ ...realm, ...application });
 * status; // → 'APPROVED'
 */
export async function applicationStatus(given: ApplicationStatusOptions): Promise<OwnApplication> {
  const options = optionsOf(given, 'options', statusChecks);
  const { issuer, applicationId: id } = options;
  const key = await importSigningKey(options.privateJwk);
  const answer = await post(options, `${issuer}/registry/applications/${encodeURIComponent(id)}/status`, {
    proof: await possession(key, 'countersign-status+jwt', issuer, { id }),
  });
  return {
    id: text(answer, 'id'),
    status: text(answer, 'status'),
    participantId: answer.participantId === null ? null : text(answer, 'participantId'),
    reason: answer.reason === null ? null : text(answer, 'reason'),
    pickedUp: answer.pickedUp === true,
  };
}

/**
 * Receives the credentials of an approved application, once. The caller must save the secret: it is shown only this
 * once.
 *
 * @throws {ClientError} `onboarding.refused` with the server's text, `onboarding.malformed`, `signing_key.*`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const application = { applicationId: 'application-1', code: 'code-1' };
 * const { clientId } = await pickUpCredentials({ ...realm, privateJwk: agent.privateJwk, ...application });
 * clientId; // → 'agent'
 */
export async function pickUpCredentials(given: PickUpOptions): Promise<Credentials> {
  const options = optionsOf(given, 'options', pickUpChecks);
  const { issuer, applicationId: id, code } = options;
  const key = await importSigningKey(options.privateJwk);
  const codeHash = await digest(new TextEncoder().encode(code));
  const answer = await post(options, `${issuer}/registry/applications/${encodeURIComponent(id)}/credentials`, {
    code,
    proof: await possession(key, 'countersign-pickup+jwt', issuer, { id, codeHash }),
  });
  return {
    clientId: text(answer, 'clientId'),
    clientSecret: text(answer, 'clientSecret'),
    participantId: text(answer, 'participantId'),
    tokenEndpoint: text(answer, 'tokenEndpoint'),
  };
}

/** A proof of possession for this issuer, this purpose and these values. It counts once. */
export function possession(key: SigningKey, typ: string, issuer: string, bound: object): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  return signJwt(key, typ, { aud: issuer, iat, exp: iat + 120, jti: crypto.randomUUID(), ...bound });
}

async function post(
  transport: Transport & { readonly issuer: string },
  url: string,
  body: object,
): Promise<JsonObject> {
  checkRealm(transport.issuer);
  const request = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    maxBytes,
  } as const;
  const { status, value } = await fetchJson(url, request, transport);
  const answer = isJsonObject(value) ? value : {};
  if (status < 400) return answer;
  const said =
    typeof answer.detail === 'string'
      ? answer.detail
      : typeof answer.title === 'string'
        ? answer.title
        : `HTTP ${status}`;
  throw new ClientError('onboarding.refused', said);
}

function text(answer: JsonObject, member: string): string {
  const value = answer[member];
  if (typeof value !== 'string') throw new ClientError('onboarding.malformed', `The answer has no ${member}.`);
  return value;
}
