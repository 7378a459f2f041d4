import {
  amount,
  type Checks,
  flag,
  object,
  optional,
  options as optionsOf,
  someText,
  text,
} from '@countersign/proof/argument';
import { ClientError } from '../error.ts';
import { transportChecks } from '../fetch-json.ts';
import type { PrivateJwk } from '../message/private-jwk.ts';
import { type ClientCredentials, clientChecks } from '../token/token-endpoint.ts';
import { byKey, bySecret, postToRealm, type RealmTransport, type Shown } from './realm-call.ts';

/** A participant that manages its own client secrets. It sends a valid secret, or signs with a key that is valid now. */
export interface SecretHolder extends RealmTransport {
  readonly participantId: string;
  readonly by:
    | { readonly clientId: string; readonly clientSecret: string }
    | {
        readonly currentKey: PrivateJwk;
      };
}

/** The participant that gets a new secret. */
export interface IssueSecretOptions extends SecretHolder {
  /** Seconds for which the previous secret stays valid, at most 30 days. Default: a day. */
  readonly overlapSeconds?: number;
}

/** A new client secret. */
export interface IssuedSecret {
  readonly secretId: string;
  readonly clientId: string;
  /** Shown only this once. */
  readonly clientSecret: string;
}

/** The participant, and the secret to end. */
export interface RevokeSecretOptions extends SecretHolder {
  readonly secretId: string;
  /** A stranger may have the secret: all tokens of the participant die. */
  readonly compromised?: boolean;
}

export const holderChecks = { ...transportChecks, issuer: text, participantId: someText, by: holder } as const;
const issueChecks: Checks<IssueSecretOptions> = { ...holderChecks, overlapSeconds: optional(amount) };
const revokeChecks: Checks<RevokeSecretOptions> = { ...holderChecks, secretId: someText, compromised: optional(flag) };

/** The value may have other members, so that the result of `issueSecret` can be passed as it is. */
function holder(value: unknown, name: string): object {
  const { currentKey, clientId, clientSecret } = object(value, name) as Readonly<Record<string, unknown>>;
  if (currentKey !== undefined) return { currentKey: object(currentKey, `${name}.currentKey`) };
  return optionsOf({ clientId, clientSecret } as ClientCredentials, name, clientChecks);
}

/**
 * Adds a new client secret of the participant beside the present one. The caller must save the secret: it is shown only
 * this once.
 *
 * @throws {ClientError} `secrets.refused` with the server's text, `secrets.malformed`, `signing_key.*`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const { secretId } = await issueSecret({ ...realm, participantId: 'agent', by: secrets.agent });
 * secretId; // → 's-2'
 */
export async function issueSecret(given: IssueSecretOptions): Promise<IssuedSecret> {
  const options = optionsOf(given, 'options', issueChecks);
  const { overlapSeconds } = options;
  const members = overlapSeconds === undefined ? {} : { overlapSeconds };
  const { secretId, clientId, clientSecret } = await postToRealm(
    options,
    'secrets',
    secretsOf(options),
    members,
    shown(options),
  );
  if (typeof secretId !== 'string' || typeof clientId !== 'string' || typeof clientSecret !== 'string') {
    throw new ClientError('secrets.malformed', 'The answer does not have its shape.');
  }
  return { secretId, clientId, clientSecret };
}

/**
 * Ends a client secret of the participant now. Tokens that were given for it live on until they expire, unless it is
 * `compromised`.
 *
 * @throws {ClientError} `secrets.refused` with the server's text, `signing_key.*`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const by = { currentKey: agent.privateJwk };
 * await revokeSecret({ ...realm, participantId: 'agent', by, secretId: 's-1' }); // → undefined
 */
export async function revokeSecret(given: RevokeSecretOptions): Promise<void> {
  const options = optionsOf(given, 'options', revokeChecks);
  const { secretId, compromised = false } = options;
  const path = `${secretsOf(options)}/${encodeURIComponent(secretId)}/revoke`;
  await postToRealm(options, 'secrets', path, { compromised }, shown(options));
}

function secretsOf({ participantId }: SecretHolder): string {
  return `/registry/participants/${encodeURIComponent(participantId)}/secrets`;
}

/** The proof of the holder. */
export function shown({ issuer, by }: SecretHolder): Shown {
  return 'currentKey' in by ? byKey(issuer, by.currentKey) : bySecret(by);
}
