/**
 * A cache of the registry.
 *
 * 1. A fresh entry answers at once. It is fresh for as long as the registry says, a minute at most. A slightly older entry also
 *    answers at once, and is fetched again meanwhile. For an entry that is too old, or was invalidated, the caller waits.
 * 2. Callers that ask for the same participant at the same time share one request; an unchanged entry is answered with 304.
 * 3. An unknown id is remembered for a short while, and the number of look-ups of unknown ids in a second is limited, so that a
 *    stranger cannot flood the registry through this cache.
 */
import { amount, type Checks, callable, optional, options as optionsOf } from '@countersign/proof/argument';
import { maxAgeOf } from '../cache-control.ts';
import { ClientError } from '../error.ts';
import type { ParticipantDetail } from './participant-detail.ts';
import {
  createRegistryReader,
  type Registry,
  type RegistryOptions,
  readNetwork,
  readParticipant,
  registryChecks,
} from './registry.ts';

/** The realm of a registry, and the limits of the cache. */
export interface RegistryCacheOptions extends RegistryOptions {
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** The largest number of cached participants. Default 10,000. */
  readonly maxEntries?: number;
  /** Seconds after which an entry is fetched again, even if the registry allows more. Default 60. */
  readonly maxFreshSeconds?: number;
  /** Seconds for which a stale entry is used while it is fetched again, or cannot be fetched. Default 30. */
  readonly staleSeconds?: number;
  /** The largest number of unknown ids that are looked up in a second. Default 500. */
  readonly missesPerSecond?: number;
}

/** A registry that answers from a cache if it can. */
export interface RegistryCache extends Registry {
  /** Answers at once if possible. Throws as `createRegistry`, and `registry.busy` after too many unknown ids. */
  lookUp(id: string): ParticipantDetail | Promise<ParticipantDetail>;
  participant(id: string): Promise<ParticipantDetail>;
  refresh(id: string): Promise<ParticipantDetail>;
  /** Called when something has changed: every entry is fetched again before its next answer. */
  invalidate(): void;
}

interface Entry {
  readonly detail: ParticipantDetail;
  readonly etag: string | undefined;
  readonly fetchedAt: number;
  readonly freshFor: number;
  readonly epoch: number;
}

/** Milliseconds. */
const missFor = 5_000;
const defaultFreshFor = 10_000;
/** The pause after a refresh of an entry without news, and after a failed fetch in the background. */
const pause = 1_000;
const maxMisses = 10_000;

/** The options must be finite amounts: with other numbers the cache would grow without limit, or never fetch again. */
export const cacheChecks = {
  maxEntries: optional(amount),
  maxFreshSeconds: optional(amount),
  staleSeconds: optional(amount),
  missesPerSecond: optional(amount),
} as const;

const registryCacheChecks: Checks<RegistryCacheOptions> = {
  ...registryChecks,
  ...cacheChecks,
  now: optional(callable),
};

/**
 * Makes a reader of the registry of a realm, with a cache. Freshness is in seconds, `now` in milliseconds since the
 * epoch.
 *
 * It does not check that a participant is approved: the caller must check `approved`. An answer may be as old as
 * `maxFreshSeconds` and `staleSeconds` together; `refresh` asks the realm.
 *
 * @throws {ClientError} `discovery.issuer_url`; by its calls `registry.*`, or the error of getting the token
 * @throws {TypeError} naming the option that is of another type, or that does not exist
 * @example
 * const cache = createRegistryCache({ ...realm, token: createTokenSource({ ...realm, ...secrets.agent }) });
 * const { approved, keys } = await cache.lookUp('lender');
 * [approved, keys.length]; // → [true, 1]
 */
export function createRegistryCache(options: RegistryCacheOptions): RegistryCache {
  return registryCache(optionsOf(options, 'options', registryCacheChecks));
}

