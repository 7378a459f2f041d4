import {
  isFactorable,
  isJsonObject,
  type JsonValue,
  type PublicJwk,
  parsePublicJwk,
  publicJwk,
} from '@countersign/proof';
import {
  type Checks,
  callable,
  either,
  listOf,
  optional,
  options as optionsOf,
  text,
} from '@countersign/proof/argument';
import { maxAgeOf } from '../cache-control.ts';
import { ClientError } from '../error.ts';
import { fetchJson, type Transport, transportChecks } from '../fetch-json.ts';

/** The source of a verifier's keys. */
export interface KeySource {
  /** Answers at once while the keys are fresh. */
  keys(): readonly PublicJwk[] | Promise<readonly PublicJwk[]>;
  /**
   * Called when a token names an unknown key. Returns true if the keys were fetched again, so that a second look is worth it.
   */
  refresh(): Promise<boolean>;
}

/** Where a JWKS is, and how it is fetched. */
export interface RemoteJwksOptions extends Transport {
  /** The URL of the JWKS, or a function that finds it. */
  readonly uri: string | (() => Promise<string>);
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
}

const maxBytes = 262_144;
const maxKeys = 100;
const minAge = 10_000;
const maxAge = 86_400_000;
const defaultAge = 300_000;
/** How long stale keys are used while the issuer cannot be reached. */
const maxStale = 86_400_000;
/** The pause between two fetches because of unknown keys or of a failing issuer. */
const cooldown = 10_000;
/** The pause after a failure while there are no keys at all. */
const coldCooldown = 1000;

/**
 * Makes a source of the keys of an issuer (RFC 7517 §5), cached as long as its Cache-Control allows (10 seconds to a
 * day). `now` is in milliseconds since the epoch. Callers at the same time share one fetch. While the issuer fails, the
 * last keys are used for a day at most. Entries that `parsePublicJwk` refuses, e.g. private keys, are left out, and so
 * are RSA keys that can be factored.
 *
 * The caller must check that `uri` is the issuer's own.
 *
 * @throws {ClientError} by `keys`: `jwks.unavailable`, `jwks.malformed`, `http.*`
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const source = createRemoteJwks({ uri: `${issuer.url}/certs`, fetch: realm.fetch });
 * (await source.keys()).map(({ kid }) => kid); // → ['realm-key']
 */
export function createRemoteJwks(options: RemoteJwksOptions): KeySource {
  return remoteJwks(optionsOf(options, 'options', remoteChecks));
}

const remoteChecks: Checks<RemoteJwksOptions> = {
  ...transportChecks,
  uri: either(callable, text),
  now: optional(callable),
};

/** `createRemoteJwks` for checked options. */
export function remoteJwks(options: RemoteJwksOptions): KeySource {
  const { uri, now = Date.now } = options;
  let held: { readonly keys: readonly PublicJwk[]; readonly fetchedAt: number; readonly age: number } | undefined;
  let attemptedAt = Number.NEGATIVE_INFINITY;
  let lastFailure: unknown;
  let flight: Promise<readonly PublicJwk[]> | undefined;

  async function load(): Promise<readonly PublicJwk[]> {
    attemptedAt = now();
    try {
      const answer = await fetchJson(typeof uri === 'string' ? uri : await uri(), { maxBytes }, options);
      if (answer.status !== 200) throw new ClientError('jwks.unavailable', `The key set answers ${answer.status}.`);
      const age = ageOf(answer.headers.get('cache-control'));
      held = { keys: keysOf(answer.value), fetchedAt: now(), age };
      lastFailure = undefined;
      return held.keys;
    } catch (error) {
      lastFailure = error;
      throw error;
    }
  }

  function fly(): Promise<readonly PublicJwk[]> {
    flight ??= load().finally(() => {
      flight = undefined;
    });
    return flight;
  }

  /** A clock that was set back must not keep cached keys for ever: a moment in the future counts as long ago. */
  function within(moment: number, span: number): boolean {
    const passed = now() - moment;
    return passed >= 0 && passed < span;
  }

  return {
    keys() {
      if (held === undefined) {
        return lastFailure !== undefined && within(attemptedAt, coldCooldown) ? Promise.reject(lastFailure) : fly();
      }
      const { keys, fetchedAt, age } = held;
      if (within(fetchedAt, age)) return keys;
      const usable = within(fetchedAt, age + maxStale);
      if (usable && lastFailure !== undefined && within(attemptedAt, cooldown)) return keys;
      return usable ? fly().catch(() => keys) : fly();
    },
    async refresh() {
      if (flight === undefined && within(attemptedAt, cooldown)) return false;
      return fly().then(
        () => true,
        () => false,
      );
    },
  };
}

/**
 * Makes a source that always has the same keys: for tests, and for issuers that publish their keys in another way. It
 * does not notice that a key was withdrawn.
 *
 * @throws {TypeError} if one of them is not a `key` that `parsePublicJwk` returned
 * @example
 * const verifier = createAccessTokenVerifier({ issuer: issuer.url, jwks: fixedKeys(issuer.keys), now: clock });
 * (await verifier.verify(await issuer.accessToken())).kind; // → 'participant'
 */
export function fixedKeys(given: readonly PublicJwk[]): KeySource {
  const keys = listOf(publicJwk)(given, 'keys') as readonly PublicJwk[];
  return { keys: () => keys, refresh: async () => false };
}

/** RFC 7517 §5: unknown entries are ignored. */
function keysOf(value: JsonValue | undefined): readonly PublicJwk[] {
  if (!isJsonObject(value) || !Array.isArray(value.keys) || value.keys.length > maxKeys) {
    throw new ClientError('jwks.malformed', `The key set is not an object with at most ${maxKeys} keys.`);
  }
  return value.keys.flatMap((entry) => {
    const result = parsePublicJwk(entry);
    return result.ok && !isFactorable(result.key) ? [result.key] : [];
  });
}

function ageOf(cacheControl: string | null): number {
  return Math.min(Math.max(maxAgeOf(cacheControl) ?? defaultAge, minAge), maxAge);
}
