/**
 * Loaded before the server of the demonstration (`node --import`): a message of its parent sets the clock of this process
 * forward. The server has no setting for that, because its delays cannot be shortened. Pauses that would be over by then end.
 */
const { now } = Date;
const { setTimeout: later, clearTimeout: forget } = globalThis;
const waiting = new Map<NodeJS.Timeout, () => void>();
let ahead = 0;

Date.now = () => now() + ahead;
globalThis.setTimeout = ((act: (...values: unknown[]) => void, milliseconds?: number, ...values: unknown[]) => {
  const end = () => {
    waiting.delete(timer);
    act(...values);
  };
  const timer = later(end, milliseconds);
  waiting.set(timer, end);
  return timer;
}) as typeof setTimeout;
globalThis.clearTimeout = (timer) => {
  waiting.delete(timer as NodeJS.Timeout);
  forget(timer);
};

process.on('message', (milliseconds: number) => {
  ahead += milliseconds;
  for (const [timer, end] of [...waiting]) {
    forget(timer);
    end();
  }
});
// The channel keeps no process alive, and the server ends with the demonstration.
process.channel?.unref();
process.on('disconnect', () => process.exit());
