import { expect, test } from 'vitest';
import { pageRequest, toPage } from '../src/kernel/page.ts';

test('a page has 50 entries unless told, and begins before every id', () => {
  expect(pageRequest(undefined, undefined)).toEqual({ limit: 50, after: '' });
  expect(pageRequest('1', 'x')).toEqual({ limit: 1, after: 'x' });
  expect(pageRequest('200', undefined)).toEqual({ limit: 200, after: '' });
});

test.each(['', '0', '201', '-1', '1.5', '1e2', '0x10', ' 5', 'NaN', 'Infinity', '9'.repeat(400)])(
  'the limit %j is refused by name',
  (limit) => {
    expect(() => pageRequest(limit, undefined)).toThrow(
      expect.objectContaining({ code: 'request.invalid', pointer: 'limit' }),
    );
  },
);

test('the entry beyond the limit only tells that there is more', () => {
  const rows = ['a', 'b', 'c'];
  expect(toPage(rows, 2, String)).toEqual({ items: ['a', 'b'], next: 'b' });
  expect(toPage(rows, 3, String)).toEqual({ items: rows });
  expect(toPage([], 3, String)).toEqual({ items: [] });
});
