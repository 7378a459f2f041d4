/** Drives one page of a real Chromium by its pipe for debugging. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

export interface Page {
  /** One command of the protocol, to the page. */
  send(method: string, params?: object): Promise<Record<string, unknown>>;
  /** The value of an expression in the page, awaited. */
  evaluate<T>(expression: string): Promise<T>;
  go(url: string): Promise<void>;
  /** Real key events. Each name as `KeyboardEvent.key` has it. */
  press(...keys: string[]): Promise<void>;
  /** What the page reported as errors: of scripts, and of its policy. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly entry?: { readonly level: string; readonly text: string } };
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly message: string };
}

export async function openPage(chromium: string): Promise<Page> {
  const folder = mkdtempSync(join(tmpdir(), 'countersign-page-'));
  const options = ['headless', 'no-sandbox', 'disable-gpu', 'no-first-run', 'remote-debugging-pipe'];
  const args = [...options, `user-data-dir=${folder}`].map((option) => `--${option}`);
  const child = spawn(chromium, args, { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const [, , , to, from] = child.stdio as unknown as [unknown, unknown, unknown, Writable, Readable];
  const waiting = new Map<number, (message: Message) => void>();
  const errors: string[] = [];
  let rest = '';
  let loaded = () => {};
  from.setEncoding('utf8').on('data', (part: string) => {
    const texts = (rest + part).split('\0');
    rest = texts.pop() ?? '';
    for (const text of texts) {
      const message: Message = JSON.parse(text);
      if (message.id !== undefined) waiting.get(message.id)?.(message);
      if (message.method === 'Page.loadEventFired') loaded();
      if (message.method === 'Runtime.exceptionThrown') errors.push(text);
      if (message.params?.entry?.level === 'error') errors.push(message.params.entry.text);
    }
  });
  let last = 0;
  const command = (method: string, params: object, sessionId?: string) =>
    new Promise<Record<string, unknown>>((resolve, reject) => {
      const id = ++last;
      waiting.set(id, ({ result, error }) =>
        error === undefined ? resolve(result ?? {}) : reject(new Error(`${method}: ${error.message}`)),
      );
      to.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  const { targetId } = await command('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await command('Target.attachToTarget', { targetId, flatten: true });
  const send = (method: string, params = {}) => command(method, params, sessionId as string);
  for (const domain of ['Page', 'Runtime', 'Log']) await send(`${domain}.enable`);
  return {
    send,
    errors,
    async evaluate<T>(expression: string) {
      const { result, exceptionDetails } = (await send('Runtime.evaluate', {
        expression,
        awaitPromise: true,
        returnByValue: true,
      })) as { result: { value: T }; exceptionDetails?: object };
      if (exceptionDetails !== undefined) throw new Error(JSON.stringify(exceptionDetails));
      return result.value;
    },
    async go(url) {
      const load = new Promise<void>((resolve) => (loaded = resolve));
      await send('Page.navigate', { url });
      await load;
    },
    async press(...keys) {
      for (const key of keys) {
        const text = key.length === 1 ? { text: key } : key === 'Enter' ? { text: '\r' } : {};
        const code = { Enter: 13, Tab: 9 }[key] ?? key.toUpperCase().charCodeAt(0);
        const event = { key, ...text, windowsVirtualKeyCode: code };
        await send('Input.dispatchKeyEvent', { type: 'keyDown', ...event });
        await send('Input.dispatchKeyEvent', { type: 'keyUp', key, windowsVirtualKeyCode: code });
      }
    },
    async close() {
      process.kill(-(child.pid as number), 'SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
