import { expect, test } from 'vitest';
import { createLog, secretNames } from '../src/kernel/log.ts';
import { problemCodes } from '../src/kernel/problem.ts';

function captured() {
  const lines: string[] = [];
  return { log: createLog('trace', { write: (line) => void lines.push(line) }), lines };
}

test.each(secretNames)('the value of a member %s is never written, at any of three depths', (name) => {
  const { log, lines } = captured();
  const secret = 'Secret-Value-9c1f';
  log.info({ [name]: secret }, 'top');
  log.info({ one: { [name]: secret } }, 'one down');
  log.info({ one: { two: { [name]: secret } } }, 'two down');
  log.info({ [name]: { nested: secret } }, 'an object');
  log.child({ [name]: secret }).info('of a child');
  expect(lines).toHaveLength(5);
  for (const line of lines) {
    expect(line).not.toContain(secret);
    expect(line).toContain('[redacted]');
  }
});

test('what is no secret is written', () => {
  const { log, lines } = captured();
  log.info({ requestId: 'r', clientId: 'c', keys: 2 }, 'text');
  expect(JSON.parse(lines[0] as string)).toMatchObject({ requestId: 'r', clientId: 'c', keys: 2, msg: 'text' });
});

test.each(secretNames)('that there is no %s is told', (name) => {
  const { log, lines } = captured();
  log.info({ [name]: null, one: { [name]: false } }, 'nothing');
  expect(JSON.parse(lines[0] as string)).toMatchObject({ [name]: null, one: { [name]: false } });
});

test('the code of every problem is told', () => {
  const { log, lines } = captured();
  for (const code of problemCodes) log.info({ code }, 'refused');
  expect(lines.map((line) => JSON.parse(line).code)).toEqual(problemCodes);
});

test.each([
  'token.invalid',
  'internal',
  'oauth.invalid_client',
  'ECONNREFUSED',
  'ERR_INVALID_ARG_TYPE',
  'EAI_AGAIN',
  'CERT_HAS_EXPIRED',
  '57P01',
  5,
  1,
])('the code %j of a fault is told: it is what an operator looks for', (code) => {
  const { log, lines } = captured();
  log.info({ code, cause: { code } }, 'refused');
  expect(JSON.parse(lines[0] as string)).toMatchObject({ code, cause: { code } });
});

test.each(['Z9bAfyLqN0kdM3dOYh8sXv2cQe7tR1uW4xG6jK5pLmE', '123456', 'ABC-DEF', 123456, { value: '12345' }])(
  'the one-time code %j is not',
  (code) => {
    const { log, lines } = captured();
    log.info({ code, cause: { code } }, 'picked up');
    expect(JSON.parse(lines[0] as string)).toMatchObject({ code: '[redacted]', cause: { code: '[redacted]' } });
  },
);
