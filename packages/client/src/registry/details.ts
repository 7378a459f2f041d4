import { type Checks, object, optional, options as optionsOf, someText, text } from '@countersign/proof/argument';
import { transportChecks } from '../fetch-json.ts';
import type { PrivateJwk } from '../message/private-jwk.ts';
import { byKey, postToRealm, type RealmTransport } from './realm-call.ts';

/** The participant, and what it changes about itself. What is left out stays. */
export interface ChangeDetailsOptions extends RealmTransport {
  readonly participantId: string;
  /** A key of the participant that is valid now: it signs the request. */
  readonly currentKey: PrivateJwk;
  /** The URL for calls by other participants. */
  readonly baseUrl?: string;
  /** An e-mail address; other participants do not see it. */
  readonly contact?: string;
  /** An e-mail address that other participants see. */
  readonly participantEmail?: string;
}

const checks: Checks<ChangeDetailsOptions> = {
  ...transportChecks,
  issuer: text,
  participantId: someText,
  currentKey: object,
  baseUrl: optional(text),
  contact: optional(someText),
  participantEmail: optional(someText),
};

/**
 * Changes the base URL or the contacts of the participant, signed with its key. Peers see it when their copy of the
 * registry expires, within a minute. Every contact, also the former one, gets a mail.
 *
 * @throws {ClientError} `registry.refused` with the server's text, `signing_key.*`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const own = { ...realm, participantId: 'agent', currentKey: agent.privateJwk };
 * await changeDetails({ ...own, baseUrl: 'https://agent.example/v2' }); // → undefined
 */
export async function changeDetails(given: ChangeDetailsOptions): Promise<void> {
  const { participantId, currentKey, baseUrl, contact, participantEmail, ...realm } = optionsOf(
    given,
    'options',
    checks,
  );
  const said = Object.entries({ baseUrl, contact, participantEmail }).filter(([, value]) => value !== undefined);
  const path = `/registry/participants/${encodeURIComponent(participantId)}/details`;
  await postToRealm(realm, 'registry', path, Object.fromEntries(said), byKey(realm.issuer, currentKey));
}
