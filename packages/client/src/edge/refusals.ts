import type { MessageProblemCode } from '../message-problem.ts';

/** What was refused a moment ago, by its key, so that a program that tries the same again and again costs one login now and then. */
export interface Refusals {
  find(key: string): MessageProblemCode | undefined;
  remember(key: string, code: MessageProblemCode): void;
}

const bound = 10_000;

/** Only codes: an error that is kept would hold on to what was called when it was made. */
export function createRefusals(now: () => number, milliseconds: number): Refusals {
  const held = new Map<string, { readonly code: MessageProblemCode; readonly at: number }>();
  return {
    find(key) {
      const entry = held.get(key);
      const passed = entry === undefined ? -1 : now() - entry.at;
      if (passed >= 0 && passed < milliseconds) return entry?.code;
      held.delete(key);
      return undefined;
    },
    remember(key, code) {
      held.delete(key);
      held.set(key, { code, at: now() });
      const oldest = held.size > bound ? held.keys().next().value : undefined;
      if (oldest !== undefined) held.delete(oldest);
    },
  };
}
