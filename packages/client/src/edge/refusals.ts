import type { MessageProblemCode } from '../message/message-problem.ts';

/** Recent refusals by key, so that a program that repeats a wrong login costs a login only now and then. */
export interface Refusals {
  find(key: string): MessageProblemCode | undefined;
  remember(key: string, code: MessageProblemCode): void;
}

const bound = 10_000;

/** Keeps only codes: an error object would keep the running functions and their arguments in memory. */
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
