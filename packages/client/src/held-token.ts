export interface ObtainedToken {
  readonly text: string;
  /** From before it was asked for, in milliseconds since the epoch: its life counts from then. */
  readonly obtainedAt: number;
  /** Milliseconds. */
  readonly expiresIn: number;
}

export interface HeldToken {
  token(): Promise<string>;
  /** This one was refused where it should have been good: the next one asked for is another. */
  discard(token: string): void;
}

interface Time {
  readonly now: () => number;
  /** From 0 to 1; spreads the renewals of many processes. */
  readonly random: () => number;
}

/** Milliseconds for which a token is kept, however it is received. */
const minUse = 1_000;

/**
 * Holds one token until shortly before it expires: 30 s, or a tenth of a shorter life, and up to half of that again by chance. Whoever
 * asks while it is being obtained waits for the same one. A failure is not kept.
 */
export function holdToken(obtain: () => Promise<ObtainedToken>, { now, random }: Time): HeldToken {
  let held: { readonly text: string; readonly obtainedAt: number; readonly usableFor: number } | undefined;
  let flight: Promise<string> | undefined;

  async function renew(): Promise<string> {
    const { text, obtainedAt, expiresIn } = await obtain();
    const margin = Math.min(30_000, expiresIn / 10) * (1 + random() / 2);
    held = { text, obtainedAt, usableFor: expiresIn - margin };
    return text;
  }

  return {
    async token() {
      const passed = held === undefined ? 0 : now() - held.obtainedAt;
      if (held !== undefined && passed >= 0 && passed < held.usableFor) return held.text;
      flight ??= renew().finally(() => {
        flight = undefined;
      });
      return flight;
    },
    discard(token) {
      // A caller who refuses every token must not make us ask for a new one each time.
      const passed = held === undefined ? 0 : now() - held.obtainedAt;
      if (held?.text === token && (passed < 0 || passed >= minUse)) held = undefined;
    },
  };
}