/** `createRegistryCache` for checked options. */
export function registryCache(options: RegistryCacheOptions): RegistryCache {
  const { now = Date.now, maxEntries = 10_000, staleSeconds = 30 } = options;
  const read = createRegistryReader(options);
  const entries = new Map<string, Entry>();
  const flights = new Map<string, Promise<ParticipantDetail>>();
  const failedAt = new Map<string, number>();
  const refreshedInVainAt = new Map<string, number>();
  const misses = createMisses(now, options.missesPerSecond ?? 500);
  let epoch = 0;

  async function load(id: string): Promise<ParticipantDetail> {
    const known = entries.get(id);
    const startedIn = epoch;
    if (known === undefined) misses.spend();
    try {
      const answer = await readParticipant(read, id, known);
      if (known === undefined) misses.refund();
      entries.delete(id);
      const freshFor = Math.min(
        maxAgeOf(answer.cacheControl) ?? defaultFreshFor,
        (options.maxFreshSeconds ?? 60) * 1000,
      );
      entries.set(id, { detail: answer.detail, etag: answer.etag, fetchedAt: now(), freshFor, epoch: startedIn });
      bound(entries, maxEntries);
      return answer.detail;
    } catch (error) {
      if (error instanceof ClientError && error.code === 'registry.not_found') {
        entries.delete(id);
        misses.remember(id);
      } else {
        // The registry failed, so the id does not count as unknown.
        if (known === undefined) misses.refund();
        remember(failedAt, id, now());
      }
      throw error;
    }
  }

  function fly(id: string): Promise<ParticipantDetail> {
    let flight = flights.get(id);
    if (flight === undefined) {
      flight = load(id).finally(() => flights.delete(id));
      flights.set(id, flight);
    }
    return flight;
  }

  function lookUp(id: string): ParticipantDetail | Promise<ParticipantDetail> {
    const entry = entries.get(id);
    if (entry === undefined || entry.epoch !== epoch) return misses.has(id) ? Promise.reject(notFound()) : fly(id);
    if (within(now, entry.fetchedAt, entry.freshFor)) return entry.detail;
    if (!within(now, entry.fetchedAt, entry.freshFor + staleSeconds * 1000)) return fly(id);
    if (!within(now, failedAt.get(id), pause)) fly(id).catch(() => {});
    return entry.detail;
  }

  return {
    lookUp,
    participant: async (id) => lookUp(id),
    async refresh(id) {
      const before = entries.get(id)?.detail;
      if (before !== undefined && within(now, refreshedInVainAt.get(id), pause)) return before;
      // The answer of a call under way may be older than the change that is looked for.
      await flights.get(id)?.catch(() => {});
      const meanwhile = entries.get(id)?.detail;
      if (meanwhile !== undefined && meanwhile !== before) return meanwhile;
      const newest = await fly(id);
      if (newest === before) remember(refreshedInVainAt, id, now());
      return newest;
    },
    network: (id) => readNetwork(read, id),
    invalidate() {
      epoch++;
    },
  };
}

/** Remembers unknown ids for a moment, and has a budget for look-ups of unknown ids that refills with time. */
function createMisses(now: () => number, perSecond: number) {
  const missed = new Map<string, number>();
  let budget = perSecond;
  let filledAt = now();
  return {
    has: (id: string) => within(now, missed.get(id), missFor),
    spend() {
      const passed = now() - filledAt;
      filledAt = now();
      budget = passed < 0 ? budget : Math.min(perSecond, budget + (passed / 1000) * perSecond);
      if (budget < 1) throw new ClientError('registry.busy', 'Too many unknown participants were asked for.');
      budget--;
    },
    refund() {
      budget = Math.min(perSecond, budget + 1);
    },
    remember: (id: string) => remember(missed, id, now()),
  };
}

function remember(moments: Map<string, number>, id: string, at: number): void {
  moments.delete(id);
  moments.set(id, at);
  bound(moments, maxMisses);
}

/** Deletes the oldest entry if there are too many. */
function bound(map: Map<string, unknown>, max: number): void {
  const oldest = map.size > max ? map.keys().next().value : undefined;
  if (oldest !== undefined) map.delete(oldest);
}

/** A moment in the future, from before the clock was set back, counts as long ago. */
function within(now: () => number, moment: number | undefined, span: number): boolean {
  const passed = moment === undefined ? -1 : now() - moment;
  return passed >= 0 && passed < span;
}

function notFound(): ClientError {
  return new ClientError('registry.not_found', 'The registry has no such entry.');
}
