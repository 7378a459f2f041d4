/** Time arrives in `Context`; a rule never calls Date.now. */
export interface Clock {
  /** Milliseconds since the Unix epoch. */
  now(): number;
  /** Milliseconds of a clock that never goes back, for measuring how long something took or stayed away. */
  elapsed(): number;
}

export const systemClock: Clock = { now: Date.now, elapsed: () => performance.now() };

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
