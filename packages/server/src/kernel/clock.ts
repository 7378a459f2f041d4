import { z } from 'zod';
import { Problem } from './problem.ts';

/** Time arrives in `Context`. A rule never calls Date.now. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds of a clock that never goes back, to measure durations. */
  elapsed(): number;
}

export const systemClock: Clock = { now: Date.now, elapsed: () => performance.now() };

declare const instant: unique symbol;
/**
 * A whole number of milliseconds since the epoch, as columns take it. Only `instantOf` makes one from an outside
 * number.
 */
export type Instant = number & { readonly [instant]: true };

/**
 * The first whole millisecond not before `milliseconds`.
 *
 * @throws {Problem} `request.invalid` for a number that is not a time
 */
export function instantOf(milliseconds: number): Instant {
  const whole = Math.ceil(milliseconds);
  if (typeof milliseconds === 'number' && Number.isSafeInteger(whole)) return whole as Instant;
  throw new Problem('request.invalid', {
    detail: 'The time is out of range: give seconds or milliseconds since 1970.',
  });
}

/** A time in a body: whole seconds (RFC 7519 §2), up to the year 9999. */
export const numericDate = z.int().min(0).max(253_402_300_799);

/** The instant of a NumericDate, which may have a fraction (RFC 7519 §2). @throws {Problem} `request.invalid` */
export function instantOfDate(date: number): Instant {
  return instantOf(typeof date === 'number' ? date * 1000 : date);
}

/** Milliseconds by which the clocks of two nodes may differ. */
const clocksDiffer = 60_000;

/** The latest time that anything made so far can have. A later time comes from a clock that was ahead. */
export function latestPast(now: number): number {
  return now + clocksDiffer;
}

/** NumericDate of RFC 7519 §2: whole seconds. */
export function seconds(milliseconds: number): number {
  return Math.floor(milliseconds / 1000);
}

/** ISO 8601 in UTC with seconds, as OCEN's registry writes its dates; null stays null. */
export function isoDate(milliseconds: number): string;
export function isoDate(milliseconds: number | null): string | null;
export function isoDate(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString().replace('.000Z', 'Z');
}
