import type { LoadedConfig } from '../../config.ts';
import type { Context } from '../../context.ts';
import type { Clock } from '../../kernel/clock.ts';
import type { PostgresFacts, StoreFacts } from '../../store/inspect.ts';
import type { Found } from './finding.ts';

/** The configuration and the machine. */
export interface Around extends LoadedConfig {
  readonly clock: Clock;
  /** Bytes of the disk that holds this path. */
  space(path: string): { readonly free: number };
  /** Other https servers whose clocks are compared with ours. */
  readonly peers: readonly string[];
}

export interface InStore extends Around {
  readonly facts: StoreFacts;
}

export interface InPostgres extends Around {
  readonly postgres: PostgresFacts;
}

/** The opened database, as the server has it. */
export interface Inside extends Around {
  readonly context: Context;
}

/** The server through its public URL. */
export interface Outside extends Inside {
  /** Undefined until the server has answered. */
  readonly administrator?: { readonly token: string; readonly realm: string };
}

/** A check looks at one thing and says what it found. */
export type Check<L> = (look: L) => Found | Promise<Found>;
