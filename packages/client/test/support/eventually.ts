import { setTimeout as pause } from 'node:timers/promises';

/** Asks again and again until `holds` answers something truthy. The deadline is the promise under test, or a generous bound. */
export async function eventually<T>(holds: () => T | Promise<T>, milliseconds: number): Promise<NonNullable<T>> {
  const deadline = performance.now() + milliseconds;
  for (;;) {
    const answer = await holds();
    if (answer) return answer as NonNullable<T>;
    if (performance.now() > deadline) throw new Error(`It did not come to pass within ${milliseconds} ms.`);
    await pause(20);
  }
}
