import { type Checks, leftOut, names, options, someText } from '@countersign/proof/argument';
import { cryptoPort } from '#platform-crypto';
import { createMemoryReplayStore } from '../message/replay.ts';
import { type Authentication, authenticationOf } from '../token/authentication.ts';
import { createService } from '../token/service.ts';
import { type SubjectKind, subjectVerifier } from '../token/subject-verifier.ts';
import { type ClientCredentials, clientChecks } from '../token/token-endpoint.ts';

/** An API that is called with tokens of one realm. */
export interface ApiOptions {
  /** The realm, such as `https://id.example/realms/shop`. */
  readonly issuer: string;
  /** The names of this API in `aud`. A token that names none of them is refused. */
  readonly audience: string | readonly string[];
  /**
   * The client of this API. Its token reads the status feed, by which revoked tokens are refused within seconds. WITHOUT IT THEY PASS
   * UNTIL THEY EXPIRE: a warning says so at the start, and each caller has `liveness: 'unchecked'`.
   */
  readonly client?: ClientCredentials;
}

/** An API that does not know what was revoked. */
export type UncheckedApi = Omit<ApiOptions, 'client'> & { readonly client?: never };

export const apiChecks: Checks<ApiOptions> = {
  issuer: someText,
  audience: names,
  client: leftOut((value, name) => options(value as ClientCredentials, name, clientChecks)),
};

/** Without `accept`: the holders of access tokens. */
const byDefault: readonly SubjectKind[] = ['participant', 'client'];

const made = new Map<string, Authentication>();
const warned = new Set<string>();

/** All guards of one API share their keys and their place in the status feed, so that each route may have its own. */
export function authenticationFor(api: ApiOptions, accept: readonly SubjectKind[] = byDefault): Authentication {
  const { issuer, audience, client } = api;
  const name = JSON.stringify([issuer, audience, accept, client?.clientId, client?.clientSecret]);
  const known = made.get(name);
  if (known !== undefined) return known;
  const own = client === undefined ? unchecked(api, accept) : createService({ issuer, audience, accept, ...client });
  made.set(name, own);
  return own;
}

function unchecked(api: ApiOptions, accept: readonly SubjectKind[]): Authentication {
  const clocks = { now: Date.now, clockTolerance: 5 };
  const subjects = subjectVerifier({ ...api, accept, ...clocks });
  if (!warned.has(api.issuer)) {
    warned.add(api.issuer);
    // biome-ignore lint/suspicious/noConsole: the application must learn of it without a hook
    console.warn(
      `@countersign/client: bearer for ${api.issuer} was given no client, so it does not know which tokens were revoked: they pass until they expire. Give it the client of this API.`,
    );
  }
  const replay = createMemoryReplayStore({ now: Date.now });
  return authenticationOf({ subjects, status: undefined, crypto: cryptoPort, replay, ...clocks });
}
