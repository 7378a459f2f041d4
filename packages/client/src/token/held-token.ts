export interface ObtainedToken {
  readonly text: string;
  /** The time before the request, in milliseconds since the epoch: the life of the token counts from then. */
  readonly obtainedAt: number;
  /** Milliseconds. */
  readonly expiresIn: number;
}

export interface HeldToken {
  token(): Promise<string>;
  /** Says that this token was refused although it should be good: the next call gets a new one. */
  discard(token: string): void;
}

interface Time {
  readonly now: () => number;
  /** A number from 0 to 1; it spreads the renewals of many processes. */
  readonly random: () => number;
}

/** Milliseconds for which a token is kept even if it is refused. */
const minUse = 1_000;

/**
 * Keeps one token until shortly before it expires: 30 s, or a tenth of a shorter life, plus a random part of up to half of
 * that. All callers during a request wait for the same token. A failure is not kept.
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
      // If every token is refused, there must not be a request for a new one each time.
      const passed = held === undefined ? 0 : now() - held.obtainedAt;
      if (held?.text === token && (passed < 0 || passed >= minUse)) held = undefined;
    },
  };
}
