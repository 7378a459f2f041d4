import fc from 'fast-check';
import { expect, test } from 'vitest';
import { allActions, checkNode, checkRevocation, trees } from '../support/delegation-tree.ts';
import { rounds } from '../support/rounds.ts';
import { checkTampered } from '../support/tampering.ts';
import { invocation, phone, tablet, toPhone, toTablet } from '../support/wallet.ts';

test('over random trees nobody may do more than every link above allows, nor less', async () => {
  let accepted = 0;
  let deepest = 0;
  const property = fc.asyncProperty(trees(9), fc.constantFrom(...allActions), async (nodes, action) => {
    for (const node of nodes) {
      if (!(await checkNode(node, action))) continue;
      accepted++;
      deepest = Math.max(deepest, node.right?.links ?? 0);
    }
  });
  await fc.assert(property, { numRuns: rounds(100, 50) });
  // Trees of which nearly all is refused would show nothing.
  expect(accepted).toBeGreaterThan(rounds(150, 50));
  expect(deepest).toBeGreaterThan(4);
});

test('what hangs on a link, and only that, has its id in the answer', async () => {
  const property = fc.asyncProperty(trees(8), fc.nat(7), async (nodes, at) => {
    await checkRevocation(nodes, nodes[1 + (at % (nodes.length - 1))] ?? (nodes[0] as never));
  });
  await fc.assert(property, { numRuns: rounds(60) });
});

test('one byte changed anywhere in any link is a refusal', async () => {
  const chains = [invocation(toPhone, phone), invocation(toTablet, tablet)].map((one) => JSON.stringify(one));
  const property = fc.asyncProperty(fc.constantFrom(...chains), fc.nat(100_000), fc.nat(255), (text, at, byte) =>
    checkTampered(text, at % text.length, byte),
  );
  await fc.assert(property, { numRuns: rounds(500) });
});
