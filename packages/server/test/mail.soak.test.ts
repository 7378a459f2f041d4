import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { createDeliverer } from '../src/mail/deliver.ts';
import { transportOf } from '../src/mail/transport.ts';
import { temporaryDir } from './support/context.ts';
import { eventually } from './support/eventually.ts';
import { openOutbox, put, stateOf } from './support/mail.ts';
import { silentServer } from './support/smtp.ts';

test('a mail server that always says a little more is left after twenty seconds', { timeout: 60_000 }, async () => {
  const drip = await silentServer((socket) => {
    socket.write('220 mail.example\r\n');
    const timer = setInterval(() => socket.write('250-one more thing\r\n'), 500);
    socket.on('close', () => clearInterval(timer));
    onTestFinished(() => clearInterval(timer));
  });
  const { context } = await openOutbox(`sqlite:${join(temporaryDir(), 'mail.db')}`, drip.url);
  await put(context);
  const began = performance.now();
  const deliverer = createDeliverer(context, transportOf(context.config));
  await deliverer.round();
  await eventually(async () => (await stateOf(context))?.reason === 'ETIMEDOUT', 40_000);
  expect(performance.now() - began).toBeLessThan(25_000);
  expect(await stateOf(context)).toMatchObject({ state: 'waiting', attempts: 1 });
  await deliverer.stop();
});
