/**
 * The registry, remembered.
 *
 * 1. What is fresh answers at once: as long as the registry says, a minute at most. What is a little older answers at once too
 *    and is fetched again meanwhile; what is too old, or was invalidated, is waited for.
 * 2. Whoever asks for the same participant at the same time shares one call; what has not changed travels as 304.
 * 3. An id that the registry does not know is remembered for a short while, and only so many of them may be asked for in a
 *    second: nobody floods the registry through us.
 */
import { amount, type Checks, callable, optional, options as optionsOf } from '@countersign/proof/argument';
import { maxAgeOf } from './cache-control.ts';
import { ClientError } from './error.ts';
import type { ParticipantDetail } from './participant-detail.ts';
import {
  createRegistryReader,
  type Registry,
  type RegistryOptions,
  readNetwork,
  readParticipant,
  registryChecks,
} from './registry.ts';

export interface RegistryCacheOptions extends RegistryOptions {
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  /** Participants that are remembered. Default 10,000. */
  readonly maxEntries?: number;
  /** Seconds after which an entry is fetched again, whatever the registry allows. Default 60. */
  readonly maxFreshSeconds?: number;
  /** Seconds for which an entry that is no longer fresh serves on while it is fetched again, or cannot be. Default 30. */
  readonly staleSeconds?: number;
  /** Unknown ids that may be asked for in a second. Default 500. */
  readonly missesPerSecond?: number;
}

export interface RegistryCache extends Registry {
  /** At once where it can be. Throws as `createRegistry`, and `registry.busy` when too many unknown ids were asked for. */
  lookUp(id: string): ParticipantDetail | Promise<ParticipantDetail>;
  participant(id: string): Promise<ParticipantDetail>;
  refresh(id: string): Promise<ParticipantDetail>;
  /** Something has changed: every entry is fetched again before it answers the next time. */
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
/** Between two refreshes of one entry that brought nothing, and two fetches in the background that failed. */
const pause = 1_000;
const maxMisses = 10_000;

/** Entries that are remembered count; numbers of another kind would let the cache grow, or never ask again. */
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

/** @throws {TypeError} naming the option that is of another type, or that does not exist; {ClientError} `discovery.issuer_url` */
export function createRegistryCache(options: RegistryCacheOptions): RegistryCache {
  return registryCache(optionsOf(options, 'options', registryCacheChecks));
}

/** The same for options that are checked. */
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
        // The registry was at fault, not the id.
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
      // A call that is under way may have been answered before whatever we want to know of.
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

/** Ids that do not exist: remembered for a moment, and a budget for asking that refills with time. */
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

/** The oldest gives way. */
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
