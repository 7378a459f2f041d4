import { expect, test } from 'vitest';
import { proofsOf, unproved } from './proofs.ts';

const page = 'a claim [a.test.ts](../packages/server/test/a.test.ts) “takes %s, and $name”.';
const proofs = proofsOf('docs/page.md', page);
const result = (title: string, passed = true, file = 'packages/server/test/a.test.ts') => ({ file, title, passed });

test('a test that a page names is found with its file and its title', () => {
  expect(proofs).toEqual([
    { page: 'docs/page.md', file: 'packages/server/test/a.test.ts', title: 'takes %s, and $name' },
  ]);
});

test.each([
  ['passed', [result('a claim takes one, and two')], []],
  ['passed twice', [result('takes one, and two'), result('takes three, and four')], []],
  ['failed once', [result('takes one, and two'), result('takes 3, and 4', false)], [expect.stringContaining('failed')]],
  ['did not run', [], [expect.stringContaining('did not run')]],
  ['has another title', [result('takes one')], [expect.stringContaining('did not run')]],
  [
    'stands in another file',
    [result('takes one, and two', true, 'b.test.ts')],
    [expect.stringContaining('did not run')],
  ],
])('a named test that %s', (_, results, faults) => {
  expect(unproved(proofs, results)).toEqual(faults);
});
